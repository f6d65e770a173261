"""What the answers of resolvers say about signatures."""

from __future__ import annotations

import time
from collections.abc import Iterator

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.rcode
import pytest

from certbot_external_auth.endpoint import Endpoint
from certbot_external_auth.permission.dnssec import Signed, Trust, extended_errors, judge, look
from certbot_external_auth.permission.look import Sight
from tests.support.name_servers import Net


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


RESOLVER = "127.0.7.9"
SERVED = "@ 60 IN SOA ns hostmaster 1 60 60 60 60\n@ 60 IN NS ns\nns 60 IN A 127.0.0.1\n"


class Resolver:
    """A resolver that is not honest, or has a bad day.

    :ivar failing: how often it still fails at a question with the check of signatures. :ivar checks: it sets AD for
        the root.
    """

    def __init__(self, net: Net) -> None:
        self.failing = 0
        self.checks = True
        self.known = net[RESOLVER].reply
        net[RESOLVER].recursive = True
        net.serve(".", SERVED, [RESOLVER])
        net[RESOLVER].reply = self.reply  # type: ignore[method-assign]
        self.endpoint = Endpoint(RESOLVER, net.port)

    def reply(self, data: bytes, tcp: bool) -> bytes | None:
        query, found = dns.message.from_wire(data), self.known(data, tcp)
        assert found is not None
        answer = dns.message.from_wire(found)
        if query.question[0].name == dns.name.root:
            answer.flags |= dns.flags.AD if self.checks else 0
        elif self.failing and not query.flags & dns.flags.CD:
            self.failing -= 1
            answer.set_rcode(dns.rcode.SERVFAIL)
        return answer.to_wire()

    def trust(self) -> Trust:
        return look(["a.test"], [self.endpoint], time.monotonic() + 10)["a.test"].trust


@pytest.fixture
def resolver() -> Iterator[Resolver]:
    with Net([RESOLVER]) as net:
        yield Resolver(net)


def test_a_zone_without_signatures_is_not_a_resolver_that_checks_none(resolver: Resolver) -> None:
    assert resolver.trust() is Trust.UNSIGNED
    assert Sight((), {}, {"a.test": Signed(Trust.UNSIGNED)}).checked
    resolver.checks = False
    assert resolver.trust() is Trust.UNSAID


def test_a_resolver_that_fails_once_says_nothing_about_signatures(resolver: Resolver) -> None:
    """Guards against: bogus signatures, because a name server was slow at the first question."""
    resolver.failing = 1
    assert resolver.trust() is Trust.UNSIGNED
    resolver.failing = 2
    assert resolver.trust() is Trust.BOGUS
