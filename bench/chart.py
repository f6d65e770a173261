"""Draws the chart of docs/performance.md from the page's own table, so that the two cannot differ."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "performance.md"
PICTURE = ROOT / "docs" / "pictures" / "performance.svg"
SLEEP = "0.2 s"
"""The time that the script sleeps in the columns that are drawn."""
DRAWN = ("plugin, jobs 16", "plugin, jobs 1", "Certbot `--manual`", "dehydrated", "lego exec")
OVERLAPPED = "Certbot `--manual`"
"""Lies on another line almost everywhere, which shows through its dashes."""

Series = Mapping[str, list[tuple[int, float]]]
"""By client: number of names and seconds."""


def read(page: str) -> Series:
    """Read the first table below "### Seconds": the columns with one sleep, without the cells that are empty.

    :raises ValueError: if the page has no such table, or a client that is drawn is not in it.
    """
    table = re.search(r"^### Seconds\n\n((?:\|.*\n)+)", page, re.MULTILINE)
    if table is None:
        raise ValueError("the page has no table of seconds")
    heading, _, *rows = ([cell.strip() for cell in line.strip("|\n").split("|")] for line in table[1].splitlines())
    names = {column: int(cell.split()[0]) for column, cell in enumerate(heading) if cell.endswith(f"x {SLEEP}")}
    found = {row[0]: [(count, float(row[column])) for column, count in names.items() if row[column]] for row in rows}
    if missing := set(DRAWN) - set(found):
        raise ValueError(f"the table has no row for {', '.join(sorted(missing))}")
    return {client: found[client] for client in DRAWN}


def draw(series: Series, picture: Path) -> None:
    """Write the chart. :param picture: the file, an SVG."""
    import matplotlib

    matplotlib.use("svg")
    # Text stays text, and the same figures give the same file.
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "chart", "font.size": 11})
    from matplotlib import pyplot, ticker

    figure, axes = pyplot.subplots(figsize=(7, 4), layout="constrained")
    for client, points in series.items():
        counts, seconds = zip(*points, strict=True)
        style = "--" if client == OVERLAPPED else "-"
        axes.plot(counts, seconds, style, marker="o", label=client.replace("`", ""))
    axes.set(xscale="log", yscale="log", xlabel="names in one certificate", ylabel="seconds")
    axes.set_title(f"A certificate with a script that takes {SLEEP} for each call")
    axes.set_xticks(sorted({count for points in series.values() for count, _ in points}))
    axes.set_yticks([2, 5, 10, 20, 50, 100])
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(ticker.ScalarFormatter())
        axis.set_minor_formatter(ticker.NullFormatter())
    axes.grid(alpha=0.3)
    axes.legend()
    picture.parent.mkdir(exist_ok=True)
    figure.savefig(picture, metadata={"Date": None})
    pyplot.close(figure)


def main() -> int:
    """Draw the chart from the page as it is now."""
    draw(read(PAGE.read_text()), PICTURE)
    print(f"Written to {PICTURE.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
