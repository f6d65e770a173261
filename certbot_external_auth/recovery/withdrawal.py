"""What other runs left behind: withdrawn by the same handler, or told to those who must withdraw it.

A run that is killed leaves its batch in the journal, and one whose cleanup fails leaves what is still there. The next
run of the plugin, and `certbot-external-auth recover`, take it from there. What was withdrawn is looked for, and said
to be withdrawn only if nobody shows it any more, or nobody can be asked.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import time
from collections.abc import Callable, Collection, Iterable, Iterator

from certbot_external_auth import journal
from certbot_external_auth.journal.entry import Entry
from certbot_external_auth.recovery import disappearance
from certbot_external_auth.recovery.batch import Called, How, remove_own_files, settle, try_one
from certbot_external_auth.recovery.consent import TOLD_MODES
from certbot_external_auth.recovery.outcome import Outcome

logger = logging.getLogger(__name__)

ATTEMPTS = 3
"""How many runs try to withdraw a batch to the end, or tell of it."""
INTERRUPTIONS = 10
"""How many more may be ended while they try: that is not the handler's failure, unless it is what ends them."""
LEAST = 300.0
"""Seconds after which a run begins no more calls, or two time limits of the handler if that is longer."""
TOGETHER = 64
"""Batches that are looked for together, each of which keeps its file open until then."""


def withdraw(
    work_dir: str,
    *,
    config_dir: str | None = None,
    named: Collection[str] = (),
    by_hand: bool = False,
) -> Outcome:
    """Withdraw what was left, once, look whether it is gone, and note what is not.

    :param config_dir: only what runs with this configuration directory left.
    :param named: only these batches, also where the handler has changed since.
    :param by_hand: a person asks for it: also what was tried often enough, and however long it takes.
    :raises OSError: if the journal cannot be used.
    """
    found, began, looked = journal.read_all(work_dir), time.monotonic(), 0.0
    outcome = Outcome(running=list(found.running), aside=found.aside)

    def how(one: Entry) -> How:
        until = None if by_hand else began + max(LEAST, 2 * (one.handler.timeout or 0))
        return How(work_dir, one.id in named, by_hand, until)

    # Who is told counts as told: that comes last, since all that is called before may be where this process ends.
    due = sorted(chosen(found.left, config_dir, named), key=lambda entry: entry.mode in TOLD_MODES)
    for first in range(0, len(due), TOGETHER):
        with _tried(due[first : first + TOGETHER], how, outcome) as called:
            start = time.monotonic()
            batches = [each.before for each in called]
            doubtful = {(each.before.id, challenge) for each in called for challenge in each.reasons}
            sights = disappearance.observe(
                batches, doubtful, work_dir, by_hand, start + disappearance.MAX_SECONDS_OF_A_RUN - looked
            )
            looked += time.monotonic() - start
            for each in called:
                settle(each, sights, outcome)
    order = {one.id: number for number, one in enumerate(due)}
    outcome.left.sort(key=lambda one: order[one.id])
    return outcome


@contextlib.contextmanager
def _tried(batches: Iterable[Entry], how: Callable[[Entry], How], outcome: Outcome) -> Iterator[list[Called]]:
    """Those whose handler was called, locked until the end of the block."""
    called: list[Called] = []
    with contextlib.ExitStack() as stack:
        for one in batches:
            held = _claimed(one, how(one), outcome)
            if held is None:
                continue
            stack.callback(held.release)
            if _taken(held, how(one).work_dir, [each.before.id for each in called], outcome):
                held.release()
                continue
            journal.touched.add(one.id)
            found = try_one(held, how(held.entry), outcome)
            if found is None:
                held.release()
            else:
                called.append(found)
        yield called


def _claimed(one: Entry, how: How, outcome: Outcome) -> journal.Held | None:
    """The batch, locked, if it is this process's turn."""
    if not how.by_hand and one.id in journal.touched:
        return None
    if not how.by_hand and _often_enough(one):
        journal.touched.add(one.id)
        outcome.given_up.append(one)
        return None
    try:
        held = journal.claim(how.work_dir, one)
    except OSError as error:
        problem = f"its file in the journal cannot be opened: {error.strerror or error}"
        outcome.left.append(dataclasses.replace(one, reasons={each.id: problem for each in one.challenges}))
        return None
    if held is None:
        # Somebody was quicker: he works on it now, or has withdrawn it.
        outcome.running += [other for other in journal.read_all(how.work_dir).running if other.id == one.id]
    return held


def _taken(held: journal.Held, work_dir: str, ours: Collection[str], outcome: Outcome) -> bool:
    """Whether somebody else works on the same names.

    Looked at only now that the batch is locked: a run that begins with these names waits from here on.
    """
    one = held.entry
    others = [other for other in journal.read_all(work_dir).running if other.id not in (one.id, *ours)]
    if any(one.identifiers & other.identifiers for other in others):
        outcome.running.append(one)
        return True
    return False


def _often_enough(one: Entry) -> bool:
    return one.attempts - one.interrupted >= ATTEMPTS or one.interrupted >= INTERRUPTIONS


def chosen(entries: Iterable[Entry], config_dir: str | None, named: Collection[str]) -> list[Entry]:
    """Those of a configuration directory, and of these ids, where any are given."""
    return [
        one
        for one in entries
        if (not named or one.id in named) and (config_dir is None or one.config_dir == config_dir)
    ]


def tell(work_dir: str) -> list[Entry]:
    """Batches that somebody must withdraw by hand and was not told of often enough; each counts as told now."""
    found = []
    for one in journal.read_all(work_dir).left:
        if one.mode not in TOLD_MODES or one.attempts >= ATTEMPTS or one.id in journal.touched:
            continue
        held = journal.claim(work_dir, one)
        if held is None:
            continue
        journal.touched.add(one.id)
        found.append(one)
        remove_own_files(one, work_dir)
        try:
            held.store(dataclasses.replace(held.entry, attempts=held.entry.attempts + 1))
        except OSError as error:
            # Told all the same, once in each process.
            logger.info("%s cannot be noted: %s", one.id, error.strerror)
        finally:
            held.release()
    return found
