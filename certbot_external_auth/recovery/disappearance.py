"""Check whether withdrawn challenges are gone: no server shows them any more."""

from __future__ import annotations

import datetime
import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from certbot import errors

from certbot_external_auth import journal
from certbot_external_auth.challenges import Challenge
from certbot_external_auth.endpoint import parse
from certbot_external_auth.errors import NOT_CALLED, Failure
from certbot_external_auth.journal.entry import Entry
from certbot_external_auth.signals import deferral
from certbot_external_auth.text import one_line
from certbot_external_auth.visibility import gone
from certbot_external_auth.visibility.gone import Sight
from certbot_external_auth.visibility.observer import Observer
from certbot_external_auth.visibility.probe import DNS_PORT, Surroundings
from certbot_external_auth.visibility.watch import LAST_LOOK

logger = logging.getLogger(__name__)

MAX_SECONDS_OF_A_RUN = 10.0
"""How long a run checks in all. The command `recover` checks each batch as long as its run would have."""
OURS = "The plugin"
"""The `Failure.who` for a file of the plugin's own that it cannot remove. No check of a server excuses that."""
_PAUSE_SECONDS = 0.5
"""How often a pause asks whether a run waits for the same names."""

Sights = Mapping[tuple[str, str], Sight]
"""By the ids of batch and challenge."""


def observe(
    batches: Sequence[Entry], doubtful: Collection[tuple[str, str]], work_dir: str, by_hand: bool, deadline: float
) -> Sights:
    """Check all challenges of these batches together.

    :param doubtful: the challenges whose handler did not report success, by the ids of batch and challenge.
    :param deadline: monotonic time at which a run stops checking.
    """
    sights: dict[tuple[str, str], Sight] = {}
    groups: dict[Surroundings, list[Entry]] = {}
    for entry in batches:
        problem = unchecked(entry)
        if problem:
            sights.update({(entry.id, each.id): Sight(unclear=problem) for each in entry.challenges})
        else:
            groups.setdefault(_surroundings(entry), []).append(entry)
    for surroundings, group in groups.items():
        timeout = max(entry.verify_timeout for entry in group)
        if by_hand:
            due = {
                each: ripe_at(entry) for entry in group for each in entry.challenges if (entry.id, each.id) in doubtful
            }
            sights.update(_look(surroundings, group, timeout, due, _giving_way(group, work_dir)))
        else:
            # A run does not wait until absence proves something.
            timeout = min(timeout, deadline - time.monotonic() - LAST_LOOK)
            sights.update(_look(surroundings, group, timeout, {}))
    return sights


def _look(
    surroundings: Surroundings,
    group: Sequence[Entry],
    timeout: float,
    due: Mapping[Challenge, float],
    pause: Callable[[float], bool] | None = None,
) -> Sights:
    keys = [(entry.id, each.id) for entry in group for each in entry.challenges]
    challenges = [each for entry in group for each in entry.challenges]
    if timeout < 0:
        return dict.fromkeys(keys, Sight(unclear="there was not enough time"))
    sights = seen(Observer(surroundings), challenges, timeout, lambda each: time.time() >= due.get(each, 0.0), pause)
    return dict(zip(keys, sights, strict=True))


def still_published(
    observer: Observer, begun: Sequence[Challenge], failures: Sequence[Failure], timeout: float, visible: bool
) -> tuple[list[Failure], list[str]]:
    """Divide the failures of a run's cleanup by whether their challenges are gone.

    :param timeout: seconds, including the last check.
    :param visible: the run has seen the challenges. If it has not, one that no server shows may only be late. Then the
        check uses the whole time, and covers only challenges for which no handler was called to clean up, because they
        may never have been published.
    :returns: the failures about challenges that are not known to be gone, and the others in words.
    """
    checked = [failure for failure in failures if visible or failure.happened == NOT_CALLED]
    others = [failure for failure in failures if failure not in checked]
    left, gone = _still_published(observer, begun, checked, timeout, visible)
    return [*others, *left], gone


