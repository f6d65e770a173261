"""What other runs left behind: withdrawn by the same handler, or told to those who must withdraw it.

A run that is killed leaves its batch in the journal, and one whose cleanup fails leaves what is still there. The next
run of the plugin, and `certbot-external-auth recover`, take it from there.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import logging
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from certbot import errors

from certbot_external_auth import journal, tls_files, webroot
from certbot_external_auth.backends import backend
from certbot_external_auth.challenges import Challenge
from certbot_external_auth.errors import NOT_TRIED, Failure
from certbot_external_auth.journal.entry import Entry
from certbot_external_auth.recovery import fingerprint, orphans
from certbot_external_auth.recovery.context import context_of, finished
from certbot_external_auth.text import one_line

logger = logging.getLogger(__name__)

ATTEMPTS = 3
"""How many runs try to withdraw a batch to the end, or tell of it."""
INTERRUPTIONS = 10
"""How many more may be ended while they try: that is not the handler's failure, unless it is what ends them."""
LEAST = 300.0
"""Seconds after which a run begins no more calls, or two time limits of the handler if that is longer."""
TOLD_MODES = ("json", "manual")
"""Those whose other end is gone with the run, so that it cannot be asked again."""


@dataclass
class Outcome:
    """What became of the batches that were left.

    :ivar withdrawn: those that are gone now. :ivar left: those that are not, with their reasons.
    :ivar running: those that somebody works on, or whose names he uses.
    :ivar given_up: those that were tried, or told, often enough. :ivar aside: see `journal.Found`.
    """

    withdrawn: list[Entry] = field(default_factory=list)
    left: list[Entry] = field(default_factory=list)
    running: list[Entry] = field(default_factory=list)
    given_up: list[Entry] = field(default_factory=list)
    aside: dict[str, str] = field(default_factory=dict)


def withdraw(
    work_dir: str,
    *,
    config_dir: str | None = None,
    named: Collection[str] = (),
    by_hand: bool = False,
) -> Outcome:
    """Withdraw what was left, once, and note what could not be.

    :param config_dir: only what runs with this configuration directory left.
    :param named: only these batches, also where the handler has changed since.
    :param by_hand: a person asks for it: also what was tried often enough, and however long it takes.
    :raises OSError: if the journal cannot be used.
    """
    found, began = journal.look(work_dir), time.monotonic()
    outcome = Outcome(running=list(found.running), aside=found.aside)
    # Who is told counts as told: that comes last, since all that is called before may be where this process ends.
    for one in sorted(chosen(found.left, config_dir, named), key=lambda entry: entry.mode in TOLD_MODES):
        if not by_hand and one.id in journal.touched:
            continue
        if not by_hand and _often_enough(one):
            journal.touched.add(one.id)
            outcome.given_up.append(one)
            continue
        try:
            held = journal.claim(work_dir, one)
        except OSError as error:
            problem = f"its file in the journal cannot be opened: {error.strerror or error}"
            outcome.left.append(dataclasses.replace(one, reasons=_all(one, problem)))
            continue
        if held is None:
            # Somebody was quicker: he works on it now, or has withdrawn it.
            outcome.running += [other for other in journal.look(work_dir).running if other.id == one.id]
            continue
        try:
            until = None if by_hand else began + max(LEAST, 2 * (held.entry.handler.timeout or 0))
            _one(held, work_dir, outcome, _How(one.id in named, by_hand, until))
        finally:
            held.release()
    return outcome


@dataclass(frozen=True)
class _How:
    """:ivar deliberate: also where the handler has changed. :ivar until: monotonic time of the last call to begin."""

    deliberate: bool
    by_hand: bool
    until: float | None

    @property
    def late(self) -> bool:
        return self.until is not None and time.monotonic() >= self.until


def _often_enough(one: Entry) -> bool:
    return one.attempts - one.interrupted >= ATTEMPTS or one.interrupted >= INTERRUPTIONS


def chosen(entries: Iterable[Entry], config_dir: str | None, named: Collection[str]) -> list[Entry]:
    """Those of a configuration directory, and of these ids, where any are given."""
    return [
        one
        for one in entries
        if (not named or one.id in named) and (config_dir is None or one.config_dir == config_dir)
    ]


def _one(held: journal.Held, work_dir: str, outcome: Outcome, how: _How) -> None:
    one = held.entry
    # Looked at only now that the batch is locked: a run that begins with these names waits from here on.
    if any(one.identifiers & other.identifiers for other in journal.look(work_dir).running if other.id != one.id):
        outcome.running.append(one)
        return
    journal.touched.add(one.id)
    if how.late:
        outcome.left.append(dataclasses.replace(one, reasons=_all(one, NOT_TRIED)))
        return
    try:
        reasons, untried = _withdraw(held, work_dir, how)
        left = [challenge for challenge in one.challenges if challenge.id in reasons]
        if not left:
            held.remove()
            outcome.withdrawn.append(one)
            return
    except OSError as error:
        problem = f"the journal cannot be changed: {error.strerror or error}"
        outcome.left.append(dataclasses.replace(one, reasons=_all(one, problem)))
        return
    # What had no turn is the first the next time; and as long as some are withdrawn, each may have its turn.
    left.sort(key=lambda challenge: challenge.id not in untried)
    attempts = one.attempts if untried and len(left) < len(one.challenges) else held.entry.attempts
    outcome.left.append(dataclasses.replace(one, attempts=attempts, challenges=tuple(left), reasons=reasons))
    if outcome.left[-1] != held.entry:
        # Where there is no room for it, it is said all the same.
        with contextlib.suppress(OSError):
            held.store(outcome.left[-1])


