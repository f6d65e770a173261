"""The drivers of examples/drivers that think in tasks: Ansible, Puppet, and the shell of two pipelines.

Chef is not among Debian's packages, and no test runs its recipe: it runs the same script as Puppet's manifest does.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.support import certificates, documents
from tests.support.ansible import Ansible, Play
from tests.support.certbot import PATIENCE, Certbot
from tests.support.hooks import Hooks
from tests.support.testca import TestCA

ROOT = Path(__file__).resolve().parents[2]
DRIVERS = ROOT / "examples" / "drivers"
PROGRAM = Path(sys.executable).parent / "certbot-external-auth"
KEEPING = """#!/bin/sh
document=$(mktemp '{1}/XXXXXX')
'{0}' "$@" >"$document"
code=$?
cat "$document"
mv "$document" "$document-$1-$code"
exit $code
"""
"""The command, which keeps what it prints."""


class Host:
    """A host whose Certbot, and what stands in its cli.ini, is that of the test. :ivar done: what was done for it."""

    def __init__(self, certbot: Certbot, ca: TestCA, scripts: Hooks, folder: Path, domain: str) -> None:
        self.certbot, self.ca, self.domain, self.folder = certbot, ca, domain, folder
        self.program = scripts.path("dns-program.sh")
        self.done = folder / "done"
        certbot.cli_ini.write_text(
            f"config-dir = {certbot.config_dir}\nwork-dir = {certbot.work_dir}\nlogs-dir = {certbot.logs_dir}\n"
            f"server = {ca.directory}\nagree-tos = true\nregister-unsafely-without-email = true\n"
        )
        # Puppet takes HOME away from what it runs.
        config = str(certbot.cli_ini.parent.parent)
        self.environment = {**certbot.environment, "XDG_CONFIG_HOME": config, "DONE": str(self.done), "DOMAIN": domain}
        self.documents = folder / "documents"
        self.documents.mkdir()
        command = scripts.write("bin/certbot-external-auth", KEEPING.format(PROGRAM, self.documents))
        self.environment["PATH"] = f"{os.path.dirname(command)}:{certbot.environment['PATH']}"

    def run(self, words: list[str], cwd: Path | None = None, **more: str) -> subprocess.CompletedProcess[str]:
        self.done.write_text("")
        return subprocess.run(
            words,
            env={**self.environment, **more},
            cwd=cwd or self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )

    def said(self) -> list[str]:
        """The verbs that printed a document; each is as described."""
        found = []
        for path in sorted(self.documents.iterdir()):
            _, verb, code = path.name.split("-")
            if text := path.read_text():
                documents.checked(text, verb, int(code))
                found.append(verb)
        return found

    def did(self) -> list[str]:
        """What the program was called for."""
        return [line.split()[0] for line in self.done.read_text().splitlines()]

    @contextlib.contextmanager
    def certbot_lock(self) -> Iterator[None]:
        """Hold Certbot's lock, as another Certbot does."""
        with open(self.certbot.config_dir / ".certbot.lock", "w") as file:
            fcntl.lockf(file, fcntl.LOCK_EX)
            yield

    def nothing_left(self) -> bool:
        return self.ca.txt(f"_acme-challenge.{self.domain}") == []


@pytest.fixture
def host(certbot: Certbot, ca: TestCA, scripts: Hooks, tmp_path: Path, domain: str) -> Iterator[Host]:
    # A socket's path is short, and those of pytest's folders are not.
    with tempfile.TemporaryDirectory() as runtime:
        found = Host(certbot, ca, scripts, tmp_path, domain)
        found.environment["XDG_RUNTIME_DIR"] = runtime
        yield found
        found.said()


