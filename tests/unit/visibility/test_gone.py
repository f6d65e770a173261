"""The rule for what must be gone: who shows it, who denies it, and who does not say."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from certbot_external_auth.challenges import Challenge
from certbot_external_auth.visibility import Expectation, Observation, Outcome, gone
from certbot_external_auth.visibility.gone import Sight

TOKENS = {name: name * 43 for name in "ab"}


def challenge(kind: str = "dns-01", name: str = "a", **more: str) -> Challenge:
    token = TOKENS[name]
    return Challenge(f"c{name}", kind, "x.test", "dns", token, f"{token}.{'k' * 43}", **more)


A, B = challenge(), challenge(name="b")


class Fixed:
    """Sees the same at every look.

    :ivar looks: the number of looks.
    :ivar wanted: the expectations of the last one.
    """

    def __init__(self, *rows: tuple[Outcome, tuple[str, ...]]) -> None:
        self.rows, self.looks, self.wanted = rows, 0, list[Expectation]()

    def look(self, expectations: Sequence[Expectation], until: float) -> list[Observation]:
        self.looks, self.wanted = self.looks + 1, list(expectations)
        return [
            Observation(one.place, f"ns{number}", f"192.0.2.{number}:53", outcome, seen)
            for one in expectations
            for number, (outcome, seen) in enumerate(self.rows, 1)
        ]


NO, NONE, OTHER = Outcome.NO_SUCH_NAME, (), Outcome.OTHER_VALUES
GONE = Sight(gone=True)


@pytest.mark.parametrize(
    ("rows", "sights"),
    [
        ([(NO, NONE)], [GONE, GONE]),
        ([(NO, NONE), (Outcome.MATCH, (A.validation, B.validation))], [Sight(at="ns2 192.0.2.2:53")] * 2),
        ([(OTHER, ("z", B.validation)), (NO, NONE)], [GONE, Sight(at="ns1 192.0.2.1:53")]),
        ([(NO, NONE), (Outcome.UNREACHABLE, NONE)], [GONE, GONE]),
        ([(NO, NONE), (Outcome.TIMEOUT, NONE)], [Sight(unclear="ns2 192.0.2.2:53: timeout")] * 2),
        ([(Outcome.CONNECTION_REFUSED, NONE)], [Sight(unclear="ns1 192.0.2.1:53: connection refused")] * 2),
        ([(Outcome.UNREACHABLE, NONE)], [Sight(unclear="no server can be asked from this machine")] * 2),
        ([], [Sight(unclear="no server can be asked from this machine")] * 2),
    ],
)
def test_records(rows: list[tuple[Outcome, tuple[str, ...]]], sights: list[Sight]) -> None:
    assert gone.check(Fixed(*rows).look, [A, B], 0.0) == sights


@pytest.mark.parametrize("kind", ["http-01", "tls-alpn-01"])
@pytest.mark.parametrize(
    ("outcome", "sight"),
    [
        (Outcome.MATCH, Sight(at="ns1 192.0.2.1:53")),
        (Outcome.WRONG_CONTENT, GONE),
        (Outcome.WRONG_CERTIFICATE, GONE),
        # What answered challenges only has ended with them.
        (Outcome.CONNECTION_REFUSED, GONE),
        (Outcome.TIMEOUT, Sight(unclear="ns1 192.0.2.1:53: timeout")),
    ],
)
def test_files_and_certificates(kind: str, outcome: Outcome, sight: Sight) -> None:
    assert gone.check(Fixed((outcome, NONE)).look, [challenge(kind)], 0.0) == [sight]


def test_of_two_certificates_of_one_name_one_is_seen() -> None:
    found = gone.check(
        Fixed((Outcome.WRONG_CERTIFICATE, NONE)).look, [challenge("tls-alpn-01", name) for name in "ab"], 0.0
    )
    assert [one.gone for one in found] == [True, False]


def test_a_record_is_looked_for_where_it_was_published() -> None:
    """Guards against checking where the alias leads now: the record stands where it led when it was published."""
    observer = Fixed((NO, NONE))
    gone.check(observer.look, [A, challenge(name="b", txt_target="x.acme.test")], 0.0)
    assert [one.place for one in observer.wanted] == ["_acme-challenge.x.test", "x.acme.test"]
    assert [one.values for one in observer.wanted] == [(A.validation,), (B.validation,)]


def test_it_ends_when_all_is_gone_and_not_before_it_could_be_there() -> None:
    paused: list[float] = []

    def pause(seconds: float) -> bool:
        paused.append(seconds)
        return len(paused) >= 3

    observer = Fixed((NO, NONE))
    assert (gone.check(observer.look, [A], 600.0, pause=pause), observer.looks) == ([GONE], 1)
    assert (gone.check(observer.look, [A], 600.0, lambda one: len(paused) >= 2, pause), observer.looks) == ([GONE], 4)