def _withdraw(held: journal.Held, work_dir: str, how: _How) -> tuple[dict[str, str], set[str]]:
    """Reasons by the id of each challenge that is not withdrawn; and the ids of those that had no turn.

    :raises OSError: if the attempt cannot be noted; nothing was called then.
    """
    one = held.entry
    if one.mode in TOLD_MODES:
        _count(held, how.by_hand)
        return {**{each.id: one.reason(each) for each in one.challenges}, **_remove_own_files(one, work_dir)}, set()
    found = _prepared(one, work_dir, how)
    if isinstance(found, str):
        orphans.end(one)
        return {**_all(one, found), **_remove_own_files(one, work_dir)}, set()
    # Before anything is called, so that what ends this process too is not tried for ever.
    _count(held, how.by_hand, interrupted=one.interrupted + 1)
    orphans.end(one)
    files = _remove_own_files(one, work_dir)
    try:
        failures = found.cleanup(finished(one, work_dir))
    except errors.SignalExit:
        raise
    except Exception as error:
        return {**_all(one, _in_words(error)), **files}, set()
    untried = {each for failure in failures if failure.happened == NOT_TRIED for each in failure.ids}
    return {**reasons_of(failures, one.challenges), **files}, untried


def _count(held: journal.Held, by_hand: bool, interrupted: int = 0) -> None:
    try:
        held.store(dataclasses.replace(held.entry, attempts=held.entry.attempts + 1, interrupted=interrupted))
    except OSError as error:
        # Withdrawing needs no room; and without it no run publishes, so each does this once and does no more.
        if not by_hand and error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise


def _prepared(one: Entry, work_dir: str, how: _How) -> Any:
    """The backend, ready to be asked; or why it cannot be. Nothing outside is called for this."""
    problem = None if how.deliberate else changed(one)
    if problem is not None:
        return one_line(problem)
    try:
        context = context_of(one, work_dir, _exports(one, how.deliberate))
        found = backend(one.mode, dataclasses.replace(context, until=how.until))
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


def unrunnable(one: Entry) -> str | None:
    """Why nobody can be asked to withdraw it, or should not be; None if somebody can."""
    if one.mode in TOLD_MODES:
        who = "a person" if one.mode == "manual" else "the program that drove Certbot"
        return f"{who} published it, who cannot be asked any more"
    return changed(one)


def changed(one: Entry) -> str | None:
    """Whether the handler is another one than was called, in words; None if it is the same."""
    before = dict(one.handler.fingerprints)
    config = one.handler.dehydrated_config
    now = {path: fingerprint.now(path) for path in (*before, *([config] if config else []))}
    # Also what was not there: a hook that has come to its folder since.
    now.update(fingerprint.of(one.handler.words, one.handler.cleanup_words or ()))
    others = [path for path, text in now.items() if text not in (before.get(path), None)]
    if others:
        return f"the handler has changed since ({', '.join(others)})"
    gone = [path for path, text in now.items() if text is None]
    return f"the handler is gone ({', '.join(gone)})" if gone else None


def _exports(one: Entry, deliberate: bool) -> Mapping[str, str]:
    if one.handler.dehydrated_config is None:
        return {}
    from certbot_external_auth import dehydrated_config

    known = None if deliberate else one.handler.fingerprints
    return dehydrated_config.read(one.handler.dehydrated_config, known).exports


def reasons_of(failures: Iterable[Failure], challenges: Sequence[Challenge]) -> dict[str, str]:
    """Why challenges are not withdrawn, by id."""
    reasons: dict[str, str] = {}
    for failure in failures:
        for challenge in challenges:
            if challenge.id in failure.ids or (not failure.ids and challenge.identifier in failure.identifiers):
                reasons.setdefault(challenge.id, one_line(f"{failure.operation}: {failure.happened}"))
    return reasons


def _remove_own_files(one: Entry, work_dir: str) -> dict[str, str]:
    """What the plugin itself wrote, whoever carried the challenges out."""
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


def tell(work_dir: str) -> list[Entry]:
    """Batches that somebody must withdraw by hand and was not told of often enough; each counts as told now."""
    found = []
    for one in journal.look(work_dir).left:
        if one.mode not in TOLD_MODES or one.attempts >= ATTEMPTS or one.id in journal.touched:
            continue
        held = journal.claim(work_dir, one)
        if held is None:
            continue
        journal.touched.add(one.id)
        found.append(one)
        _remove_own_files(one, work_dir)
        try:
            held.store(dataclasses.replace(held.entry, attempts=held.entry.attempts + 1))
        except OSError as error:
            # Told all the same, once in each process.
            logger.info("%s cannot be noted: %s", one.id, error.strerror)
        finally:
            held.release()
    return found
