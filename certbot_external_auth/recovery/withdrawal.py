"""Withdraws what earlier runs left behind, by the same handlers, or reports it to those who must remove it.

A run that is killed leaves its batch in the journal, and so does a run whose cleanup fails. The next run of the plugin,
or `certbot-external-auth recover`, calls the handler again. The plugin then checks what is gone: a challenge counts as
withdrawn only if no server shows it any more. If its run did not verify, the plugin believes the handler.
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
from certbot_external_auth.recovery.batch import Called, How, add_left, remove_own_files, settle, try_one
from certbot_external_auth.recovery.consent import TOLD_MODES
from certbot_external_auth.recovery.outcome import Outcome
from certbot_external_auth.recovery.reasons import Kind, Reason, for_all

logger = logging.getLogger(__name__)

ATTEMPTS = 3
"""How many attempts of runs may fail, and how many runs report a batch."""
INTERRUPTIONS = 10
"""How many attempts may be interrupted. That is not the handler's failure, unless the handler is what interrupts."""
_MIN_SECONDS_OF_CALLS = 300.0
"""Seconds after which a run begins no more calls; twice the handler's time limit if that is longer."""
_MAX_BATCHES_AT_ONCE = 64
"""How many batches are checked together. The file of each stays open until then."""


def withdraw(
    work_dir: str,
    *,
    config_dir: str | None = None,
    named: Collection[str] = (),
    by_hand: bool = False,
) -> Outcome:
    """Try once to withdraw what is left, check what is gone, and note what is not.

    :param config_dir: only what runs with this configuration directory left.
    :param named: only the batches with these ids, even if their handlers have changed.
    :param by_hand: a person asks for it: try also what runs have given up, without a time limit.
    :raises OSError: if the journal cannot be used.
    """
    contents, began, seconds_checked = journal.read_all(work_dir), time.monotonic(), 0.0
    outcome = Outcome(running=list(contents.running), aside=contents.aside)

    def how(entry: Entry) -> How:
        until = None if by_hand else began + max(_MIN_SECONDS_OF_CALLS, 2 * (entry.handler.timeout or 0))
        return How(work_dir, entry.id in named, by_hand, until)

    # Batches that are only reported come last: a report uses up an attempt, and a handler that is called after it could
    # kill this process before the report is read.
    due = sorted(chosen(contents.left, config_dir, named), key=lambda entry: entry.mode in TOLD_MODES)
    for first in range(0, len(due), _MAX_BATCHES_AT_ONCE):
        with _tried(due[first : first + _MAX_BATCHES_AT_ONCE], how, outcome) as called:
            start = time.monotonic()
            batches = [each.before for each in called]
            doubtful = {(each.before.id, challenge) for each in called for challenge in each.reasons}
            deadline = start + disappearance.MAX_SECONDS_OF_A_RUN - seconds_checked
            sights = disappearance.observe(batches, doubtful, work_dir, by_hand, deadline)
            seconds_checked += time.monotonic() - start
            for each in called:
                settle(each, sights, outcome)
    order = {entry.id: number for number, entry in enumerate(due)}
    outcome.left.sort(key=lambda entry: order[entry.id])
    return outcome


@contextlib.contextmanager
def _tried(batches: Iterable[Entry], how: Callable[[Entry], How], outcome: Outcome) -> Iterator[list[Called]]:
    """Call the handlers of batches; the batches that were called stay locked until the end of the block."""
    all_called: list[Called] = []
    with contextlib.ExitStack() as stack:
        for entry in batches:
            held = _claimed(entry, how(entry), outcome)
            if held is None:
                continue
            stack.callback(held.release)
            if _names_in_use(held, how(entry).work_dir, [each.before.id for each in all_called], outcome):
                held.release()
                continue
            journal.touched.add(entry.id)
            called = try_one(held, how(held.entry), outcome)
            if called is None:
                held.release()
            else:
                all_called.append(called)
        yield all_called


def _claimed(entry: Entry, how: How, outcome: Outcome) -> journal.Held | None:
    """Lock a batch; None if this process must not try it. `outcome` then says why, unless that was reported before."""
    if not how.by_hand and entry.id in journal.touched:
        return None
    if not how.by_hand and _often_enough(entry):
        journal.touched.add(entry.id)
        outcome.given_up.append(entry)
        return None
    try:
        held = journal.claim(how.work_dir, entry)
    except OSError as error:
        reasons = for_all(entry.challenges, Reason(Kind.ENTRY_UNREADABLE, {"text": error.strerror or str(error)}))
        add_left(entry, reasons, outcome)
        return None
    if held is None:
        # Another process was faster: it works on the batch now, or has withdrawn it.
        outcome.running += [other for other in journal.read_all(how.work_dir).running if other.id == entry.id]
    return held


def _names_in_use(held: journal.Held, work_dir: str, ours: Collection[str], outcome: Outcome) -> bool:
    """Tell whether another process works on the same names.

    This is asked only after the batch is locked: a run that begins with these names waits from here on.

    :param ours: ids of the batches that this process works on.
    """
    entry = held.entry
    others = [other for other in journal.read_all(work_dir).running if other.id not in (entry.id, *ours)]
    if any(entry.identifiers & other.identifiers for other in others):
        outcome.running.append(entry)
        return True
    return False


def _often_enough(entry: Entry) -> bool:
    return entry.attempts - entry.interrupted >= ATTEMPTS or entry.interrupted >= INTERRUPTIONS


def chosen(entries: Iterable[Entry], config_dir: str | None, named: Collection[str]) -> list[Entry]:
    """Select the batches of a configuration directory, and those with these ids, where any are given."""
    return [
        entry
        for entry in entries
        if (not named or entry.id in named) and (config_dir is None or entry.config_dir == config_dir)
    ]


def tell(work_dir: str) -> list[Entry]:
    """Return the batches to remove by hand that were not reported often enough; each counts as reported now."""
    reported = []
    for entry in journal.read_all(work_dir).left:
        if entry.mode not in TOLD_MODES or entry.attempts >= ATTEMPTS or entry.id in journal.touched:
            continue
        held = journal.claim(work_dir, entry)
        if held is None:
            continue
        journal.touched.add(entry.id)
        reported.append(entry)
        remove_own_files(entry, work_dir)
        try:
            held.store(dataclasses.replace(held.entry, attempts=held.entry.attempts + 1))
        except OSError as error:
            # The batch is reported anyway, but later processes will report it again.
            logger.info("The report of %s cannot be noted: %s", entry.id, error.strerror)
        finally:
            held.release()
    return reported
