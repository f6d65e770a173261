"""Measures `certbot-external-auth rehearse` of many certificates: name servers answer, and name servers are silent."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import shlex
import shutil
import socket
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.measuring import Timing, Usage, bare_environment, take_turns, usage_of
from bench.plan import Plan
from certbot_external_auth.accounts import stored
from tests.support import engines, lineages, ports
from tests.support.directory import directory
from tests.support.rehearsed import JWK
from tests.support.signed_zones import signed, unbound

GOAL_SECONDS = 30
"""For the most certificates that are measured."""
ANSWER, SILENT = "name servers answer", "name servers are silent"
ZONE = "example"
ACCOUNT = {"body": {}, "uri": "https://ca.example/acct/1"}
ROOT = Path(__file__).resolve().parent.parent
START = """
import re, sys
from pathlib import Path
from certbot_external_auth import cli
peak = Path(sys.argv.pop(1))
code = cli.main()
peak.write_text(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
sys.exit(code)
"""
BY_PROVIDER = {
    "RFC2136_NAMESERVER": "127.0.0.1",
    "RFC2136_TSIG_KEY": "key",
    "RFC2136_TSIG_SECRET": "c2VjcmV0",
    "RFC2136_TSIG_ALGORITHM": "hmac-sha256.",
}
HANDLERS = 3
"""Different handlers on the host. The certificates use them and one provider in turn."""


@dataclass(frozen=True)
class Measured:
    """What was seen with one number of certificates.

    :ivar programs: started in one rehearsal to examine the provider. :ivar directories: requests to the CA in it.
    """

    timings: Mapping[str, Timing]
    programs: int
    directories: int


Found = Mapping[int, Measured]


def measure(plan: Plan, folder: Path) -> Found:
    """Measure each number of certificates with both kinds of name servers."""
    requests: list[str] = []
    with contextlib.ExitStack() as stack:
        zones = stack.enter_context(signed({ZONE: _records(max(plan.rehearsals))}))
        resolver = stack.enter_context(unbound(zones.server, zones.anchors))
        servers = {ANSWER: f"{resolver},{zones.server}", SILENT: _silent(stack)}
        ca = stack.enter_context(directory(requests))
        measured = {}
        for count in plan.rehearsals:
            hosts = {side: _Host(folder / f"rehearsed-{number}", ca) for number, side in enumerate(servers)}
            for side, host in hosts.items():
                host.make(count, servers[side])
            sides: dict[str, Callable[[], Usage]] = {side: host.rehearse for side, host in hosts.items()}
            timings = take_turns(f"rehearse, {count} certificates", sides, plan.rehearsal_rounds)
            runs = plan.rehearsal_rounds
            measured[count] = Measured(timings, hosts[ANSWER].programs() // runs, len(requests) // runs)
            requests.clear()
            for host in hosts.values():
                shutil.rmtree(host.place)
    return measured


def _records(count: int) -> str:
    """Return a CAA record for every other name. The CA is asked for its names because of them."""
    names = [lineages.name(number).removesuffix(f".{ZONE}") for number in range(0, count, 2)]
    return "".join(f'{name} CAA 0 issue "ca.example"\n' for name in names)


def _silent(stack: contextlib.ExitStack) -> str:
    """Return an address that takes questions, by UDP and TCP, and answers none."""
    port = ports.free(stack)
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        server = stack.enter_context(socket.socket(socket.AF_INET, kind))
        server.bind((ports.ADDRESS, port))
        if kind is socket.SOCK_STREAM:
            server.listen()
    return f"{ports.ADDRESS}:{port}"


@dataclass(frozen=True)
class _Host:
    """Certbot's folders on one host."""

    place: Path
    ca: str

    def make(self, count: int, servers: str) -> None:
        """Write certificates that use some handlers and a provider in turn."""
        account = Path(stored.folder(str(self.place / "config"), self.ca)) / "abc"
        account.mkdir(parents=True)
        (account / "regr.json").write_text(json.dumps(ACCOUNT))
        (account / "private_key.json").write_text(JWK)
        (self.place / "work").mkdir()
        publishers = [*map(self._handler, range(HANDLERS)), self._provider()]
        for number in range(count):
            self._certificate(lineages.name(number), [*publishers[number % len(publishers)], *_common(servers)])

    def rehearse(self) -> Usage:
        """Rehearse all certificates. The peak is that of the rehearsal alone, without the programs that it starts."""
        peak = self.place / "peak"
        folders = [f"--{kind}-dir={self.place / kind}" for kind in ("config", "work")]
        words: list[str | Path] = [sys.executable, "-c", START, peak, "rehearse", "--json", *folders]
        used = usage_of(words, {**bare_environment(), "PYTHONPATH": str(ROOT)})
        return dataclasses.replace(used, peak=int(peak.read_text()) / 1024)

    def programs(self) -> int:
        """Return how often the program of the provider was started."""
        return (self.place / "started").stat().st_size

    def _certificate(self, name: str, options: Sequence[str]) -> None:
        lineages.one(self.place / "config", name, self.ca, options, (name, f"*.{name}", f"www.{name}"))
        renewal = self.place / "config" / "renewal" / f"{name}.conf"
        renewal.write_text(renewal.read_text().replace("account = none", "account = abc"))

    def _handler(self, number: int) -> list[str]:
        hook = self.place / f"hook{number}"
        _program(hook, "")
        return [f"external_auth_handler = {hook}", self._secrets(f"secrets{number}.env", {"TOKEN": "xyzzy"})]

    def _provider(self) -> list[str]:
        """Name a provider. The Python of its engine counts its starts."""
        python, started = self.place / "python", shlex.quote(str(self.place / "started"))
        mine, folder = shlex.quote(sys.executable), shlex.quote(str(engines.FOLDER))
        _program(
            python,
            f'printf x >>{started}\nmain=$2 engine=$3\nshift 4\nexec {mine} -I "$main" "$engine" {folder} "$@"\n',
        )
        return [
            "external_auth_provider = lego:rfc2136",
            self._secrets("lego.env", {**BY_PROVIDER, "LEGO_PYTHON": str(python)}),
        ]

    def _secrets(self, name: str, variables: Mapping[str, str]) -> str:
        path = self.place / name
        path.touch(0o600)
        path.write_text("".join(f'{key}="{value}"\n' for key, value in variables.items()))
        return f"external_auth_env_file = {path}"


def _common(servers: str) -> list[str]:
    both = ["authenticator = external-auth", "installer = external-auth"]
    return [*both, f'external_auth_verify_nameservers = "{servers}"']


def _program(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/sh\n{body}")
    path.chmod(0o755)


# Telling


def section(measured: Found) -> Iterator[str]:
    """Write the section of docs/performance.md."""
    few, many = min(measured), max(measured)
    runs = len(measured[many].timings[ANSWER].runs)
    yield "## Rehearsing many certificates"
    yield ""
    yield (
        "`certbot-external-auth rehearse --json` for different numbers of certificates with three names each. They use "
        f"{HANDLERS} handlers and one provider (`lego:rfc2136`), with an env file each. A Knot has the CAA records, "
        "and an unbound checks signatures. Every other certificate has a CAA record, so the CA is asked for its "
        "names. In the second half of the table, the name servers take all questions and answer none. The least of "
        f"{runs} runs counts. Processor seconds include those of the provider's programs; megabytes are those of the "
        "rehearsal alone."
    )
    yield ""
    yield f"| certificates | {' | '.join(f'{side}: seconds | processor seconds | MB' for side in (ANSWER, SILENT))} |"
    yield "|---:|---:|---:|---:|---:|---:|---:|"
    for count, found in sorted(measured.items()):
        yield f"| {count} | {' | '.join(_cells(found.timings[side]) for side in (ANSWER, SILENT))} |"
    yield ""
    most = measured[many].timings
    yield f"- {many} certificates take {most[ANSWER].least:.1f} s; {_goal(most[ANSWER].least, GOAL_SECONDS)}"
    yield f"- With silent name servers, they take {most[SILENT].least:.1f} s; {_goal(most[SILENT].least, GOAL_SECONDS)}"
    if few < many:
        yield from _slopes(measured)
    yield (
        "- Equal settings are checked once, whatever the number of certificates. Starts of the provider's programs: "
        f"{_numbers(found.programs for found in measured.values())}. Requests to the CA: "
        f"{_numbers(found.directories for found in measured.values())}."
    )
    yield ""


def _cells(timing: Timing) -> str:
    return f"{timing.least:.1f} | {timing.cpu:.1f} | {timing.peak:.0f}"


def _goal(seconds: float, most: float) -> str:
    return f"goal, less than {most:g} s: {'met' if seconds < most else 'missed'}."


def _slopes(measured: Found) -> Iterator[str]:
    """Write what one more certificate costs, among few and among many."""
    timings = {count: found.timings[ANSWER] for count, found in sorted(measured.items())}
    steps = [
        (few, many, (timings[many].cpu - timings[few].cpu) / (many - few) * 1000, _kilobytes(timings, few, many))
        for few, many in itertools.pairwise(timings)
    ]
    told = "; ".join(f"{time:.1f} ms and {memory:.0f} kB from {few} to {many}" for few, many, time, memory in steps)
    yield f"- One more certificate costs this processor time and memory: {told}."


def _kilobytes(timings: Mapping[int, Timing], few: int, many: int) -> float:
    return (timings[many].peak - timings[few].peak) * 1024 / (many - few)


def _numbers(values: Iterable[int]) -> str:
    return " or ".join(map(str, sorted(set(values))))
