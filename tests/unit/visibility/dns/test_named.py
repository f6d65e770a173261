"""What a named server is, by the header of its answer."""

from __future__ import annotations

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from certbot_external_auth.visibility.dns.named import Role, role, zone

AA, RA = dns.flags.AA, dns.flags.RA


def answer(flags: int, code: dns.rcode.Rcode = dns.rcode.NOERROR, *soa_of: str) -> dns.message.Message:
    made = dns.message.make_response(dns.message.make_query("www.example.org", "SOA"))
    made.flags |= flags
    made.set_rcode(code)
    for name in soa_of:
        made.authority.append(dns.rrset.from_text(name, 60, "IN", "SOA", "ns. admin. 1 1 1 1 1"))
    return made


@pytest.mark.parametrize(
    ("flags", "code", "expected"),
    [
        (AA, dns.rcode.NOERROR, Role.AUTHORITY),
        (AA, dns.rcode.NXDOMAIN, Role.AUTHORITY),
        (AA, dns.rcode.SERVFAIL, Role.FOREIGN),
        (0, dns.rcode.NOERROR, Role.FOREIGN),
        (0, dns.rcode.REFUSED, Role.FOREIGN),
        (RA, dns.rcode.NOERROR, Role.CACHE),
        (RA, dns.rcode.SERVFAIL, Role.CACHE),
        (AA | RA, dns.rcode.NXDOMAIN, Role.UNCERTAIN),
        (AA | RA, dns.rcode.SERVFAIL, Role.CACHE),
    ],
)
def test_the_role_of_a_server(flags: int, code: dns.rcode.Rcode, expected: Role) -> None:
    assert role(answer(flags, code)) is expected


def test_the_zone_of_a_name_is_above_it() -> None:
    """Guards against the zone of an alias's target, which some servers add."""
    assert zone(answer(AA, dns.rcode.NOERROR, "other.org.", "example.org."), "www.example.org") == "example.org"
    assert zone(answer(AA, dns.rcode.NOERROR, "other.org."), "www.example.org") == ""
