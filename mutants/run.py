"""Change the package in small places, and count how many changes the unit tests notice; see docs/reliability.md.

mutants/run.py [--number 250] [--seed NUMBER] [--only ROOM] [--jobs 2] [--show]
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.chdir(ROOT)

from faults.page import page  # noqa: E402
from mutants import generate, reach, report  # noqa: E402
from mutants.copied import Copy  # noqa: E402
from mutants.mutant import Mutant  # noqa: E402
from mutants.report import Tried  # noqa: E402

LONG_SECONDS = 1.0
REPORT = ROOT / "docs" / "reliability.md"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--number", type=int, default=250, help="how many mutants")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="for the choice among all mutants")
    parser.add_argument("--only", help="mutants of this room, and no docs/reliability.md")
    parser.add_argument("--jobs", type=int, default=2, help="how many mutants at a time")
    parser.add_argument("--show", action="store_true", help="show the sample, and try none of it")
    arguments = parser.parse_args()
    print(f"Seed {arguments.seed}", flush=True)
    found = [module for module in generate.modules() if not arguments.only or f"/{arguments.only}" in module.path]
    sample = generate.sample(found, arguments.number, arguments.seed)
    if arguments.show:
        print(*(one.name for one in sample), sep="\n")
        return 0
    with tempfile.TemporaryDirectory(prefix=".mutants-", dir=ROOT) as folder:
        copies = [Copy(Path(folder, str(number))) for number in range(arguments.jobs)]
        known = reach.measure(copies[0], arguments.jobs * 2)
        print(f"{len(known.seconds)} tests; red without a mutant: {', '.join(sorted(known.red)) or 'none'}", flush=True)
        tried = list(_tried(sample, copies, known))
    left_out = sum((module.left_out for module in found), Counter())
    table = report.table(tried, left_out, sum(len(module.tried) for module in found))
    print(table.markdown())
    if not arguments.only:
        REPORT.write_text(page(REPORT.read_text(), {"mutants": table}, arguments.seed))
        print(f"Written to {REPORT.relative_to(ROOT)}")
    return 0


def _tried(sample: Sequence[Mutant], copies: Sequence[Copy], known: reach.Reach) -> Iterator[Tried]:
    """Try all mutants, as many at a time as there are copies."""
    free: SimpleQueue[Copy] = SimpleQueue()
    for copy in copies:
        free.put(copy)
    speaking = threading.Lock()

    def attempt(mutant: Mutant) -> Tried:
        copy = free.get()
        try:
            done = _attempt(mutant, copy, known)
        finally:
            free.put(copy)
        with speaking:
            print(f"{done.outcome:9} {mutant.name}  [{done.by}]", flush=True)
        return done

    with ThreadPoolExecutor(len(copies)) as pool:
        yield from pool.map(attempt, sample)


def _attempt(mutant: Mutant, copy: Copy, known: reach.Reach) -> Tried:
    tests = known.tests(mutant)
    if not tests:
        return Tried(mutant, report.SURVIVED, "no test reaches it")
    module = copy.folder / mutant.path
    whole = module.read_text(encoding="utf-8")
    module.write_text(mutant.code, encoding="utf-8")
    try:
        return _judged(mutant, copy, tests, known)
    finally:
        module.write_text(whole, encoding="utf-8")


def _judged(mutant: Mutant, copy: Copy, tests: list[str], known: reach.Reach) -> Tried:
    """A test that takes long must fail again alone: on a busy machine it may fail by its deadline."""
    limit, seconds = known.limit(tests), known.seconds
    late: set[str] = set()
    while True:
        ended = copy.pytest(["-x", *(one for one in tests if one not in late)], limit)
        if ended.code is None:
            return Tried(mutant, report.KILLED, "time limit")
        if ended.code == 0 or not (left := [one for one in tests if one not in late]):
            return Tried(mutant, report.SURVIVED, f"{len(tests)} tests")
        failed = ended.failed
        quick = all(seconds.get(one, 0.0) < LONG_SECONDS for one in failed)
        if not failed or quick or copy.pytest(failed, limit).code != 0:
            return Tried(mutant, report.KILLED, failed[0] if failed else "pytest does not start")
        late |= {one for one in left if failed[0].startswith(one)}


if __name__ == "__main__":
    sys.exit(main())
