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
from certbot_external_auth.visibility import Expectation, Observation, Outcome, explain
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
    monkeypatch.setattr(explain, "reasons", lambda *arguments: ["The zone is old."])
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
    assert "Not everything is visible" not in shown


def test_enter_names_what_is_missing_and_asks(
    person: int, answers: list[Outcome], capsys: pytest.CaptureFixture[str]
) -> None:
    """The lines are typed ahead: Enter and y to continue."""
    os.write(person, b"\ny\n")
    backend().perform([CHALLENGE], lambda begun: None)
    shown = capsys.readouterr().err
    assert instructions.EARLY in " ".join(shown.split())
    assert f"  {PLACE}" in shown
    assert instructions.CONFIRM_EARLY in " ".join(shown.split())
    assert instructions.ALL_VISIBLE not in shown


def test_without_a_confirmation_it_goes_on_checking(
    person: int, answers: list[Outcome], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Guards against an order that is spent by one key too many."""

    def not_confirmed(seconds: float) -> bool:
        answers[:] = [Outcome.MATCH]
        return False

    monkeypatch.setattr(keyboard, "confirmed", not_confirmed)
    os.write(person, b"\n")
    backend().perform([CHALLENGE], lambda begun: None)
    shown = capsys.readouterr().err
    assert shown.index("Not everything is visible") < shown.index(instructions.ALL_VISIBLE)


def test_enter_after_a_look_says_what_is_probably_wrong(
    person: int, answers: list[Outcome], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Enter is pressed in the pause after the first look."""
    monkeypatch.setattr(keyboard, "wait", lambda seconds=None, pressed=None: True)
    monkeypatch.setattr(keyboard, "confirmed", lambda seconds: True)
    backend().perform([CHALLENGE], lambda begun: None)
    assert f"  {PLACE} (ns1 192.0.2.1:53: no record)\nThe zone is old.\n" in capsys.readouterr().err


def test_reasons_are_shown_while_it_waits(
    person: int, answers: list[Outcome], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Guards against reasons that come when the order is spent: Enter is never pressed here."""
    pauses: list[float | None] = []

    def pause(seconds: float | None = None, pressed: object = None) -> bool:
        pauses.append(seconds)
        if len(pauses) == 2:
            answers[:] = [Outcome.MATCH]
        return False

    monkeypatch.setattr(keyboard, "wait", pause)
    backend().perform([CHALLENGE], lambda begun: None)
    shown = capsys.readouterr().err
    assert shown.count("The zone is old.") == 1
    assert shown.index("The zone is old.") < shown.index(instructions.ALL_VISIBLE)


@pytest.mark.parametrize(("outcome", "told"), [(Outcome.NO_SUCH_NAME, True), (Outcome.TIMEOUT, False)])
def test_the_zone_of_a_record_is_what_its_servers_say(
    person: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], outcome: Outcome, told: bool
) -> None:
    """Guards against the zone above, which web panels do not have the record in."""
    looks: list[Outcome] = [outcome]

    def look(self: Observer, expectations: Sequence[Expectation], until: float) -> list[Observation]:
        now = looks.pop(0) if looks else Outcome.MATCH
        return [Observation(each.place, "ns1", "192.0.2.1:53", now, zone="test") for each in expectations]

    monkeypatch.setattr(Observer, "look", look)
    backend().perform([CHALLENGE], lambda begun: None)
    assert ("  in the zone test, with the name _acme-challenge.a:\n" in capsys.readouterr().err) is told


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
