"""Show people the likely reasons why something is not visible, and what may help. Pure functions.

A run loads this only when something is not visible.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from certbot_external_auth.challenges import dns01
from certbot_external_auth.files.webroot import FileState
from certbot_external_auth.persistent_records import record
from certbot_external_auth.visibility import Clue, Expectation, Observation, standing
from certbot_external_auth.visibility import reasons as data
from certbot_external_auth.visibility.publisher import Publisher
from certbot_external_auth.visibility.reasons import Advice, Help
from certbot_external_auth.visibility.record_reasons import wildcards
from certbot_external_auth.visibility.record_sentences import NAMESERVERS, reason_sentence
from certbot_external_auth.visibility.verdict import by_place
from certbot_external_auth.visibility.web import reasons as web
from certbot_external_auth.visibility.web import wording as web_wording


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
