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
    renewals,
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
    lines: list[str] = []
    with tempfile.TemporaryDirectory(prefix="external-auth-bench-") as folder:
        for section in report(plan, Path(folder)):
            lines += section
            print("", *section, sep="\n", flush=True)
    text = "\n".join(lines).rstrip() + "\n"
    if plan is FULL:
        REPORT.write_text(text)
        print(f"Written to {REPORT.relative_to(ROOT)}")
    return 0


def report(plan: Plan, folder: Path) -> Iterator[list[str]]:
    """Measures one section after the other.

    Issuing comes first: what is loaded here for the others would count as memory of its programs.
    """
    yield list(machine.introduction())
    yield list(issuing.section(plan, *issuing.measure(plan, folder)))
    yield list(calls.section(calls.measure(plan, folder)))
    yield list(starts.section(starts.measure(plan, folder), starts.measure_selected(plan)))
    yield list(renewals.section(renewals.measure(plan, folder)))
    yield list(json_lines.section(json_lines.measure(plan.batches), json_lines.whole(plan, folder)))
    yield list(two_steps.section(two_steps.measure(plan, folder)))
    if plan.late:
        yield list(visibility.section(visibility.measure(rounds=5, late=plan.late)))
        yield list(late_values.section(late_values.measure(count=20)))
    if plan.tls_names:
        yield list(types_of_challenge.section(plan, types_of_challenge.measure(plan, folder)))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