def ansible(host: Host, *more: str) -> Ansible:
    """The collection with a host that stands for those of an inventory.

    :param more: arguments of Certbot.
    """
    found = Ansible(host.folder / "ansible", {**host.environment, "FAIL_AT": ""})
    install = ["{{ program }}", "deploy", "{{ domain }}", "FULLCHAIN", "KEY"]
    found.vars = {"domain": host.domain, "program": host.program, "certificate_arguments": list(more)}
    found.vars |= {"certificate_path": str(host.folder / "ssl"), "certificate_served": False}
    found.vars |= {"certificate_reload": install, "certificate_look_timeout": 1, "certificate_lock_timeout": 0}
    return found


def example(host: Host, tool: Ansible, *words: str, **environment: str) -> Play:
    """Run the example. :param environment: of the program, and of all else."""
    host.done.write_text("")
    tool.environment.update({"FAIL_AT": "", **environment})
    return tool.run(DRIVERS / "ansible" / "certificate.yml", "-e", json.dumps(tool.vars), *words)


def test_ansible(host: Host) -> None:
    """Guards against: a task that changes something each time, and a record left by a failed task."""
    tool = ansible(host)
    checked = example(host, tool, "--check")
    assert checked.code == 0, checked.output
    assert (host.did(), host.said()) == ([], [])
    failed = example(host, tool, FAIL_AT="add")
    assert failed.code != 0
    assert "Change the zone" in failed.reasons[-1]
    assert not host.certbot.live(host.domain).exists()
    assert host.nothing_left()
    issued = example(host, tool)
    assert issued.code == 0, issued.output
    assert host.did() == ["add", "remove", "deploy"]
    assert certificates.names(host.folder / "ssl" / host.domain / "current" / "cert.pem") == [host.domain]
    again = example(host, tool)
    assert (again.code, again.count("changed"), host.did()) == (0, 0, []), again.output
    assert host.nothing_left()
    assert {"begin", "finish", "status"} == set(host.said())


@pytest.mark.parametrize("tool", ["ansible", "issue.sh"])
def test_a_record_is_written_where_an_alias_leads(host: Host, tool: str) -> None:
    """Lost: the record, which cannot stand beside an alias (CNAME)."""
    target = f"x.{host.domain}.elsewhere"
    host.ca.manage("set-cname", {"host": f"_acme-challenge.{host.domain}.", "target": f"{target}."})
    looking = ["--external-auth-verify-nameservers", host.ca.dns]
    if tool == "ansible":
        code = example(host, ansible(host, *looking)).code
    else:
        code = host.run([str(DRIVERS / tool), host.program, *looking, "-d", host.domain]).returncode
    assert code == 0
    done = [line.split()[:2] for line in host.done.read_text().splitlines()]
    assert done[:2] == [["add", target], ["remove", target]]


def shell_of(path: Path, after: str) -> str:
    """The shell of a step, as the pipeline's file has it."""
    text = path.read_text()
    block = re.compile(r"^( *)(- )?(run: )?\|\n((?:\1 +.*\n|\n)+)", re.MULTILINE)
    found = block.search(text, text.index(after))
    assert found is not None
    return textwrap.dedent(found.group(4))


GITHUB = ("github-actions/certificate.yml", "name: Issue or renew", "bash")
GITLAB = ("gitlab-ci/certificate.gitlab-ci.yml", "script:\n    - |", "sh")


class Checkout:
    """The checkout of a pipeline, and its step that issues and hands over."""

    def __init__(self, host: Host, file: str, after: str, shell: str, umask: int) -> None:
        self.folder = host.folder / "checkout"
        self.folder.mkdir()
        os.chmod(self.folder, 0o777)
        (self.folder / "certbot-external-auth").symlink_to(ROOT)
        shutil.copy(host.program, self.folder / "dns")
        self.script = [shell, "-c", f"umask {umask:04o}\n{shell_of(DRIVERS / file, after)}"]
        self._host = host

    def run(self, **more: str) -> subprocess.CompletedProcess[str]:
        return self._run(self.script, **more)

    def kept(self, command: str) -> str:
        """What a shell command says within the folders that the job keeps."""
        ended = self._run([str(DRIVERS / "keep.sh"), "sh", "-c", command])
        assert ended.returncode == 0, ended
        return ended.stdout

    def certificate(self) -> Path:
        """The certificate that is kept."""
        found = self._host.folder / "cert.pem"
        found.write_text(self.kept('cat "letsencrypt/config/live/$DOMAIN/cert.pem"'))
        return found

    def _run(self, words: list[str], **more: str) -> subprocess.CompletedProcess[str]:
        return self._host.run(words, self.folder, **{"LETSENCRYPT": "letsencrypt", "STORE_KEY": "a secret", **more})


