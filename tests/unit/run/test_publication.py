"""The challenges of a run, from the names that were asked for to the cleanup."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest
from certbot import errors

from certbot_external_auth import journal
from certbot_external_auth.backends.printed import Printed, about
from certbot_external_auth.challenges import Challenge
from certbot_external_auth.errors import Failure, GuardError, PerformError
from certbot_external_auth.run.informer import Informer
from certbot_external_auth.run.publication import Publication
from certbot_external_auth.run.verification import Verification
from tests.support.recording_backend import RecordingBackend, context

NAME = "a.example"
TOKEN = "t" * 22
CHALLENGE = Challenge("c1", "dns-01", NAME, "dns", TOKEN, f"{TOKEN}.{'k' * 43}")


class Reader(Informer):
    """:ivar lines: what was sent, whatever the protocol."""

    def __init__(self, mirrors: bool = False) -> None:
        super().__init__(None, mirrors)
        self.lines: list[tuple[str, str]] = []
        self.counts: Counter[str] = Counter()

    def inform(self, line: dict[str, Any]) -> None:
        self.lines.append((line["cmd"], line.get("status", "")))

    def count(self, status: str) -> None:
        self.counts[status] += 1


def publication(
    folder: Path, backend: RecordingBackend, reader: Informer | None = None, asked: tuple[str, ...] | None = (NAME,)
) -> Publication:
    made = context(folder)
    verification = Verification(made, None, lambda line: None)

    def prepare() -> None:
        backend.prepare(True, False)

    return Publication(made, asked, backend, verification, lambda name: ["dns-01"], reader or Reader(), prepare)


def left(folder: Path) -> list[str]:
    """Ids of the challenges in the journal."""
    contents = journal.read_all(str(folder / "work"))
    return [challenge.id for entry in [*contents.left, *contents.running] for challenge in entry.challenges]


def test_a_batch_is_published_and_withdrawn(tmp_path: Path) -> None:
    backend, reader = RecordingBackend(), Reader()
    run = publication(tmp_path, backend, reader)
    run.perform([CHALLENGE])
    assert left(tmp_path) == ["c1"]
    run.cleanup(None)
    assert left(tmp_path) == []
    assert backend.calls == [("prepare", "publishing=True", "deploying=False"), ("perform", "c1"), ("cleanup", "c1")]
    assert reader.lines == [("result", "valid")]
    assert reader.counts == {"valid": 1}


class Talkative(RecordingBackend):
    """Its handler prints a line for each challenge."""

    def printed(self, ids: Collection[str]) -> list[Printed]:
        return about([Printed("perform", (id,), (id,), (f"line of {id}",)) for id in ("c1", "c2")], ids)


def test_a_hint_has_the_lines_of_calls_for_refused_names(tmp_path: Path) -> None:
    """Lost: what a hook said that failed and exited with 0, where the plugin does not look before the CA."""
    one = publication(tmp_path, Talkative(), asked=(NAME, f"*.{NAME}"))
    second = Challenge("c2", "dns-01", NAME, "dns", "u" * 22, f"{'u' * 22}.{'k' * 43}")
    one.perform([CHALLENGE, second])
    one.refused_by_ca("dns-01", second.token, {"type": "urn:ietf:params:acme:error:dns", "detail": "NXDOMAIN"})
    assert ("  | line of c2" in one.hint(), "line of c1" in one.hint()) == (True, False)
    one.cleanup(None)


@pytest.mark.parametrize(
    ("types", "caa", "published"),
    [
        (["caa"], True, False),
        (["caa", "unauthorized"], True, True),
        (["unauthorized"], False, True),
        ([""], False, True),
    ],
)
def test_a_hint_says_what_the_ca_said(tmp_path: Path, types: list[str], caa: bool, published: bool) -> None:
    """Guards against: advice about publishing, where a CAA record is why the CA refuses (RFC 8555 section 6.7)."""
    one = publication(tmp_path, RecordingBackend())
    for number, kind in enumerate(types):
        one.refused_by_ca("dns-01", str(number), {"type": f"urn:ietf:params:acme:error:{kind}", "detail": "x"})
    assert ("CAA" in one.hint(), "every name server" in one.hint()) == (caa, published)


def test_a_hint_does_not_say_that_a_ca_looked_which_could_not(tmp_path: Path) -> None:
    one = publication(tmp_path, RecordingBackend())
    one.refused_by_ca("dns-01", TOKEN, {"type": "urn:ietf:params:acme:error:connection", "detail": "x"})
    assert "could not look" in one.hint()


def test_the_backend_is_not_asked_for_what_was_not_asked_for(tmp_path: Path) -> None:
    """Guards against: a CA that has a host publish a challenge for a name of another."""
    backend = RecordingBackend()
    run = publication(tmp_path, backend, asked=("b.example",))
    with pytest.raises(GuardError):
        run.perform([CHALLENGE])
    assert (backend.calls, left(tmp_path)) == ([], [])
    run.cleanup(None)
    assert backend.calls == []


def test_a_batch_that_failed_was_not_offered_to_the_ca(tmp_path: Path) -> None:
    backend = RecordingBackend("perform")
    run = publication(tmp_path, backend)
    with pytest.raises(PerformError) as caught:
        run.perform([CHALLENGE])
    run.cleanup(caught.value)
    assert [(done.status, done.problem) for done in backend.finished] == [
        ("not_asked", {"type": "test", "detail": "told to"})
    ]
    assert left(tmp_path) == []


def test_a_batch_does_not_inherit_that_the_ca_was_asked_about_the_one_before(tmp_path: Path) -> None:
    """Guards against: "valid" for a challenge that was never published; Certbot may ask for several batches."""
    backend = RecordingBackend()
    run = publication(tmp_path, backend)
    run.perform([CHALLENGE])
    run.cleanup(None)
    backend.failing = {"perform"}
    with pytest.raises(PerformError):
        run.perform([CHALLENGE])
    run.cleanup(None)
    assert [done.status for done in backend.finished] == ["not_asked"]


@pytest.mark.parametrize(
    ("refused", "exception", "status"),
    [
        (True, errors.AuthorizationError("no"), "invalid"),
        (False, errors.Error("lost the CA"), "pending"),
        (False, None, "valid"),
    ],
)
def test_what_the_ca_thought_of_a_challenge(
    tmp_path: Path, refused: bool, exception: Exception | None, status: str
) -> None:
    backend = RecordingBackend()
    run = publication(tmp_path, backend)
    run.perform([CHALLENGE])
    if refused:
        run.refused_by_ca("dns-01", TOKEN, {"type": "dns", "detail": "no record"})
    run.cleanup(exception)
    assert [done.status for done in backend.finished] == [status]


def test_what_is_not_withdrawn_stays_in_the_journal(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    backend = RecordingBackend("cleanup")
    run = publication(tmp_path, backend)
    run.perform([CHALLENGE])
    run.cleanup(None)
    assert left(tmp_path) == ["c1"]
    assert "told to fail" in caplog.text
    assert "certbot-external-auth recover" in caplog.text


@pytest.mark.parametrize(
    "named",
    [{}, {"ids": ("c9",)}, {"identifiers": ("B.example.",)}],
    ids=["nothing", "an id of no challenge", "a name of no challenge"],
)
def test_a_failure_that_names_no_challenge_of_the_call_counts_for_all(tmp_path: Path, named: dict[str, Any]) -> None:
    """Guards against: a backend of another package that fails, and a journal that forgets what it published."""
    backend = RecordingBackend()
    failure = Failure("The backend", "cleanup", happened="exit code 1", **{"identifiers": (), **named})
    backend.cleanup = lambda finished: [failure]  # type: ignore[method-assign]
    run = publication(tmp_path, backend)
    run.perform([CHALLENGE])
    run.cleanup(None)
    assert left(tmp_path) == ["c1"]


def test_a_failure_about_one_challenge_leaves_the_others_withdrawn(tmp_path: Path) -> None:
    backend = RecordingBackend()
    backend.cleanup = lambda finished: [Failure("The backend", "cleanup", ("b.example",), "no")]  # type: ignore[method-assign]
    run = publication(tmp_path, backend, asked=(NAME, "b.example"))
    run.perform([CHALLENGE, dataclasses.replace(CHALLENGE, id="c2", identifier="b.example")])
    run.cleanup(None)
    assert left(tmp_path) == ["c2"]


def test_a_mirror_repeats_what_a_driver_would_get(tmp_path: Path) -> None:
    """The historic plugin printed these lines also while a handler did the work."""
    reader = Reader(mirrors=True)
    run = publication(tmp_path, RecordingBackend(), reader)
    run.perform([CHALLENGE])
    run.cleanup(None)
    assert [cmd for cmd, _ in reader.lines] == ["perform_challenge", "result", "cleanup"]


def test_aliases_are_followed_only_for_a_backend_that_uses_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Verification, "aliased", lambda self, challenges: pytest.fail("no alias is needed"))
    publication(tmp_path, RecordingBackend()).perform([CHALLENGE])
