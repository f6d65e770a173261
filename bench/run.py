"""The benchmark: this plugin beside Certbot's own `--manual` hooks, and what it adds to every Certbot command.

Both sides issue for the same names from the same Pebble with the same script (hook.sh), taking turns. The numbers go
to docs/performance.md; with --quick there are fewer of them, and they go to the terminal only.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.support.testca import TestCA  # noqa: E402
from tests.support.tls import serving  # noqa: E402

TYPES = ("dns-01", "tls-alpn-01")
HOOK = ROOT / "bench" / "hook.sh"
REPORT = ROOT / "docs" / "performance.md"
CERTBOT = Path(sys.executable).parent / "certbot"
ADDED_AT_MOST = 15.0
"""Milliseconds of its own that the plugin may add to `certbot --version`."""
NOISE = 0.02
"""Share by which two equal runs of some seconds differ on a busy machine."""


@dataclass(frozen=True)
class Plan:
    """How much is measured: `rounds` of each pair, `starts` of each environment; `tls_names` for the second table."""

    names: Sequence[int]
    tls_names: Sequence[int]
    hook_seconds: Sequence[float]
    rounds: int
    starts: int


FULL = Plan(names=(1, 20, 100), tls_names=(1, 20, 60), hook_seconds=(0, 0.2), rounds=5, starts=150)
QUICK = Plan(names=(1, 20), tls_names=(20,), hook_seconds=(0,), rounds=2, starts=10)


@dataclass(frozen=True)
class Timing:
    """Seconds of several equal runs."""

    seconds: tuple[float, ...]

    @property
    def least(self) -> float:
        return min(self.seconds)

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


@dataclass(frozen=True)
class Issuance:
    """One line of the first table."""

    names: int
    hook_seconds: float
    plugin: Timing
    manual: Timing

    @property
    def slower(self) -> bool:
        return self.plugin.least > self.manual.least * (1 + NOISE)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer runs, and no docs/performance.md")
    plan = QUICK if parser.parse_args().quick else FULL
    print(f"About {estimate(plan) / 60:.0f} minutes.", flush=True)
    with tempfile.TemporaryDirectory(prefix="external-auth-bench-") as folder:
        starts = measure_starts(plan, Path(folder))
        issuances = measure_issuances(plan, Path(folder))
        types = measure_types(plan, Path(folder))
    text = report(plan, starts, issuances, types)
    print(f"\n{text}")
    if plan is FULL:
        REPORT.parent.mkdir(exist_ok=True)
        REPORT.write_text(text)
        print(f"Written to {REPORT.relative_to(ROOT)}")
    return 0


def estimate(plan: Plan) -> float:
    """Seconds it will take: Certbot's own waiting, some work for each name, and the hook's sleep."""
    one = sum(3 + names * (0.05 + 2 * sleep) for names in plan.names for sleep in plan.hook_seconds)
    one += sum(3 + names * 0.05 for names in plan.tls_names)
    return one * plan.rounds * 2 + plan.starts * 3 * 0.5


def take_turns(label: str, sides: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, Timing]:
    """Run the sides one after the other, so that whatever slows the machine slows all of them."""
    found: dict[str, list[float]] = {side: [] for side in sides}
    for number in range(rounds):
        # Forwards and backwards, so that no side always comes after the same other one.
        for side in list(sides)[:: -1 if number % 2 else 1]:
            found[side].append(sides[side]())
        if sys.stdout.isatty() or number + 1 == rounds:
            print(f"\r{label}: {number + 1} of {rounds}", end="", flush=True)
    print(flush=True)
    return {side: Timing(tuple(seconds)) for side, seconds in found.items()}


def seconds_of(argv: Sequence[str | Path], environment: Mapping[str, str]) -> float:
    start = time.perf_counter()
    ended = subprocess.run(argv, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd="/")
    taken = time.perf_counter() - start
    if ended.returncode:
        sys.exit(f"\n{' '.join(map(str, argv))}\nended with {ended.returncode}:\n{ended.stdout}{ended.stderr}")
    return taken


def bare_environment() -> dict[str, str]:
    """The caller's, without a proxy: it has no business between servers of one machine."""
    return {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}


