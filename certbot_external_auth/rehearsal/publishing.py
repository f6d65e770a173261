"""Publishes one value for each certificate, sees it, and removes it again, as a run does: `rehearse --publish`.

The journal notes what is published, so a rehearsal that is killed leaves nothing that no run would remove. No lock of
Certbot's is held. If a Certbot starts meanwhile, the rehearsal removes what it has published, and ends.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import FrameType

from certbot import errors

from certbot_external_auth.backends import Context, surroundings
from certbot_external_auth.challenges import TXT_TYPES, Challenge, dnsaccount01, guard
from certbot_external_auth.check import looking, made_up, occupied
from certbot_external_auth.check.looking import Wish
from certbot_external_auth.endpoint import is_address
from certbot_external_auth.errors import NotVisibleError, PerformError
from certbot_external_auth.rehearsal import host as of_host
from certbot_external_auth.rehearsal.findings import Finding, Found, Kind
from certbot_external_auth.rehearsal.logged import collected
from certbot_external_auth.rehearsal.publisher import Ready
from certbot_external_auth.rehearsal.subject import Host
from certbot_external_auth.run.ids import next_id
from certbot_external_auth.run.run import Run
from certbot_external_auth.visibility import watch
from certbot_external_auth.visibility.observer import Observer

POLL_SECONDS = 0.25
"""How often the rehearsal checks whether a Certbot has started."""
GONE_SECONDS = 30.0
"""The longest wait for a removed value to disappear, unless the time limit of the check is shorter."""


@dataclass(frozen=True)
class Trial:
    """One certificate to publish for.

    :ivar context: of its renewal.
    :ivar name: the first name in it.
    """

    lineage: str
    context: Context
    name: str


def _trial(one: Ready) -> Iterator[Trial]:
    context = one.publisher.context
    if one.subject.publishes and one.publisher.can_publish and context is not None:
        yield Trial(one.subject.lineage, context, one.subject.facts.names[0])


class CertbotStartedError(errors.SignalExit):
    """A Certbot has taken its lock while something was published. The message says why that was not removed."""


def publish(ready: Sequence[Ready], host: Host) -> Found:
    """Publish for each certificate, as many at a time as its ``--external-auth-jobs`` allows."""
    found: dict[str, Sequence[Finding]] = {}
    stopped = Finding(Kind.STOPPED, {"path": host.work_dir})
    for batch in _batches([trial for one in ready for trial in _trial(one)]):
        if of_host.busy(host):
            found.update((one.lineage, [stopped]) for one in batch)
            continue
        try:
            found.update(_of_batch(batch, lambda: of_host.busy(host)))
        except CertbotStartedError as error:
            left = str(error)
            found.update((one.lineage, [stopped, *_still_there(one.name, left)]) for one in batch)
    return found


def _still_there(place: str, text: str) -> Iterator[Finding]:
    if text:
        yield Finding(Kind.NOT_WITHDRAWN, {"place": place, "text": text})


def _batches(trials: Sequence[Trial]) -> Iterator[Sequence[Trial]]:
    """Yield the trials that are published together: equal settings, and not more than may run at the same time."""
    groups: dict[tuple[object, ...], list[Trial]] = {}
    for one in trials:
        groups.setdefault((one.context.settings, one.context.words, one.context.preferred), []).append(one)
    for group in groups.values():
        settings = group[0].context.settings
        # Names with routes may have different publishers.
        size = max(settings.jobs, 1) if settings.routes is None else 1
        yield from (group[first : first + size] for first in range(0, len(group), size))


def _of_batch(batch: Sequence[Trial], busy: Callable[[], bool]) -> Found:
    found = _there_and_back(batch, busy)
    if len(batch) > 1 and any(found.values()):
        # A failure names what failed and ends the whole batch, so each is tried alone.
        return {one.lineage: _there_and_back([one], busy)[one.lineage] for one in batch}
    return found


def _there_and_back(batch: Sequence[Trial], busy: Callable[[], bool]) -> dict[str, list[Finding]]:
    found: dict[str, list[Finding]] = {one.lineage: [] for one in batch}
    context = _looking(batch[0].context)
    run = Run(context, [one.name for one in batch])
    context = run.context_of(batch[0].name)
    observer = Observer(dataclasses.replace(surroundings(context), caches=False))
    made = {one.lineage: _challenge(run, one.name) for one in batch}
    policy = watch.Policy("auto", min(GONE_SECONDS, context.settings.verify_timeout))
    for lineage, challenge in list(made.items()):
        if challenge.type in TXT_TYPES and _in_use(observer, challenge):
            del made[lineage]
            found[lineage].append(Finding(Kind.IN_USE, {"place": challenge.place}))
    if not made:
        return found
    try:
        with _stopping(busy):
            failure = _published(run, list(made.values()), context.settings.env_file)
    except BaseException as error:
        said = _withdrawn(run)
        if isinstance(error, CertbotStartedError):
            raise CertbotStartedError(" ".join(said)) from None
        raise
    # A Certbot that starts now does not stop the removal: the value would stay.
    said = _withdrawn(run)
    sight = looking.look(observer, Wish(absent=tuple(made.values())), policy)
    for lineage, challenge in made.items():
        if failure:
            found[lineage].append(Finding(Kind.NOT_PUBLISHED, {**failure, "name": challenge.identifier}))
        if challenge in sight.left or (said and not failure):
            found[lineage].append(Finding(Kind.NOT_WITHDRAWN, {"place": challenge.place, "text": " ".join(said)}))
    return found


def _withdrawn(run: Run) -> list[str]:
    """Remove what was published; return what may still be there, as the run says it."""
    with collected(logging.ERROR) as said:
        run.publication.cleanup(None)
    return said


def _looking(context: Context) -> Context:
    """Return the context with a check of what is published, even if renewals do without."""
    settings = context.settings
    return dataclasses.replace(context, settings=dataclasses.replace(settings, verify="auto", verify_settle=0.0))


def _challenge(run: Run, name: str) -> Challenge:
    base = guard.base_name(name)
    kind = run.usable_types(name, addresses=True)[0]
    identifier_type = "ip" if is_address(base) else "dns"
    label = made_up.account_label() if kind == dnsaccount01.TYPE else None
    return made_up.challenge(next_id("r"), kind, base, identifier_type, dashed=False, label=label)


def _in_use(observer: Observer, challenge: Challenge) -> bool:
    """Tell whether the name has values that a rehearsal could destroy."""
    sight = looking.look(observer, Wish(absent=(challenge,)), watch.Policy("auto", 0.0))
    return bool(occupied.values(sight.observations))


def _published(run: Run, challenges: Sequence[Challenge], env_file: str | None) -> Mapping[str, str]:
    """Publish, and look; return facts about the failure, none if there is none.

    :param env_file: with the secrets of what publishes.
    """
    try:
        run.publication.perform(challenges)
    except NotVisibleError as error:
        return {"text": "\n".join(error.text)}
    except PerformError as error:
        return {"text": "\n".join(map(str, error.failures)), "secrets": env_file or ""}
    except errors.SignalExit:
        raise
    except errors.Error as error:
        return {"text": str(error)}
    return {}


@contextlib.contextmanager
def _stopping(busy: Callable[[], bool]) -> Iterator[None]:
    """Raise `CertbotStartedError` in this block once a Certbot has started."""

    def ask(number: int, frame: FrameType | None) -> None:
        if busy():
            signal.setitimer(signal.ITIMER_REAL, 0)
            raise CertbotStartedError

    before = signal.signal(signal.SIGALRM, ask)
    signal.setitimer(signal.ITIMER_REAL, POLL_SECONDS, POLL_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
