"""This plugin beside Dehydrated: the same CA, the same hook (dehydrated-hook.sh), and what becomes of its failures.

The table goes into docs/dehydrated-compared.md, between its two marks; with --quick to the terminal only.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.support.certbot import SYSTEM_PATH  # noqa: E402
from tests.support.testca import TestCA  # noqa: E402

HOOK = ROOT / "bench" / "dehydrated-hook.sh"
DOCUMENT = ROOT / "docs" / "dehydrated-compared.md"
MARKS = ("<!-- made by `make bench-dehydrated`; do not edit -->\n", "<!-- end -->\n")
CERTBOT = Path(sys.executable).parent / "certbot"
NAMES = ("a", "b", "c")
PATIENCE = 5
"""Seconds the plugin looks for what is not published before it gives up; by default two minutes."""
LIMIT = 120.0
"""Seconds for one run; only a fault makes one take so long."""


@dataclass(frozen=True)
class Case:
    """:ivar label: what fails. :ivar variables: by which the hook is told."""

    label: str
    variables: Mapping[str, str] = field(default_factory=dict)


CASES = (
    Case("nothing"),
    Case("`deploy_challenge` of the second name", {"FAIL_AT": "deploy_challenge", "FAIL_NUMBER": "2"}),
    Case("nothing, but one name of three is not published", {"FORGET": "b"}),
    Case("the same, and `invalid_challenge`", {"FORGET": "b", "FAIL_AT": "invalid_challenge", "FAIL_NUMBER": "1"}),
    Case("`clean_challenge` of the first name", {"FAIL_AT": "clean_challenge", "FAIL_NUMBER": "1"}),
    Case("`deploy_cert`", {"FAIL_AT": "deploy_cert", "FAIL_NUMBER": "1"}),
)


@dataclass(frozen=True)
class Outcome:
    """What became of one run.

    :ivar calls: operations, in order. :ivar left: TXT records that are still there.
    :ivar saved: a certificate is there. :ivar later: operations at the next run, the hook being mended.
    """

    seconds: float
    code: int
    calls: tuple[str, ...]
    left: int
    saved: bool
    later: tuple[str, ...]


class Side:
    """One client on a host of its own."""

    def __init__(self, ca: TestCA, folder: Path, domain: str) -> None:
        self.ca, self.folder, self.domain = ca, folder, domain
        self.names = [f"{name}.{domain}" for name in NAMES]
        self.record = folder / "calls"
        folder.mkdir()
        self.environment = {
            "PATH": SYSTEM_PATH,
            "HOME": str(folder),
            "RECORD": str(self.record),
            "REQUESTS_CA_BUNDLE": str(ca.ca_bundle),
            "BENCH_DNS_PORT": ca.management.rpartition(":")[2],
        }

    def register(self) -> None:
        raise NotImplementedError

    def words(self, again: bool) -> Sequence[str | Path]:
        """The command that issues; or the one for every night, when there is a certificate."""
        raise NotImplementedError

    def certificate(self) -> Path:
        raise NotImplementedError

    def measure(self, case: Case) -> Outcome:
        told = {name: value for name, value in case.variables.items() if name != "FORGET"}
        if "FORGET" in case.variables:
            told["FORGET"] = f"{case.variables['FORGET']}.{self.domain}"
        self.register()
        self.record.unlink(missing_ok=True)
        start = time.perf_counter()
        code = self.run(self.words(again=False), told)
        seconds = time.perf_counter() - start
        calls = self.calls()
        left = sum(len(self.ca.txt(f"_acme-challenge.{name}")) for name in self.names)
        saved = self.certificate().exists()
        self.record.unlink(missing_ok=True)
        self.run(self.words(again=saved), {})
        return Outcome(seconds, code, calls, left, saved, self.calls())

    def run(self, words: Sequence[str | Path], told: Mapping[str, str]) -> int:
        return subprocess.run(
            words,
            env={**self.environment, **told},
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=LIMIT,
        ).returncode

    def calls(self) -> tuple[str, ...]:
        if not self.record.exists():
            return ()
        words = [line.split(" ", 1)[0] for line in self.record.read_text().splitlines()]
        return tuple("(probe)" if word.startswith("this_hookscript_is_broken") else word for word in words if word)


class Dehydrated(Side):
    """Debian's, with a configuration of its own."""

    def register(self) -> None:
        lines = [f"CA={self.ca.directory}", f'CURL_OPTS="--cacert {self.ca.ca_bundle}"', f"BASEDIR={self.folder}"]
        (self.folder / "config").write_text("\n".join([*lines, f"HOOK={HOOK}", "CHALLENGETYPE=dns-01\n"]))
        self.run(["dehydrated", "--config", self.folder / "config", "--register", "--accept-terms"], {})

    def words(self, again: bool) -> Sequence[str | Path]:
        domains = [word for name in self.names for word in ("--domain", name)]
        return ["dehydrated", "--config", self.folder / "config", "--cron", *domains]

    def certificate(self) -> Path:
        return self.folder / "certs" / self.names[0] / "cert.pem"


