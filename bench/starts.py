"""Measures what the plugin adds to every Certbot command, and the time until a selected one calls its first handler."""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from bench.measuring import Timing, Usage, bare_environment, take_turns, usage_of
from bench.plan import Plan

ROOT = Path(__file__).resolve().parent.parent
ADDED_AT_MOST = 15.0
"""Milliseconds of its own that the plugin may add to `certbot --version`."""
SELECTED_AT_MOST = 60.0
"""Milliseconds that it may take, selected, until the first handler call."""
SELECTED = """
import sys, time
import certbot.main, certbot_external_auth.plugin

start = time.perf_counter()
from certbot_external_auth.run import run; from certbot_external_auth.configuration import resolution
from certbot_external_auth.backends import Context, backend
from certbot_external_auth.challenges import Challenge
from certbot_external_auth.dialects import Facts

def begin(challenges):
    sys.exit(print((time.perf_counter() - start) * 1000))

checked = resolution.resolve({"handler": "/bin/true"})
handler = backend("handler", Context(checked, Facts(names=("a.example",)), words=("/bin/true",)))
handler.prepare(publishing=True, deploying=False)
handler.perform([Challenge("c1", "dns-01", "a.example", "dns", "t" * 22, "t" * 22 + "." + "k" * 43)], begin)
"""


def measure(plan: Plan, folder: Path) -> dict[str, Timing]:
    """Measure `certbot --version` with Certbot alone, with zope.interface, and with the plugin."""
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


def measure_selected(plan: Plan) -> list[float]:
    """Milliseconds until the first handler call, Certbot and the plugin's module being there already."""
    argv = [sys.executable, "-c", SELECTED]
    return [
        float(subprocess.run(argv, env=bare_environment(), capture_output=True, text=True, check=True).stdout)
        for _ in range(plan.starts)
    ]


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def closure(name: str) -> set[str]:
    """A distribution and everything it requires here."""
    from packaging.requirements import Requirement

    distributions: set[str] = set()
    waiting = [name]
    while waiting:
        distribution = canonical(waiting.pop())
        if distribution in distributions:
            continue
        distributions.add(distribution)
        for text in importlib.metadata.requires(distribution) or ():
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(requirement.name)
    return distributions


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


def starter(target: Path) -> Callable[[], Usage]:
    """A function that runs `certbot --version` from that folder and nothing else."""
    code = f"import sys; sys.path.insert(0, {str(target)!r}); from certbot.main import main; sys.exit(main())"
    python = Path(sys.executable).resolve()
    environment = {**bare_environment(), "PYTHONNOUSERSITE": "1"}
    return lambda: usage_of([python, "-I", "-S", "-c", code, "--version"], environment)


def section(starts: Mapping[str, Timing], selected: list[float]) -> Iterator[str]:
    """Write the section of docs/performance.md."""
    rounds = len(starts["alone"].runs)
    own = {kind: in_ms(starts["plugin"], kind) - in_ms(starts["zope"], kind) for kind in ("least", "median")}
    zope = {kind: in_ms(starts["zope"], kind) - in_ms(starts["alone"], kind) for kind in ("least", "median")}
    yield "## What the installed plugin adds to every Certbot command"
    yield ""
    yield (
        f"The time of `certbot --version`, in milliseconds. Least and median of {rounds}; the "
        "environments take turns. Certbot imports zope.interface by itself if it is installed, so the "
        "table counts it separately."
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
    yield ""
    took = f"{min(selected):.0f} ms at least, {statistics.median(selected):.0f} ms median of {len(selected)}"
    verdict = "met" if min(selected) <= SELECTED_AT_MOST else "missed"
    yield (
        "With the plugin selected, in mode handler, the time from Certbot's selection to the first "
        "handler call. In this time the plugin loads its modules, checks the options and prepares the "
        f"calls: {took}. Goal, at most {SELECTED_AT_MOST:.0f} ms: {verdict}."
    )
    yield ""


def in_ms(timing: Timing, kind: str) -> float:
    return 1000 * float(getattr(timing, kind))
