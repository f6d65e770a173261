"""Compare this plugin with Certbot's own hooks and other clients, and measure what it adds to unrelated commands.

The results go to docs/performance.md. With --quick there are fewer, and they go to the terminal only.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench import (  # noqa: E402
    calls,
    chart,
    issuing,
    json_lines,
    late_values,
    machine,
    providers,
    rehearsals,
    renewals,
    starts,
    two_steps,
    types_of_challenge,
    visibility,
)
from bench.plan import FULL, QUICK, Plan  # noqa: E402

REPORT = ROOT / "docs" / "performance.md"


Section = Callable[[Plan, Path], Iterable[str]]
SECTIONS: dict[str, Section] = {
    # Issuing comes first: modules that other sections load here would count as memory of its programs.
    "issuing": lambda plan, folder: issuing.section(plan, *issuing.measure(plan, folder)),
    "calls": lambda plan, folder: calls.section(calls.measure(plan, folder)),
    "starts": lambda plan, folder: starts.section(starts.measure(plan, folder), starts.measure_selected(plan)),
    "renewals": lambda plan, folder: renewals.section(renewals.measure(plan, folder)),
    "rehearsals": lambda plan, folder: rehearsals.section(rehearsals.measure(plan, folder)),
    "json": lambda plan, folder: json_lines.section(json_lines.measure(plan.batches), json_lines.whole(plan, folder)),
    "two-steps": lambda plan, folder: two_steps.section(two_steps.measure(plan, folder)),
    "visibility": lambda plan, folder: visibility.section(visibility.measure(rounds=5, late=plan.late)),
    "late-values": lambda plan, folder: late_values.section(late_values.measure(count=20)),
    "providers": lambda plan, folder: providers.section(providers.measure(plan, folder)),
    "types": lambda plan, folder: types_of_challenge.section(plan, types_of_challenge.measure(plan, folder)),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="make fewer runs; do not write docs/performance.md")
    parser.add_argument("--only", choices=SECTIONS, help="measure only this section; do not write docs/performance.md")
    arguments = parser.parse_args()
    plan = QUICK if arguments.quick else FULL
    if arguments.only is None:
        print(
            f"{'One or two' if plan is QUICK else 'About 40'} minutes, on a machine that does nothing else.", flush=True
        )
    lines: list[str] = []
    with tempfile.TemporaryDirectory(prefix="external-auth-bench-") as folder:
        for section in report(plan, Path(folder), arguments.only):
            lines += section
            print("", *section, sep="\n", flush=True)
    if plan is FULL and arguments.only is None:
        REPORT.write_text("\n".join(lines).rstrip() + "\n")
        print(f"Written to {REPORT.relative_to(ROOT)}")
        chart.main()
    return 0


def report(plan: Plan, folder: Path, only: str | None) -> Iterator[list[str]]:
    """Measure one section after the other.

    :param only: the name of the only section that is wanted; None for all that the plan has time for.
    """
    yield list(machine.introduction())
    late = {"visibility", "late-values"} if not plan.late else set()
    left_out = late | ({"types"} if not plan.tls_names else set())
    for name, section in SECTIONS.items():
        if name == only or (only is None and name not in left_out):
            yield list(section(plan, folder))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
