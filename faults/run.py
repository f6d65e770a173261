"""Make everything go wrong on purpose, and write the results to docs/reliability.md.

faults/run.py [--quick] [--only TABLE] [--seed NUMBER]
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from faults import (  # noqa: E402
    dispositions,
    handlers,
    hostile_ca,
    hostile_looks,
    hostile_offers,
    installing,
    kills,
    kills_of_recovery,
    properties,
    rehearsals,
    sessions_under_attack,
    surroundings,
    told_outputs,
)
from faults.page import page  # noqa: E402
from faults.table import Table  # noqa: E402
from tests.support.dispositions import as_at_login  # noqa: E402
from tests.support.testca import TestCA  # noqa: E402

ALONE = "input"
REPORT = ROOT / "docs" / "reliability.md"
Make = Callable[[Path, bool, int], Table]


def _kills_of_recovery(folder: Path, quick: bool, seed: int) -> Table:
    with TestCA() as ca:
        return kills_of_recovery.table(ca, folder, quick, seed)


def _with_ca(make: Callable[[TestCA, Path, bool], Table]) -> Make:
    def table(folder: Path, quick: bool, seed: int) -> Table:
        with TestCA() as ca:
            return make(ca, folder, quick)

    return table


TABLES: dict[str, Make] = {
    "handlers": _with_ca(handlers.table),
    "ca": _with_ca(hostile_ca.table),
    "kills": kills.table,
    "outputs": told_outputs.table,
    "surroundings": _with_ca(surroundings.table),
    "dispositions": _with_ca(dispositions.table),
    "sessions": _with_ca(sessions_under_attack.table),
    "recovery": _kills_of_recovery,
    "looks": hostile_looks.table,
    "offers": lambda folder, quick, seed: hostile_offers.table(folder, quick),
    "rehearsals": lambda folder, quick, seed: rehearsals.table(folder, quick),
    "install": lambda folder, quick, seed: installing.table(folder, quick),
    "input": lambda folder, quick, seed: properties.table(quick, seed),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="run a few cases of each table; do not write docs/reliability.md"
    )
    parser.add_argument("--only", choices=TABLES, action="append", help="make only this table and its section")
    parser.add_argument(
        "--seed", type=int, default=random.randrange(10**6), help="seed of the random moments and values"
    )
    arguments = parser.parse_args()
    as_at_login()
    print(f"Seed {arguments.seed}", flush=True)
    chosen = arguments.only or list(TABLES)
    # With --quick no time is measured, so all tables are made at once. Hypothesis runs alone, because of its own seed.
    alone = [name for name in chosen if name == ALONE or not arguments.quick]
    tables = {name: made(name, arguments.quick, arguments.seed) for name in alone}
    with ThreadPoolExecutor(len(TABLES)) as pool:
        together = [name for name in chosen if name not in alone]
        made_together = pool.map(lambda name: made(name, arguments.quick, arguments.seed), together)
        tables.update(zip(together, made_together, strict=True))
    if not arguments.quick:
        # Also when all are made: `make mutants` wrote a section, too.
        REPORT.write_text(page(REPORT.read_text(), tables, arguments.seed))
        print(f"Written to {REPORT.relative_to(ROOT)}")
    return 1 if any(table.failed for table in tables.values()) else 0


def made(name: str, quick: bool, seed: int) -> Table:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="external-auth-faults-") as folder:
        # If other users could not enter the folder, the checks of who can change a handler would not be tested.
        Path(folder).chmod(0o755)
        table = TABLES[name](Path(folder), quick, seed)
    shown = [row for row in table.rows if not quick or not row.ok]
    for row in shown:
        print("  " if row.ok else "X ", " | ".join(map(str, row.cells)))
    print(f"{table.title}: {table.verdict}, {time.monotonic() - began:.0f} s", flush=True)
    return table


if __name__ == "__main__":
    sys.exit(main())
