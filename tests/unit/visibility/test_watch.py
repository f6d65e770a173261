"""When the watch looks again and when it stops; the clock is the real one, the pauses are not waited for."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

import pytest
from certbot import errors

from certbot_external_auth.visibility import Expectation, Observation, Outcome, watch
from certbot_external_auth.visibility.verdict import Decision, State
from certbot_external_auth.visibility.watch import Policy, Round

A, B = (Expectation("dns-01", name, f"_acme-challenge.{name}", (name,), (name,)) for name in ("a.test", "b.test"))


class Script:
    """Sees for each expectation what the script has for that round; the last entry goes on."""

    def __init__(self, **rounds: Sequence[Outcome | BaseException | None]) -> None:
        self._rounds = rounds
        self.looks = 0
        self.allowed: list[float] = []

    def look(self, expectations: Sequence[Expectation], until: float) -> list[Observation]:
        self.allowed.append(until - time.monotonic())
        found = []
        for one in expectations:
            rounds = self._rounds[one.identifier[0]]
            outcome = rounds[min(self.looks, len(rounds) - 1)]
            if isinstance(outcome, BaseException):
                raise outcome
            if outcome is not None:
                found.append(Observation(one.place, "ns", "192.0.2.1:53", outcome))
        self.looks += 1
        return found


def run(script: Script, policy: Policy, *expectations: Expectation) -> tuple[Round, list[Round], list[float]]:
    told: list[Round] = []
    pauses: list[float] = []
    end = watch.watch(script.look, expectations, policy, told.append, lambda seconds: bool(pauses.append(seconds)))
    return end, told, pauses


LONG = Policy("auto", 1000, 0)


def test_all_there_at_the_first_look_waits_for_nothing() -> None:
    end, told, pauses = run(Script(a=[Outcome.MATCH], b=[Outcome.MATCH]), LONG, A, B)
    assert (end.number, end.over, pauses, len(told)) == (1, True, [], 1)


def test_pauses_grow_to_fifteen_seconds_and_are_never_the_same() -> None:
    _, _, pauses = run(Script(a=[*[Outcome.NO_RECORD] * 12, Outcome.MATCH]), LONG, A)
    nominal = [min(1.5**n, 15.0) for n in range(12)]
    assert all(abs(pause - usual) <= 0.1 * usual for pause, usual in zip(pauses, nominal, strict=True))
    assert len(set(pauses)) == len(pauses)


def test_whenever_something_comes_the_pauses_are_short_again() -> None:
    """Lost: up to 15 seconds, after all servers but one have taken a minute."""
    late = [Outcome.NO_RECORD] * 6
    _, _, pauses = run(Script(a=[*late, Outcome.MATCH], b=[*late, *late, Outcome.MATCH]), LONG, A, B)
    nominal = [1.5**n for n in range(6)] * 2
    assert all(abs(pause - usual) <= 0.1 * usual for pause, usual in zip(pauses, nominal, strict=True))


def test_one_that_is_late_is_waited_for_with_the_whole_batch_looked_at_again() -> None:
    _, told, _ = run(Script(a=[Outcome.MATCH], b=[Outcome.NO_RECORD, Outcome.NO_RECORD, Outcome.MATCH]), LONG, A, B)
    assert [one.states[B.place] for one in told] == [State.WAITING, State.WAITING, State.VISIBLE]
    # A server that forgets what it had shown is noticed.
    end, _, _ = run(
        Script(a=[Outcome.MATCH, Outcome.NO_RECORD, Outcome.MATCH], b=[Outcome.NO_RECORD, Outcome.MATCH]), LONG, A, B
    )
    assert end.number == 3


@pytest.mark.parametrize(
    ("mode", "outcome", "looks"),
    [("auto", Outcome.TIMEOUT, 2), ("auto", Outcome.UNREACHABLE, 1), ("auto", None, 1)],
)
def test_auto_does_not_wait_for_nobody(mode: str, outcome: Outcome | None, looks: int) -> None:
    end, _, _ = run(Script(a=[outcome]), Policy(mode, 1000, 0), A)
    assert (end.number, end.states[A.place]) == (looks, State.UNKNOWN)


def test_strict_and_a_no_are_waited_for_to_the_end() -> None:
    for mode, outcome in (("strict", Outcome.TIMEOUT), ("auto", Outcome.NO_RECORD)):
        end, _, pauses = run(Script(a=[outcome]), Policy(mode, 0, 0), A)
        assert (end.number, end.over, pauses) == (1, True, [])
        script = Script(a=[*[outcome] * 5, Outcome.MATCH])
        assert run(script, Policy(mode, 1000, 0), A)[0].number == 6


def test_strict_does_not_wait_for_whom_this_machine_cannot_ask() -> None:
    """Lost: the whole time, on a host without a network, or without IPv6 where the servers have nothing else."""
    unreachable, silent = Outcome.UNREACHABLE, Outcome.TIMEOUT
    again = AssertionError("asked once more")
    for rounds, looks in (([unreachable] * 2, 2), ([unreachable, silent, unreachable, unreachable], 4)):
        end, _, _ = run(Script(a=[*rounds, again]), Policy("strict", 1000, 0), A)
        assert (end.number, end.over, end.decision("strict")) == (looks, True, Decision.FAIL)
    # A resolver that knows no zone may only just have been started.
    unknown = [Observation(A.place, "", "", unreachable)]
    seen = {A.place: unknown}
    assert not watch._enough(seen, seen, 2, 9.0, Policy("strict"))
    assert watch._enough(seen, seen, 5, 10.0, Policy("strict"))
    # A person who publishes by hand is not done when the network is down.
    script = Script(a=[*[unreachable] * 5, Outcome.MATCH])
    assert run(script, Policy("strict", math.inf, 0), A)[0].number == 6


@pytest.mark.parametrize("mode", ["auto", "strict"])
def test_a_look_ends_with_the_time_or_shortly_after(mode: str) -> None:
    """Lost: what was promised by --external-auth-verify-timeout, by ten seconds."""
    for timeout, longest in ((0, 3), (1, 3), (4, 4), (1000, 10)):
        script = Script(a=[Outcome.MATCH])
        run(script, Policy(mode, timeout, 0), A)
        assert script.allowed[0] <= longest + 0.01
    # Not only the first one.
    script = Script(a=[Outcome.NO_RECORD])
    run(script, Policy(mode, 0.2, 0), A)
    assert len(script.allowed) > 2
    assert max(script.allowed) <= 3.01


def test_who_does_not_want_to_wait_ends_it() -> None:
    end = watch.watch(Script(a=[Outcome.NO_RECORD]).look, [A], LONG, pause=lambda seconds: True)
    assert (end.number, end.over) == (1, False)


def test_settle_is_waited_only_after_everything_was_seen() -> None:
    assert run(Script(a=[Outcome.MATCH]), Policy("auto", 9, 7), A)[2] == [7]
    assert run(Script(a=[Outcome.NO_RECORD]), Policy("auto", 0, 7), A)[2] == []


@pytest.mark.parametrize("signal", [errors.SignalExit("SIGTERM"), KeyboardInterrupt()])
def test_a_signal_ends_it_at_once(signal: BaseException) -> None:
    with pytest.raises(type(signal)):
        run(Script(a=[Outcome.NO_RECORD, signal]), LONG, A)
