"""The TLS challenges as the CA sees them: real handshakes, with servers in this process."""

from __future__ import annotations

import contextlib
import datetime
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from certbot_external_auth import visibility
from certbot_external_auth.challenges import Challenge, tlsalpn01, tlssni01
from certbot_external_auth.endpoint import Endpoint
from certbot_external_auth.validation_certificates import build
from certbot_external_auth.visibility import Observation, Outcome
from certbot_external_auth.visibility.probe import Surroundings
from certbot_external_auth.visibility.web.tls import Probe
from tests.support import web
from tests.support.name_servers import Net

DNS, RIGHT, STALE, PLAIN, CLOSED = (f"127.0.9.{number}" for number in range(1, 6))
ZONE = "@ 60 IN SOA ns hostmaster 1 60 60 60 60\n" + "".join(
    f"site 60 IN A {address}\n" for address in (RIGHT, STALE, PLAIN, CLOSED)
)
ALPN = Challenge("c1", tlsalpn01.TYPE, "site.test", "dns", "token", "token.new")
EARLIER = Challenge("c1", tlsalpn01.TYPE, "site.test", "dns", "token", "token.old")
SNI = Challenge("c2", tlssni01.TYPE, RIGHT, "ip", "token", "token.new")
ADDRESS = Challenge("c3", tlsalpn01.TYPE, RIGHT, "ip", "token", "token.new")


class Server:
    """Presents a validation certificate for each server name; notes the name and the protocol of each handshake."""

    def __init__(self, folder: Path, challenges: Sequence[Challenge]) -> None:
        self.handshakes: list[tuple[str | None, str | None]] = []
        self._contexts: Mapping[str, ssl.SSLContext] = {one.place: self._context(folder, one) for one in challenges}

    def _context(self, folder: Path, challenge: Challenge) -> ssl.SSLContext:
        found = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        file = folder / f"{challenge.id}-{challenge.key_authorization}.pem"
        file.write_bytes(b"".join(build.build(challenge, datetime.datetime.now(datetime.timezone.utc))))
        self._file = file
        found.load_cert_chain(file)
        found.set_alpn_protocols([tlsalpn01.ALPN])
        return found

    def answer(self, link: socket.socket, stop: threading.Event) -> None:
        names: list[str | None] = []

        def choose(peer: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
            names.append(name)
            peer.context = self._contexts.get(name or "", context)

        # One of its own: two connections may be there at the same time.
        first = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        first.load_cert_chain(self._file)
        first.set_alpn_protocols([tlsalpn01.ALPN])
        first.sni_callback = choose  # type: ignore[assignment]
        with first.wrap_socket(link, server_side=True) as peer:
            self.handshakes.append((names[0], peer.selected_alpn_protocol()))


def refuse(link: socket.socket, stop: threading.Event) -> None:
    link.recv(4096)
    link.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


@pytest.fixture
def net() -> Iterator[Net]:
    with Net([DNS]) as found:
        found.serve("test", ZONE, [DNS])
        yield found


@contextlib.contextmanager
def serving(answers: Mapping[str, web.Answer]) -> Iterator[int]:
    port = web.free_port(RIGHT)
    with contextlib.ExitStack() as stack:
        for address, answer in answers.items():
            stack.enter_context(web.answering(address, port, answer))
        yield port


def look(net: Net, port: int, *challenges: Challenge, patience: float = 20.0) -> list[Observation]:
    probe = Probe(Surroundings((Endpoint(DNS, net.port),), 1, port))
    return probe.look(visibility.expectations(challenges), time.monotonic() + patience)


def test_every_address_of_the_name_is_asked_with_the_protocol_of_the_challenge(net: Net, tmp_path: Path) -> None:
    """RFC 8737 section 3: the name as SNI, and acme-tls/1 only."""
    right, stale = Server(tmp_path, [ALPN]), Server(tmp_path, [EARLIER])
    with serving({RIGHT: right.answer, STALE: stale.answer, PLAIN: refuse}) as port:
        found = look(net, port, ALPN)
    assert [(one.address, one.outcome) for one in found] == [
        (f"{RIGHT}:{port}", Outcome.MATCH),
        (f"{STALE}:{port}", Outcome.WRONG_CERTIFICATE),
        (f"{PLAIN}:{port}", Outcome.WRONG_CERTIFICATE),
        (f"{CLOSED}:{port}", Outcome.CONNECTION_REFUSED),
    ]
    assert {(one.place, one.server) for one in found} == {("site.test", "site.test")}
    assert right.handshakes == stale.handshakes == [("site.test", tlsalpn01.ALPN)]
    assert [one.seen for one in found] == [(), ("certificate of site.test",), (), ()]
    assert [bool(one.detail) for one in found] == [False, True, True, False]
    assert all(one.seconds > 0 for one in found)


def test_an_address_is_named_by_its_reverse_name_and_tls_sni_by_its_own_without_a_protocol(
    net: Net, tmp_path: Path
) -> None:
    """RFC 8738 section 6; tls-sni-01 has no protocol to offer."""
    server = Server(tmp_path, [SNI, ADDRESS])
    with serving({RIGHT: server.answer}) as port:
        found = look(net, port, ADDRESS, SNI)
    assert [(one.place, one.outcome, one.address) for one in found] == [
        (ADDRESS.place, Outcome.MATCH, f"{RIGHT}:{port}"),
        (SNI.place, Outcome.MATCH, f"{RIGHT}:{port}"),
    ]
    assert set(server.handshakes) == {(ADDRESS.place, tlsalpn01.ALPN), (SNI.place, None)}
    assert ADDRESS.place.endswith(".in-addr.arpa")


def test_a_name_without_an_address_has_one_observation(net: Net) -> None:
    (found,) = look(net, 1, Challenge("c", tlsalpn01.TYPE, "nowhere.test", "dns", "token", "token.new"))
    assert (found.outcome, found.address, found.server) == (Outcome.NO_SUCH_NAME, "", "nowhere.test")
    assert DNS in found.detail


@pytest.mark.parametrize(
    ("act", "outcome"),
    [
        (lambda link, stop: stop.wait(20.0), Outcome.TIMEOUT),
        (lambda link, stop: link.recv(4096), Outcome.WRONG_CERTIFICATE),
    ],
)
def test_a_handshake_that_does_not_end(
    net: Net, act: Callable[[socket.socket, threading.Event], object], outcome: Outcome
) -> None:
    """A server that hangs is silent; one that closes the connection is not."""

    def answer(link: socket.socket, stop: threading.Event) -> None:
        act(link, stop)

    with serving({RIGHT: answer}) as port:
        (found,) = look(net, port, ADDRESS, patience=0.5)
    assert found.outcome is outcome
    assert found.detail
