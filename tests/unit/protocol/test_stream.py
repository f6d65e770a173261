"""The stream of lines: what each protocol has of it, what the summary counts, and how it ends."""

from __future__ import annotations

import contextlib
import json
import logging
import os
from collections.abc import Iterator
from typing import Any

import pytest
from certbot import errors

from certbot_external_auth.errors import DriverError
from certbot_external_auth.protocol import failed_renewals, lines
from certbot_external_auth.protocol.channel import Channel
from certbot_external_auth.protocol.stream import Stream
from tests.support.challenges import DEPLOYMENT, DNS

HISTORIC = ["perform_challenge", "cleanup", "deploy_cert", "save", "restart", "report"]
EVERY_LINE = [
    lines.perform_challenge(DNS),
    lines.cleanup(DNS, "valid", None),
    lines.certificate("deploy_cert", DEPLOYMENT),
    lines.save(None, temporary=False),
    lines.restart(),
    lines.report([("/c/fullchain", "2027-01-02")]),
    lines.certificate("unchanged_cert", DEPLOYMENT),
    lines.result(DNS, "valid", None),
    lines.visibility("c1", "seen", []),
    lines.error("usage", "no"),
]


class Bench:
    """A stream, and the driver's end of it."""

    def __init__(self, protocol: int | None, default_protocol: int = 1) -> None:
        self.reading, writing = os.pipe()
        self.stream = Stream(Channel(None, writing), lambda: default_protocol)
        self._writing = writing
        if protocol is not None:
            self.stream.contact(protocol)

    def read(self) -> list[dict[str, Any]]:
        """All lines. The stream can send no more then."""
        os.close(self._writing)
        with os.fdopen(self.reading, closefd=False) as file:
            return [json.loads(line) for line in file]

    def close(self) -> None:
        for descriptor in (self.reading, self._writing):
            with contextlib.suppress(OSError):
                os.close(descriptor)


@pytest.fixture
def made() -> Iterator[list[Bench]]:
    benches: list[Bench] = []
    yield benches
    for bench in benches:
        bench.close()


def bench(made: list[Bench], protocol: int | None, default_protocol: int = 1) -> Bench:
    made.append(Bench(protocol, default_protocol))
    return made[-1]


NOTHING_TO_DO = [lines.certificate("unchanged_cert", DEPLOYMENT), lines.restart()]


def test_where_nobody_reads_nothing_is_written_if_there_was_nothing_to_do(made: list[Bench]) -> None:
    """Guards against: a mail from cron, twice a day, about certificates that are not due."""
    host = bench(made, None)
    host.stream.hold_if_unattended()
    host.stream.contact(1)
    for line in NOTHING_TO_DO:
        host.stream.hold_if_unattended()  # again for each certificate
        host.stream.emit(line)
    host.stream.finish(None)
    assert host.read() == []


@pytest.mark.parametrize("cause", ["line", "exception", "failure"])
def test_where_nobody_reads_lines_are_written_from_the_first_one_if_something_happens(
    made: list[Bench], cause: str
) -> None:
    host = bench(made, None)
    host.stream.hold_if_unattended()
    host.stream.contact(1)
    host.stream.hold_if_unattended()
    host.stream.emit(NOTHING_TO_DO[0])
    if cause == "line":
        host.stream.error("certbot.failed", "no", None)
    if cause == "failure":
        host.stream.note_failure()
    host.stream.finish(errors.Error("no") if cause == "exception" else None)
    found = host.read()
    middle = [] if cause == "failure" else ["error"]
    assert [line["cmd"] for line in found] == ["hello", "unchanged_cert", *middle, "summary"]
    assert [line["seq"] for line in found] == list(range(1, len(found) + 1))
    assert found[-1]["counts"]["unchanged_cert"] == 1


def test_protocol_0_has_only_lines_of_its_time(made: list[Bench]) -> None:
    """Guards against: a program of 2016 that stops at a line it does not know."""
    host = bench(made, 0)
    for line in EVERY_LINE:
        host.stream.emit(line)
    host.stream.error("usage", "no")
    host.stream.exception(errors.Error("no"))
    host.stream.finish(errors.Error("no"))
    found = host.read()
    assert [line["cmd"] for line in found] == [*HISTORIC, "report"]
    assert not {"seq", "run", "ts", "id"} & {key for line in found for key in line}


def test_protocol_1_numbers_every_line(made: list[Bench]) -> None:
    host = bench(made, 1)
    for line in EVERY_LINE:
        host.stream.emit(line)
    host.stream.finish(None)
    found = host.read()
    assert [line["cmd"] for line in found] == ["hello", *(line["cmd"] for line in EVERY_LINE), "summary"]
    assert [line["seq"] for line in found] == list(range(1, len(found) + 1))
    assert len({line["run"] for line in found}) == 1


