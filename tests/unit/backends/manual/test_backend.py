"""Mode manual with a real terminal, whose person and servers are the test's."""

from __future__ import annotations

import os
import pty
import socket
import sys
from collections.abc import Iterator, Sequence

import pytest

from certbot_external_auth.backends import Context, Finished
from certbot_external_auth.backends.manual import backend as manual_backend
from certbot_external_auth.backends.manual import instructions, keyboard, renewal_reminder
from certbot_external_auth.backends.manual.backend import ManualBackend
from certbot_external_auth.backends.manual.instructions import NoPerson
from certbot_external_auth.challenges import Challenge
from certbot_external_auth.dialects import Facts
from certbot_external_auth.errors import PerformError, UsageError
from certbot_external_auth.settings import Settings
from certbot_external_auth.visibility import Expectation, Observation, Outcome
from certbot_external_auth.visibility.observer import Observer

TOKEN = "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
CHALLENGE = Challenge("c1", "dns-01", "a.test", "dns", TOKEN, f"{TOKEN}.9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI")
PLACE = CHALLENGE.place


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The person's end of a terminal, which is stdin of the test."""
    leader, follower = pty.openpty()
    with os.fdopen(follower) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        yield leader
    os.close(leader)


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[Outcome]:
    """What the name server answers to each look."""
    found = [Outcome.NO_RECORD]

    def look(self: Observer, expectations: Sequence[Expectation], until: float) -> list[Observation]:
        return [Observation(each.place, "ns1", "192.0.2.1:53", found[0]) for each in expectations]

    monkeypatch.setattr(Observer, "look", look)
    monkeypatch.setattr(manual_backend.explain, "reasons", lambda *arguments: ["The zone is old."])
    return found


def backend(verify: str = "auto", **more: bool | tuple[str, ...]) -> ManualBackend:
    facts = Facts(alias="a.test", names=("a.test",), config_dir="/nonexistent")
    return ManualBackend(Context(Settings(mode="manual", verify=verify), facts, **more))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"unattended": True}, instructions.refusal(NoPerson.NOT_INTERACTIVE)),
        ({}, instructions.refusal(NoPerson.NO_TERMINAL)),
        (
            {"renewing": True, "unattended": True, "repeat": ("-a", "x")},
            instructions.not_renewable(renewal_reminder.Reminder("a.test", ("-a", "x"), None)),
        ),
    ],
)
def test_without_a_person_it_is_refused(
    given: dict[str, bool | tuple[str, ...]], problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open(os.devnull) as nothing:
        monkeypatch.setattr(sys, "stdin", nothing)
        with pytest.raises(UsageError) as raised:
            backend(**given).prepare(publishing=True, deploying=False)
    assert raised.value.problems == (problem,)
    backend(**given).prepare(publishing=False, deploying=True)


@pytest.mark.parametrize("silent", [False, True])
def test_a_reminder_is_arranged_unless_certbot_is_silent(
    person: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], silent: bool
) -> None:
    arranged: list[str] = []

    def tell(config_dir: str, say: object) -> None:
        arranged.append(config_dir)
        assert callable(say)
        say("a.test", "2027-02-23")

    monkeypatch.setattr(renewal_reminder, "tell_at_exit", tell)
    backend(silent=silent, repeat=("-a", "x")).prepare(publishing=True, deploying=False)
    assert arranged == ([] if silent else ["/nonexistent"])
    assert ("certbot certonly --cert-name a.test -a x" in capsys.readouterr().err) is not silent


def test_it_continues_when_everything_is_visible(
    person: int, answers: list[Outcome], capsys: pytest.CaptureFixture[str]
) -> None:
    answers[:] = [Outcome.MATCH]
    begun: list[Challenge] = []
    backend().perform([CHALLENGE], begun.extend)
    assert begun == [CHALLENGE]
    shown = capsys.readouterr().err
    assert CHALLENGE.validation in shown
    assert instructions.ALL_VISIBLE in shown
    assert instructions.EARLY.split(".", maxsplit=1)[0] not in shown


def test_enter_continues_and_names_what_is_missing(
    person: int, answers: list[Outcome], capsys: pytest.CaptureFixture[str]
) -> None:
    os.write(person, b"\n")
    backend().perform([CHALLENGE], lambda begun: None)
    shown = capsys.readouterr().err
    assert instructions.EARLY.split(".", maxsplit=1)[0] in " ".join(shown.split())
    assert f"  {PLACE}" in shown
    assert instructions.ALL_VISIBLE not in shown


def test_enter_after_a_look_says_what_is_probably_wrong(
    person: int, answers: list[Outcome], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Enter is pressed in the pause after the first look."""
    monkeypatch.setattr(keyboard, "wait", lambda seconds=None: True)
    backend().perform([CHALLENGE], lambda begun: None)
    assert f"  {PLACE} (ns1 192.0.2.1:53: no record)\nThe zone is old.\n" in capsys.readouterr().err


@pytest.mark.parametrize("verify", ["auto", "off"])
def test_the_end_of_input_gives_up(person: int, answers: list[Outcome], verify: str) -> None:
    os.write(person, b"\x04")
    with pytest.raises(PerformError) as raised:
        backend(verify).perform([CHALLENGE, CHALLENGE], lambda begun: None)
    (failure,) = raised.value.failures
    assert (failure.who, failure.operation, failure.identifiers) == ("The terminal", "perform", ("a.test",))


def test_without_verification_enter_is_enough(person: int, capsys: pytest.CaptureFixture[str]) -> None:
    os.write(person, b"\n")
    backend("off").perform([CHALLENGE], lambda begun: None)
    assert instructions.CONFIRM in " ".join(capsys.readouterr().err.split())


def test_cleanup_says_what_can_be_removed(capsys: pytest.CaptureFixture[str]) -> None:
    assert backend().cleanup([Finished(CHALLENGE, "valid")]) == []
    assert instructions.removals([CHALLENGE]) in capsys.readouterr().err
    backend().cleanup([])
    assert capsys.readouterr().err == ""


def test_a_port_is_in_use_while_a_program_listens() -> None:
    with socket.socket() as listening:
        listening.bind(("", 0))
        listening.listen()
        port = listening.getsockname()[1]
        assert manual_backend._in_use(port)
    assert not manual_backend._in_use(port)
