"""What a program prints, where it prints without end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certbot_external_auth.processes import output
from certbot_external_auth.processes.output import Output

CHUNK = 65536
MEGABYTES = 8
SECRET = b"trailing blanks  "


@pytest.mark.parametrize("line", [b"\n", b" \r\n", b"a\n", b"x" * 63 + b"\n"])
def test_what_is_not_passed_on_is_not_looked_at_line_by_line(line: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards against: a processor that is busy for the whole time limit."""
    looked_at = 0
    masked = output.masked

    def counted(*given: object) -> bytes:
        nonlocal looked_at
        looked_at += 1
        return masked(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(output, "masked", counted)
    lines = Output(lambda said: None)
    data = (line * CHUNK)[:CHUNK]
    for _ in range(MEGABYTES * 1_000_000 // CHUNK):
        lines.feed(1, data, standard=True)
    passed_on = 2 * (output.MAX_LOGGED_BYTES + CHUNK)
    assert looked_at <= passed_on + (MEGABYTES * 1_000_000 // CHUNK) * (output.TAIL_LINES + 1)


lines = st.binary(max_size=12) | st.sampled_from([b"", b" ", b"\t\r", b"word", SECRET, b"x" * 3000])


@given(st.lists(lines, max_size=40), st.lists(lines, max_size=40), st.booleans())
def test_the_tail_is_that_of_all_lines(before: list[bytes], after: list[bytes], newline: bool) -> None:
    """Also of those that are not looked at one by one, with what is masked in them."""
    quick, slow = Output(lambda said: None, masks=[SECRET]), Output(lambda said: None, masks=[SECRET])
    quick.total = output.MAX_LOGGED_BYTES + 1
    for way in (quick, slow):
        way.feed(1, b"\n".join(before), standard=True)
        way.feed(1, b"\n".join(after) + b"\n" * newline, standard=True)
        way.flush()
    assert quick.tail == slow.tail