# Issuing


def measure_issuances(plan: Plan, folder: Path) -> list[Issuance]:
    found = []
    with TestCA() as ca:
        registered = register(ca, folder)
        # Certbot's --manual finds no script in a folder with a blank in its name.
        hook = Path(shutil.copy2(HOOK, folder))
        for names in plan.names:
            for sleep in plan.hook_seconds:
                sides = {
                    side: issuer(ca, folder, registered, words, names, sleep)
                    for side, words in (("plugin", plugin_words(ca, hook)), ("manual", manual_words(hook)))
                }
                timings = take_turns(f"{names} names, hook takes {sleep} s", sides, plan.rounds)
                found.append(Issuance(names, sleep, timings["plugin"], timings["manual"]))
    return found


def measure_types(plan: Plan, folder: Path) -> dict[int, dict[str, Timing]]:
    """The same names by dns-01 and by tls-alpn-01, by number of names."""
    with TestCA() as ca, serving(folder / "tls", ca.tls_port):
        registered = register(ca, folder)
        hook = Path(shutil.copy2(HOOK, folder))
        found = {}
        for names in plan.tls_names:
            sides = {
                kind: issuer(
                    ca, folder, registered, [*plugin_words(ca, hook), "--preferred-challenges", kind], names, 0
                )
                for kind in TYPES
            }
            found[names] = take_turns(f"{names} names by {' and '.join(TYPES)}", sides, plan.rounds)
        return found


def plugin_words(ca: TestCA, hook: Path) -> list[str]:
    looking = ["--external-auth-verify-nameservers", ca.dns, "--https-port", str(ca.tls_port)]
    return ["-a", "external-auth", "--external-auth-handler", str(hook), *looking]


def manual_words(hook: Path) -> list[str]:
    hooks = [f"--manual-auth-hook={hook} perform", f"--manual-cleanup-hook={hook} cleanup"]
    return ["--manual", "--preferred-challenges", "dns-01", *hooks]


def folders(base: Path) -> list[str]:
    return [f"--{kind}-dir={base / kind}" for kind in ("config", "work", "logs")]


def register(ca: TestCA, folder: Path) -> Path:
    """Certbot's folders with an account and nothing else, where every run begins."""
    base = folder / "registered"
    shutil.rmtree(base, ignore_errors=True)
    words = ["register", "-n", "--agree-tos", "--register-unsafely-without-email", "--server", ca.directory]
    seconds_of([CERTBOT, *words, *folders(base)], ca_environment(ca, folder, 0))
    return base


def ca_environment(ca: TestCA, folder: Path, sleep: float) -> dict[str, str]:
    return {
        **bare_environment(),
        "REQUESTS_CA_BUNDLE": str(ca.ca_bundle),
        "BENCH_DNS_PORT": ca.management.rpartition(":")[2].strip("/"),
        "BENCH_HOOK_SECONDS": f"{sleep:g}",
        "BENCH_TLS_FOLDER": str(folder / "tls"),
    }


def issuer(
    ca: TestCA, folder: Path, registered: Path, words: Sequence[str], names: int, sleep: float
) -> Callable[[], float]:
    """A function that issues one certificate in fresh folders, and tells how long Certbot took."""
    domains = [word for number in range(names) for word in ("-d", f"n{number}.bench.example")]
    base = folder / "run"

    def run() -> float:
        shutil.rmtree(base, ignore_errors=True)
        shutil.copytree(registered, base, symlinks=True)
        return seconds_of(
            [CERTBOT, "certonly", "-n", "--server", ca.directory, *words, *domains, *folders(base)],
            ca_environment(ca, folder, sleep),
        )

    return run


# Starting


