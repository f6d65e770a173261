"""The drivers of examples/drivers that think in tasks: Ansible, Puppet, and the shell of two pipelines.

Chef is not among Debian's packages, and no test runs its recipe: it runs the same script as Puppet's manifest does.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.support import certificates
from tests.support.certbot import PATIENCE, Certbot
from tests.support.hooks import Hooks
from tests.support.testca import TestCA

ROOT = Path(__file__).resolve().parents[2]
DRIVERS = ROOT / "examples" / "drivers"
ANSIBLE = ROOT / ".tools" / "ansible" / "bin" / "ansible-playbook"


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

    def did(self) -> list[str]:
        """What the program was called for."""
        return [line.split()[0] for line in self.done.read_text().splitlines()]

    def nothing_left(self) -> bool:
        return self.ca.txt(f"_acme-challenge.{self.domain}") == []


@pytest.fixture
def host(certbot: Certbot, ca: TestCA, scripts: Hooks, tmp_path: Path, domain: str) -> Iterator[Host]:
    # A socket's path is short, and those of pytest's folders are not.
    with tempfile.TemporaryDirectory() as runtime:
        found = Host(certbot, ca, scripts, tmp_path, domain)
        found.environment["XDG_RUNTIME_DIR"] = runtime
        yield found


def test_ansible(host: Host) -> None:
    """Lost: idempotence, which is what such tools are for; and the record, when a task fails."""
    words = [str(ANSIBLE), "-i", "localhost,", "-c", "local", "-e", f"domain={host.domain} program={host.program}"]
    words.append(str(DRIVERS / "ansible" / "certificate.yml"))
    facts = {"ANSIBLE_PYTHON_INTERPRETER": str(ANSIBLE.parent / "python"), "ANSIBLE_NOCOLOR": "1"}
    failed = host.run(words, **facts, FAIL_AT="add")
    assert failed.returncode != 0
    assert "Publish: " in failed.stdout, failed
    assert not host.certbot.live(host.domain).exists()
    assert host.nothing_left()
    issued = host.run(words, **facts)
    assert issued.returncode == 0, issued.stdout + issued.stderr
    assert host.did() == ["add", "remove", "deploy"]
    assert certificates.names(host.certbot.live(host.domain)) == [host.domain]
    again = host.run(words, **facts)
    assert again.returncode == 0
    assert re.search(r"changed=0 .*failed=0", again.stdout), again.stdout
    assert host.did() == []
    assert host.nothing_left()


def shell_of(path: Path, after: str) -> str:
    """The shell of a step, as the pipeline's file has it."""
    text = path.read_text()
    block = re.compile(r"^( *)(- )?(run: )?\|\n((?:\1 +.*\n|\n)+)", re.MULTILINE)
    found = block.search(text, text.index(after))
    assert found is not None
    return textwrap.dedent(found.group(4))


GITHUB = ("github-actions/certificate.yml", "name: Issue or renew", "bash")
GITLAB = ("gitlab-ci/certificate.gitlab-ci.yml", "script:\n    - |", "sh")


# A runner of GitLab's sets 0.
@pytest.mark.parametrize(("file", "after", "shell", "umask"), [(*GITHUB, 0o022), (*GITLAB, 0)])
def test_pipelines(host: Host, tmp_path: Path, file: str, after: str, shell: str, umask: int) -> None:
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    os.chmod(checkout, 0o777)
    shutil.copy(host.program, checkout / "dns")
    script = f"umask {umask:04o}\n{shell_of(DRIVERS / file, after)}"
    issued = host.run([shell, "-c", script], cwd=checkout)
    assert issued.returncode == 0, issued
    live = checkout / "letsencrypt" / "config" / "live" / host.domain / "cert.pem"
    assert certificates.names(live) == [host.domain]
    assert [one for one in host.did() if one != "deploy"] == ["add", "remove"]
    first = certificates.serial(live)
    again = host.run([shell, "-c", script], cwd=checkout)
    assert again.returncode == 0, again
    assert certificates.serial(live) == first
    failed = host.run([shell, "-c", script], cwd=checkout, DOMAIN=f"b.{host.domain}", FAIL_AT="add")
    assert failed.returncode != 0
    assert host.nothing_left()


@pytest.mark.parametrize("pipeline", [None, GITHUB, GITLAB])
def test_nothing_to_publish_where_the_ca_remembers(
    reusing_ca: TestCA, scripts: Hooks, tmp_path: Path, domain: str, pipeline: tuple[str, str, str] | None
) -> None:
    """Lost: a certificate that was issued and never handed over, and a failure for no reason."""
    with tempfile.TemporaryDirectory() as runtime:
        host = Host(Certbot(tmp_path / "remembering", reusing_ca), reusing_ca, scripts, tmp_path, domain)
        host.environment["XDG_RUNTIME_DIR"] = runtime
        if pipeline is None:
            words, config_dir = [str(DRIVERS / "issue.sh"), host.program, "-d", domain], host.certbot.config_dir
        else:
            file, after, shell = pipeline
            shutil.copy(host.program, tmp_path / "dns")
            words, config_dir = [shell, "-c", shell_of(DRIVERS / file, after)], tmp_path / "letsencrypt" / "config"
        assert host.run(words).returncode == 0
        # GitHub's job hands over in a step of its own.
        handed = [] if pipeline is GITHUB else ["deploy"]
        assert sorted(host.did()) == ["add", *handed, "remove"]
        # The account stays.
        for name in ("live", "archive", "renewal"):
            shutil.rmtree(config_dir / name)
        again = host.run(words)
    assert (again.returncode, host.did()) == (0, handed), again
    assert certificates.names(config_dir / "live" / domain / "cert.pem") == [domain]


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
    assert host.nothing_left()
    issued = host.run(words, FACTER_domain=host.domain)
    assert issued.returncode == 2, issued
    assert host.did() == ["add", "deploy", "remove"]
    again = host.run(words, FACTER_domain=host.domain)
    assert (again.returncode, host.did()) == (0, []), again
