"""Lines over real pipes."""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certbot_external_auth.errors import DriverError
from certbot_external_auth.protocol.answers import MAX_LINE_BYTES
from certbot_external_auth.protocol.channel import Channel

Ends = tuple[Channel, int, int]


@pytest.fixture
def ends() -> Iterator[Ends]:
    """A channel, and the driver's ends: where it writes answers, and where it reads lines."""
    answers, their_write = os.pipe()
    their_read, lines = os.pipe()
    yield Channel(answers, lines), their_write, their_read
    for descriptor in (answers, their_write, their_read, lines):
        try:
            os.close(descriptor)
        except OSError:
            continue


def soon() -> float:
    return time.monotonic() + 10


def all_lines(data: bytes, cuts: list[int]) -> list[bytes]:
    read, write = os.pipe()
    channel = Channel(read, write)
    lines_read = []
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    for start, stop in itertools.pairwise(places):
        os.write(write, data[start:stop])
        while (line := channel.receive(time.monotonic())) is not None:
            lines_read.append(line)
    os.close(write)
    while (line := channel.receive(soon())) is not None:
        lines_read.append(line)
    os.close(read)
    return lines_read


@given(st.lists(st.binary(max_size=20).map(lambda b: b.replace(b"\n", b"")), max_size=6), st.lists(st.integers(0, 99)))
def test_lines_come_whole_however_they_are_cut(lines: list[bytes], cuts: list[int]) -> None:
    """Drivers flush where they like."""
    data = b"".join(line + b"\n" for line in lines)
    assert all_lines(data, cuts) == lines


def test_the_last_line_counts_without_its_newline(ends: Ends) -> None:
    channel, write, _ = ends
    os.write(write, b'{"ok": true}')
    os.close(write)
    assert channel.receive(soon()) == b'{"ok": true}'
    assert channel.receive(soon()) is None
    assert channel.ended


def test_a_line_without_end_is_bounded(ends: Ends) -> None:
    channel, write, _ = ends
    for _ in range(40):
        os.write(write, b"x" * 4096)
        if (line := channel.receive(time.monotonic())) is not None:
            assert len(line) == MAX_LINE_BYTES + 1
    os.write(write, b"y\nnext\n")
    assert channel.receive(soon()) == b"next"


def test_nobody_is_told_from_somebody_slow_and_from_answers_given_before(ends: Ends) -> None:
    channel, write, _ = ends
    assert not channel.at_end()
    os.write(write, b"\n")
    os.close(write)
    assert not channel.at_end()
    assert channel.receive(soon()) == b""
    assert channel.at_end()


def test_a_driver_that_writes_before_it_reads_is_no_deadlock(ends: Ends) -> None:
    """Both pipes full, each side waiting for the other to read: a batch of some thousand challenges."""
    channel, write, read = ends
    answers, lines = (b"y" * 999 + b"\n") * 1000, b"x" * 1_000_000
    driver = threading.Thread(target=lambda: [write_all(write, answers), read_all(read, len(lines))])
    driver.start()
    channel.send(lines, time.monotonic() + 30)
    driver.join(30)
    assert not driver.is_alive()
    for _ in range(1000):
        assert channel.receive(soon()) == b"y" * 999


def write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def read_all(descriptor: int, length: int) -> None:
    while length:
        length -= len(os.read(descriptor, length))


def test_a_reader_that_is_gone_or_asleep_is_an_error_and_no_hang(ends: Ends) -> None:
    channel, _, read = ends
    with pytest.raises(DriverError, match="no longer reads"):
        channel.send(b"x" * 1_000_000, time.monotonic() + 0.2)
    os.close(read)
    with pytest.raises(DriverError, match="closed its end"):
        channel.send(b"x", soon())
