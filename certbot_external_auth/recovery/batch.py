"""One batch: its handler is called to withdraw it, and what that, and looking for it, means for the journal."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import logging
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from certbot import errors

from certbot_external_auth import journal
from certbot_external_auth.backends import backend
from certbot_external_auth.challenges import Challenge
from certbot_external_auth.errors import NOT_TRIED, Failure
from certbot_external_auth.files import webroot
from certbot_external_auth.interfaces import Backend
from certbot_external_auth.journal.entry import Entry
from certbot_external_auth.recovery import orphans
from certbot_external_auth.recovery.consent import TOLD_MODES, changed, exports
from certbot_external_auth.recovery.context import context_of, finished, withdraws
from certbot_external_auth.recovery.disappearance import concerned, ripe_at
from certbot_external_auth.recovery.outcome import Outcome
from certbot_external_auth.text import one_line
from certbot_external_auth.validation_certificates import tls_files
from certbot_external_auth.visibility.gone import Sight

logger = logging.getLogger(__name__)

WORDS = 300
"""Characters of what a handler printed last that are kept as a reason."""
NOBODY = "no cleanup handler is there to remove it"
"""What is said of a challenge that stays, since somebody wants it so."""
LINES = 3
"""The same in lines."""


@dataclass(frozen=True)
class How:
    """:ivar deliberate: also where the handler has changed. :ivar until: monotonic time of the last call to begin."""

    work_dir: str
    deliberate: bool
    by_hand: bool
    until: float | None

    @property
    def late(self) -> bool:
        return self.until is not None and time.monotonic() >= self.until


@dataclass(frozen=True)
class Called:
    """A batch whose handler was called; it stays locked until it has been looked for.

    :ivar before: as it was. :ivar attempts: with this one.
    :ivar reasons: why those are left that the handler did not withdraw, by id.
    :ivar untried: those that had no turn. :ivar own: those of which a file of the plugin's own is left.
    :ivar anybody: a handler is there for it at all.
    """

    held: journal.Held
    before: Entry
    attempts: int
    reasons: Mapping[str, str]
    untried: Collection[str]
    own: Mapping[str, str]
    anybody: bool


def try_one(held: journal.Held, how: How, outcome: Outcome) -> Called | None:
    """Have a batch withdrawn; None if nobody was called for it, and `outcome` has why.

    :param held: the batch, which nobody else works on.
    """
    one = held.entry
    if how.late:
        outcome.left.append(dataclasses.replace(one, reasons=_all(one, NOT_TRIED)))
        return None
    try:
        found = _try(held, how)
    except OSError as error:
        outcome.left.append(dataclasses.replace(one, reasons=_all(one, _unchangeable(error))))
        return None
    if isinstance(found, Called):
        return found
    _leave(held, dataclasses.replace(one, attempts=held.entry.attempts, reasons=found), outcome)
    return None


def _try(held: journal.Held, how: How) -> Called | dict[str, str]:
    """What came of a call; or the reasons for which there was none.

    :raises OSError: if the attempt cannot be noted; nothing was called then.
    """
    one, work_dir = held.entry, how.work_dir
    if one.mode in TOLD_MODES:
        _note_attempt(held, one, how.by_hand)
        return {**{each.id: one.reason(each) for each in one.challenges}, **remove_own_files(one, work_dir)}
    found = _prepared(one, how)
    if isinstance(found, str):
        orphans.end(one)
        return {**_all(one, found), **remove_own_files(one, work_dir)}
    # Before anything is called, so that what ends this process too is not tried for ever.
    _note_attempt(held, dataclasses.replace(one, interrupted=one.interrupted + 1), how.by_hand)
    orphans.end(one)
    files = remove_own_files(one, work_dir)
    try:
        failures = found.cleanup(finished(one, work_dir))
    except errors.SignalExit:
        raise
    except Exception as error:
        return _called(held, one, work_dir, _all(one, _in_words(error)), (), files)
    untried = {each for failure in failures if failure.happened == NOT_TRIED for each in failure.ids}
    return _called(held, one, work_dir, reasons_of(failures, one.challenges), untried, files)


def _called(
    held: journal.Held,
    before: Entry,
    work_dir: str,
    reasons: Mapping[str, str],
    untried: Collection[str],
    own: Mapping[str, str],
) -> Called:
    """Noted before it is looked for: whoever is ended while he looks was not ended by the handler."""
    found = Called(held, before, held.entry.attempts, reasons, untried, own, withdraws(before, work_dir))
    attempts = held.entry.attempts if reasons else before.attempts
    with contextlib.suppress(OSError):
        held.store(dataclasses.replace(before, attempts=attempts, reasons={**before.reasons, **reasons}))
    return found


def settle(called: Called, sights: Mapping[tuple[str, str], Sight], outcome: Outcome) -> None:
    """What calling it, and looking for it, means for a batch."""
    one = called.before
    reasons: dict[str, str] = {}
    for challenge in one.challenges:
        sight, failed = sights[one.id, challenge.id], called.reasons.get(challenge.id)
        tried = challenge.id not in called.untried
        reason, note = judged(sight, failed, tried and time.time() >= ripe_at(one))
        if sight.at and not called.anybody:
            reason, note = "", f"{NOBODY}; it is visible at {sight.at}"
        reason = called.own.get(challenge.id) or reason
        if reason:
            reasons[challenge.id] = reason
        elif note:
            outcome.notes[one.id, challenge.id] = note
    left = [challenge for challenge in one.challenges if challenge.id in reasons]
    if not left:
        _forget(called, outcome)
        return
    # What had no turn is the first the next time; and as long as some are withdrawn, each may have its turn.
    left.sort(key=lambda challenge: challenge.id not in called.untried)
    attempts = one.attempts if called.untried and len(left) < len(one.challenges) else called.attempts
    _leave(called.held, dataclasses.replace(one, attempts=attempts, challenges=tuple(left), reasons=reasons), outcome)


def judged(sight: Sight, failed: str | None, ripe: bool) -> tuple[str, str]:
    """Why a challenge is left, or what is to be said though it is not.

    :param failed: why the handler did not withdraw it, None if it says that it did.
    :param ripe: it would be visible by now if it had been published.
    """
    if sight.at:
        return one_line(f"{failed or 'the handler says that it is withdrawn'}; still visible at {sight.at}"), ""
    if failed is None:
        return "", "" if sight.gone else f"the handler says so; it could not be looked for: {sight.unclear}"
    if sight.gone and ripe:
        return "", f"{failed}; no server shows it any more"
    return failed, ""


def _forget(called: Called, outcome: Outcome) -> None:
    try:
        called.held.remove()
    except OSError as error:
        outcome.left.append(dataclasses.replace(called.before, reasons=_all(called.before, _unchangeable(error))))
    else:
        outcome.withdrawn.append(called.before)


def _leave(held: journal.Held, left: Entry, outcome: Outcome) -> None:
    outcome.left.append(left)
    if left != held.entry:
        # Where there is no room for it, it is said all the same.
        with contextlib.suppress(OSError):
            held.store(left)


def _unchangeable(error: OSError) -> str:
    return f"the journal cannot be changed: {error.strerror or error}"


def _note_attempt(held: journal.Held, entry: Entry, by_hand: bool) -> None:
    """Count an attempt in the journal, before it is made. :raises OSError: if a run cannot write there."""
    try:
        held.store(dataclasses.replace(entry, attempts=entry.attempts + 1))
    except OSError as error:
        # Withdrawing needs no room. A run without room publishes nothing, so each run tries this once and then stops.
        if not by_hand and error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise


def _prepared(one: Entry, how: How) -> Backend | str:
    """The backend, ready to be asked; or why it cannot be. Nothing outside is called for this."""
    problem = None if how.deliberate else changed(one)
    if problem is not None:
        return one_line(problem)
    try:
        context = context_of(one, how.work_dir, exports(one, how.deliberate))
        found = backend(one.mode, dataclasses.replace(context, until=how.until, deliberate=how.deliberate))
        found.prepare(True, False)
    except errors.SignalExit:
        raise
    except Exception as error:
        return _in_words(error)
    return found


def _in_words(error: Exception) -> str:
    # A backend may be somebody else's; a renewal of other names must not end because of it.
    return one_line(str(error) if isinstance(error, errors.Error) else f"{type(error).__name__}: {error}")


def _all(one: Entry, reason: str) -> dict[str, str]:
    return {challenge.id: reason for challenge in one.challenges}


def reasons_of(failures: Iterable[Failure], challenges: Sequence[Challenge]) -> dict[str, str]:
    """Why challenges are not withdrawn, by id; with the last words of the handler."""
    reasons: dict[str, str] = {}
    for failure in failures:
        for challenge in concerned(failure, challenges):
            reasons.setdefault(challenge.id, _reason(failure))
    return reasons


def _reason(failure: Failure) -> str:
    found = one_line(f"{failure.operation}: {failure.happened}")
    words = one_line(" | ".join(failure.output[-LINES:]), WORDS)
    return f"{found}; its last words: {words}" if words else found


def remove_own_files(one: Entry, work_dir: str) -> dict[str, str]:
    """What the plugin itself wrote, whoever carried the challenges out; why what cannot be removed."""
    reasons = {}
    for challenge in one.challenges:
        try:
            if challenge.server_name is not None:
                tls_files.remove(tls_files.folder(work_dir), challenge.server_name)
            if challenge.uri is not None and one.handler.wellknown is not None:
                webroot.remove(one.handler.wellknown, challenge.token)
        except OSError as error:
            reasons[challenge.id] = one_line(f"a file of ours cannot be removed: {error.strerror or error}")
    return reasons
