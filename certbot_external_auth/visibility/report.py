"""Show people what was seen: a table, the likely reasons, and what may help. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from certbot_external_auth.challenges import dns01
from certbot_external_auth.files.webroot import FileState
from certbot_external_auth.persistent_records import record
from certbot_external_auth.text import counted, one_line
from certbot_external_auth.visibility import Clue, Expectation, Observation, Outcome, Says, standing
from certbot_external_auth.visibility import reasons as data
from certbot_external_auth.visibility.near_miss import compare
from certbot_external_auth.visibility.reasons import Advice, Help
from certbot_external_auth.visibility.record_reasons import Publisher, wildcards
from certbot_external_auth.visibility.record_sentences import (
    MAX_VALUE_CHARACTERS,
    NAMESERVERS,
    reason_sentence,
    value_shown,
)
from certbot_external_auth.visibility.verdict import by_place, said
from certbot_external_auth.visibility.web import reasons as web
from certbot_external_auth.visibility.web import wording as web_wording

__all__ = [
    "MOST_ROWS",
    "Publisher",
    "advice",
    "listed",
    "partly",
    "reason_sentence",
    "reasons",
    "summary",
    "table",
    "wildcard",
    "words",
    "worst_first",
]

MOST_ROWS = 40
"""Addresses in a table inside an error; the log has all."""
MAX_LISTED_VALUES = 8
"""Values of one address in a table."""


# --- what was seen ---


def words(observation: Observation) -> str:
    """Say what one address answered."""
    text = "visible" if observation.outcome.says is Says.YES else observation.outcome.value.replace("_", " ")
    if observation.outcome is Outcome.OTHER_VALUES:
        text = _values(observation)
    elif observation.outcome.says is Says.NO and observation.seen:
        text += ": " + ", ".join(one_line(value, MAX_VALUE_CHARACTERS) for value in observation.seen)
    if observation.asked:
        text += f" at {observation.asked}"
    return text + (f" ({one_line(observation.detail)})" if observation.detail else "")


def _values(observation: Observation) -> str:
    """Say which TXT values stand at a name, in comparison with those that are wanted there."""
    found = compare(observation.wanted, observation.seen)
    if observation.wanted and not found.missing:
        # All of them are there, and some should be gone.
        return f"{counted(len(observation.seen) + observation.more, 'value')} there: {listed(observation.seen, 0)}"
    others = [value for value in observation.seen if value not in found.there]
    shown = f"{counted(len(others) + observation.more, 'other value')}: {listed(others, observation.more)}"
    if not found.there:
        return shown
    missing = f"{len(found.there)} of {found.wanted} there; missing: {listed(found.missing, 0)}"
    return f"{missing}; {shown}" if others or observation.more else missing


def partly(observation: Observation) -> bool:
    """Tell whether some of several wanted values are there."""
    return observation.outcome is Outcome.OTHER_VALUES and not set(observation.wanted).isdisjoint(observation.seen)


def listed(values: Sequence[str], more: int) -> str:
    """List some values, with an ellipsis if there are others."""
    cut = more or len(values) > MAX_LISTED_VALUES
    return ", ".join([*map(value_shown, values[:MAX_LISTED_VALUES]), *(["…"] if cut else [])])


def table(
    expectations: Sequence[Expectation], observations: Sequence[Observation], max_rows: int | None = None
) -> list[str]:
    """Return lines: each place and, below it, server, address, answer and seconds of each address that was asked.

    :param max_rows: a last line counts the rows that are left out; None for all rows.
    """
    seen = by_place(expectations, observations)
    count = sum(map(len, seen.values()))
    # One more than there are rows, so that also a last place without rows is shown.
    lines = list(_lines(seen, count + 1 if max_rows is None else max_rows))
    if max_rows is not None and count > max_rows:
        lines.append(f"  … and {counted(count - max_rows, 'more address', 'more addresses')}; see the log.")
    return lines


def _lines(seen: Mapping[str, Sequence[Observation]], max_rows: int) -> Iterator[str]:
    rows = [row for observations in seen.values() for row in observations]
    server_width = max((len(row.server or "-") for row in rows), default=0)
    address_width = max((len(row.address or "-") for row in rows), default=0)
    left = max_rows
    for place, observations in seen.items():
        if left <= 0:
            return
        yield place
        for row in observations[:left]:
            server, address = row.server or "-", row.address or "-"
            yield f"  {server:<{server_width}}  {address:<{address_width}}  {words(row)}  {row.seconds:.2f} s"
        left -= len(observations)


def summary(seen: Mapping[str, Sequence[Observation]]) -> str:
    """Say in one line how many places are visible, and what one server answered that does not show its place."""
    missing = {place: rows for place, rows in seen.items() if said(rows) != {Says.YES}}
    text = f"{len(seen) - len(missing)} of {len(seen)} visible at every address"
    for place, rows in missing.items():
        for row in rows:
            if row.outcome.says in (Says.NO, Says.UNCLEAR):
                return f"{text}; {place} at {row.server or '-'} {row.address or '-'}: {words(row)}"
    return text


def worst_first(expectations: Sequence[Expectation], observations: Sequence[Observation]) -> list[Expectation]:
    """Return the expectations that are not visible everywhere, those that a server denies at the front."""
    seen = by_place(expectations, observations)
    missing = [expectation for expectation in expectations if said(seen[expectation.place]) != {Says.YES}]
    return sorted(missing, key=lambda expectation: Says.NO not in said(seen[expectation.place]))


# --- reasons ---


def reasons(
    expectations: Sequence[Expectation],
    observations: Sequence[Observation],
    clues: Sequence[Clue],
    publisher: Publisher,
    files: Mapping[str, FileState] | None = None,
) -> list[str]:
    """Return sentences about the likely reasons, each once, the surest first.

    :param files: by place, the file that the plugin itself has written.
    """
    found = data.reasons(expectations, observations, clues, publisher)
    of_servers = web.reasons(expectations, observations, files, publisher.stateless)
    lasting = standing.reasons(expectations, by_place(expectations, observations))
    return [
        *lasting,
        *(reason_sentence(reason, publisher.who) for reason in found),
        *map(web_wording.sentence, of_servers),
    ]


def wildcard(clues: Sequence[Clue]) -> list[str]:
    """Return sentences about values that come from a wildcard record."""
    return [reason_sentence(reason, "") for reason in wildcards(clues)]


# --- advice ---


def advice(observations: Sequence[Observation], timeout: float, named: bool) -> list[str]:
    """Return sentences about what may help; see `reasons.advice` and `web.reasons.advice`."""
    records = [row for row in observations if _is_record(row)]
    others = [row for row in observations if not _is_record(row)]
    found = [each for each in data.advice(records, timeout, named) if each.kind is not Help.OFF] if records else []
    waits = any(each.kind is Help.MORE_TIME for each in found)
    of_servers = [kind for kind in web.advice(others, named) if not (waits and kind is web.Help.MORE_TIME)]
    return [
        *map(_advice_sentence, found),
        *(web_wording.help_sentence(kind, timeout) for kind in of_servers),
        _HELP[Help.OFF],
    ]


def _is_record(row: Observation) -> bool:
    first = row.place.split(".")[:2]
    return dns01.LABEL in first or record.LABEL in first


def _advice_sentence(each: Advice) -> str:
    if each.kind is Help.MORE_TIME:
        return f"If the record only needs more time, raise --external-auth-verify-timeout (now {each.timeout:.0f} s)."
    return _HELP[each.kind]


_NO_ROUTE = "This machine has no {}route to any of the servers. Name others that it can reach with " + NAMESERVERS
_HELP = {
    Help.NO_ROUTE: _NO_ROUTE.format(""),
    Help.NO_IPV6_ROUTE: _NO_ROUTE.format("IPv6 "),
    Help.SEE_TABLE: "No server said whether it is there; the table has the reasons. To ask other servers, use "
    f"{NAMESERVERS}",
    Help.DNS_REFUSES: "A name server refuses to answer: it does not have the zone, or it does not answer this machine. "
    f"Let it answer, or name others with {NAMESERVERS}",
    Help.DNS_FAILS: f"A name server answers that it fails (SERVFAIL): see its log, or ask others with {NAMESERVERS}",
    Help.DNS_LAME: "A name server answers without authority. Either it does not have the zone, or its copy is too old, "
    f"or a resolver between answers in its place. Check the zone at that server, or ask others with {NAMESERVERS}",
    Help.NO_ZONE: "The resolvers of this machine (/etc/resolv.conf) do not say which name servers the zone has. Check "
    "that the name is right, and that the zone is delegated. If only other servers know it, name them with "
    f"{NAMESERVERS}",
    Help.DNS_CLOSED: "No server answered, as where outgoing port 53 is closed. Name name servers, or a resolver, that "
    f"this machine may ask with {NAMESERVERS}",
    Help.OTHER_SERVERS: "If the CA asks other servers than these (a private CA, a split horizon), name them with "
    f"{NAMESERVERS}",
    Help.OFF: "--external-auth-verify off asks the CA without this check.",
}
