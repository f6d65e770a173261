"""Withdraws one batch: calls its handler, and decides from the result and a check what stays in the journal."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
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
from certbot_external_auth.recovery.disappearance import concerned, ripe_at, unchecked
from certbot_external_auth.recovery.messages import all_in_words
from certbot_external_auth.recovery.outcome import Key, Outcome
from certbot_external_auth.recovery.reasons import Kind, Reason, Reasons, for_all
from certbot_external_auth.validation_certificates import tls_files
from certbot_external_auth.visibility.gone import Sight

_OUTPUT_LINES = 3
"""How many of the last lines that a handler printed become part of a reason."""


@dataclass(frozen=True)
class How:
    """How to withdraw a batch.

    :ivar deliberate: call the handler even if it has changed.
    :ivar by_hand: a person asks for it, not a run.
    :ivar until: monotonic time after which no more calls begin; None for no limit.
    """

    work_dir: str
    deliberate: bool
    by_hand: bool
    until: float | None

    @property
    def late(self) -> bool:
        """Whether no more calls may begin."""
        return self.until is not None and time.monotonic() >= self.until


@dataclass(frozen=True)
class Called:
    """A batch whose handler was called. It stays locked until the plugin has checked what is gone.

    :ivar before: the batch as it was before the call.
    :ivar attempts: the number of attempts, including this one.
    :ivar reasons: why the handler did not withdraw some challenges.
    :ivar untried: ids of the challenges for which no time was left.
    :ivar own: why the plugin could not remove files of its own.
    :ivar has_handler: the dialect calls a handler at cleanup.
    """

    held: journal.Held
    before: Entry
    attempts: int
    reasons: Reasons
    untried: Collection[str]
    own: Reasons
    has_handler: bool


def try_one(held: journal.Held, how: How, outcome: Outcome) -> Called | None:
    """Call the handler of a batch to withdraw it.

    :param held: the batch, locked by this process.
    :returns: None if nothing was called; `outcome` then has the reasons.
    """
    entry = held.entry
    if how.late:
        add_left(entry, for_all(entry.challenges, Reason(Kind.NOT_TRIED, {"text": NOT_TRIED})), outcome)
        return None
    try:
        called = _try(held, how)
    except OSError as error:
        add_left(entry, for_all(entry.challenges, _unchangeable(error)), outcome)
        return None
    if isinstance(called, Called):
        return called
    _leave(held, dataclasses.replace(entry, attempts=held.entry.attempts), called, outcome)
    return None


def _try(held: journal.Held, how: How) -> Called | dict[str, Reason]:
    """Call the handler, or return the reasons for which it was not called.

    :raises OSError: if the attempt cannot be noted; nothing was called then.
    """
    entry, work_dir = held.entry, how.work_dir
    if entry.mode in TOLD_MODES:
        _note_attempt(held, entry, how.by_hand)
        recorded = {each.id: Reason(Kind.AS_RECORDED, {"text": entry.reason(each)}) for each in entry.challenges}
        return {**recorded, **remove_own_files(entry, work_dir)}
    prepared = _prepared(entry, how)
    if isinstance(prepared, Reason):
        orphans.end(entry)
        return {**for_all(entry.challenges, prepared), **remove_own_files(entry, work_dir)}
    # Before the call: a handler that kills this process must not be called for ever.
    _note_attempt(held, dataclasses.replace(entry, interrupted=entry.interrupted + 1), how.by_hand)
    orphans.end(entry)
    own = remove_own_files(entry, work_dir)
    try:
        failures = prepared.cleanup(finished(entry, work_dir, how.deliberate))
    except errors.SignalExit:
        raise
    except Exception as error:
        failed = Reason(Kind.BACKEND_FAILED, {"text": _said_by(error)})
        return _called(held, entry, work_dir, for_all(entry.challenges, failed), (), own)
    untried = {each for failure in failures if failure.happened == NOT_TRIED for each in failure.ids}
    return _called(held, entry, work_dir, _failures(failures, entry.challenges), untried, own)


def _called(
    held: journal.Held, before: Entry, work_dir: str, reasons: Reasons, untried: Collection[str], own: Reasons
) -> Called:
    """Note the result of the call before the check, so that an interrupted check is not held against the handler."""
    called = Called(held, before, held.entry.attempts, reasons, untried, own, withdraws(before, work_dir))
    attempts = held.entry.attempts if reasons else before.attempts
    with contextlib.suppress(OSError):
        held.store(dataclasses.replace(before, attempts=attempts, reasons={**before.reasons, **all_in_words(reasons)}))
    return called


def settle(called: Called, sights: Mapping[Key, Sight], outcome: Outcome) -> None:
    """Decide, once the plugin has checked what is gone, which challenges of a batch are left."""
    entry = called.before
    reasons: dict[str, Reason] = {}
    for challenge in entry.challenges:
        reason, note = _decided(called, challenge, sights[entry.id, challenge.id])
        if reason is not None:
            reasons[challenge.id] = reason
        elif note is not None:
            outcome.notes[entry.id, challenge.id] = note
    left = [challenge for challenge in entry.challenges if challenge.id in reasons]
    if not left:
        _forget(called, outcome)
        return
    # The next run begins with the challenges for which no time was left. An attempt that withdraws some challenges and
    # has no time for others does not count, so that each challenge gets its turn.
    left.sort(key=lambda challenge: challenge.id not in called.untried)
    attempts = entry.attempts if called.untried and len(left) < len(entry.challenges) else called.attempts
    remaining = dataclasses.replace(entry, attempts=attempts, challenges=tuple(left))
    _leave(called.held, remaining, reasons, outcome)


def _decided(called: Called, challenge: Challenge, sight: Sight) -> tuple[Reason | None, Reason | None]:
    """Return why a challenge is left, or else a note about it."""
    tried = challenge.id not in called.untried
    ripe = tried and time.time() >= ripe_at(called.before)
    reason, note = judged(sight, called.reasons.get(challenge.id), ripe, not unchecked(called.before))
    if sight.at and not called.has_handler:
        reason, note = None, Reason(Kind.NO_CLEANUP_HANDLER, {"at": sight.at})
    return called.own.get(challenge.id) or reason, note


def judged(
    sight: Sight, failed: Reason | None, ripe: bool, looked_for: bool = True
) -> tuple[Reason | None, Reason | None]:
    """Return why a challenge is left, or else a note about it; both are None if it is simply gone.

    :param failed: why the handler did not withdraw it; None if the handler reported success.
    :param ripe: it would be visible by now if it had been published.
    :param looked_for: its run has verified, so the plugin must see that it is gone. Otherwise the plugin believes the
        handler.
    """
    if sight.at:
        return Reason(Kind.STILL_VISIBLE, {"at": sight.at}, failed), None
    if failed is None:
        if sight.gone:
            return None, None
        unclear = Reason(Kind.NOT_VERIFIED, {"text": sight.unclear})
        return (unclear, None) if looked_for else (None, unclear)
    if sight.gone and ripe:
        return None, Reason(Kind.NO_LONGER_VISIBLE, {}, failed)
    return failed, None


def _forget(called: Called, outcome: Outcome) -> None:
    try:
        called.held.remove()
    except OSError as error:
        add_left(called.before, for_all(called.before.challenges, _unchangeable(error)), outcome)
    else:
        outcome.withdrawn.append(called.before)


def _leave(held: journal.Held, entry: Entry, reasons: Reasons, outcome: Outcome) -> None:
    left = add_left(entry, reasons, outcome)
    if left != held.entry:
        # On a full disk the reasons are not stored, but still reported.
        with contextlib.suppress(OSError):
            held.store(left)


def add_left(entry: Entry, reasons: Reasons, outcome: Outcome) -> Entry:
    """Add a batch to those that are left, with the reason of each challenge; return it as it is noted."""
    left = dataclasses.replace(entry, reasons=all_in_words(reasons))
    outcome.left.append(left)
    outcome.reasons.update({(entry.id, challenge): reason for challenge, reason in reasons.items()})
    return left


def _unchangeable(error: OSError) -> Reason:
    return Reason(Kind.JOURNAL_UNCHANGEABLE, {"text": error.strerror or str(error)})


def _note_attempt(held: journal.Held, entry: Entry, by_hand: bool) -> None:
    """Count an attempt in the journal, before it is made. :raises OSError: if a run cannot write there."""
    try:
        held.store(dataclasses.replace(entry, attempts=entry.attempts + 1))
    except OSError as error:
        # A cleanup needs no disk space, so it goes on. The run then publishes nothing for lack of space, so it
        # makes this one attempt and ends.
        if not by_hand and error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise


def _prepared(entry: Entry, how: How) -> Backend | Reason:
    """Return the backend, ready for its cleanup, or the reason why it cannot be called. Starts no program."""
    reason = None if how.deliberate else changed(entry)
    if reason is not None:
        return reason
    try:
        context = context_of(entry, how.work_dir, exports(entry, how.deliberate))
        prepared = backend(entry.mode, dataclasses.replace(context, until=how.until, deliberate=how.deliberate))
        prepared.prepare(True, False)
    except errors.SignalExit:
        raise
    except Exception as error:
        return Reason(Kind.NOT_PREPARED, {"text": _said_by(error)})
    return prepared


def _said_by(error: Exception) -> str:
    # The backend may come from another package. An error in it must not end the renewal of other names.
    return str(error) if isinstance(error, errors.Error) else f"{type(error).__name__}: {error}"


def reasons_of(failures: Iterable[Failure], challenges: Sequence[Challenge]) -> dict[str, str]:
    """Say, by id, why challenges are not withdrawn, with the last lines that the handler printed."""
    return all_in_words(_failures(failures, challenges))


def _failures(failures: Iterable[Failure], challenges: Sequence[Challenge]) -> dict[str, Reason]:
    reasons: dict[str, Reason] = {}
    for failure in failures:
        output = " | ".join(failure.output[-_OUTPUT_LINES:])
        facts = {"operation": failure.operation, "text": failure.happened, "output": output}
        for challenge in concerned(failure, challenges):
            reasons.setdefault(challenge.id, Reason(Kind.CALL_FAILED, facts))
    return reasons


def remove_own_files(entry: Entry, work_dir: str) -> dict[str, Reason]:
    """Remove the files that the plugin itself wrote for a batch, in every mode. Return why it could not, by id."""
    reasons = {}
    for challenge in entry.challenges:
        try:
            if challenge.server_name is not None:
                tls_files.remove(tls_files.folder(work_dir), challenge.server_name)
            if challenge.uri is not None and entry.handler.wellknown is not None:
                webroot.remove(entry.handler.wellknown, challenge.token)
        except OSError as error:
            reasons[challenge.id] = Reason(Kind.OWN_FILE_STAYS, {"text": error.strerror or str(error)})
    return reasons