def measure_starts(plan: Plan, folder: Path) -> dict[str, Timing]:
    """`certbot --version` with Certbot alone, with zope.interface, and with the plugin too."""
    certbot = closure("certbot")
    ours = closure("certbot-external-auth") - {"certbot-external-auth"}
    environments = {"alone": certbot - {"zope-interface"}, "zope": certbot | ours, "plugin": certbot | ours}
    sides = {}
    for side, distributions in environments.items():
        target = folder / side
        for name in sorted(distributions):
            copy_distribution(name, target)
        if side == "plugin":
            install_plugin(target)
        sides[side] = starter(target)
    for run in sides.values():
        run()  # compiles what is not compiled yet
    return take_turns("certbot --version", sides, plan.starts)


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def closure(name: str) -> set[str]:
    """A distribution and everything it requires here."""
    from packaging.requirements import Requirement

    found: set[str] = set()
    waiting = [name]
    while waiting:
        one = canonical(waiting.pop())
        if one in found:
            continue
        found.add(one)
        for text in importlib.metadata.requires(one) or ():
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(requirement.name)
    return found


def copy_distribution(name: str, target: Path) -> None:
    """Copy its files as pip installed them here: the same version, and no network."""
    distribution = importlib.metadata.distribution(name)
    for file in distribution.files or ():
        source = Path(str(file.locate()))
        # Console scripts lie outside.
        if ".." not in file.parts and source.exists():
            place = target / Path(str(file))
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, place)


def install_plugin(target: Path) -> None:
    """Install from a copy, since setuptools leaves a build folder where it builds."""
    with tempfile.TemporaryDirectory() as copy:
        for name in ("certbot_external_auth", "pyproject.toml", "setup.py", "README.md", "LICENSE"):
            source = ROOT / name
            (shutil.copytree if source.is_dir() else shutil.copy2)(source, Path(copy) / name)
        words = ["install", "-qq", "--disable-pip-version-check", "--no-build-isolation", "--no-deps"]
        subprocess.run([sys.executable, "-m", "pip", *words, "--target", target, copy], check=True)


def starter(target: Path) -> Callable[[], float]:
    """A function that runs `certbot --version` from that folder and nothing else."""
    code = f"import sys; sys.path.insert(0, {str(target)!r}); from certbot.main import main; sys.exit(main())"
    python = Path(sys.executable).resolve()
    environment = {**bare_environment(), "PYTHONNOUSERSITE": "1"}
    return lambda: seconds_of([python, "-I", "-S", "-c", code, "--version"], environment)


# Telling


def report(
    plan: Plan,
    starts: Mapping[str, Timing],
    issuances: Sequence[Issuance],
    types: Mapping[int, Mapping[str, Timing]],
) -> str:
    parts = [*introduction(plan), *issuance_table(issuances), *type_table(plan, types), *start_table(starts)]
    return "\n".join(parts) + "\n"


def introduction(plan: Plan) -> Iterator[str]:
    yield "# Performance"
    yield ""
    yield "Written by `make bench`; do not edit."
    yield ""
    yield f"- Machine: {processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}"
    versions = " ".join(f"{name} {importlib.metadata.version(name)}," for name in ("certbot", "acme", "zope.interface"))
    yield f"- Versions: Python {platform.python_version()}, {versions} Pebble {pebble_version()}"
    yield f"- Plugin: certbot-external-auth {importlib.metadata.version('certbot-external-auth')}"
    yield f"- Date: {time.strftime('%Y-%m-%d')}"
    yield ""


