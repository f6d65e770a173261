"""Which challenge types may be used for what, and what to say before the order when none is left."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from certbot_external_auth.challenges import dns01, http01, tlsalpn01, tlssni01
from certbot_external_auth.endpoint import is_address as is_address  # also a name of this module


def defined_for(identifier: str) -> tuple[str, ...]:
    """Types that can prove it.

    A wildcard: dns-01 alone, since a name below it is none of its own (RFC 8555 section 8.4; RFC 8737 section 3 and
    RFC 8555 section 8.3 need a host to connect to). An address: http-01 and tls-alpn-01 (RFC 8738 sections 4 to 7).
    """
    if identifier.startswith("*."):
        return (dns01.TYPE,)
    if is_address(identifier):
        return (http01.TYPE, tlsalpn01.TYPE)
    return (dns01.TYPE, http01.TYPE, tlsalpn01.TYPE, tlssni01.TYPE)


def usable(identifier: str, carried: Iterable[str], preferred: Collection[str]) -> list[str]:
    """Types to offer to Certbot for one identifier, best first: those named, or all but tls-sni-01."""
    defined = defined_for(identifier)
    return [one for one in carried if one in defined and (one in preferred if preferred else one != tlssni01.TYPE)]


def problems(asked: Iterable[str], carried: Sequence[str], preferred: Collection[str], carrier: str) -> list[str]:
    """A sentence for everything that cannot be proven.

    :param asked: names and addresses, wildcards as they are.
    :param carried: types that mode and dialect can carry.
    :param preferred: what ``--preferred-challenges`` names, empty if it was not given.
    :param carrier: mode or dialect, in words.
    """
    named = ",".join(preferred)
    if preferred and not set(preferred) & set(carried):
        return [
            f"--preferred-challenges {named}: {carrier} carries {', '.join(carried)} only; name one of these, or use "
            "another."
        ]
    found = []
    for identifier in asked:
        if usable(identifier, carried, preferred):
            continue
        defined = defined_for(identifier)
        kind = "a wildcard" if identifier.startswith("*.") else "an address" if is_address(identifier) else "a name"
        proof = f"{identifier}: {kind} can be proven by {' or '.join(defined)} only"
        if not set(defined) & set(carried):
            found.append(f"{proof}, and {carrier} carries {', '.join(carried)} only; use another, or leave it out.")
        else:
            more = next(one for one in defined if one in carried)
            found.append(
                f"{proof}, and --preferred-challenges names {named} only; give --preferred-challenges {named},{more}"
            )
    return found
