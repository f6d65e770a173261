"""What the CA sends is checked here before a handler, a file, a driver or a person sees it.

Certbot passes identifiers on as the CA wrote them and bounds tokens only from below, so a CA could otherwise have
records published for names nobody asked for, or text with shell or path characters reach a script.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from certbot_external_auth.challenges import TYPES, Challenge
from certbot_external_auth.challenges.choice import defined_for, is_address
from certbot_external_auth.errors import GuardError
from certbot_external_auth.text import quoted

MAX_CHALLENGES = 1000
"""Challenges of one order at most."""
# RFC 8555 section 8.1: at least 128 bits of entropy, base64url without padding; the upper bound is ours.
_TOKEN = re.compile(r"[A-Za-z0-9_-]{22,200}")
# RFC 8555 section 8.1: token, a full stop, and the base64url SHA-256 thumbprint of the account key.
_KEY_AUTHORIZATION = re.compile(r"[A-Za-z0-9_-]{22,200}\.[A-Za-z0-9_-]{43}")
# RFC 1035 section 2.3.1 with underscores, as they stand in real zones; A-labels only (RFC 8555 section 7.1.4).
_DOMAIN = re.compile(
    r"(?=.{1,253}\Z)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
)
# The parser takes any text at all as the zone of an IPv6 address (RFC 4007 section 11), which no certificate can name.
_ADDRESS = re.compile(r"[0-9a-f:.]{2,45}")

_Known = Mapping[tuple[str, str], Sequence[Collection[str]]]
"""For each identifier the types that each of its authorizations may be proven by: it has one, but a base name and its
wildcard have one each (RFC 8555 section 7.1.4)."""


def check(
    challenges: Sequence[Challenge],
    asked: Collection[str] | None,
    types: Callable[[str], Collection[str]] = defined_for,
) -> list[Challenge]:
    """The batch as it may be passed on, identifiers in lower case; refused as a whole if any challenge is not well
    formed or was not asked for.

    :param asked: the names and addresses asked for, with or without ``*.``; None where Certbot itself asked a
        person for them, so that they cannot be known.
    :param types: challenge types Certbot was offered for one of these.
    :raises GuardError: naming what is wrong.
    """
    known = None if asked is None else _known(asked, types)
    refusals = [problem for challenge in challenges for problem in _problems(challenge, known, types)]
    refusals += _too_many(challenges, known)
    if refusals:
        raise GuardError(refusals)
    return [dataclasses.replace(one, identifier=one.identifier.lower()) for one in challenges]


def _known(asked: Iterable[str], types: Callable[[str], Collection[str]]) -> _Known:
    known: dict[tuple[str, str], list[Collection[str]]] = {}
    for name in {name.lower().removesuffix(".") for name in asked}:
        key = ("ip", str(ipaddress.ip_address(name))) if is_address(name) else ("dns", base_name(name))
        known.setdefault(key, []).append(types(name))
    return known


def _too_many(challenges: Sequence[Challenge], known: _Known | None) -> list[str]:
    """An authorization has one challenge that Certbot chose, so there is one for each name."""
    if len(challenges) > MAX_CHALLENGES:
        return [
            f"The CA sent {len(challenges)} challenges for one certificate; the plugin accepts up to {MAX_CHALLENGES}."
        ]
    found = Counter((one.identifier_type, one.identifier.lower()) for one in challenges)
    problems = []
    for (kind, name), count in found.items():
        most = len(known[kind, name]) if known is not None and (kind, name) in known else 1 if kind == "ip" else 2
        if count > most:
            problems.append(f"The CA sent {count} challenges for {quoted(name)}, for which there can be {most}.")
    same = Counter((one.type, one.identifier.lower(), one.token) for one in challenges)
    problems += [
        f"The CA sent the same challenge for {quoted(one[1])} twice." for one, count in same.items() if count > 1
    ]
    return problems


def base_name(name: str) -> str:
    """A name as it stands in an authorization: lower case, without ``*.`` (RFC 8555 section 7.1.4)."""
    name = name.lower().removesuffix(".")
    return name.removeprefix("*.")


def _problems(challenge: Challenge, known: _Known | None, types: Callable[[str], Collection[str]]) -> list[str]:
    problems = []
    key = (challenge.identifier_type, challenge.identifier.lower())
    if challenge.type not in TYPES:
        problems.append(
            f"The CA offered a challenge of type {quoted(challenge.type)}; this plugin carries {', '.join(TYPES)}."
        )
    sent = f"The CA sent the identifier {quoted(challenge.identifier)}"
    if not well_formed(challenge.identifier, challenge.identifier_type):
        problems.append(f"{sent}, which is no {quoted(challenge.identifier_type)} identifier.")
    elif known is not None and key not in known:
        problems.append(f"{sent}, which was not asked for.")
    elif challenge.type in TYPES and not any(
        challenge.type in offered for offered in (known[key] if known is not None else [types(challenge.identifier)])
    ):
        problems.append(f"{sent} with a challenge of type {quoted(challenge.type)}, which it cannot be proven by here.")
    if not _TOKEN.fullmatch(challenge.token):
        problems.append(
            f"The CA sent the token {quoted(challenge.token)} for {quoted(challenge.identifier)}, which is "
            "not 22 to 200 characters of base64url."
        )
    elif not (
        _KEY_AUTHORIZATION.fullmatch(challenge.key_authorization)
        and challenge.key_authorization.startswith(challenge.token + ".")
    ):
        problems.append(f"The key authorization for {quoted(challenge.identifier)} does not belong to its token.")
    return problems


def alias_ends(target: str, zone: str | None) -> bool:
    """Whether a TXT record may be published there: DNS carries any bytes at all in names, and handlers are given these.

    :param zone: the target lies in; None or empty if that is not known.
    """
    return well_formed(target, "dns") and (not zone or zone == "." or well_formed(zone, "dns"))


def well_formed(identifier: str, kind: str) -> bool:
    """Whether it may be an identifier.

    :param kind: ``dns`` or ``ip``.
    """
    if kind == "dns":
        # No host name looks like an address (RFC 1123 section 2.1).
        # Of other letters some become ASCII in lower case: the Kelvin sign is a k then.
        return identifier.isascii() and _DOMAIN.fullmatch(identifier.lower()) is not None and not is_address(identifier)
    if kind != "ip" or not _ADDRESS.fullmatch(identifier):
        return False
    try:
        # RFC 8738 section 3: the textual form of RFC 1123 and RFC 5952, which is what str() gives, but for an IPv4
        # address within an IPv6 one, whose form depends on the Python.
        found = ipaddress.ip_address(identifier)
        return str(found) == identifier and getattr(found, "ipv4_mapped", None) is None
    except ValueError:
        return False