def issuance_table(issuances: Sequence[Issuance]) -> Iterator[str]:
    rounds = len(issuances[0].plugin.seconds)
    yield "## Issuing a certificate"
    yield ""
    yield (
        f"The whole `certbot certonly` in seconds, least and median of {rounds}; both sides take turns against one "
        "Pebble, with one script (`bench/hook.sh`) that publishes and withdraws a TXT record and then sleeps. "
        "`--manual` starts it twice for each name, and so does the plugin, which starts it four times more for each "
        "certificate (`pre-perform` and its like), where it ends at once."
    )
    yield ""
    yield "| names | script sleeps | plugin: least | median | `--manual`: least | median | plugin takes (least) |"
    yield "|---:|---:|---:|---:|---:|---:|---:|"
    for one in issuances:
        difference = one.plugin.least - one.manual.least
        yield (
            f"| {one.names} | {one.hook_seconds:g} s | {one.plugin.least:.2f} | {one.plugin.median:.2f} "
            f"| {one.manual.least:.2f} | {one.manual.median:.2f} "
            f"| {difference:+.2f} s ({difference / one.manual.least:+.1%}) |"
        )
    yield ""
    slower = [f"{one.names} names at {one.hook_seconds:g} s" for one in issuances if one.slower]
    verdict = f"missed for {', '.join(slower)}" if slower else "met"
    yield f"Goal, never slower than `--manual` (by more than {NOISE:.0%}, which equal runs differ by): {verdict}."
    yield ""


def type_table(plan: Plan, types: Mapping[int, Mapping[str, Timing]]) -> Iterator[str]:
    yield "## tls-alpn-01 beside dns-01"
    yield ""
    yield (
        f"The whole `certbot certonly` in seconds, least and median of {plan.rounds}, taking turns. The script ends at "
        "once; for tls-alpn-01 it copies the two files of each name into the folder of a server "
        "(`examples/standalone-tls`), which Pebble asks three times for each name."
    )
    yield ""
    yield "| names | dns-01: least | median | tls-alpn-01: least | median | tls-alpn-01 more for each name (least) |"
    yield "|---:|---:|---:|---:|---:|---:|"
    for names, found in types.items():
        dns, alpn = (found[kind] for kind in TYPES)
        each = (alpn.least - dns.least) / names * 1000
        yield (
            f"| {names} | {dns.least:.2f} | {dns.median:.2f} | {alpn.least:.2f} | {alpn.median:.2f} | {each:+.1f} ms |"
        )
    yield ""


def start_table(starts: Mapping[str, Timing]) -> Iterator[str]:
    rounds = len(starts["alone"].seconds)
    own = {kind: in_ms(starts["plugin"], kind) - in_ms(starts["zope"], kind) for kind in ("least", "median")}
    zope = {kind: in_ms(starts["zope"], kind) - in_ms(starts["alone"], kind) for kind in ("least", "median")}
    yield "## What the installed plugin adds to every Certbot command"
    yield ""
    yield (
        f"`certbot --version` in milliseconds, least and median of {rounds}, taking turns. Certbot imports "
        "zope.interface by itself wherever it is installed, so that is counted apart."
    )
    yield ""
    yield "| environment | least | median | more than the line above: least | median |"
    yield "|---|---:|---:|---:|---:|"
    rows = (
        ("Certbot alone", "alone", None),
        ("and the plugin's dependencies", "zope", zope),
        ("and the plugin", "plugin", own),
    )
    for label, side, more in rows:
        differences = f"{more['least']:+.1f} | {more['median']:+.1f}" if more else "|"
        yield f"| {label} | {in_ms(starts[side], 'least'):.0f} | {in_ms(starts[side], 'median'):.0f} | {differences} |"
    yield ""
    verdict = "met" if own["least"] <= ADDED_AT_MOST else "missed"
    yield f"Goal, at most {ADDED_AT_MOST:.0f} ms of its own: {verdict}."


def in_ms(timing: Timing, kind: str) -> float:
    return 1000 * float(getattr(timing, kind))


def processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def pebble_version() -> str:
    """What the package manager says: Debian's Pebble does not tell its version."""
    try:
        asked = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", "pebble"], capture_output=True, text=True)
    except OSError:
        return "(version unknown)"
    return asked.stdout or "(version unknown)"


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
