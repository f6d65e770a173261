"""Show people what was seen: a table, the likely reasons, and what may help. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from certbot_external_auth.text import counted, one_line
from certbot_external_auth.visibility import Clue, Expectation, Observation, Says
from certbot_external_auth.visibility import reasons as data
from certbot_external_auth.visibility.reasons import (
    Advice,
    Aliased,
    Doubled,
    Fix,
    FromWildcard,
    Help,
    OldSerial,
    Publisher,
    Reason,
    Replaced,
)
from certbot_external_auth.visibility.verdict import by_place, said

__all__ = [
    "MOST_ROWS",
    "Publisher",
    "advice",
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
MAX_VALUE_CHARACTERS = 44
"""Of a value in a table; a dns-01 value has 43."""
MAX_NAMED_PLACES = 5
"""Places that a sentence names."""
NAMESERVERS = "--external-auth-verify-nameservers HOST[:PORT],…"


# --- what was seen ---


def words(observation: Observation) -> str:
    """Say what one address answered."""
    text = "visible" if observation.outcome.says is Says.YES else observation.outcome.value.replace("_", " ")
    if observation.outcome.says is Says.NO and observation.seen:
        text += ": " + ", ".join(one_line(value, MAX_VALUE_CHARACTERS) for value in observation.seen)
    if observation.asked:
        text += f" at {observation.asked}"
    return text + (f" ({one_line(observation.detail)})" if observation.detail else "")


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
) -> list[str]:
    """Return sentences about the likely reasons, each once, the surest first."""
    found = data.reasons(expectations, observations, clues, publisher)
    return [reason_sentence(reason, publisher.who) for reason in found]


def wildcard(clues: Sequence[Clue]) -> list[str]:
    """Return sentences about values that come from a wildcard record."""
    return [_from_wildcard(reason) for reason in data.wildcards(clues)]


def reason_sentence(reason: Reason, who: str) -> str:
    """Say what the reason is and what to do.

    :param who: the program or the person that published.
    """
    match reason:
        case Doubled():
            return _doubled(reason)
        case Replaced():
            return _replaced(reason, who)
        case FromWildcard():
            return _from_wildcard(reason)
        case Aliased():
            return _aliased(reason, who)
        case OldSerial():
            return _old_serial(reason)


def _doubled(reason: Doubled) -> str:
    return (
        f"The value stands at {reason.name}, where the zone's name is there twice: the name was taken as relative to "
        f"the zone. Write the name with a dot at its end ({reason.place}.), or without the zone's name."
    )


_FIXES = {
    Fix.NONE: "",
    Fix.CHAIN: " If the hook supports chains, --external-auth-hook-chain yes fixes this.",
    Fix.DIALECT_AND_CHAIN: " If it is a hook for Dehydrated that supports chains, --external-auth-dialect dehydrated "
    "with --external-auth-hook-chain yes fixes this.",
}


def _replaced(reason: Replaced, who: str) -> str:
    return (
        f"{reason.wanted} values are wanted at {reason.name}, and only {reason.there} of them "
        f"{'is' if reason.there == 1 else 'are'} there: {who} replaces what stands at the name instead of adding to "
        f"it. {_shared(reason)}, so {'both' if reason.wanted == 2 else 'all'} values must stay.{_FIXES[reason.fix]}"
    )


def _shared(reason: Replaced) -> str:
    if not reason.aliases:
        return "Base name and wildcard share the name"
    more = ["…"] if len(reason.aliases) > MAX_NAMED_PLACES else []
    shown = ", ".join([*reason.aliases[:MAX_NAMED_PLACES], *more])
    return f"{shown} {'is an alias' if len(reason.aliases) == 1 else 'are aliases'} (CNAME) of that name"


def _from_wildcard(reason: FromWildcard) -> str:
    return (
        f"What is seen at {reason.place} comes from the wildcard record {reason.record}, not from a record of that "
        "name: nothing has been written there."
    )


def _aliased(reason: Aliased, who: str) -> str:
    zone = f", in the zone {reason.zone}" if reason.zone else ""
    return (
        f"{reason.place} is an alias (CNAME) of {reason.target}: the record must stand there{zone}. {who} may have "
        "written it at the name itself, or into another zone."
    )


def _old_serial(reason: OldSerial) -> str:
    return (
        f"{reason.server} ({reason.address}) still has the zone with serial {reason.serial}, while "
        f"{reason.newest_server} ({reason.newest_address}) has {reason.newest_serial}: the new copy of the zone has "
        "not arrived yet. Check that this server is notified and that it may transfer the zone."
    )


# --- advice ---


def advice(observations: Sequence[Observation], timeout: float, named: bool) -> list[str]:
    """Return sentences about what may help; see `reasons.advice`."""
    return [_advice_sentence(each) for each in data.advice(observations, timeout, named)]


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
    Help.CHECK_WEB_SERVERS: "No server answered. Check that these servers are running, and that this machine may "
    "connect to them.",
    Help.DNS_CLOSED: "No server answered, as where outgoing port 53 is closed. Name name servers, or a resolver, that "
    f"this machine may ask with {NAMESERVERS}",
    Help.OTHER_SERVERS: "If the CA asks other servers than these (a private CA, a split horizon), name them with "
    f"{NAMESERVERS}",
    Help.OFF: "--external-auth-verify off asks the CA without this check.",
}