# A runner of GitLab's sets 0.
PIPELINES = [(*GITHUB, 0o022), (*GITLAB, 0)]


@pytest.mark.parametrize(("file", "after", "shell", "umask"), PIPELINES)
def test_pipelines(host: Host, file: str, after: str, shell: str, umask: int) -> None:
    checkout = Checkout(host, file, after, shell, umask)
    issued = checkout.run()
    assert issued.returncode == 0, issued
    assert host.did() == ["add", "remove", "deploy"]
    first = certificates.serial(checkout.certificate())
    assert certificates.names(checkout.certificate()) == [host.domain]
    again = checkout.run()
    assert (again.returncode, host.did()) == (0, []), again
    assert certificates.serial(checkout.certificate()) == first
    failed = checkout.run(DOMAIN=f"b.{host.domain}", FAIL_AT="add")
    assert failed.returncode != 0
    # A pipeline shows the end of what a job says.
    assert "could not add a record at _acme-challenge.b." in failed.stderr.splitlines()[-1], failed
    assert "abort" not in host.said()
    assert host.nothing_left()
    text = (DRIVERS / file).read_text()
    assert re.findall(r"LETSENCRYPT: (.*)", text) == ["letsencrypt"]
    assert set(re.findall(r"paths?: \[?([^],}]+)", text)) == {"letsencrypt.enc"}


@pytest.mark.parametrize(("file", "after", "shell", "umask"), PIPELINES)
def test_no_key_is_left_for_who_reads_the_cache(host: Host, file: str, after: str, shell: str, umask: int) -> None:
    """Guards against: a pull request that can read the account and the key."""
    checkout = Checkout(host, file, after, shell, umask)
    assert checkout.run().returncode == 0
    made = sorted(one.name for one in checkout.folder.iterdir())
    assert made == ["certbot-external-auth", "dns", "letsencrypt.enc"]
    store = checkout.folder / "letsencrypt.enc"
    kept = store.read_bytes()
    assert kept.startswith(b"Salted__")
    assert b"PRIVATE KEY" not in kept
    assert "PRIVATE KEY" in checkout.kept('cat "letsencrypt/config/live/$DOMAIN/privkey.pem"')
    kept = store.read_bytes()
    for wrong in ("", "another"):
        refused = checkout.run(STORE_KEY=wrong)
        assert (refused.returncode != 0, host.did()) == (True, []), refused
        assert store.read_bytes() == kept


@pytest.mark.parametrize(("file", "after", "shell", "umask"), PIPELINES)
def test_what_could_not_be_handed_over_is_tried_again(
    host: Host, file: str, after: str, shell: str, umask: int
) -> None:
    """Guards against: a certificate that was issued and never handed over."""
    checkout = Checkout(host, file, after, shell, umask)
    assert checkout.run(FAIL_AT="deploy").returncode != 0
    assert host.did() == ["add", "remove"]
    first = certificates.serial(checkout.certificate())
    again = checkout.run()
    assert (again.returncode, host.did()) == (0, ["deploy"]), again
    assert certificates.serial(checkout.certificate()) == first


