"""Which tests reach which lines, also in the programs that tests start, and how long they take."""

from __future__ import annotations

import ast
import functools
import itertools
import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import coverage

from mutants.copied import QUIETLY, Copy
from mutants.mutant import PACKAGE, ROOT, Mutant
from scripts import structure

_CONFIGURATION = """[run]
source_pkgs = certbot_external_auth
parallel = true
dynamic_context = test_function
context = ${PYTEST_CURRENT_TEST-}
data_file = .reach
"""
_LONG = 3600.0
MAX_SECONDS = 60.0
"""What the tests of one mutant may take as measured. What needs more tests than that to be noticed counts as missed."""


@dataclass(frozen=True)
class Reach:
    """:ivar lines: by module and line, the tests, as `file::function`. :ivar seconds: by test.
    :ivar red: tests that fail without any mutant."""

    lines: dict[str, dict[int, set[str]]]
    seconds: dict[str, float]
    red: set[str]

    def tests(self, mutant: Mutant) -> list[str]:
        """The tests that can notice a mutant, those of the module first, then those of its room, then the quickest.

        What a module does when it is imported is reached by no test. Then all tests that reach the module count, those
        of its room, and those of the modules that import it.
        """
        lines = self.lines.get(mutant.path, {})
        reaching = set().union(*(lines.get(mutant.line + n, set()) for n in range(mutant.lines)))
        own, room = self._own(mutant.path), f"tests/unit/{mutant.room}/"
        if not reaching:
            reaching = {one for one in self.seconds if one.startswith(room)}.union(
                *lines.values(), *map(self._own, importing(mutant.path))
            )
        ordered = sorted(
            ((reaching & self.seconds.keys()) | own) - self.red,
            key=lambda one: (one not in own, not one.startswith(room), self.seconds[one], one),
        )
        spent = itertools.accumulate(self.seconds[one] for one in ordered)
        return [one for one, seconds in zip(ordered, spent, strict=True) if one in own or seconds <= MAX_SECONDS]

    def _own(self, path: str) -> set[str]:
        """The tests in the file that mirrors the module; they may reach it in a program that is not measured."""
        part = Path(path).relative_to(PACKAGE)
        mirror = str("tests/unit" / part.with_name(f"test_{part.name}"))
        return {one for one in self.seconds if one.startswith(f"{mirror}::")}

    def limit(self, tests: Iterable[str]) -> float:
        """A mutant that takes so much longer does not end."""
        return 30 + 5 * sum(self.seconds.get(one, 0.0) for one in tests)


@functools.cache
def importing(path: str) -> list[str]:
    """The modules that import a module."""
    known = structure.read()
    trees = {module: ast.parse(file.read_text(encoding="utf-8")) for module, file in known.items()}
    wanted = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    users = [module for module in known if wanted in structure.imported(trees[module], known)]
    return [known[module].relative_to(ROOT).as_posix() for module in users]


def measure(copy: Copy, jobs: int) -> Reach:
    """Run all unit tests once, measured. Those that fail so run again as they are."""
    rules, report = copy.folder / ".reach-rules", copy.folder / ".reach.xml"
    rules.write_text(_CONFIGURATION.replace(".reach", str(copy.folder / ".reach")))
    side_by_side = ["-n", str(jobs), "--dist", "loadgroup", f"--junitxml={report}"]
    # Every Python that starts measures itself, and reads from the rules which test is running.
    copy.run(["-m", "pytest", *QUIETLY, *side_by_side, "tests/unit"], _LONG, COVERAGE_PROCESS_START=str(rules))
    seconds, red = _report(report)
    if red:
        copy.pytest([f"--junitxml={report}", *sorted(red)], _LONG)
        _, red = _report(report)
    measured = coverage.Coverage(config_file=str(rules))
    measured.combine()
    return Reach(_lines(measured.get_data(), copy.folder), seconds, red)


def _report(path: Path) -> tuple[dict[str, float], set[str]]:
    """How long the tests took, with all their parameters, and which failed."""
    seconds: dict[str, float] = defaultdict(float)
    red: set[str] = set()
    for case in ElementTree.parse(path).iter("testcase"):  # noqa: S314 - pytest has just written it
        test = _test(case.attrib["classname"], case.attrib["name"].partition("[")[0].partition("@")[0])
        seconds[test] += float(case.attrib["time"])
        if case.find("failure") is not None or case.find("error") is not None:
            red.add(test)
    return dict(seconds), red


def _lines(data: coverage.CoverageData, folder: Path) -> dict[str, dict[int, set[str]]]:
    found: dict[str, dict[int, set[str]]] = {}
    for path in data.measured_files():
        contexts = {
            line: {test for name in names if (test := _of_context(name))}
            for line, names in data.contexts_by_lineno(path).items()
        }
        found[Path(path).resolve().relative_to(folder.resolve()).as_posix()] = contexts
    return found


def _of_context(name: str) -> str:
    """The test of a context: pytest's own word in a program that a test started, else a function's name."""
    static, _, dynamic = name.partition("|")
    if static.startswith("tests/"):
        return static.partition("[")[0].partition(" ")[0].partition("@")[0]
    module, _, function = (dynamic or static).rpartition(".")
    return _test(module, function) if module.startswith("tests.unit.") else ""


def _test(module: str, function: str) -> str:
    return f"{module.replace('.', '/')}.py::{function}"
