"""Whether the records of dns-persist-01 stand that the next renewals need."""

from __future__ import annotations

import datetime
import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from certbot_external_auth.accounts import Account, foreign, stored
from certbot_external_auth.accounts.directory import DirectoryError
from certbot_external_auth.backends import Context, context
from certbot_external_auth.challenges import PERSISTENT
from certbot_external_auth.endpoint import Endpoint, is_address
from certbot_external_auth.errors import UsageError
from certbot_external_auth.interfaces import BackendAbilities
from certbot_external_auth.persist import looking
from certbot_external_auth.persist.looking import Seen, State
from certbot_external_auth.persist.making import Entry
from certbot_external_auth.persistent_records import Need, OfferError, Terms, of_directory, proven, wording
from certbot_external_auth.rehearsal.directories import Directories
from certbot_external_auth.rehearsal.findings import Finding, Found, Kind
from certbot_external_auth.rehearsal.publisher import NOT_REHEARSED, Ready
from certbot_external_auth.rehearsal.subject import Host, Subject
from certbot_external_auth.visibility import parallel

SECONDS_PER_RECORD = 0.02
"""What each record adds to the time for all."""


@dataclass(frozen=True)
class _Wish:
    """The records that one certificate needs."""

    lineage: str
    context: Context
    entries: Sequence[Entry]


class Records:
    """Looks at the records of a host.

    :ivar ends: when the first record of a certificate ends, in seconds since 1970, by lineage. None if it has none that
        ends. A certificate is missing here if that could not be found out.
    """

    def __init__(self, host: Host, now: datetime.datetime, directories: Directories) -> None:
        self._host = host
        self._now = int(now.timestamp())
        self.ends: dict[str, float | None] = {}
        self._directories = directories

    def check(self, ready: Sequence[Ready]) -> Found:
        """Return what was found about the certificates that need such records."""
        self.ends.update((one.subject.lineage, None) for one in ready if one.publisher.types)
        found: dict[str, list[Finding]] = {}
        wishes = []
        for one in ready:
            if one.publisher.context is not None and PERSISTENT in one.publisher.types:
                del self.ends[one.subject.lineage]
                wish = self._wish(one.subject, one.publisher.context)
                found[one.subject.lineage] = [wish] if isinstance(wish, Finding) else []
                wishes += [wish] if isinstance(wish, _Wish) else []
        for wish, rows in _looked(wishes, self._now):
            if all(seen.state is not State.UNKNOWN for seen in rows):
                self.ends[wish.lineage] = _first_end(rows)
            found[wish.lineage] += [finding for seen in rows for finding in self._findings(seen, wish.context)]
        return found

    def _wish(self, subject: Subject, found: Context) -> _Wish | Finding | None:
        """Return what a certificate needs, or why that is not known; None if its account cannot be used."""
        try:
            account = stored.chosen(self._host.config_dir, found.server, subject.text("account") or None)
        except UsageError:
            # What is wrong with the account has a finding of its own.
            return None
        terms = "its account belongs to another server" if foreign(account.uri, found.server) else self._terms(found)
        if isinstance(terms, str):
            return Finding(Kind.RECORD_UNSAID, {"names": ", ".join(subject.facts.names), "text": terms})
        entries = [Entry(need, found.server) for need in _needs(subject, terms, account)]
        return _Wish(subject.lineage, found, entries)

    def _terms(self, found: Context) -> Terms | str:
        """Return what the CA wants in a record, or why that is not known."""
        try:
            return of_directory(self._directories.meta(found.server))
        except DirectoryError as error:
            return f"the CA's directory cannot be read: {error}"
        except OfferError as error:
            return wording.offer(error).rstrip(".")

    def _findings(self, seen: Seen, found: Context) -> Iterator[Finding]:
        need = seen.entry.need
        if seen.state is State.UNKNOWN:
            yield Finding(Kind.RECORD_UNSAID, {"names": need.domain, "text": "no name server answered"})
        elif seen.reason is not None:
            kind = Kind.RECORD_TO_COME if _publishes(found) else Kind.RECORD
            yield Finding(kind, {"text": wording.missing(seen.reason, need), "name": need.domain})
        elif seen.judgement is not None and seen.judgement.ends_soon(self._now):
            ending = wording.ending(need.domain, seen.judgement.until or 0, self._now)
            yield Finding(Kind.RECORD_ENDS, {"text": ending, "name": need.domain})


def _looked(wishes: Sequence[_Wish], now: int) -> Iterator[tuple[_Wish, list[Seen]]]:
    """Look the records up. Those at the same servers are asked for together, and different servers at the same time."""
    groups: dict[tuple[Endpoint, ...], list[_Wish]] = {}
    for wish in wishes:
        groups.setdefault(wish.context.settings.verify_nameservers, []).append(wish)
    until = time.monotonic() + _seconds(wishes)

    def look(servers: tuple[Endpoint, ...]) -> list[Seen]:
        entries = [entry for wish in groups[servers] for entry in wish.entries]
        seconds = min(_seconds(groups[servers]), until - time.monotonic())
        return looking.look(entries, servers, now, (), seconds)

    for servers, seen in zip(groups, parallel.each(look, list(groups)), strict=True):
        rows = iter(seen)
        yield from ((wish, list(itertools.islice(rows, len(wish.entries)))) for wish in groups[servers])


def _seconds(wishes: Sequence[_Wish]) -> float:
    return looking.LOOK_SECONDS + SECONDS_PER_RECORD * sum(len(wish.entries) for wish in wishes)


def _needs(subject: Subject, terms: Terms, account: Account) -> list[Need]:
    names = proven(name for name in subject.facts.names if not is_address(name))
    return [Need(domain, wildcard, terms, account) for domain, wildcard in names.items()]


def _first_end(rows: Sequence[Seen]) -> float | None:
    judged = [seen.judgement for seen in rows if seen.judgement is not None and seen.judgement.stands]
    return min((float(one.until) for one in judged if one.until is not None), default=None)


def _publishes(found: Context) -> bool:
    """Tell whether a renewal, at which there is no person and no driver, can publish a record."""
    settings = found.settings
    if settings.mode in NOT_REHEARSED or settings.routes is not None:
        return False
    return BackendAbilities.of(context.backend(settings.mode, found)).persists
