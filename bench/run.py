"""The benchmark: this plugin beside Certbot's own hooks and other clients, and what it adds where nobody uses it.

The numbers go to docs/performance.md; with --quick there are fewer of them, and they go to the terminal only.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench import (  # noqa: E402
    calls,
    issuing,
    json_lines,
    late_values,
    machine,
    starts,
    two_steps,
    types_of_challenge,
    visibility,
)
from bench.plan import FULL, QUICK, Plan  # noqa: E402

REPORT = ROOT / "docs" / "performance.md"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer runs, and no docs/performance.md")
    plan = QUICK if parser.parse_args().quick else FULL
    print(f"{'One or two' if plan is QUICK else 'About 40'} minutes, on a machine that does nothing else.", flush=True)
    with tempfile.TemporaryDirectory(prefix="external-auth-bench-") as folder:
        text = "\n".join(report(plan, Path(folder))).rstrip() + "\n"
    print(f"\n{text}")
    if plan is FULL:
        REPORT.write_text(text)
        print(f"Written to {REPORT.relative_to(ROOT)}")
    return 0


def report(plan: Plan, folder: Path) -> Iterator[str]:
    """Measures one section after the other."""
    yield from machine.introduction()
    yield from issuing.section(plan, *issuing.measure(plan, folder))
    if plan.tls_names:
        yield from types_of_challenge.section(plan, types_of_challenge.measure(plan, folder))
    if plan.late:
        yield from visibility.section(visibility.measure(rounds=5, late=plan.late))
        yield from late_values.section(late_values.measure(count=20))
    yield from json_lines.section(json_lines.measure(plan.batches), json_lines.whole(plan, folder))
    yield from two_steps.section(two_steps.measure(plan, folder))
    yield from calls.section(calls.measure(plan, folder))
    yield from starts.section(starts.measure(plan, folder), starts.measure_selected(plan))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
