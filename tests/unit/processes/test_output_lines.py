"""Lines of what a program prints: whole, in order, without secrets, and bounded."""

from __future__ import annotations

import pytest

from certbot_external_auth.processes import output
from certbot_external_auth.processes.output import Output, last_lines, masked


def said(*pieces: bytes, masks: tuple[bytes, ...] = ()) -> list[str]:
    found: list[str] = []
    printed = Output(found.append, masks)
    for piece in pieces:
        printed.feed(1, piece, standard=True)
    printed.flush()
    return found


@pytest.mark.parametrize(
    ("pieces", "lines"),
    [
        ((b"a\nb", b"c\nd"), ["a", "bc", "d"]),
        ((b"a", b"b", b"\n"), ["ab"]),
        ((b"a\nb\nc\n",), ["a", "b", "c"]),
        ((b"x\n", b"y\nz\nw"), ["x", "y", "z", "w"]),
        ((b"50%\r100%\n",), ["100%"]),
        ((b"1\r2\r3\r\n",), ["3"]),
        ((b"a\n\n\n \nb\n",), ["a", "", "b"]),
        ((b"\x1b[31mred\x07  \n",), ["red"]),
        ((b"\xff\n",), ["\ufffd"]),
        ((b"",), []),
    ],
)
def test_lines_come_whole_and_clean(pieces: tuple[bytes, ...], lines: list[str]) -> None:
    assert said(*pieces) == lines


def test_what_comes_by_two_pipes_is_not_mixed() -> None:
    found: list[str] = []
    printed = Output(found.append)
    printed.feed(1, b"one ", standard=True)
    printed.feed(2, b"two ", standard=False)
    printed.feed(1, b"more\n", standard=True)
    printed.feed(2, b"more\n", standard=False)
    assert found == ["one more", "two more"]
    assert printed.tail == ("one more", "two more")


@pytest.mark.parametrize(
    ("data", "masks", "limit", "shown"),
    [
        (b"key=secret!", (b"secret",), 99, b"key=***!"),
        (b"secret secret", (b"secret",), 99, b"*** ***"),
        (b"aaaa", (b"aa",), 99, b"***"),
        (b"abcde", (b"abc", b"cde"), 99, b"***"),
        (b"abcdef", (b"abc", b"def"), 99, b"******"),
        (b"secret", (b"secret",), 3, b"***"),
        (b"xxsecretyy", (b"secret",), 2, b"xx"),
        (b"plain", (), 3, b"pla"),
        (b"", (b"x",), 9, b""),
    ],
)
def test_no_part_of_a_secret_stays(data: bytes, masks: tuple[bytes, ...], limit: int, shown: bytes) -> None:
    found = masked(data, masks, limit)
    assert not any(mask in found for mask in masks)
    assert found.replace(b"******", b"***") == shown.replace(b"******", b"***")


def test_a_secret_with_terminal_sequences_in_it_is_one_too() -> None:
    assert said(b"se\x1b[0mcret\n", masks=(b"secret",)) == ["***"]


def test_after_the_limit_one_line_says_so_and_the_tail_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "MAX_LOGGED_LINES", 2)
    lines = said(b"".join(b"line %d\n" % number for number in range(9)))
    assert lines[:2] == ["line 0", "line 1"]
    assert len(lines) == 3
    assert "not logged" in lines[2]
    printed = Output(lambda line: None)
    printed.feed(1, b"".join(b"line %d\n" % number for number in range(99)), standard=True)
    assert printed.tail == tuple(f"line {number}" for number in range(99 - output.TAIL_LINES, 99))


@pytest.mark.parametrize("count", [0, 1, output.TAIL_LINES, output.TAIL_LINES + 3])
def test_the_last_lines_that_are_not_blank(count: int) -> None:
    lines = [b"line %d" % number for number in range(count)]
    data = b"".join(line + b"\n \n" for line in lines)
    assert last_lines(data) == lines[-output.TAIL_LINES :][:count]
