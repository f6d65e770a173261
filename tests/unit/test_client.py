"""The client, with a program that prints given lines in place of Certbot; integration tests use real Certbots."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from certbot_external_auth.client import (
    Challenge,
    Cleanup,
    CrashedError,
    RunFailedError,
    Session,
    SessionError,
    UsageError,
    complete,
)
from tests.support.dispositions import started_with

HELLO = {"cmd": "hello", "protocol": "1.0"}
IDS = ("c1", "c2", "c3")
SAYS = """
import json, sys
for step in json.loads(sys.argv[1]):
    for line in step:
        print(json.dumps(line), flush=True)
    for line in step:
        if line["cmd"] in ("perform_challenge", "cleanup"):
            sys.stdin.readline()
sys.exit(int(sys.argv[2]))
"""


def session(*steps: object, code: int = 0) -> Session:
    """Return a session with a program that prints each step's lines, waits for the answers, and exits with a code."""
    command = (sys.executable, "-c", SAYS, json.dumps(steps), str(code))
    return Session([], command, stderr=subprocess.DEVNULL)


def test_going_through_it_may_be_left_and_taken_up_again() -> None:
    """Guards against losing the rest of the batch, without a message, until the deadline."""
    batch = [{"cmd": "perform_challenge", "id": opened, "type": "dns-01", "domain": "a.test"} for opened in IDS]
    steps = (
        [HELLO, *batch, {"cmd": "await", "ids": IDS}],
        [{"cmd": "cleanup", "id": opened, "status": "valid", "error": None} for opened in IDS],
        [{"cmd": "summary", "ok": True}],
    )
    found = []
    with session(*steps) as opened:
        while opened.returncode is None:
            for request in opened:
                found.append((type(request), request.id))
                request.done()
                break
    assert found == [(kind, name) for kind in (Challenge, Cleanup) for name in IDS]


def test_a_challenge_has_the_name_of_its_record() -> None:
    """Lost: where to write, for a name that is an alias (CNAME)."""
    plain = {"cmd": "perform_challenge", "type": "dns-01", "domain": "a.test", "txt_domain": "_acme-challenge.a.test"}
    alias = {"txt_target": "x.acme.test", "txt_zone": "acme.test"}
    first, second = {**plain, "id": "c1"}, {**plain, **alias, "id": "c2"}
    found = []
    with session(
        [HELLO, first, second, {"cmd": "await", "ids": ["c1", "c2"]}], [{"cmd": "summary", "ok": True}]
    ) as one:
        for request in one:
            assert isinstance(request, Challenge)
            found.append((request.record_name, request.txt_target, request.txt_zone))
            request.done()
    assert found == [("_acme-challenge.a.test", None, None), ("x.acme.test", "x.acme.test", "acme.test")]


def test_each_batch_is_given_once() -> None:
    steps = [
        [{"cmd": "perform_challenge", "id": one, "type": "dns-01", "domain": "a.test"}, {"cmd": "await", "ids": [one]}]
        for one in IDS
    ]
    given = []
    with session([HELLO], *steps, [{"cmd": "summary", "ok": True}]) as opened:
        for request in opened:
            given.append(request.id)
            request.done()
    assert given == list(IDS)


def test_exit_code_2_after_a_challenge_is_not_wrong_use() -> None:
    """Guards against the message that Certbot has done nothing, when challenges were published."""
    asked = {"cmd": "perform_challenge", "id": "c1", "type": "dns-01", "domain": "a.test"}

    def go_through(opened: Session) -> None:
        with opened:
            for request in opened:
                request.done()

    with pytest.raises(CrashedError) as raised:
        go_through(session([HELLO, asked, {"cmd": "await", "ids": ["c1"]}], code=2))
    assert raised.value.returncode == 2
    with pytest.raises(UsageError):
        go_through(session([], code=2))


def test_an_exit_code_that_no_line_explains() -> None:
    """`summary.ok` can be true then, so the exit code decides."""
    with pytest.raises(RunFailedError, match="exit code 1: no line says why; see its stderr"):  # noqa: SIM117
        with session([HELLO, {"cmd": "summary", "ok": True}], code=1) as opened:
            assert list(opened) == []


DRIVES = """
import sys
from certbot_external_auth.client import RunFailedError, Session
try:
    with Session([], sys.argv[1:], stderr=None) as found:
        list(found)
except RunFailedError as error:
    print(error.returncode)
"""


def test_an_exit_code_where_sigchld_is_ignored() -> None:
    """Guards against: a failed run that counts as a success."""
    certbot = [sys.executable, "-c", SAYS, json.dumps([[HELLO, {"cmd": "summary", "ok": True}]]), "5"]
    words = [*started_with(ignored=[signal.SIGCHLD]), sys.executable, "-c", DRIVES, *certbot]
    assert subprocess.check_output(words, text=True, timeout=60) == "5\n"


def test_an_exit_code_that_another_part_of_the_process_takes_is_no_success() -> None:
    def drive() -> None:
        with session([HELLO, {"cmd": "summary", "ok": True}], code=5) as opened:
            assert opened._process is not None
            os.waitpid(opened._process.pid, 0)
            list(opened)

    with pytest.raises(SessionError, match="not known"):
        drive()


@pytest.mark.parametrize("stderr", [subprocess.PIPE, subprocess.STDOUT])
def test_a_pipe_that_nobody_reads_is_refused(stderr: int) -> None:
    """Guards against a Certbot that hangs as soon as the pipe is full."""
    with pytest.raises(ValueError, match="stderr"):
        Session(["certonly"], stderr=stderr)


@pytest.mark.parametrize("words", [["--external-auth-socket", "/run/s"], ["--external-auth-socket=/run/s"]])
def test_lines_that_go_elsewhere_are_refused(words: list[str]) -> None:
    with pytest.raises(ValueError, match="socket"):
        Session(["certonly", *words])


LINES = ["--external-auth-mode", "json"]
RENEWAL = ["-q", "--no-random-sleep-on-renew"]


@pytest.mark.parametrize(
    ("given", "more"),
    [
        (["certonly", "--cert-name", "renew"], LINES),
        (["--cert-name", "a", "renew"], RENEWAL),
        (["-d", "a.test"], LINES),
    ],
)
def test_the_verb_is_found_as_certbot_finds_it(given: list[str], more: list[str]) -> None:
    """Guards against a certificate name that is taken for a verb."""
    assert complete(given) == [*given, "-n", *more]


def test_every_verb_of_certbots_is_known() -> None:

    from certbot._internal.cli.helpful import HelpfulArgumentParser

    from certbot_external_auth import client

    parser = HelpfulArgumentParser(["certificates"], {})
    assert set(parser.VERBS) <= client._VERBS
