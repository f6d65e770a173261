"""Tell the addresses of the Internet from those of this machine and its network. Pure functions."""

from __future__ import annotations

import enum
import ipaddress


class Kind(enum.Enum):
    """Where an address leads."""

    PUBLIC = enum.auto()
    """To a host on the Internet."""
    INSIDE = enum.auto()
    """Certainly to this machine or its network: no host of the Internet can have this address."""
    OTHER = enum.auto()
    """Not certain: reserved, translated, tunnelled, for documentation, multicast, or text that is not an address."""


_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
"""The addresses of hosts on the Internet (RFC 4291 section 2.4 and IANA's registry)."""
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""Translated to the IPv4 address in the last 32 bits (RFC 6052 section 2.1)."""

_ASSIGNED = (ipaddress.ip_network("192.0.0.0/24"), ipaddress.ip_network("2001::/23"))
"""Addresses for protocols (RFC 6890). Python versions differ about parts of them."""
_INSIDE = tuple(
    map(
        ipaddress.ip_network,
        (
            "127.0.0.0/8",
            "::1/128",
            # RFC 1918, and its equal for IPv6: RFC 4193.
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "fc00::/7",
            # Link-local: RFC 3927 and RFC 4291.
            "169.254.0.0/16",
            "fe80::/10",
            # Between a provider and its customers: RFC 6598.
            "100.64.0.0/10",
        ),
    )
)


def kind(address: str) -> Kind:
    """Tell where an address, in any spelling, leads.

    An IPv6 address that leads to a public IPv4 address is public. Only the mapped form of an address inside is inside,
    since who translates or tunnels the other forms may be anybody.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return Kind.OTHER
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return _kind(parsed.ipv4_mapped)
        inner = _translated(parsed)
        if inner is not None:
            return Kind.PUBLIC if _kind(inner) is Kind.PUBLIC else Kind.OTHER
    return _kind(parsed)


def is_public(address: str) -> bool:
    """Tell whether an address leads to a host on the Internet; in doubt it does not."""
    return kind(address) is Kind.PUBLIC


def is_inside(address: str) -> bool:
    """Tell whether an address leads to this machine or its network; in doubt it does not."""
    return kind(address) is Kind.INSIDE


def _kind(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> Kind:
    # A network of the other version contains no address.
    if any(address in network for network in _INSIDE):
        return Kind.INSIDE
    if address.version == 6 and address not in _GLOBAL_UNICAST:
        return Kind.OTHER
    assigned = any(address in network for network in _ASSIGNED)
    public = address.is_global and not address.is_multicast and not assigned
    return Kind.PUBLIC if public else Kind.OTHER


def _translated(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address that another machine makes of it: NAT64 (RFC 6052) or 6to4 (RFC 3056)."""
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.sixtofour
