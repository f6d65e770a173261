"""Say why a TXT record is probably not visible, and what to do. Pure functions."""

from __future__ import annotations

from certbot_external_auth.text import counted
from certbot_external_auth.visibility.near_miss import Miss, NearMiss
from certbot_external_auth.visibility.record_reasons import (
    Aliased,
    FirstOnly,
    Fix,
    FromWildcard,
    Nearly,
    OldSerial,
    Reason,
    Remembered,
    Replaced,
)
from certbot_external_auth.visibility.report import value_shown

NAMESERVERS = "--external-auth-verify-nameservers HOST[:PORT],…"
MAX_NAMED_PLACES = 5
"""Places that a sentence names."""


def reason_sentence(reason: Reason, who: str) -> str:
    """Say what the reason is and what to do.

    :param who: the program or the person that published.
    """
    match reason:
        case Nearly():
            return _nearly(reason.place, reason.miss)
        case Replaced():
            return _replaced(reason, who)
        case FirstOnly():
            return _first_only(reason, who)
        case FromWildcard():
            return _from_wildcard(reason)
        case Aliased():
            return _aliased(reason, who)
        case OldSerial():
            return _old_serial(reason)
        case Remembered():
            return _remembered(reason)


# --- near misses ---

_DIFFERENCES = {
    Miss.BLANK: "It has a blank. Publish the value without it.",
    Miss.QUOTES: "Quotation marks are part of it. Publish the value without them.",
    Miss.CASE: "Its letters are in another case. Publish the value exactly as it is.",
    Miss.KEY_AUTHORIZATION: "That is the key authorization. For dns-01, publish its digest (RFC 8555 section 8.4).",
    Miss.MORE: "It has more than the value. Publish each value in a record of its own, and nothing with it.",
    Miss.CUT: "A part is missing. Publish the whole value.",
}


def _nearly(place: str, miss: NearMiss) -> str:
    if miss.kind is Miss.ZONE_TWICE:
        return (
            f"The value stands at {miss.name}, where the zone's name is there twice: the name was taken as relative to "
            f"the zone. Write the name with a dot at its end ({place}.), or without the zone's name."
        )
    if miss.kind is Miss.OTHER_NAME:
        return f"{miss.wanted} stands at {miss.name}, and is wanted at {place}. Publish it there."
    found = f"{place} has {value_shown(miss.found)} in place of {miss.wanted}."
    return f"{found} {_DIFFERENCES[miss.kind]}"


# --- one of several values ---

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


def _first_only(reason: FirstOnly, who: str) -> str:
    return (
        f"{who} received {reason.wanted} values for {reason.name} in one call, and published only the first one: it "
        "does not support chains. --external-auth-hook-chain no gives it one value for each call."
    )


# --- other records, other servers ---


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
    zone = f"the zone {reason.zone}" if reason.zone else "the zone"
    return (
        f"{reason.server} ({reason.address}) still has {zone} with serial {reason.serial}, while "
        f"{reason.newest_server} ({reason.newest_address}) has {reason.newest_serial}: the new copy of the zone has "
        "not arrived yet. Check that this server is notified and that it may transfer the zone."
    )


def _remembered(reason: Remembered) -> str:
    return (
        f"{reason.server} ({reason.address}) is a resolver, and keeps this answer for up to "
        f"{counted(reason.seconds, 'more second')}, whatever the zone has now. Name the zone's primary name server "
        f"instead: {NAMESERVERS}"
    )
