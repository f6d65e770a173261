"""The look before the CA is asked, where the resolver does not tell the truth, or port 53 leads to somebody else.

The record is there in every one of them: what is decided, and which flag is named, is what these are about.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from collections.abc import Callable, Iterator

import dns.message
import dns.rrset
import pytest

from certbot_external_auth.backends import Context
from certbot_external_auth.challenges import Challenge
from certbot_external_auth.configuration import resolution
from certbot_external_auth.dialects import Facts
from certbot_external_auth.errors import NotVisibleError
from certbot_external_auth.run.verification import Verification
from certbot_external_auth.visibility.verdict import Decision
from tests.support import private_network, web
from tests.support.hostile_dns import SHAKEN, disturb, in_class
from tests.support.name_servers import NameServer, Net

RESOLVER, TRUTH, PORTAL, NOBODY = "127.0.0.53", "127.0.2.1", "127.0.2.2", "127.0.2.9"
ZONE = "example.test"
DNS = Challenge("c1", "dns-01", ZONE, "dns", "token", "token.thumbprint")
HTTP = Challenge("c2", "http-01", ZONE, "dns", "token", "token.thumbprint")
NAMESERVERS = "--external-auth-verify-nameservers"
SOA = "@ 60 IN SOA ns hostmaster 1 60 60 60 60\n"
HONEST = SOA + f"@ 60 IN NS ns\nns 60 IN A {TRUTH}\n@ 60 IN A {TRUTH}\n"

pytestmark = pytest.mark.skipif(not private_network.possible(), reason="port 53 and a network of its own need root")


@pytest.fixture
def net() -> Iterator[Net]:
    """`TRUTH` has the record. The resolver knows nothing, and `PORTAL` serves nothing, until a test says what."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(private_network.private_network({"/etc/resolv.conf": f"nameserver {RESOLVER}\n"}))
        found = stack.enter_context(Net([RESOLVER, TRUTH, PORTAL], port=53))
        found[RESOLVER].recursive = True
        found.serve(ZONE, HONEST + f'_acme-challenge 60 IN TXT "{DNS.validation}"\n', [TRUTH])
        yield found


def no_such_name(net: Net) -> None:
    """As where a resolver knows the names of the house only."""
    net.serve(".", SOA, [RESOLVER])


def one_address_for_everything(net: Net) -> None:
    """As before one has logged in at a hotel: an address, whatever type was asked for."""

    def reply(data: bytes, tcp: bool) -> bytes:
        query = dns.message.from_wire(data)
        made = dns.message.make_response(query)
        made.answer.append(dns.rrset.from_text(query.question[0].name, 60, "IN", "A", PORTAL))
        return made.to_wire()

    net[RESOLVER].reply = reply  # type: ignore[method-assign]


def delegated_to(address: str) -> Callable[[Net], None]:
    def lie(net: Net) -> None:
        net.serve(ZONE, SOA + f"@ 60 IN NS ns.portal.test.\n@ 60 IN A {address}\n", [RESOLVER])
        net.serve("portal.test", SOA + f"ns 60 IN A {address}\n", [RESOLVER])

    return lie


def nobody_listens(net: Net) -> None:
    delegated_to(NOBODY)(net)


def servers_of_other_zones(net: Net) -> None:
    delegated_to(PORTAL)(net)


def servers_that_have_an_answer_for_everything(net: Net) -> None:
    """The inside of a split horizon, say: they are an authority, of another content."""
    delegated_to(PORTAL)(net)
    net.serve(ZONE, SOA + '* 60 IN TXT "welcome"\n', [PORTAL])


def every_question_is_caught(net: Net) -> None:
    """Port 53 of all the world leads to somebody's resolver, which answers for the authorities."""
    delegated_to(PORTAL)(net)
    net.serve(ZONE, SOA + '_acme-challenge 60 IN TXT "old"\n', [PORTAL])
    net[PORTAL].recursive = True


def addresses_of_another_class(net: Net) -> None:
    net.serve(ZONE, HONEST, [RESOLVER])
    disturb(net[RESOLVER], lambda message: in_class(message, SHAKEN, ("A",)))


