"""The words of recovery. Other tests assert kinds and facts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from certbot_external_auth.recovery import by_hand, messages
from certbot_external_auth.recovery.batch import judged
from certbot_external_auth.recovery.outcome import Outcome
from certbot_external_auth.recovery.reasons import Fix, Kind, Reason
from certbot_external_auth.visibility.gone import Sight
from tests.unit.recovery.test_withdrawal import hook, left

FAILED = Reason(Kind.CALL_FAILED, {"operation": "cleanup", "text": "exit code 6", "output": "no\nway"})
WORDS: Mapping[Kind, tuple[Reason, str]] = {
    reason.kind: (reason, text)
    for reason, text in (
        (Reason(Kind.AS_RECORDED, {"text": "as it was"}), "as it was"),
        (Reason(Kind.NOT_TRIED, {"text": "no time"}), "no time"),
        (Reason(Kind.HANDLER_CHANGED, {"paths": "/a, /b"}), "the handler has changed since (/a, /b)"),
        (Reason(Kind.HANDLER_GONE, {"paths": "/a"}), "the handler is gone (/a)"),
        (Reason(Kind.NOT_PREPARED, {"text": "it {is} broken"}), "it {is} broken"),
        (Reason(Kind.BACKEND_FAILED, {"text": "KeyError: 'x'"}), "KeyError: 'x'"),
        (FAILED, "cleanup: exit code 6; it printed: no way"),
        (
            Reason(Kind.STILL_VISIBLE, {"at": "192.0.2.1"}),
            "the handler reported success; still visible at 192.0.2.1",
        ),
        (Reason(Kind.OWN_FILE_STAYS, {"text": "EIO"}), "the plugin cannot remove its own file: EIO"),
        (Reason(Kind.JOURNAL_UNCHANGEABLE, {"text": "EIO"}), "the journal cannot be changed: EIO"),
        (Reason(Kind.ENTRY_UNREADABLE, {"text": "EIO"}), "its file in the journal cannot be opened: EIO"),
        (
            Reason(Kind.NO_CLEANUP_HANDLER, {"at": "192.0.2.1"}),
            "there is no cleanup handler that could remove it; it is visible at 192.0.2.1",
        ),
        (
            Reason(Kind.NOT_VERIFIED, {"text": "no answer"}),
            "the handler reported success; the plugin could not check it: no answer",
        ),
        (
            Reason(Kind.NO_LONGER_VISIBLE, {}, FAILED),
            "cleanup: exit code 6; it printed: no way; no server shows it any more",
        ),
    )
}


@pytest.mark.parametrize("kind", Kind)
def test_each_kind_of_reason_has_its_words(kind: Kind) -> None:
    reason, text = WORDS[kind]
    assert messages.in_words(reason) == text


def test_the_server_that_still_shows_a_record_is_named_after_a_long_failure() -> None:
    """Guards against: a cut that takes the end of the sentence, and with it the server to look at."""
    long = Reason(Kind.CALL_FAILED, {"operation": "cleanup", "text": "x" * 5000, "output": "y" * 5000})
    text = messages.in_words(Reason(Kind.STILL_VISIBLE, {"at": "192.0.2.1"}, long))
    assert text.endswith("; still visible at 192.0.2.1")
    assert len(text) < 1000


@pytest.mark.parametrize(
    ("sight", "failed", "ripe", "left_for", "noted"),
    [
        (Sight(gone=True), None, True, None, None),
        (Sight(gone=True), None, False, None, None),
        (Sight(unclear="no answer"), None, True, Kind.NOT_VERIFIED, None),
        (Sight(at="192.0.2.1"), None, True, Kind.STILL_VISIBLE, None),
        (Sight(at="192.0.2.1"), FAILED, True, Kind.STILL_VISIBLE, None),
        (Sight(gone=True), FAILED, True, None, Kind.NO_LONGER_VISIBLE),
        # It may only not be visible yet.
        (Sight(gone=True), FAILED, False, Kind.CALL_FAILED, None),
        (Sight(unclear="no answer"), FAILED, True, Kind.CALL_FAILED, None),
    ],
)
def test_what_the_handler_reports_and_what_is_visible_decide_together(
    sight: Sight, failed: Reason | None, ripe: bool, left_for: Kind | None, noted: Kind | None
) -> None:
    """The table in docs/recover.md, "When a challenge counts as removed"."""
    reason, note = judged(sight, failed, ripe)
    assert (reason and reason.kind, note and note.kind) == (left_for, noted)


def test_the_word_of_the_handler_is_enough_if_its_run_did_not_verify() -> None:
    reason, note = judged(Sight(unclear="not verified"), None, True, looked_for=False)
    assert (reason, note and note.kind) == (None, Kind.NOT_VERIFIED)


def test_what_to_do_names_the_command_for_this_batch(tmp_path: Path) -> None:
    work = str(tmp_path / "my work")
    verb = f"certbot-external-auth recover --work-dir '{work}'"
    automatic = left(tmp_path, (hook(tmp_path / "hooks" / "h"),))
    assert by_hand.fix(automatic, work) is Fix.RECOVER
    assert messages.what_to_do(automatic, work) == [f"Fix what is wrong, then run: {verb} {automatic.id}"]
    driven = left(tmp_path, (), mode="json")
    assert by_hand.fix(driven, work) is Fix.REMOVE_AND_CONFIRM
    (line,) = messages.what_to_do(driven, work)
    assert line.endswith(f"{verb} --confirm {driven.id}")
    unknown = left(tmp_path, (hook(tmp_path / "hooks" / "h"),), dialect="foreign")
    assert by_hand.fix(unknown, work) is Fix.REMOVE
    assert [
        line.endswith(end) for line, end in zip(messages.what_to_do(unknown, work), (verb, unknown.id), strict=True)
    ]


def test_a_run_reports_what_it_cleaned_up_and_not_what_stays_on_purpose(tmp_path: Path) -> None:
    entry = left(tmp_path, (hook(tmp_path / "hooks" / "h"),), names=("a.test", "b.test"))
    outcome = Outcome(withdrawn=[entry])
    outcome.notes[entry.id, "c1"] = Reason(Kind.NO_CLEANUP_HANDLER, {"at": "192.0.2.1"})
    outcome.notes[entry.id, "c2"] = Reason(Kind.NOT_VERIFIED, {"text": "no answer"})
    said: list[str] = []
    messages.report(outcome, os.fspath(tmp_path), say=lambda text, *values: said.append(text % values))
    (line,) = said
    assert line.startswith(f"Cleaned up after the run of {entry.written}: ")
    assert ("a.test" in line, "b.test" in line, "no answer" in line) == (False, True, True)