def _still_published(
    observer: Observer, begun: Sequence[Challenge], failures: Sequence[Failure], timeout: float, visible: bool
) -> tuple[list[Failure], list[str]]:
    about = {number: concerned(failure, begun) for number, failure in enumerate(failures) if failure.who != OURS}
    challenges = list(dict.fromkeys(each for ones in about.values() for each in ones))
    if not challenges:
        return list(failures), []
    timeout = min(timeout, MAX_SECONDS_OF_A_RUN - LAST_LOOK)
    ripe = 0.0 if visible else time.monotonic() + timeout
    sights = seen(observer, challenges, timeout, lambda each: time.monotonic() >= ripe)
    sight_of = dict(zip(challenges, sights, strict=True))
    left, gone = [], []
    for number, failure in enumerate(failures):
        there = [each for each in about.get(number, ()) if not sight_of[each].gone]
        if number in about and about[number] and not there:
            names = ", ".join(failure.identifiers)
            gone.append(f"{failure.who} failed at {failure.operation} for {names}: {failure.happened}")
            continue
        at = next((sight_of[each].at for each in there if sight_of[each].at), "")
        happened = f"{failure.happened}; still visible at {at}" if at else failure.happened
        left.append(replace(failure, happened=happened, ids=tuple(each.id for each in there) or failure.ids))
    return left, gone


def concerned(failure: Failure, challenges: Sequence[Challenge]) -> list[Challenge]:
    """Return the challenges of a call that a failure is about.

    A failure that names none of them is about all. The backend may come from another package, and what it did not
    withdraw must stay in the journal.
    """
    if failure.ids:
        named = [challenge for challenge in challenges if challenge.id in failure.ids]
    else:
        named = [challenge for challenge in challenges if challenge.identifier in failure.identifiers]
    return named or list(challenges)


def seen(
    observer: Observer,
    challenges: Sequence[Challenge],
    timeout: float,
    ripe: Callable[[Challenge], bool] = lambda each: True,
    pause: Callable[[float], bool] | None = None,
) -> list[Sight]:
    """Check as `gone.check` does. After an unexpected error it is unknown whether the challenges are gone."""
    try:
        return gone.check(observer.look, challenges, timeout, ripe, pause)
    except errors.SignalExit:
        raise
    except Exception as error:
        logger.debug("The check failed.", exc_info=True)
        return [Sight(unclear=one_line(f"{type(error).__name__}: {error}"))] * len(challenges)


def unchecked(entry: Entry) -> str:
    """Return why a batch is not checked at all; empty if it is."""
    if entry.verify == "off" or entry.historic:
        return "its run did not verify either (--external-auth-verify off)"
    return "" if entry.verify else "an earlier version of the plugin did not record how to verify it"


def _surroundings(entry: Entry) -> Surroundings:
    servers = tuple(parse(text, DNS_PORT) for text in entry.verify_nameservers)
    return Surroundings(servers, entry.http_port, entry.tls_port)


def ripe_at(entry: Entry) -> float:
    """Return the Unix time from which a published batch is visible. Earlier, its absence proves nothing."""
    try:
        written = datetime.datetime.fromisoformat(entry.written.replace("Z", "+00:00")).timestamp()
    except (ValueError, OverflowError):
        return float("inf")
    return written + entry.verify_timeout


def _giving_way(group: Sequence[Entry], work_dir: str) -> Callable[[float], bool]:
    """Return the pause between two checks, which returns True, to end them, if a run waits for the same names."""
    own = {entry.id for entry in group}
    names = frozenset[str]().union(*(entry.identifiers for entry in group))

    def waits() -> bool:
        return any(entry.identifiers & names and entry.id not in own for entry in journal.read_all(work_dir).running)

    def pause(seconds: float) -> bool:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if waits():
                return True
            deferral.raise_pending()
            time.sleep(min(left, _PAUSE_SECONDS))
        return False

    return pause
