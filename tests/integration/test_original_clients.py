"""The same hook under the client it was written for, and under this plugin: every call is compared.

What is different on purpose stands in `Contract.ours`, each with its reason.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.certbot import CONSOLE_SCRIPT, Certbot
from tests.support.hooks import Call, Hooks
from tests.support.testca import TestCA
from tests.support.webroot import Webroot
from tests.support.words import handler, names

TARGET = re.compile(r"^(t[0-9a-f]{12}\.test)-[a-z2-7]{26}$")
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
BASE64 = re.compile(r"[A-Za-z0-9_-]{43}(\.[A-Za-z0-9_-]{43})?")


@dataclass(frozen=True)
class Contract:
    """What of a call is compared.

    :ivar operations: those that both make. :ivar variables: that both must set alike, besides the arguments.
    :ivar repeats: the client calls again for a name when it has to try an order again, as on a busy machine.
    :ivar ours: differences on purpose, by what is different: what we do, and why.
    """

    operations: tuple[str, ...]
    variables: tuple[str, ...] = ()
    umask: bool = True
    repeats: bool = False
    ours: Mapping[str, str] = field(default_factory=dict)


class Originals:
    """The clients, run as their users would."""

    def __init__(self, ca: TestCA, hooks: Hooks, folder: Path, kind: str, webroot: Path) -> None:
        self.ca, self.hooks, self.folder, self.kind = ca, hooks, folder, kind
        folder.mkdir()
        self.environment = {
            "PATH": f"{Path(sys.executable).parent}:{SYSTEM_PATH}",
            "HOME": str(folder),
            "RECORD": str(hooks.record),
            "CHALLTESTSRV": ca.management,
            "REQUESTS_CA_BUNDLE": str(ca.ca_bundle),
            "KIND": kind,
            "WEBROOT": str(webroot),
        }

    def run(self, words: Sequence[str], **more: str) -> None:
        ended = subprocess.run(
            words,
            env={**self.environment, **more},
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=90,
        )
        assert ended.returncode == 0, f"{words}\n{ended.stdout}\n{ended.stderr}"

    def dehydrated(self, hook: str, wanted: Sequence[str]) -> None:
        lines = [f"CA={self.ca.directory}", f'CURL_OPTS="--cacert {self.ca.ca_bundle}"', f"BASEDIR={self.folder}"]
        # Of its own accord it looks for a key of 4,096 bits, which takes as long as all else together.
        lines += [f"WELLKNOWN={self.environment['WEBROOT']}", "KEYSIZE=2048"]
        config = self.folder / "config"
        config.write_text("\n".join(lines) + "\n")
        common = ["dehydrated", "--config", str(config)]
        self.run([*common, "--register", "--accept-terms"])
        self.hooks.forget()
        domains = [word for name in wanted for word in ("--domain", name)]
        self.run([*common, "--cron", "--challenge", self.kind, "--hook", hook, "--alias", wanted[0], *domains])

    def lego(self, hook: str, wanted: Sequence[str], **more: str) -> None:
        words = ["lego", "--server", self.ca.directory, "--accept-tos", "--email", "a@b.example", "--path", "lego"]
        words += ["--dns", "exec", "--dns.disable-cp", "--dns.resolvers", self.ca.dns]
        words += [word for name in wanted for word in ("--domains", name)]
        bundle = {"LEGO_CA_CERTIFICATES": str(self.ca.ca_bundle), "EXEC_PATH": hook, "EXEC_SEQUENCE_INTERVAL": "1"}
        self.run([*words, "run"], **bundle, **more)

    def lego_raw(self, hook: str, wanted: Sequence[str]) -> None:
        self.lego(hook, wanted, EXEC_MODE="RAW")

    def uacme(self, hook: str, wanted: Sequence[str]) -> None:
        # It trusts what the system trusts, so in a mount namespace of its own that is our CA.
        bundle = os.path.realpath("/etc/ssl/certs/ca-certificates.crt")
        inside = f'mount --bind "$1" {bundle} && shift && "$@" new -y && exec "$@" -h "$HOOK" issue $WANTED'
        words = ["uacme", "-c", str(self.folder / "uacme"), "-a", self.ca.directory, "-y"]
        (self.folder / "uacme").mkdir()
        script = ["unshare", "--mount", "sh", "-c", inside, "sh", str(self.ca.ca_bundle), *words]
        self.run(script, HOOK=hook, WANTED=" ".join(wanted))

    def acmetool(self, hook: str, wanted: Sequence[str]) -> None:
        state, folder = self.folder / "state", self.hooks.folder.parent / "acmetool-hooks"
        (state / "conf").mkdir(parents=True)
        _folder_of(hook, folder)
        target = ["request:", f"  provider: {self.ca.directory}", "  challenge:", "    http-self-test: false"]
        (state / "conf" / "target").write_text("\n".join(target) + "\n")
        terms = '"acme-agreement:data:text/plain,Do%20what%20thou%20wilt": true'
        (self.folder / "responses").write_text(f'"acme-enter-email": "a@b.example"\n{terms}\n')
        words = ["acmetool", "--state", str(state), "--hooks", str(folder), "--batch"]
        self.run(
            [*words, "--response-file", str(self.folder / "responses"), "want", *wanted],
            SSL_CERT_FILE=str(self.ca.ca_bundle),
        )

    def certbot(self, hook: str, wanted: Sequence[str]) -> None:
        folders = [f"--{kind}-dir={self.folder / kind}" for kind in ("config", "work", "logs")]
        words = [sys.executable, str(CONSOLE_SCRIPT), "certonly", "-n", "--manual", "--manual-auth-hook", hook]
        words += ["--manual-cleanup-hook", hook, "--preferred-challenges", self.kind, "--server", self.ca.directory]
        self.run([*words, "--agree-tos", "--register-unsafely-without-email", *folders, *names(*wanted)])


def _folder_of(hook: str, folder: Path) -> None:
    """A folder with one hook, and one that does nothing, as acmetool has them."""
    folder.mkdir()
    (folder / "hook").write_text(f'#!/bin/sh\nexec {hook} "$@"\n')
    (folder / "another").write_text("#!/bin/sh\nexit 42\n")
    for path in folder.iterdir():
        path.chmod(0o755)


CERTBOT = ("DOMAIN", "IDENTIFIER", "VALIDATION", "ALL_DOMAINS", "ALL_IDENTIFIERS")
REMAINING = "CERTBOT_REMAINING_CHALLENGES"
CONTRACTS = {
    "dehydrated": Contract(
        ("deploy_challenge", "clean_challenge"),
        ("COMMAND", "CHALLENGETYPE", "PRIVATE_KEY_ROLLOVER", "alias", "altnames"),
        ours={"KEY_ALGO": "the word for the key that Certbot was told to make, not Dehydrated's default"},
    ),
    "lego": Contract(
        ("present", "cleanup"),
        ours={"order": "all are published before the CA looks; lego goes through one name after the other"},
    ),
    "lego-raw": Contract(("present", "cleanup"), ("EXEC_MODE",), ours={"order": "as lego"}),
    "uacme": Contract(
        ("begin", "done", "failed"),
        ours={
            "order": "all begin before the CA looks; uacme goes through one name after the other",
            "UACME_*": "variables of newer uacme are set, which 1.7.4 did not",
        },
    ),
    "acmetool": Contract(
        (*(f"challenge-{kind}-{way}" for kind in ("dns", "http") for way in ("start", "stop")), "live-updated"),
        umask=False,
        repeats=True,
        ours={
            "order": "all start before the CA looks; acmetool waits for one name before the next, or does not",
            "umask": "the caller's; acmetool's is 0, which would let everybody change what a hook writes",
            "TARGETFILE": "the lineage's name; acmetool's own names end with a hash",
            "ACME_STATE_DIR": "Certbot's folder",
        },
    ),
    "certbot": Contract(
        ("auth-hook", "cleanup-hook"),
        tuple(f"CERTBOT_{name}" for name in (*CERTBOT, "TOKEN", "AUTH_OUTPUT")),
        ours={"exit code": "one that is not 0 ends the run; Certbot warns and asks the CA all the same"},
    ),
}


@pytest.mark.parametrize(
    ("dialect", "kind"),
    [
        *((dialect, "dns-01") for dialect in CONTRACTS),
        *((dialect, "http-01") for dialect in ("dehydrated", "uacme", "acmetool", "certbot")),
    ],
)
def test_called_as_by_the_original(
    certbot: Certbot,
    ca: TestCA,
    scripts: Hooks,
    tmp_path: Path,
    domain: str,
    dialect: str,
    kind: str,
    web: Webroot,
    webroot_folder: Path,
) -> None:
    """Guards against: a failure of a hook that has worked for years."""
    contract = CONTRACTS[dialect]
    wanted = [domain, f"b.{domain}"]
    hook = scripts.path("speaks-all.py")
    originals = Originals(ca, scripts, tmp_path / "original", kind, webroot_folder)
    if dialect == "uacme" and not _may_mount():
        pytest.skip("uacme trusts only the system's CAs, and a mount namespace needs root")
    run: Callable[[str, Sequence[str]], None] = getattr(originals, dialect.replace("-", "_"))
    run(hook, wanted)
    theirs = scripts.calls(*contract.operations)
    if contract.repeats:
        theirs = list(
            {repr(shown): call for call, shown in zip(theirs, compared(theirs, contract), strict=True)}.values()
        )

    scripts.forget()
    more = ["--external-auth-cleanup-handler", hook] if dialect == "certbot" else []
    more += ["--external-auth-wellknown", str(webroot_folder)] if (dialect, kind) == ("dehydrated", "http-01") else []
    more += ["--preferred-challenges", kind]
    more += ["-i", "external-auth"] if dialect == "acmetool" else []
    ours_hook = str(scripts.folder.parent / "acmetool-hooks") if dialect == "acmetool" else hook
    words = handler(ours_hook, "--external-auth-dialect", dialect, *more)
    result = certbot.run("certonly", *words, *names(*wanted), env={"KIND": kind})
    assert result.returncode == 0, result
    ours = scripts.calls(*contract.operations)
    assert sorted(map(repr, compared(ours, contract))) == sorted(map(repr, compared(theirs, contract)))
    challenges = [call.operation for call in ours if call.operation != "live-updated"]
    assert challenges == [challenges[0]] * 2 + [challenges[-1]] * 2
    assert [call.env.get(REMAINING) for call in ours] == [call.env.get(REMAINING) for call in theirs]
    if "order" not in contract.ours:
        assert [call.operation for call in ours] == [call.operation for call in theirs]
    assert ca.txt(f"_acme-challenge.{domain}") == []
    assert list(webroot_folder.iterdir()) == []


def compared(calls: Sequence[Call], contract: Contract) -> list[dict[str, object]]:
    """The calls without what is made anew for every order."""
    return [
        {
            "argv": [TARGET.sub(r"\1", BASE64.sub("(value)", word)) for word in call.argv],
            "variables": {name: variable(call, name) for name in contract.variables},
            # acmetool names hosts in the order of a hash table.
            "stdin": ([BASE64.sub("(value)", one) for one in sorted(call.stdin.splitlines())], call.stdin_is_null),
            "umask": call.umask if contract.umask else None,
            # What Dehydrated puts there itself before the hook is called to deploy, and removes before it is to clean.
            "file": call.wellknown.get(call.argv[2]) == call.argv[3] if len(call.argv) == 4 else None,
        }
        for call in calls
    ]


def variable(call: Call, name: str) -> str:
    """The CA decides the order of names."""
    return ",".join(sorted(BASE64.sub("(value)", call.env.get(name, "(absent)")).split(",")))


def _may_mount() -> bool:
    words = ["unshare", "--mount", "true"]
    return bool(shutil.which("unshare")) and subprocess.run(words, capture_output=True).returncode == 0