@pytest.mark.parametrize(("default", "said"), [(1, ["hello", "error", "summary"]), (0, ["report"])])
def test_a_run_that_ends_before_the_plugin_is_asked(made: list[Bench], default: int, said: list[str]) -> None:
    host = bench(made, None, default)
    host.stream.finish(errors.Error("no"))
    host.stream.finish(errors.Error("again"))
    assert [line["cmd"] for line in host.read()] == said


def test_a_process_that_has_spoken_protocol_1_ends_with_its_summary(made: list[Bench]) -> None:
    """Guards against: a driver that waits for the summary, since the last lineage is one of 2016."""
    host = bench(made, 1)
    host.stream.contact(1)
    host.stream.contact(0)
    host.stream.emit(lines.result(DNS, "valid", None))
    host.stream.finish(None)
    assert [line["cmd"] for line in host.read()] == ["hello", "summary"]


def test_leftovers_are_asked_for_only_where_hello_is_sent(made: list[Bench]) -> None:
    """Guards against: leftovers that count as reported, though no line has them."""
    host = bench(made, None)
    asked: list[str] = []

    def leftover() -> list[lines.Line]:
        asked.append("leftover")
        return [{"batch": "b1"}]

    host.stream.contact(0, leftover)
    assert asked == []
    host.stream.contact(1, leftover)
    host.stream.contact(1, leftover)
    assert asked == ["leftover"]
    assert [line["leftover"] for line in host.read()] == [[{"batch": "b1"}]]


def test_the_summary_counts_lines_and_results(made: list[Bench]) -> None:
    host = bench(made, 1)
    host.stream.emit(lines.perform_challenge(DNS))
    for status in ("valid", "invalid", "valid"):
        host.stream.note_result(status)
    host.stream.note_unconfirmed({"c1": "silent"})
    host.stream.note_unconfirmed(["d1"])
    host.stream.finish(None)
    summary = host.read()[-1]
    assert summary["counts"] == {"perform_challenge": 1, "valid": 2, "invalid": 1}
    assert (summary["ok"], summary["unconfirmed"]) == (True, ["c1", "d1"])


@pytest.mark.parametrize("failed", ["noted", "exception", "deployment", "nothing"])
def test_when_a_run_is_ok(made: list[Bench], failed: str) -> None:
    """Guards against: a driver that takes a certificate which was not deployed for done."""
    host = bench(made, 1)
    lineage = {"name": "a", "changed": True, "deploy_failed": failed == "deployment"}
    host.stream.at_exit = lambda: ([], [lineage])
    if failed == "noted":
        host.stream.note_failure()
    host.stream.finish(errors.Error("no") if failed == "exception" else None)
    summary = host.read()[-1]
    assert summary["ok"] is (failed == "nothing")
    assert summary["lineages"] == [{"name": "a", "changed": True}]


def test_nothing_follows_a_line_that_was_not_sent(made: list[Bench]) -> None:
    """Guards against: half a line with another one behind it."""
    host = bench(made, 1)
    os.close(host.reading)
    for _ in range(2):
        with pytest.raises(DriverError):
            host.stream.emit(lines.restart())
    assert host.stream.broken
    host.stream.error("usage", "no")
    host.stream.finish(None)


@pytest.mark.parametrize(
    ("exception", "code"), [(KeyboardInterrupt(), "certbot.interrupted"), (errors.SignalExit(), "certbot.interrupted")]
)
def test_an_exception_without_text_has_a_message(made: list[Bench], exception: BaseException, code: str) -> None:
    host = bench(made, 1)
    host.stream.exception(exception, "lineage")
    line = host.read()[-1]
    assert (line["code"], line["lineage"]) == (code, "lineage")
    assert line["message"].endswith(".")


def test_a_renewal_that_failed_is_heard() -> None:
    """Guards against: a renewal whose failure only Certbot's log has. Certbot's own format is in its renewal.py."""
    heard: list[tuple[str, str]] = []
    logger = logging.getLogger("certbot._internal.renewal")
    before = list(logger.handlers)
    failed_renewals.listen(lambda exception, lineage: heard.append((str(exception), lineage)))
    try:
        logger.error("Failed to renew certificate %s with error: %s", "a.example", errors.Error("no"))
        logger.error("Failed to renew certificate %s with error: %s", "a.example", "no exception")
        logger.error("Another message about %s: %s", "a.example", errors.Error("no"))
    finally:
        logger.handlers = before
    assert heard == [("no", "a.example")]
