"""The table of flags in docs/reference/flags.md is made from the code."""

from __future__ import annotations

from pathlib import Path

from certbot_external_auth.settings import OPTIONS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "flags.md"


def table() -> str:
    rows = [f"| `--external-auth-{one.name}` | {one.shown_default} | {one.help} |" for one in OPTIONS]
    return "\n".join(["| flag | default | meaning |", "|---|---|---|", *rows])


def test_the_table_of_flags_is_that_of_the_code() -> None:
    """Guards against: a flag whose documentation differs from its behaviour."""
    text = PAGE.read_text()
    shown = text.split("<!-- flags:begin -->")[1].split("<!-- flags:end -->")[0].strip()
    assert shown == table(), f"docs/reference/flags.md should have:\n{table()}"
