"""docs/persist.md says what the plugin says."""

from __future__ import annotations

from tests.support import wrong_records


def test_the_table_is_made_from_the_cases() -> None:
    """Guards against: a table of sentences that were changed. `python -m tests.support.wrong_records` writes it."""
    assert wrong_records.PAGE.read_text() == wrong_records.page()
