"""Tell the addresses of the Internet from those of this machine and its network. Pure functions."""

from __future__ import annotations

import ipaddress

_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
"""The addresses of hosts on the Internet (RFC 4291 section 2.4 and IANA's registry)."""
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""Translated to the IPv4 address in the last 32 bits (RFC 6052 section 2.1)."""

_ASSIGNED = ipaddress.IPv4Network("192.0.0.0/24")
"""Addresses for protocols (RFC 6890). Python versions differ about parts of it."""


def is_public(address: str) -> bool:
    """Tell whether an address, in any spelling, belongs to a host on the Internet.

    An IPv6 address that leads to an IPv4 address is public if that one is. In doubt an address is not public: private,
    link-local, reserved, for documentation, multicast, or text that is not an address.
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        inner = _within(found)
        if inner is not None:
            return is_public(str(inner))
        if found not in _GLOBAL_UNICAST:
            return False
    return found.is_global and not found.is_multicast and found not in _ASSIGNED


def _within(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address that it leads to: mapped (RFC 4291 section 2.5.5.2), 6to4 (RFC 3056), or NAT64."""
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour
