"""What the answers of resolvers say about signatures."""

from __future__ import annotations

import dns.edns
import dns.message
import pytest

from certbot_external_auth.permission.dnssec import Trust, extended_errors, judge


@pytest.mark.parametrize(
    ("checked", "unchecked", "authentic", "trust"),
    [
        ("SERVFAIL", "NOERROR", False, Trust.BOGUS),
        ("SERVFAIL", "NXDOMAIN", False, Trust.BOGUS),
        ("SERVFAIL", "SERVFAIL", False, Trust.UNSAID),
        ("SERVFAIL", None, False, Trust.UNSAID),
        ("NOERROR", "NOERROR", True, Trust.RIGHT),
        ("NXDOMAIN", "NXDOMAIN", True, Trust.RIGHT),
        ("NOERROR", "NOERROR", False, Trust.UNSAID),
        ("REFUSED", "NOERROR", True, Trust.UNSAID),
        (None, "NOERROR", False, Trust.UNSAID),
    ],
)
def test_two_answers(checked: str | None, unchecked: str | None, authentic: bool, trust: Trust) -> None:
    assert judge(checked, unchecked, authentic) is trust


def test_extended_errors_are_read_from_the_wire() -> None:
    query = dns.message.make_query("a.test", "CAA", use_edns=0)
    answer = dns.message.make_response(query)
    answer.use_edns(0, options=[dns.edns.EDEOption(7, "it is late"), dns.edns.EDEOption(6)])
    assert extended_errors(dns.message.from_wire(answer.to_wire())) == ((7, "it is late"), (6, ""))
