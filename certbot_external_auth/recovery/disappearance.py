"""Check whether what was withdrawn is gone: no server shows it any more, or no server could be asked."""

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
"""Seconds that a run looks for all that it has withdrawn; the command `recover` takes the batch's own time."""
OURS = "The plugin"
"""Who fails where a file of its own cannot be removed, which is left wherever it is seen."""
_PAUSE_SECONDS = 0.5
"""Seconds after which somebody who waits for the names is noticed."""

Sights = Mapping[tuple[str, str], Sight]
"""By the ids of batch and challenge."""


def observe(
    batches: Sequence[Entry], doubtful: Collection[tuple[str, str]], work_dir: str, by_hand: bool, deadline: float
) -> Sights:
    """Look for all challenges of these batches, together.

    :param doubtful: the ids of batch and challenge of what no handler says that it has withdrawn.
    :param deadline: monotonic time at which a run stops looking.
    """
    found: dict[tuple[str, str], Sight] = {}
    groups: dict[Surroundings, list[Entry]] = {}
    for one in batches:
        problem = unlooked(one)
        if problem:
            found.update({(one.id, each.id): Sight(unclear=problem) for each in one.challenges})
        else:
            groups.setdefault(_surroundings(one), []).append(one)
    for surroundings, group in groups.items():
        timeout = max(one.verify_timeout for one in group)
        if by_hand:
            due = {each: ripe_at(one) for one in group for each in one.challenges if (one.id, each.id) in doubtful}
            found.update(_look(surroundings, group, timeout, due, _giving_way(group, work_dir)))
        else:
            # What is not ripe is not waited for.
            timeout = min(timeout, deadline - time.monotonic() - LAST_LOOK)
            found.update(_look(surroundings, group, timeout, {}))
    return found


def _look(
    surroundings: Surroundings,
    group: Sequence[Entry],
    timeout: float,
    due: Mapping[Challenge, float],
    pause: Callable[[float], bool] | None = None,
) -> Sights:
    keys = [(one.id, each.id) for one in group for each in one.challenges]
    challenges = [each for one in group for each in one.challenges]
    if timeout < 0:
        return dict.fromkeys(keys, Sight(unclear="there was not enough time"))
    sights = seen(Observer(surroundings), challenges, timeout, lambda one: time.time() >= due.get(one, 0.0), pause)
    return dict(zip(keys, sights, strict=True))


def still_published(
    observer: Observer, begun: Sequence[Challenge], failures: Sequence[Failure], timeout: float, visible: bool
) -> tuple[list[Failure], list[str]]:
    """Of a run's failed cleanup: the failures about what is not seen to be gone, and those about the rest, in words.

    :param timeout: seconds, with all that a last look takes.
    :param visible: the run has seen the challenges before. Otherwise one that is not seen may only be late, so the look
        lasts the whole time, and only what was not called is looked for: it may never have been published.
    """
    looked_for = [one for one in failures if visible or one.happened == NOT_CALLED]
    others = [one for one in failures if one not in looked_for]
    left, gone = _still_published(observer, begun, looked_for, timeout, visible)
    return [*others, *left], gone


def _still_published(
    observer: Observer, begun: Sequence[Challenge], failures: Sequence[Failure], timeout: float, visible: bool
) -> tuple[list[Failure], list[str]]:
    about = {number: concerned(one, begun) for number, one in enumerate(failures) if one.who != OURS}
    challenges = list(dict.fromkeys(each for ones in about.values() for each in ones))
    if not challenges:
        return list(failures), []
    timeout = min(timeout, MAX_SECONDS_OF_A_RUN - LAST_LOOK)
    ripe = 0.0 if visible else time.monotonic() + timeout
    sights = seen(observer, challenges, timeout, lambda one: time.monotonic() >= ripe)
    sight_of = dict(zip(challenges, sights, strict=True))
    left, gone = [], []
    for number, one in enumerate(failures):
        there = [each for each in about.get(number, ()) if not sight_of[each].gone]
        if number in about and about[number] and not there:
            gone.append(f"{one.who} failed at {one.operation} for {', '.join(one.identifiers)}: {one.happened}")
            continue
        at = next((sight_of[each].at for each in there if sight_of[each].at), "")
        happened = f"{one.happened}; still visible at {at}" if at else one.happened
        left.append(replace(one, happened=happened, ids=tuple(each.id for each in there) or one.ids))
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
    ripe: Callable[[Challenge], bool] = lambda one: True,
    pause: Callable[[float], bool] | None = None,
) -> list[Sight]:
    """See `gone.check`; what fails in a way nobody foresaw is not known."""
    try:
        return gone.check(observer.look, challenges, timeout, ripe, pause)
    except errors.SignalExit:
        raise
    except Exception as error:
        logger.debug("Looking failed.", exc_info=True)
        return [Sight(unclear=one_line(f"{type(error).__name__}: {error}"))] * len(challenges)


def unlooked(one: Entry) -> str:
    """Return why a batch is not looked for at all; empty if it is."""
    if one.verify == "off" or one.historic:
        return "its run did not verify either (--external-auth-verify off)"
    return "" if one.verify else "an earlier version of the plugin did not record how to verify it"


def _surroundings(one: Entry) -> Surroundings:
    servers = tuple(parse(text, DNS_PORT) for text in one.verify_nameservers)
    return Surroundings(servers, one.http_port, one.tls_port)


def ripe_at(one: Entry) -> float:
    """When all of a batch would be visible, had it been published: before, that nobody shows it proves nothing."""
    try:
        written = datetime.datetime.fromisoformat(one.written.replace("Z", "+00:00")).timestamp()
    except (ValueError, OverflowError):
        return float("inf")
    return written + one.verify_timeout


def _giving_way(group: Sequence[Entry], work_dir: str) -> Callable[[float], bool]:
    """Pauses that end with the watch when a run waits for the names."""
    own = {one.id for one in group}
    names = frozenset[str]().union(*(one.identifiers for one in group))

    def waits() -> bool:
        return any(one.identifiers & names and one.id not in own for one in journal.read_all(work_dir).running)

    def pause(seconds: float) -> bool:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if waits():
                return True
            deferral.raise_pending()
            time.sleep(min(left, _PAUSE_SECONDS))
        return False

    return pause
