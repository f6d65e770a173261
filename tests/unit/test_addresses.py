"""All addresses of a name, from name servers that behave and others that do not: over real sockets, in this process."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator

import dns.message
import dns.rcode
import dns.rrset
import pytest

from certbot_external_auth.endpoint import Endpoint
from certbot_external_auth.visibility import Outcome
from certbot_external_auth.visibility.addresses import NoAddressError, has_route, resolve

ZONE = {
    ("two.test.", "A"): ["192.0.2.1", "192.0.2.2"],
    ("two.test.", "AAAA"): ["2001:db8::1"],
    ("six.test.", "AAAA"): ["2001:db8::6"],
    ("mail.test.", "MX"): ["10 two.test."],
    ("alias.test.", "CNAME"): ["middle.test."],
    ("middle.test.", "CNAME"): ["six.test."],
    ("outside.test.", "CNAME"): ["two.test."],
    ("round.test.", "CNAME"): ["round.test."],
}
SILENT, REFUSING = "silent.test.", "refused.test."
CHASED_BY_US = ("outside.test.",)
"""Names whose CNAME's target is in the zone, but not in the answer."""
PATIENCE = 20.0


def answer(question: dns.message.Message) -> dns.message.Message:
    found = dns.message.make_response(question)
    asked = question.question[0]
    name, kind = asked.name.to_text().lower(), dns.rdatatype.to_text(asked.rdtype)
    known = {one for one, _ in ZONE}
    if name == REFUSING:
        found.set_rcode(dns.rcode.REFUSED)
    elif name not in known:
        found.set_rcode(dns.rcode.NXDOMAIN)
    for _ in range(3):
        if (name, "CNAME") in ZONE:
            found.answer.append(dns.rrset.from_text(name, 60, "IN", "CNAME", *ZONE[name, "CNAME"]))
            if name in CHASED_BY_US:
                break
            name = ZONE[name, "CNAME"][0]
    else:
        if (name, kind) in ZONE:
            found.answer.append(dns.rrset.from_text(name, 60, "IN", kind, *ZONE[name, kind]))
    return found


class NameServer:
    """:ivar lost: datagrams that are still to be lost."""

    def __init__(self, reply: Callable[[dns.message.Message], dns.message.Message]) -> None:
        self.lost = 0
        self._reply = reply
        self._link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._link.bind(("127.0.0.1", 0))
        self.endpoint = Endpoint(*self._link.getsockname())
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> NameServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
            link.sendto(b"", (self.endpoint.host, self.endpoint.port))
        self._thread.join()
        self._link.close()

    def _serve(self) -> None:
        while True:
            data, sender = self._link.recvfrom(65535)
            if not data:
                return
            question = dns.message.from_wire(data)
            if self.lost or question.question[0].name.to_text() == SILENT:
                self.lost -= bool(self.lost)
                continue
            self._link.sendto(self._reply(question).to_wire(), sender)


@pytest.fixture(scope="module")
def server() -> Iterator[NameServer]:
    with NameServer(answer) as found:
        yield found


def found(name: str, *servers: NameServer, patience: float = PATIENCE) -> list[str]:
    return resolve(name, time.monotonic() + patience, [one.endpoint for one in servers])


@pytest.mark.parametrize(
    ("name", "addresses"),
    [
        ("two.test", ["192.0.2.1", "192.0.2.2", "2001:db8::1"]),
        ("TWO.test.", ["192.0.2.1", "192.0.2.2", "2001:db8::1"]),
        ("six.test", ["2001:db8::6"]),
        ("alias.test", ["2001:db8::6"]),
        ("outside.test", ["192.0.2.1", "192.0.2.2", "2001:db8::1"]),
        ("192.0.2.7", ["192.0.2.7"]),
        ("2001:db8::7", ["2001:db8::7"]),
    ],
)
def test_both_families_and_aliases(server: NameServer, name: str, addresses: list[str]) -> None:
    assert found(name, server) == addresses


@pytest.mark.parametrize(
    ("name", "outcome", "patience"),
    [
        ("nowhere.test", Outcome.NO_SUCH_NAME, PATIENCE),
        ("mail.test", Outcome.NO_RECORD, PATIENCE),
        ("refused.test", Outcome.REFUSED, PATIENCE),
        ("round.test", Outcome.SERVFAIL, PATIENCE),
        ("silent.test", Outcome.TIMEOUT, 0.3),
        ("label.that-is-longer-than-what-a-name-may-have-" + "x" * 63 + ".test", Outcome.SERVFAIL, PATIENCE),
    ],
)
def test_why_there_is_none(server: NameServer, name: str, outcome: Outcome, patience: float) -> None:
    with pytest.raises(NoAddressError) as caught:
        found(name, server, patience=patience)
    assert caught.value.outcome is outcome, caught.value


def test_one_lost_datagram_is_no_answer_lost(server: NameServer) -> None:
    server.lost = 1
    assert found("six.test", server) == ["2001:db8::6"]


def test_every_server_is_asked(server: NameServer) -> None:
    """A CA may ask any of them."""

    def other(question: dns.message.Message) -> dns.message.Message:
        made = dns.message.make_response(question)
        if question.question[0].rdtype == dns.rdatatype.A:
            made.answer.append(dns.rrset.from_text(question.question[0].name, 60, "IN", "A", "192.0.2.99"))
        return made

    with NameServer(other) as second:
        assert found("two.test", server, second) == ["192.0.2.1", "192.0.2.2", "192.0.2.99", "2001:db8::1"]
        assert found("nowhere.test", server, second) == ["192.0.2.99"]


def test_without_name_servers_the_hosts_file_counts() -> None:
    assert "127.0.0.1" in resolve("localhost", time.monotonic() + PATIENCE)


def test_a_route_to_this_machine() -> None:
    assert has_route("127.0.0.1", 80)
