"""The chart of docs/performance.md is drawn from the page's own table."""

from __future__ import annotations

import pytest

from bench import chart


def test_the_chart_shows_the_clients_of_the_page() -> None:
    series = chart.read(chart.PAGE.read_text())
    shown = chart.PICTURE.read_text()
    for client in series:
        assert f">{client.replace('`', '')}</text>" in shown


def test_cells_that_were_not_measured_are_left_out() -> None:
    rows = "".join(f"| {client} | 1.00 | | 9.00 |\n" for client in chart.DRAWN)
    page = f"### Seconds\n\n| | 1 x 0.2 s | 20 x 0.2 s | 20 x 1 s |\n|---|---:|---:|---:|\n{rows}"
    assert chart.read(page) == {client: [(1, 1.0)] for client in chart.DRAWN}


@pytest.mark.parametrize("page", ["", "### Seconds\n\n| | 1 x 0.2 s |\n|---|---:|\n| lego exec | 1.00 |\n"])
def test_a_page_without_the_table_is_refused(page: str) -> None:
    with pytest.raises(ValueError, match="table"):
        chart.read(page)
