"""docs/standards.md says what the modules say."""

from __future__ import annotations

from tests.support import standards


def test_the_page_lists_what_the_modules_cite() -> None:
    """Guards against a page that names a module which has moved. `python -m tests.support.standards` writes it anew."""
    assert standards.PAGE.read_text() == standards.page()
