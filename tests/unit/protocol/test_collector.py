"""Waiting for answers, over real pipes: what a driver may do wrong without a hang or a false yes."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator, Sequence

import pytest

from certbot_external_auth.protocol import collector
from certbot_external_auth.protocol.channel import Channel
from certbot_external_auth.protocol.collector import Collector, Unconfirmed, skip_early
from certbot_external_auth.protocol.stream import Stream
from tests.support.purity import Line
from tests.unit.protocol.test_channel import write_all

SHORT = 0.2


class Bench:
    """A stream, and the driver's ends of its pipes."""

    def __init__(self) -> None:
        answers, self.write = os.pipe()
        self._read, lines = os.pipe()
        self._open = {answers, lines, self.write}
        self._lines: list[Line] = []
        self.stream = Stream(Channel(answers, lines))
        self.stream.contact(1)

    def wait(self, ids: Sequence[str], seconds: float, first_failure_ends: bool = True) -> dict[str, Unconfirmed]:
        for each in ids:
            self.stream.ledger.expect(each, "perform_challenge", time.monotonic() + seconds)
        return Collector(self.stream, ids, first_failure_ends).wait()

    def hang_up(self) -> None:
        self._open.remove(self.write)
        os.close(self.write)

    def close(self) -> list[Line]:
        """Every line that was sent."""
        for each in self._open:
            os.close(each)
        if self._open:
            self._open.clear()
            with os.fdopen(self._read, "rb") as file:
                self._lines = [json.loads(line) for line in file]
        return self._lines

    def errors(self) -> list[str]:
        return [line["code"] for line in self.close() if line["cmd"] == "error"]


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.close()


def writing(bench: Bench, data: bytes) -> threading.Thread:
    thread = threading.Thread(target=write_all, args=(bench.write, data), daemon=True)
    thread.start()
    return thread


def test_a_thousand_answers_in_one_write(bench: Bench) -> None:
    ids = [f"c{number}" for number in range(1000)]
    text = "".join(json.dumps({"id": one, "ok": True}) + "\r\n" for one in reversed(ids))
    writing(bench, text.encode())
    assert bench.wait(ids, 30) == {}
    assert bench.errors() == []


def test_a_megabyte_of_rubbish_is_one_line_and_ends_the_batch(bench: Bench) -> None:
    writer = writing(bench, b"x" * 1_000_000 + b"\n")
    failures = bench.wait(["c1"], 30)
    assert failures["c1"].problem["type"] == "answer.malformed"
    deadline = time.monotonic() + 30
    while writer.is_alive() and time.monotonic() < deadline:
        skip_early(bench.stream)
    assert not writer.is_alive()
    assert bench.errors() == ["answer.malformed"]


def test_rubbish_beside_answers_ends_no_cleanup(bench: Bench) -> None:
    """A debugging print in a driver must not lose the confirmation behind it."""
    writing(bench, b"x\n" * 99 + b'{"ok": true}\n')
    assert bench.wait(["c1"], 30, first_failure_ends=False) == {}
    assert bench.errors() == ["answer.malformed"] * 99


def test_half_a_line_and_silence_is_no_answer(bench: Bench) -> None:
    os.write(bench.write, b'{"id": "c1", "ok": tr')
    assert bench.wait(["c1"], SHORT)["c1"].problem["type"] == "answer.timeout"
    assert bench.errors() == ["answer.timeout"]


def test_half_a_line_and_the_end_is_no_answer(bench: Bench) -> None:
    os.write(bench.write, b'{"id": "c1", "ok": tr')
    bench.hang_up()
    assert bench.wait(["c1"], 30)["c1"].problem["type"] == "answer.malformed"


@pytest.mark.parametrize("line", [b"\n", b'{"id": "c1", "wait": 0.01}\n'])
def test_a_driver_that_never_stops_does_not_hold_the_run(bench: Bench, line: bytes) -> None:
    """Lines that settle nothing, faster than they are read: the deadline holds all the same."""
    bench.stream.ledger.expect("c1", "cleanup", time.monotonic() + SHORT, extendable=False)
    stop = threading.Event()

    def flood() -> None:
        while not stop.is_set():
            write_all(bench.write, line * 100)

    thread = threading.Thread(target=flood, daemon=True)
    thread.start()
    failures = Collector(bench.stream, ["c1"], first_failure_ends=False).wait()
    stop.set()
    while thread.is_alive():
        bench.stream.channel.receive(time.monotonic())
    assert failures["c1"].problem["type"] == "answer.timeout"


def test_more_time_is_for_the_line_that_asked(bench: Bench) -> None:
    os.write(bench.write, b'{"id": "c1", "wait": 600}\n')
    failures = bench.wait(["c1", "c2"], SHORT)
    assert list(failures) == ["c2"]
    (book,) = bench.stream.ledger.open(["c1"])
    assert book.deadline > time.monotonic() + 500


def test_what_was_sent_before_a_line_is_no_answer_to_it(bench: Bench) -> None:
    """Answering a challenge twice must not confirm its cleanup, nor a newline too many the next order's challenge."""
    os.write(bench.write, b'{"ok": true}\n{"ok": true}\n\n\n{"id": "c1", "ok": true}\nrubbish\n')
    assert bench.wait(["c1"], 30) == {}
    skip_early(bench.stream)
    assert bench.wait(["c1"], SHORT)["c1"].problem["type"] == "answer.timeout"
    assert bench.errors() == ["answer.malformed", "answer.timeout"]


def test_before_a_line_no_flood_is_listened_to_for_ever(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector, "MAX_EARLY_LINES", 10)
    os.write(bench.write, b"\n" * 30)
    skip_early(bench.stream)
    assert len(list(iter(lambda: bench.stream.channel.receive(time.monotonic()), None))) == 20


def test_a_refusal_comes_back_with_its_code(bench: Bench) -> None:
    os.write(bench.write, b'{"id": "c2", "ok": false, "error": {"code": "dns.full", "message": "no room"}}\n')
    failures = bench.wait(["c1", "c2"], 30)
    assert failures == {"c2": Unconfirmed("it refused (dns.full: no room)", {"type": "dns.full", "detail": "no room"})}
    (told,) = (line for line in bench.close() if line["cmd"] == "error")
    assert (told["code"], told["id"]) == ("answer.refused", "c2")
    assert "dns.full" in told["message"]
    assert "no room" in told["message"]