def refused(net: Net) -> None:
    net[RESOLVER].behaviour = "refused"


GO_ON, WARN, FAIL = Decision
SILENCE, ANOTHER = "No server answered, as where outgoing port 53 is closed", "If the CA asks other servers than these"
NO_ZONE = "The resolvers of this machine (/etc/resolv.conf) do not say which name servers the zone has"
UNSAID = "No server said whether it is there"


def decided(
    caplog: pytest.LogCaptureFixture, mode: str, challenge: Challenge, named: str = "", port: int = 80
) -> tuple[Decision, str]:
    """What becomes of a run, and what is said about it."""
    given = {"handler": "/bin/true", "verify": mode, "verify-timeout": "0", "verify-nameservers": named or None}
    context = Context(resolution.resolve(given), Facts(), words=("/bin/true",), http_port=port)
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        try:
            verification = Verification(context, None, lambda line: None)
            verification.check(verification.aliased([challenge]), lambda ids: ())
        except NotVisibleError as error:
            return FAIL, str(error)
    return (WARN if caplog.text else GO_ON), caplog.text


@pytest.mark.parametrize(
    ("lie", "auto", "advice"),
    [
        (no_such_name, WARN, NO_ZONE),
        (one_address_for_everything, WARN, NO_ZONE),
        (refused, WARN, NO_ZONE),
        (nobody_listens, WARN, SILENCE),
        (servers_of_other_zones, WARN, "A name server refuses to answer"),
        (every_question_is_caught, WARN, "A name server answers without authority"),
        (addresses_of_another_class, WARN, UNSAID),
        (servers_that_have_an_answer_for_everything, FAIL, ANOTHER),
    ],
)
def test_what_a_lie_decides_and_which_flag_mends_it(
    net: Net, caplog: pytest.LogCaptureFixture, lie: Callable[[Net], None], auto: Decision, advice: str
) -> None:
    """Lost: every renewal of a laptop in a hotel (auto), or an hour's search for why there is none (strict)."""
    lie(net)
    for mode, decision in (("auto", auto), ("strict", FAIL)):
        found, text = decided(caplog, mode, DNS)
        assert found is decision, text
        assert advice in text
        assert NAMESERVERS in text
        assert decided(caplog, mode, DNS, named=TRUTH)[0] is GO_ON


def page(body: str) -> web.Answer:
    def answer(link: socket.socket, stop: threading.Event) -> None:
        link.recv(65536)
        link.sendall(f"HTTP/1.1 200 OK\r\n\r\n{body}".encode())

    return answer


@pytest.mark.parametrize("mode", ["auto", "strict"])
def test_a_resolver_that_sends_everybody_to_its_own_page(net: Net, caplog: pytest.LogCaptureFixture, mode: str) -> None:
    """Lost: the difference between a web server that lacks the file and a network that shows another one."""
    net.serve(".", SOA + f"* 60 IN A {PORTAL}\n", [RESOLVER])
    port = web.free_port(TRUTH)
    with web.answering(TRUTH, port, page(HTTP.validation)), web.answering(PORTAL, port, page("log in here")):
        found, text = decided(caplog, mode, HTTP, port=port)
        assert found is FAIL, text
        assert f"{ZONE}  {PORTAL}:{port}  wrong content: log in here" in text
        assert "If the CA finds other addresses for these names" in text
        assert decided(caplog, mode, HTTP, named=TRUTH, port=port)[0] is GO_ON


def test_the_resolver_is_never_asked_about_the_record(net: Net, caplog: pytest.LogCaptureFixture) -> None:
    """Lost: the first minutes after publishing, in which it would say that there is nothing, to the CA too."""
    resolver: NameServer = net[RESOLVER]
    resolver.serve(ZONE, HONEST)
    for present in (False, True):
        net.serve(ZONE, HONEST + (f'_acme-challenge 60 IN TXT "{DNS.validation}"\n' if present else ""), [TRUTH])
        assert decided(caplog, "auto", DNS)[0] is (GO_ON if present else FAIL)
    assert any(f"{ZONE}." in question for question in resolver.asked)
    assert not any("_acme-challenge" in question for question in resolver.asked)
