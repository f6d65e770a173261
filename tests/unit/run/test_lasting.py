"""Records that stay: what the first look means, and what a run does with records that are missing."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from certbot_external_auth import journal
from certbot_external_auth.accounts import Account
from certbot_external_auth.challenges import Challenge
from certbot_external_auth.errors import RecordMissingError, UsageError
from certbot_external_auth.persistent_records import Draft, Kind, Need, Terms
from certbot_external_auth.run import lasting
from certbot_external_auth.run.publication import Publication
from certbot_external_auth.run.verification import Verification
from certbot_external_auth.visibility import Expectation, Observation, Outcome
from tests.support.recording_backend import RecordingBackend, context
from tests.unit.run.test_publication import Reader

NAME = "a.example"
NEED = Need(NAME, True, Terms(Draft.D01, ("ca.example",)), Account("https://ca.example/acct/1", "t" * 43))
RIGHT, OTHER = NEED.value(), "pki.example; accounturi=https://pki.example/1"
SOON = NEED.value(int(time.time()) + 29 * 24 * 3600)
YES, NO, SILENT, AWAY = Outcome.MATCH, Outcome.NO_RECORD, Outcome.TIMEOUT, Outcome.UNREACHABLE
Row = tuple[Outcome, tuple[str, ...]]


def challenges() -> list[Challenge]:
    """A name and its wildcard, which look the same."""
    return [Challenge(f"c{number}", "dns-persist-01", NAME, "dns", "", "", need=NEED) for number in (1, 2)]


def shown(*rows: Row) -> lasting.Look:
    """Servers that answer so."""

    def ask(wanted: Sequence[Expectation], until: float) -> list[Observation]:
        [one] = wanted
        return [
            Observation(one.place, "ns", f"192.0.2.{number}:53", outcome, whole=whole)
            for number, (outcome, whole) in enumerate(rows)
        ]

    return ask


@pytest.mark.parametrize(
    ("rows", "missing", "unsure", "unknown"),
    [
        ([(YES, (RIGHT,)), (YES, (RIGHT, OTHER))], 0, 0, 0),
        ([(YES, (RIGHT,)), (AWAY, ())], 0, 0, 0),
        ([(NO, ()), (NO, ())], 1, 0, 0),
        ([(Outcome.OTHER_VALUES, (OTHER,)), (SILENT, ())], 1, 0, 0),
        ([(YES, (RIGHT,)), (NO, ())], 0, 1, 0),
        ([(YES, (RIGHT,)), (SILENT, ())], 0, 1, 0),
        ([(SILENT, ()), (Outcome.SERVFAIL, ())], 0, 0, 1),
        ([(AWAY, ())], 0, 0, 1),
        ([], 0, 0, 1),
    ],
)
def test_what_a_look_means(rows: list[Row], missing: int, unsure: int, unknown: int) -> None:
    """Guards against a record that is published again because one server was late, or silent."""
    found = lasting.look(challenges(), shown(*rows), off=False)
    assert (len(found.missing), len(found.unsure), len(found.unknown)) == (missing, unsure, unknown)
    assert {one.id for one in (*found.missing, *found.unsure, *found.unknown)} <= {"c1"}


def test_the_reason_that_helps_most_is_kept() -> None:
    found = lasting.look(challenges(), shown((NO, ()), (Outcome.OTHER_VALUES, (OTHER,))), off=False)
    [(_, judgement)] = found.judgements
    assert judgement.reason.kind is Kind.OTHER_CA


def test_a_record_that_ends_soon_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    found = lasting.look(challenges(), shown((YES, (SOON,)), (YES, (RIGHT,))), off=False)
    assert f"persistUntil={found.until}" in SOON
    assert lasting.look(challenges(), shown((YES, (RIGHT,))), off=False).until is None
    assert [one.levelname for one in caplog.records if "ends on" in one.message] == ["WARNING"]


class Persisting(RecordingBackend):
    """It can publish records that stay."""

    persists = True

    def prepare(self, publishing: bool, deploying: bool) -> None:
        super().prepare(publishing, deploying)
        if publishing and "prepare" in self.failing:
            raise UsageError(["There is no person."])


def run(
    folder: Path, backend: RecordingBackend, rows: Sequence[Row], reader: Reader | None = None, renewing: bool = False
) -> Publication:
    made = dataclasses.replace(context(folder), renewing=renewing, server="https://ca.example/directory")
    verification = Verification(made, None, lambda line: None)
    verification.observer.look = shown(*rows)  # type: ignore[method-assign]
    asked, types = (NAME, f"*.{NAME}"), lambda name: ["dns-persist-01"]
    return Publication(made, asked, backend, verification, types, reader or Reader(), lambda: None)


def test_one_call_for_a_name_and_its_wildcard_and_none_at_cleanup(tmp_path: Path) -> None:
    """Guards against a record that the next recovery removes."""
    backend, reader = Persisting(), Reader()
    made = run(tmp_path, backend, [(NO, ())], reader)
    made.perform(challenges())
    assert journal.read_all(str(tmp_path / "work")).running == []
    made.cleanup(None)
    assert backend.calls == [("prepare", "publishing=True", "deploying=False"), ("perform", "c1")]
    assert reader.lines == [("result", "valid")]
    assert journal.read_all(str(tmp_path / "work")).left == []


@pytest.mark.parametrize(
    ("rows", "renewing", "called"),
    [
        ([(YES, (RIGHT,))], False, False),
        ([(YES, (RIGHT,)), (NO, ())], False, False),
        ([(SILENT, ())], True, False),
        ([(SILENT, ())], False, True),
        ([(NO, ())], True, True),
    ],
)
def test_when_nobody_is_called(tmp_path: Path, rows: list[Row], renewing: bool, called: bool) -> None:
    backend = Persisting()
    made = run(tmp_path, backend, rows, renewing=renewing)
    made.perform(challenges())
    made.cleanup(None)
    assert (("perform", "c1") in backend.calls) is called
    assert not any(call[0] == "cleanup" for call in backend.calls)


@pytest.mark.parametrize(
    ("backend", "said"),
    [(RecordingBackend(), "has no call that adds such a record"), (Persisting("prepare"), "There is no person.")],
)
def test_nothing_here_can_publish(tmp_path: Path, backend: RecordingBackend, said: str) -> None:
    made = run(tmp_path, backend, [(NO, ())])
    with pytest.raises(RecordMissingError) as caught:
        made.perform(challenges())
    text = str(caught.value)
    assert said in text
    assert f'_validation-persist.{NAME}. TXT "{RIGHT}"' in text
    assert f"certbot-external-auth persist -d {NAME} -d '*.{NAME}' --server https://ca.example/directory" in text
    assert [problem["type"] for problem in caught.value.problems.values()] == ["challenge.record_missing"]
    # Where no server answers, the CA is asked: it may see the record.
    run(tmp_path, backend, [(SILENT, ())]).perform(challenges())


def test_the_ca_refuses_one_that_stands(tmp_path: Path) -> None:
    """Guards against a verdict that belongs to another challenge, since there is no token."""
    reader = Reader()
    made = run(tmp_path, Persisting(), [(NO, ())], reader)
    made.perform(challenges())
    made.refused_by_ca(*challenges()[0].key, {"type": "urn:ietf:params:acme:error:unauthorized", "detail": "no"})
    made.cleanup(None)
    assert reader.lines == [("result", "invalid")]
