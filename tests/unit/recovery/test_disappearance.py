"""After a cleanup that failed: what no server shows any more counts as withdrawn, and what is unclear does not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from certbot_external_auth.challenges import Challenge
from certbot_external_auth.errors import NOT_CALLED, Failure
from certbot_external_auth.recovery import disappearance
from certbot_external_auth.visibility import Expectation, Observation, Outcome

ONE = Challenge("c1", "dns-01", "a.test", "dns", "token", "token.one")
TWO = Challenge("c2", "dns-01", "b.test", "dns", "token", "token.two")
OF_ONE = Failure("/hook", "clean_challenge", ("a.test",), "exit code 3")
OF_BOTH = Failure("/hook", "post-cleanup", ("a.test", "b.test"), "exit code 4")


class Servers:
    """Show some records, and are counted when they are asked."""

    def __init__(self, **outcomes: Outcome) -> None:
        self._outcomes = outcomes
        self.looks = 0

    def look(self, wanted: Sequence[Expectation], until: float) -> list[Observation]:
        self.looks += 1
        found = []
        for one in wanted:
            outcome = self._outcomes.get(one.identifier.partition(".")[0], Outcome.NO_RECORD)
            seen = one.values if outcome is Outcome.MATCH else ()
            found.append(Observation(one.place, "ns1.test", "192.0.2.1:53", outcome, seen))
        return found


def judged(servers: Any, *failures: Failure, visible: bool = True) -> tuple[list[Failure], list[str]]:
    return disappearance.still_published(servers, [ONE, TWO], failures, 0.0, visible)


def test_what_is_gone_is_no_failure_any_more() -> None:
    left, gone = judged(Servers(), OF_ONE)
    assert left == []
    (text,) = gone
    assert all(part in text for part in ("/hook", "clean_challenge", "a.test", "exit code 3"))


def test_what_is_still_there_stays_with_the_server_that_shows_it() -> None:
    left, gone = judged(Servers(a=Outcome.MATCH), OF_BOTH)
    assert gone == []
    (failure,) = left
    assert failure.ids == ("c1",)
    assert failure.happened.startswith("exit code 4; still visible at ")
    assert "192.0.2.1:53" in failure.happened


@pytest.mark.parametrize("outcome", [Outcome.TIMEOUT, Outcome.SERVFAIL, Outcome.FAULT])
def test_what_could_not_be_looked_at_is_not_gone(outcome: Outcome) -> None:
    left, gone = judged(Servers(a=outcome), OF_ONE)
    assert (gone, [one.ids for one in left]) == ([], [("c1",)])
    assert "still visible" not in left[0].happened


def test_a_run_that_never_saw_it_looks_only_for_what_was_not_called() -> None:
    """It may only be late."""
    servers = Servers()
    assert judged(servers, OF_ONE, visible=False) == ([OF_ONE], [])
    assert servers.looks == 0
    not_called = Failure("/hook", "cleanup-hook", ("a.test",), NOT_CALLED)
    left, gone = judged(servers, OF_ONE, not_called, visible=False)
    assert (left, len(gone)) == ([OF_ONE], 1)


def test_a_file_of_the_plugins_own_is_not_looked_for() -> None:
    own = Failure(disappearance.OURS, "removing x", ("a.test",), "denied")
    servers = Servers()
    assert judged(servers, own) == ([own], [])
    assert servers.looks == 0


def test_a_failure_is_about_the_ids_that_it_names_or_else_about_its_names() -> None:
    by_id = Failure("/hook", "x", ("a.test", "b.test"), "no", ids=("c2",))
    assert disappearance.concerned(by_id, [ONE, TWO]) == [TWO]
    assert disappearance.concerned(OF_ONE, [ONE, TWO]) == [ONE]
    assert disappearance.concerned(OF_BOTH, [ONE, TWO]) == [ONE, TWO]


def test_a_fault_of_the_look_leaves_everything(caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        def look(self, wanted: Sequence[Expectation], until: float) -> list[Observation]:
            raise ValueError("odd")

    found = disappearance.seen(Broken(), [ONE, TWO], 0.0)  # type: ignore[arg-type]
    assert [(one.gone, "ValueError: odd" in one.unclear) for one in found] == [(False, True)] * 2