@pytest.mark.parametrize("pipeline", [None, *PIPELINES])
def test_nothing_to_publish_where_the_ca_remembers(
    reusing_ca: TestCA, scripts: Hooks, tmp_path: Path, domain: str, pipeline: tuple[str, str, str, int] | None
) -> None:
    """Guards against: a certificate that is issued and never handed over, and a failure without a reason."""
    with tempfile.TemporaryDirectory() as runtime:
        host = Host(Certbot(tmp_path / "remembering", reusing_ca), reusing_ca, scripts, tmp_path, domain)
        host.environment["XDG_RUNTIME_DIR"] = runtime
        # The account stays.
        if pipeline is None:
            words = [str(DRIVERS / "issue.sh"), host.program, "-d", domain]
            assert host.run(words).returncode == 0
            for name in ("live", "archive", "renewal"):
                shutil.rmtree(host.certbot.config_dir / name)
            again = host.run(words)
        else:
            checkout = Checkout(host, *pipeline)
            assert checkout.run().returncode == 0
            checkout.kept("cd letsencrypt/config && rm -r live archive renewal")
            again = checkout.run()
    assert (again.returncode, host.did()) == (0, ["deploy"]), again


def test_what_is_not_a_record_is_refused(host: Host) -> None:
    """Guards against: a CA that is asked to validate what this tool cannot publish."""
    refused = host.run([str(DRIVERS / "issue.sh"), host.program, "--preferred-challenges", "http", "-d", host.domain])
    assert refused.returncode != 0
    assert "the CA offers http-01, and this program publishes only DNS records" in refused.stderr.splitlines()[-1]
    assert host.did() == []
    assert "abort" not in host.said()


def test_several_batches(host: Host) -> None:
    """Where some names cannot be had, Certbot asks once more for the others: `more`, and no lock is held after it."""
    words = [str(DRIVERS / "issue.sh"), host.program, "--allow-subset-of-names", "-d", host.domain]
    words += ["--external-auth-verify", "off"]
    issued = host.run([*words, "-d", f"bad.{host.domain}"], FAIL_FOR="bad.")
    assert issued.returncode == 0, issued
    assert certificates.names(host.certbot.live(host.domain)) == [host.domain]
    assert host.did()[-1] == "deploy"
    assert host.nothing_left()


def exchanged(path: Path, pairs: Mapping[str, str]) -> str:
    """An example with the paths of the test; every one of them must be in it."""
    text = path.read_text()
    for old, new in pairs.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


def test_puppet(host: Host, tmp_path: Path) -> None:
    """And the script that Chef's recipe runs as well."""
    pairs = {
        "/usr/local/sbin/dns": host.program,
        "/usr/local/sbin/issue": str(DRIVERS / "issue.sh"),
        "/etc/letsencrypt": str(host.certbot.config_dir),
        "path    => [": f"path    => ['{host.environment['PATH'].split(':')[0]}', ",
    }
    manifest = tmp_path / "certificate.pp"
    manifest.write_text(exchanged(DRIVERS / "puppet" / "certificate.pp", pairs))
    folders = [f"--{kind}dir={tmp_path / 'puppet' / kind}" for kind in ("conf", "var")]
    words = ["puppet", "apply", "--detailed-exitcodes", *folders, str(manifest)]
    # 2: there were changes; 0: there were none; 6 and 4: with failures.
    failed = host.run(words, FACTER_domain=host.domain, FAIL_AT="add")
    assert failed.returncode in (4, 6), failed
    assert "could not add a record at _acme-challenge." in failed.stdout
    assert host.nothing_left()
    undeployed = host.run(words, FACTER_domain=host.domain, FAIL_AT="deploy")
    assert undeployed.returncode in (4, 6), undeployed
    assert host.did() == ["add", "remove"]
    issued = host.run(words, FACTER_domain=host.domain)
    assert issued.returncode == 2, issued
    assert host.did() == ["deploy"]
    again = host.run(words, FACTER_domain=host.domain)
    assert (again.returncode, host.did()) == (0, []), again