class Plugin(Side):
    """Certbot with this plugin."""

    def _folders(self) -> list[str]:
        return [f"--{kind}-dir={self.folder / kind}" for kind in ("config", "work", "logs")]

    def register(self) -> None:
        words = ["register", "-n", "--agree-tos", "--register-unsafely-without-email", "--server", self.ca.directory]
        self.run([CERTBOT, *words, *self._folders()], {})

    def words(self, again: bool) -> Sequence[str | Path]:
        if again:
            return [CERTBOT, "renew", "--no-random-sleep-on-renew", *self._folders()]
        domains = [word for name in self.names for word in ("-d", name)]
        plugin = ["--configurator", "external-auth", "--external-auth-handler", str(HOOK)]
        plugin += ["--external-auth-dialect", "dehydrated", "--external-auth-verify-nameservers", self.ca.dns]
        plugin += ["--external-auth-verify-timeout", str(PATIENCE)]
        return [CERTBOT, "certonly", "-n", "--server", self.ca.directory, *plugin, *domains, *self._folders()]

    def certificate(self) -> Path:
        return self.folder / "config" / "live" / self.names[0] / "cert.pem"


SIDES: Mapping[str, type[Side]] = {"Dehydrated": Dehydrated, "this plugin": Plugin}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="each run once, and no docs/dehydrated-compared.md")
    quick = parser.parse_args().quick
    with tempfile.TemporaryDirectory(prefix="beside-dehydrated-") as folder, TestCA() as ca:
        text = report(measured(ca, Path(folder), 1 if quick else 3), 1 if quick else 3)
    print(text)
    if not quick:
        before, _, rest = DOCUMENT.read_text().partition(MARKS[0])
        DOCUMENT.write_text(f"{before}{MARKS[0]}\n{text}\n{MARKS[1]}{rest.partition(MARKS[1])[2]}")
        print(f"Written to {DOCUMENT.relative_to(ROOT)}")
    return 0


def measured(ca: TestCA, folder: Path, rounds: int) -> dict[str, dict[str, list[Outcome]]]:
    """By what fails and by client; they take turns."""
    results: dict[str, dict[str, list[Outcome]]] = {}
    for place, case in enumerate(CASES):
        results[case.label] = {side: [] for side in SIDES}
        for number in range(rounds):
            for side, kind in SIDES.items():
                domain = f"r{number}-{len(side)}.case{place}.test"
                results[case.label][side].append(kind(ca, folder / domain, domain).measure(case))
    return results


def report(results: Mapping[str, Mapping[str, Sequence[Outcome]]], rounds: int) -> str:
    certbot = importlib.metadata.version("certbot")
    lines = [
        f"Dehydrated {dehydrated_version()}, Certbot {certbot} with this plugin, a Pebble without "
        f"delays, {os.cpu_count()} cores. One certificate for {len(NAMES)} names. The seconds are the "
        f"median of {rounds} runs. The plugin verifies the records for at most {PATIENCE} s.",
        "",
        "| the hook fails at | | calls | exit code | seconds | records left | certificate | calls at the next run |",
        "|---|---|---|---:|---:|---:|---|---|",
    ]
    for label, sides in results.items():
        for place, (side, outcomes) in enumerate(sides.items()):
            last = outcomes[-1]
            seconds = statistics.median(outcome.seconds for outcome in outcomes)
            left = sorted({outcome.left for outcome in outcomes})
            lines.append(
                f"| {'' if place else label} | {side} | {listed(last.calls)} | {last.code} | {seconds:.1f} "
                f"| {' or '.join(map(str, left))} | {'yes' if last.saved else 'no'} | {listed(last.later)} |"
            )
    return "\n".join(lines) + "\n"


def listed(calls: Sequence[str]) -> str:
    """Operations, with how often one comes in a row."""
    counted = [(name, len(list(group))) for name, group in groupby(calls)]
    return ", ".join(f"{times} {name}" if times > 1 else name for name, times in counted)


def dehydrated_version() -> str:
    asked = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", "dehydrated"], capture_output=True, text=True)
    return asked.stdout or "(version unknown)"


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
