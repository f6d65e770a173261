"""The records of dns-persist-01 of one run: which stand, which must be published, and which may be on their way."""

from __future__ import annotations

import dataclasses
import logging
import shlex
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from certbot_external_auth.backends import Context
from certbot_external_auth.challenges import Challenge
from certbot_external_auth.console import certbot_folders
from certbot_external_auth.errors import RecordMissingError, UsageError
from certbot_external_auth.interfaces import Backend
from certbot_external_auth.persistent_records import Judgement, wording
from certbot_external_auth.settings import OFF
from certbot_external_auth.text import say_once
from certbot_external_auth.visibility import Expectation, Observation, Says, expectations, standing
from certbot_external_auth.visibility.observer import Observer
from certbot_external_auth.visibility.verdict import by_place, said

logger = logging.getLogger(__name__)

LOOK_SECONDS, LOOK_SECONDS_IF_OFF = 5.0, 1.0
"""How long the first look may take; the second one with --external-auth-verify off."""

Look = Callable[[Sequence[Expectation], float], list[Observation]]


@dataclass(frozen=True)
class Records:
    """What the first look found.

    :ivar missing: a challenge for each record to publish: each server that answered denies it.
    :ivar unsure: a challenge for each record that some servers show, and others not yet.
    :ivar unknown: a challenge for each record about which no server answered.
    :ivar judgements: of each missing record, by its name.
    :ivar until: when the first record that stands ends, in seconds since 1970; None if none has an end.
    """

    missing: tuple[Challenge, ...] = ()
    unsure: tuple[Challenge, ...] = ()
    unknown: tuple[Challenge, ...] = ()
    judgements: tuple[tuple[Challenge, Judgement], ...] = ()
    until: int | None = None


class Lasting:
    """Finds out what to publish.

    :param persists: the backend can publish such records.
    """

    def __init__(self, context: Context, backend: Backend, persists: bool, observer: Observer) -> None:
        self._context = context
        self._backend = backend
        self._persists = persists
        self._observer = observer

    def found(self, challenges: Sequence[Challenge]) -> Records:
        """Look for the records, and tell why those that are there are not enough.

        :param challenges: those of dns-persist-01.
        :raises RecordMissingError: if a record is missing, and cannot be published here.
        """
        if not challenges:
            return Records()
        records = look(challenges, self._observer.look, self._context.settings.verify == OFF)
        self._record(records)
        # What no server told counts as there at a renewal. Otherwise it is published: at the first time it is missing.
        guessed = records.unknown if not self._context.renewing else ()
        refused = self._unable() if records.missing or guessed else ""
        if records.missing and refused:
            raise refusal(records, self._context, refused)
        tell(records)
        if guessed and not refused:
            return dataclasses.replace(records, missing=(*records.missing, *guessed), unknown=())
        return records

    def _record(self, records: Records) -> None:
        if self._context.settings.metrics is not None and records.until is not None:
            from certbot_external_auth.metrics import recorder

            recorder.lasts(self._context.facts.alias, records.until)

    def _unable(self) -> str:
        """Say why the backend cannot publish a record that stays; nothing if it can."""
        if not self._persists:
            who = self._context.settings.carrier
            return f"{who[0].upper()}{who[1:]} has no call that adds such a record."
        try:
            self._backend.prepare(True, False)
        except UsageError as error:
            return str(error)
        return ""


def look(challenges: Sequence[Challenge], ask: Look, off: bool) -> Records:
    """Look at every address of every authority, once, and warn of records that end soon.

    :param challenges: those of dns-persist-01; a name and its wildcard share a record.
    :param ask: see `Observer.look`.
    :param off: the plugin shall not verify. It looks all the same, as it must know what to publish.
    """
    wanted = expectations(challenges)
    first = {one.place: one for one in reversed(challenges)}
    rows = by_place(wanted, ask(wanted, time.monotonic() + (LOOK_SECONDS_IF_OFF if off else LOOK_SECONDS)))
    missing, unsure, unknown, judgements, ends = [], [], [], [], []
    for place, seen in rows.items():
        challenge, answers = first[place], said(seen)
        judged = [standing.judged(challenge, row) for row in seen if row.outcome.says in (Says.YES, Says.NO)]
        if Says.YES in answers:
            ends += [each.until for each in judged if each.stands and each.until is not None]
            _warn(challenge, judged)
        if answers == {Says.YES}:
            logger.info("The record at %s stands, so the plugin publishes nothing for it.", place)
        elif Says.YES in answers:
            unsure.append(challenge)
        elif Says.NO in answers:
            missing.append(challenge)
            judgements.append((challenge, min(judged, key=standing.helpful)))
        else:
            unknown.append(challenge)
    return Records(tuple(missing), tuple(unsure), tuple(unknown), tuple(judgements), min(ends, default=None))


def _warn(challenge: Challenge, judged: Sequence[Judgement]) -> None:
    """Warn of a record that ends soon, at a time when it still stands."""
    now = int(time.time())
    ends = [each.until for each in judged if each.stands and each.ends_soon(now) and each.until is not None]
    if ends:
        say_once(logger, wording.ending(challenge.identifier, min(ends), now))


def tell(records: Records) -> None:
    """Say why the records that are there are not enough, before the right one is published beside them."""
    for challenge, judgement in records.judgements:
        if challenge.need is not None and judgement.reasons and judgement.reason.record:
            logger.warning("%s", wording.because(judgement.reason, challenge.need))


def refusal(records: Records, context: Context, unable: str) -> RecordMissingError:
    """Return the error where nothing here can publish the records: it has each record, and a command that prints it.

    :param unable: says what cannot publish them, and why.
    """
    lines, problems = [], {}
    for challenge, judgement in records.judgements:
        assert challenge.need is not None
        sentence = wording.missing(judgement.reason, challenge.need)
        lines.append(sentence)
        problems[challenge.id] = {"type": "challenge.record_missing", "detail": sentence}
    last = f"{unable} Publish each record once, by hand; it stays for renewals. This prints it in other forms: "
    return RecordMissingError([*lines, last + shlex.join(command(records.missing, context))], problems)


def command(missing: Sequence[Challenge], context: Context) -> list[str]:
    """Return the command that prints records."""
    needs = [one.need for one in missing if one.need is not None]
    names = [name for need in needs for name in (need.domain, *([f"*.{need.domain}"] if need.wildcard else []))]
    folder = context.facts.config_dir
    return [
        *("certbot-external-auth", "persist"),
        *(word for name in names for word in ("-d", name)),
        *("--server", context.server),
        *(("--config-dir", folder) if folder != certbot_folders.DEFAULTS["config-dir"] else ()),
    ]
