"""Checks what the CA sends, before the plugin gives it to a handler, a driver or a person, or writes it to a file.

Certbot passes on identifiers as the CA wrote them, and checks only that a token is long enough. Without this check, a
CA could have records published for names that were not requested, or send shell and path characters to a script.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from certbot_external_auth.challenges import PERSISTENT, TYPES, Challenge, dnsaccount01
from certbot_external_auth.challenges.choice import defined_for, is_address
from certbot_external_auth.errors import GuardError
from certbot_external_auth.text import quoted

_TYPES = (*TYPES, PERSISTENT)
MAX_CHALLENGES = 1000
"""Most challenges of one order."""
# RFC 8555 section 8.1: at least 128 bits of entropy, base64url without padding. The upper bound is ours.
_TOKEN = re.compile(r"[A-Za-z0-9_-]{22,200}")
# RFC 8555 section 8.1: token, a full stop, and the base64url SHA-256 thumbprint of the account key.
_KEY_AUTHORIZATION = re.compile(r"[A-Za-z0-9_-]{22,200}\.[A-Za-z0-9_-]{43}")
# RFC 1035 section 2.3.1 with underscores, which real zones have; A-labels only (RFC 8555 section 7.1.4).
_DOMAIN = re.compile(
    r"(?=.{1,253}\Z)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
)
# Python's parser accepts any text as the zone of an IPv6 address (RFC 4007 section 11). No certificate can have one.
_ADDRESS = re.compile(r"[0-9a-f:.]{2,45}")

_Known = Mapping[tuple[str, str], Sequence[Collection[str]]]
"""By identifier, one collection of possible types for each of its authorizations. An identifier has one authorization,
or two if both the base name and its wildcard were requested (RFC 8555 section 7.1.4)."""


def check(
    challenges: Sequence[Challenge],
    asked: Collection[str] | None,
    types: Callable[[str], Collection[str]] = defined_for,
) -> list[Challenge]:
    """Check a batch, and return it with identifiers in lower case.

    One challenge that is not well formed, or that was not requested, makes it refuse the whole batch.

    :param asked: names and addresses that were requested, with or without ``*.``; None if the plugin cannot know them,
        since Certbot asked a person for them.
    :param types: returns the challenge types that the plugin has offered to Certbot for one of these.
    :raises GuardError: with a sentence for each problem.
    """
    known = None if asked is None else _known(asked, types)
    refusals = [problem for challenge in challenges for problem in _problems(challenge, known, types)]
    refusals += _too_many(challenges, known)
    if refusals:
        raise GuardError(refusals)
    return [dataclasses.replace(each, identifier=each.identifier.lower()) for each in challenges]


def _known(asked: Iterable[str], types: Callable[[str], Collection[str]]) -> _Known:
    known: dict[tuple[str, str], list[Collection[str]]] = {}
    for name in {name.lower().removesuffix(".") for name in asked}:
        key = ("ip", str(ipaddress.ip_address(name))) if is_address(name) else ("dns", base_name(name))
        known.setdefault(key, []).append(types(name))
    return known


def _too_many(challenges: Sequence[Challenge], known: _Known | None) -> list[str]:
    """Return sentences about identifiers with more challenges than authorizations. Certbot chooses one for each."""
    if len(challenges) > MAX_CHALLENGES:
        return [
            f"The CA sent {len(challenges)} challenges for one certificate; the plugin accepts up to {MAX_CHALLENGES}."
        ]
    counts = Counter((one.identifier_type, one.identifier.lower()) for one in challenges)
    problems = []
    for (kind, name), count in counts.items():
        most = 1 if kind == "ip" else 2
        if known is not None and (kind, name) in known:
            most = len(known[kind, name])
        if count > most:
            problems.append(f"The CA sent {count} challenges for {quoted(name)}, for which there can be {most}.")
    # Without a token, the challenges of a name and of its wildcard look the same.
    same = Counter((one.type, one.identifier.lower(), one.token) for one in challenges if not one.persists)
    problems += [
        f"The CA sent the same challenge for {quoted(name)} {count} times."
        for (_, name, _), count in same.items()
        if count > 1
    ]
    return problems


def base_name(name: str) -> str:
    """Return a name as an authorization has it: in lower case, without ``*.`` (RFC 8555 section 7.1.4)."""
    name = name.lower().removesuffix(".")
    return name.removeprefix("*.")


def _problems(challenge: Challenge, known: _Known | None, types: Callable[[str], Collection[str]]) -> list[str]:
    problems = []
    key = (challenge.identifier_type, challenge.identifier.lower())
    if challenge.type not in _TYPES:
        supported = ", ".join(_TYPES)
        problems.append(
            f"The CA offered a challenge of type {quoted(challenge.type)}; the plugin supports only {supported}."
        )
    sent = f"The CA sent the identifier {quoted(challenge.identifier)}"
    if not well_formed(challenge.identifier, challenge.identifier_type):
        problems.append(f"{sent}, which is not a {quoted(challenge.identifier_type)} identifier.")
    elif known is not None and key not in known:
        problems.append(f"{sent}, which was not requested.")
    elif challenge.type in _TYPES and not any(
        challenge.type in offered for offered in (known[key] if known is not None else [types(challenge.identifier)])
    ):
        problems.append(
            f"{sent} with a challenge of type {quoted(challenge.type)}, which the plugin did not offer for it."
        )
    if not _labelled(challenge):
        problems.append(f"The record's name for {quoted(challenge.identifier)} lacks the label of the account.")
    if challenge.persists:
        return problems
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


def _labelled(challenge: Challenge) -> bool:
    """Tell whether a challenge has the label of an account if its type needs one, and only then."""
    if challenge.type != dnsaccount01.TYPE:
        return challenge.account_label is None
    return dnsaccount01.LABEL.fullmatch(challenge.account_label or "") is not None


def alias_ends(target: str, zone: str | None) -> bool:
    """Tell whether the plugin may give the end of an alias to a handler. DNS allows any bytes in names.

    :param target: name at the end of the alias.
    :param zone: zone of the target, None or empty if it is not known.
    """
    return well_formed(target, "dns") and (not zone or zone == "." or well_formed(zone, "dns"))


def well_formed(identifier: str, kind: str) -> bool:
    """Tell whether a text can be an identifier.

    :param kind: ``dns`` or ``ip``.
    """
    if kind == "dns":
        # A host name does not look like an address (RFC 1123 section 2.1). Some letters outside ASCII become ASCII in
        # lower case: the Kelvin sign becomes a k.
        return identifier.isascii() and _DOMAIN.fullmatch(identifier.lower()) is not None and not is_address(identifier)
    if kind != "ip" or not _ADDRESS.fullmatch(identifier):
        return False
    try:
        # RFC 8738 section 3 wants the textual form of RFC 1123 and RFC 5952, which is what str() gives. Only the form
        # of an IPv4 address within an IPv6 one depends on the version of Python.
        address = ipaddress.ip_address(identifier)
        return str(address) == identifier and getattr(address, "ipv4_mapped", None) is None
    except ValueError:
        return False
