"""Chooses the challenge types that can prove an identifier, and reports before the order if there is none."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from certbot_external_auth import persistent_records
from certbot_external_auth.challenges import dns01, dnsaccount01, http01, tlsalpn01, tlssni01
from certbot_external_auth.endpoint import is_address as is_address  # also a name of this module

NAMED_ONLY = (tlssni01.TYPE, dnsaccount01.TYPE, persistent_records.TYPE)
"""Types that are used only if ``--preferred-challenges`` names them. tls-sni-01 is weak. Where a name is delegated,
dns-account-01 needs a CNAME of its own. A record of dns-persist-01 stays for good."""


def defined_for(identifier: str) -> tuple[str, ...]:
    """Return the types that can prove an identifier.

    A wildcard needs a type that uses DNS (RFC 8555 section 8.4). The other types need a host to connect to (RFC 8555
    section 8.3, RFC 8737 section 3). An address can be proven by http-01 and tls-alpn-01 (RFC 8738 sections 4 to 7).
    """
    if identifier.startswith("*."):
        return (dns01.TYPE, dnsaccount01.TYPE, persistent_records.TYPE)
    if is_address(identifier):
        return (http01.TYPE, tlsalpn01.TYPE)
    return (dns01.TYPE, http01.TYPE, tlsalpn01.TYPE, tlssni01.TYPE, dnsaccount01.TYPE, persistent_records.TYPE)


def usable(identifier: str, carried: Iterable[str], preferred: Collection[str]) -> list[str]:
    """Return the types to offer to Certbot for an identifier, best first.

    dns-persist-01 is offered alone: who names it does not want another type to be used in its place.

    :param carried: types that mode and dialect can carry.
    :param preferred: types that the user has named; without them, all but `NAMED_ONLY` are offered.
    """
    defined = defined_for(identifier)
    wanted = [kind for kind in carried if (kind in preferred if preferred else kind not in NAMED_ONLY)]
    found = [kind for kind in wanted if kind in defined]
    return [persistent_records.TYPE] if persistent_records.TYPE in found else found


def problems(asked: Iterable[str], carried: Sequence[str], preferred: Collection[str], carrier: str) -> list[str]:
    """Return a sentence for each identifier that cannot be proven.

    :param asked: names and addresses, wildcards with ``*.``.
    :param carried: types that mode and dialect can carry.
    :param preferred: types that ``--preferred-challenges`` names, empty without that option.
    :param carrier: mode or dialect, in words.
    """
    named = ",".join(preferred)
    if preferred and not set(preferred) & set(carried):
        return [
            f"--preferred-challenges {named}: {carrier} supports only {', '.join(carried)}; name one of these, or use "
            "another."
        ]
    sentences = []
    for identifier in asked:
        if usable(identifier, carried, preferred):
            continue
        defined = defined_for(identifier)
        kind = "a wildcard" if identifier.startswith("*.") else "an address" if is_address(identifier) else "a name"
        proof = f"{identifier}: {kind} can be proven only by {' or '.join(defined)}"
        if not set(defined) & set(carried):
            supported = f"{carrier} supports only {', '.join(carried)}"
            sentences.append(f"{proof}, and {supported}; use another, or leave out {identifier}.")
        else:
            more = next(kind for kind in defined if kind in carried)
            sentences.append(
                f"{proof}, and --preferred-challenges names only {named}; give --preferred-challenges {named},{more}"
            )
    return sentences
