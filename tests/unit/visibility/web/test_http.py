"""http-01 as the CA gets it: over real sockets, from servers in this process."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from certbot_external_auth import __version__
from certbot_external_auth.endpoint import Endpoint
from certbot_external_auth.visibility import Expectation, Observation, Outcome
from certbot_external_auth.visibility.probe import Surroundings
from certbot_external_auth.visibility.web import http
from tests.support import certificates, web
from tests.support.name_servers import Net

DNS, ONE, TWO, CLOSED = (f"127.0.8.{number}" for number in range(1, 5))
PATH = "/.well-known/acme-challenge/token"
VALUE = "token.thumbprint"
OK = f"HTTP/1.1 200 OK\r\n\r\n{VALUE}"
ZONE = (
    "@ 60 IN SOA ns hostmaster 1 60 60 60 60\n"
    f"site 60 IN A {ONE}\nboth 60 IN A {ONE}\nboth 60 IN A {TWO}\nhalf 60 IN A {ONE}\nhalf 60 IN A {CLOSED}\n"
)
PATIENCE = 20.0


@dataclass
class Site:
    """:ivar answers: by address and Host header, or by address alone. :ivar requests: by address, all of them whole."""

    port: int
    tls_port: int
    net: Net
    answers: dict[str, str] = field(default_factory=dict)
    requests: list[tuple[str, str]] = field(default_factory=list)

    def serve(self, address: str, context: ssl.SSLContext | None = None) -> web.Answer:
        def answer(link: socket.socket, stop: threading.Event) -> None:
            with context.wrap_socket(link, server_side=True) if context else contextlib.nullcontext(link) as peer:
                asked = peer.recv(65536).decode()
                self.requests.append((address, asked))
                host = asked.partition("Host: ")[2].partition("\r\n")[0]
                sent = self.answers.get(f"{address} {host}", self.answers.get(address, OK))
                peer.sendall(sent.encode())

        return answer

    def look(self, *names: str, patience: float = PATIENCE) -> list[Observation]:
        probe = http.Probe(Surroundings((Endpoint(DNS, self.net.port),), self.port, self.tls_port))
        wanted = [Expectation("http-01", name, f"http://{name}{PATH}", (VALUE,)) for name in names]
        return probe.look(wanted, time.monotonic() + patience)

    def at(self, address: str) -> str:
        return f"{address}:{self.port}"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.with_key(tmp_path / "server.pem", ["elsewhere.test"]))
    with contextlib.ExitStack() as stack:
        net = stack.enter_context(Net([DNS]))
        net.serve("test", ZONE, [DNS])
        found = Site(web.free_port(ONE), web.free_port(ONE), net)
        for address in (ONE, TWO):
            stack.enter_context(web.answering(address, found.port, found.serve(address)))
        stack.enter_context(web.answering(ONE, found.tls_port, found.serve(ONE, context)))
        yield found


def test_the_request_is_the_one_of_a_ca(site: Site) -> None:
    """RFC 8555 section 8.3; nothing of the answer may be compressed or kept open."""
    (found,) = site.look("site.test")
    assert (found.outcome, found.server, found.address) == (Outcome.MATCH, "site.test", site.at(ONE))
    assert (found.place, found.seen, found.detail) == (f"http://site.test{PATH}", (), "")
    assert found.seconds > 0
    first, *headers = site.requests[0][1].removesuffix("\r\n\r\n").split("\r\n")
    assert first == f"GET {PATH} HTTP/1.1"
    assert dict(line.split(": ") for line in headers) == {
        "Host": "site.test",
        "User-Agent": f"certbot-external-auth/{__version__}",
        "Accept": "*/*",
        "Accept-Encoding": "identity",
        "Connection": "close",
    }


def test_every_address_is_asked_once_and_in_the_order_of_the_batch(site: Site) -> None:
    site.answers[TWO] = "HTTP/1.1 200 OK\r\n\r\nold"
    found = site.look("both.test", "half.test")
    assert [(one.server, one.address, one.outcome, one.seen) for one in found] == [
        ("both.test", site.at(ONE), Outcome.MATCH, ()),
        ("both.test", site.at(TWO), Outcome.WRONG_CONTENT, ("old",)),
        ("half.test", site.at(ONE), Outcome.MATCH, ()),
        ("half.test", site.at(CLOSED), Outcome.CONNECTION_REFUSED, ()),
    ]
    assert sorted(address for address, _ in site.requests) == [ONE, ONE, TWO]


def test_a_name_without_an_address_is_said_as_the_name_servers_say_it(site: Site) -> None:
    (found,) = site.look("nowhere.test")
    assert (found.outcome, found.server, found.address) == (Outcome.NO_SUCH_NAME, "nowhere.test", "")
    assert found.seconds == 0.0
    assert DNS in found.detail


LONG = "x" * (http.MAX_BODY_BYTES - len(VALUE))


@pytest.mark.parametrize(
    ("answer", "outcome", "seen"),
    [
        (OK + "\n", Outcome.MATCH, ""),
        (OK + " " * len(LONG), Outcome.MATCH, ""),
        (OK + " " * len(LONG) + " ", Outcome.WRONG_CONTENT, VALUE),
        (f"HTTP/1.1 200 OK\r\nContent-Length: {len(VALUE)}\r\n\r\n{VALUE}", Outcome.MATCH, ""),
        (f"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{VALUE}", Outcome.WRONG_CONTENT, None),
        ("HTTP/1.1 200 OK\r\n\r\n", Outcome.WRONG_CONTENT, "nothing"),
        ("HTTP/1.1 200 OK\r\n\r\n\x1b[2Jred", Outcome.WRONG_CONTENT, "red"),
        (f"HTTP/1.1 404 Not\x07 here\r\n\r\n{VALUE}", Outcome.WRONG_CONTENT, "404 Not here"),
        (f"HTTP/1.1 204 OK\r\n\r\n{VALUE}", Outcome.WRONG_CONTENT, "204 OK"),
        ("SSH-2.0\r\n", Outcome.WRONG_CONTENT, None),
        ("", Outcome.WRONG_CONTENT, None),
        ("HTTP/1.1 302 Found\r\n\r\n", Outcome.WRONG_CONTENT, None),
        (f"HTTP/1.1 200 OK\r\nX: {'x' * 60}\r\n" + f"X: {'x' * 60}\r\n" * 1100, Outcome.WRONG_CONTENT, None),
    ],
)
def test_what_a_server_may_answer(site: Site, answer: str, outcome: Outcome, seen: str | None) -> None:
    """Only what is a right answer to a CA is one here; None: the detail says what is wrong."""
    site.answers[ONE] = answer
    (found,) = site.look("site.test")
    assert found.outcome is outcome
    assert found.seen == ((seen,) if seen else ())
    assert bool(found.detail) is (seen is None or seen == VALUE)
    assert len(found.detail) <= 200
    assert found.seconds > 0


def test_a_body_that_is_too_long_is_shown_from_its_beginning(site: Site) -> None:
    site.answers[ONE] = "HTTP/1.1 200 OK\r\n\r\n" + "y" * 5000
    (found,) = site.look("site.test")
    assert str(http.MAX_BODY_BYTES) in found.detail
    assert found.seen[0].startswith("yyy")
    assert len(found.seen[0]) <= 101


def redirect(to: str, status: str = "302 Found") -> str:
    return f"HTTP/1.1 {status}\r\nLocation: {to}\r\n\r\n{VALUE}"


def test_a_redirect_is_followed_to_https_without_checking_the_certificate(site: Site) -> None:
    """RFC 8555 section 8.3: the server of the redirect needs no certificate that anybody trusts."""
    site.answers[f"{ONE} site.test"] = redirect(f"https://both.test{PATH}")
    site.answers[f"{ONE} both.test"] = OK
    found = site.look("site.test")
    by_address = {one.address: one for one in found}
    assert by_address[f"{ONE}:{site.tls_port}"].outcome is Outcome.MATCH
    assert by_address[f"{TWO}:{site.tls_port}"].outcome is Outcome.CONNECTION_REFUSED
    assert {(one.server, one.place) for one in found} == {("both.test", f"http://site.test{PATH}")}
    assert all(f"https://both.test{PATH}" in one.detail for one in found)


def test_addresses_that_redirect_to_one_place_ask_it_once(site: Site) -> None:
    for address in (ONE, TWO):
        site.answers[f"{address} both.test"] = redirect(f"http://site.test{PATH}")
    (found,) = site.look("both.test")
    assert (found.outcome, found.server) == (Outcome.MATCH, "site.test")
    assert [asked for asked in site.requests if "Host: site.test" in asked[1]] == [site.requests[-1]]


def test_a_redirect_to_itself_ends(site: Site) -> None:
    site.answers[ONE] = redirect(f"http://site.test{PATH}")
    (found,) = site.look("site.test")
    assert found.outcome is Outcome.WRONG_CONTENT
    assert len(site.requests) == http.redirects.MAX_REDIRECTS + 1


def test_redirects_to_ever_more_places_end(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "MAX_REQUESTS", 1)
    found = site.look("both.test")
    assert [(one.outcome, one.address) for one in found] == [(Outcome.NOT_ASKED, "")]
    assert site.requests == []
    assert [one.outcome for one in site.look("site.test")] == [Outcome.MATCH]


@pytest.mark.parametrize(
    ("answer", "seen"),
    [
        ("HTTP/1.1 404 my secret\r\n\r\nmy secret", ("404 Not Found",)),
        ("HTTP/1.1 799 my secret\r\n\r\n", ("799",)),
        ("HTTP/1.1 200 my secret\r\n\r\nmy secret", ("200 OK",)),
        ("my secret\r\n\r\n", ()),
    ],
)
def test_what_another_host_says_is_not_shown(site: Site, answer: str, seen: tuple[str, ...]) -> None:
    """Guards against: a redirect that makes the report quote a server of this network."""
    site.answers[f"{ONE} site.test"] = redirect(f"http://both.test{PATH}")
    site.answers[f"{ONE} both.test"] = site.answers[f"{TWO} both.test"] = answer
    found = site.look("site.test")
    assert [(one.outcome, one.seen) for one in found] == [(Outcome.WRONG_CONTENT, seen)] * 2
    assert all(one.detail and "my secret" not in one.detail for one in found)
    site.answers[f"{ONE} site.test"] = answer
    assert "secret" in str(site.look("site.test")[0])


def test_a_server_that_says_nothing_keeps_no_other_from_being_seen(site: Site) -> None:
    """Each has an address of its own, so the one that hangs is waited for alone."""
    with web.answering(CLOSED, site.port, lambda link, stop: bool(stop.wait(PATIENCE)) and None):
        found = {one.address: one for one in site.look("half.test", patience=0.6)}
    assert found[site.at(ONE)].outcome is Outcome.MATCH
    assert found[site.at(CLOSED)].outcome is Outcome.TIMEOUT
    assert found[site.at(CLOSED)].seconds > 0.3


def test_an_answer_that_never_ends_is_given_up(site: Site) -> None:
    def drip(link: socket.socket, stop: threading.Event) -> None:
        link.sendall(b"HTTP/1.1 200 OK\r\nX: ")
        while not stop.wait(0.02):
            link.sendall(b"x")

    with web.answering(CLOSED, site.port, drip):
        (found,) = (one for one in site.look("half.test", patience=0.6) if one.address == site.at(CLOSED))
    assert found.outcome is Outcome.TIMEOUT
