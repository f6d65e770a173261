"""The TLS challenges seen as the CA sees them: real servers at several addresses."""

from __future__ import annotations

import datetime
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from certbot_external_auth import endpoint, visibility
from certbot_external_auth.challenges import Challenge, tlsalpn01, tlssni01
from certbot_external_auth.validation_certificates import build
from certbot_external_auth.visibility import Observation, Outcome
from certbot_external_auth.visibility.probe import Surroundings
from certbot_external_auth.visibility.web.tls import Probe
from tests.support import tls, web
from tests.support.testca import TestCA

TOKEN = "AAEAAQABAAEAAQABAAEAAQABAAEAAQABAAEAAQABAAE"
OLD, NEW = (f"{TOKEN}.{letter * 43}" for letter in "on")
PATIENCE = 20.0
SHORT = 1.0
RIGHT, STALE, WITHOUT_ALPN, SILENT, NOBODY = (f"127.0.0.{number}" for number in range(2, 7))
ALPN = Challenge("c1", tlsalpn01.TYPE, "tls-site.test", "dns", TOKEN, NEW)
SNI = Challenge("c2", tlssni01.TYPE, "tls-site.test", "dns", TOKEN, NEW)
ADDRESS = Challenge("c3", tlsalpn01.TYPE, RIGHT, "ip", TOKEN, NEW)


def put(folder: Path, challenge: Challenge, key_authorization: str = NEW) -> None:
    """What the server at a folder presents for a challenge."""
    folder.mkdir(exist_ok=True)
    served = Challenge("c", challenge.type, challenge.identifier, challenge.identifier_type, TOKEN, key_authorization)
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate, key = build.build(served, now)
    (folder / f"{challenge.server_name}.crt.pem").write_bytes(certificate)
    (folder / f"{challenge.server_name}.key.pem").write_bytes(key)


def hang(link: socket.socket, stop: threading.Event) -> None:
    stop.wait(PATIENCE)


@pytest.fixture(scope="module")
def port(ca: TestCA, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The right certificates at one address, one of an earlier order at the next, then a server that knows no
    acme-tls/1 and has nothing for the challenge, and one that says nothing."""
    base = tmp_path_factory.mktemp("tls")
    for challenge in (ALPN, SNI, ADDRESS):
        put(base / "right", challenge)
    put(base / "stale", ALPN, OLD)
    found = web.free_port()
    site = (
        f"server {{ listen {WITHOUT_ALPN}:{found} ssl; ssl_certificate {ca.ca_bundle};"
        f"ssl_certificate_key {ca.folder}/server.key; }}"
    )
    with (
        tls.serving(base / "right", found, RIGHT),
        tls.serving(base / "stale", found, STALE),
        web.nginx(base, site, found, WITHOUT_ALPN),
        web.answering(SILENT, found, hang),
    ):
        yield found


def look(ca: TestCA, port: int, challenges: Sequence[Challenge], patience: float = SHORT) -> dict[str, Observation]:
    nameserver = endpoint.parse(ca.dns, 53)
    probe = Probe(Surroundings((nameserver,), 1, port))
    found = probe.look(visibility.expectations(challenges), time.monotonic() + patience)
    outcomes = {one.address.partition(":")[0]: one for one in found}
    assert len(outcomes) == len(found)
    return outcomes


def test_every_address_says_what_it_presents(ca: TestCA, port: int) -> None:
    """Lost: a validation in five, by chance, and the reason of it."""
    ca.set_addresses("tls-site.test", RIGHT, STALE, WITHOUT_ALPN, SILENT, NOBODY)
    found = look(ca, port, [ALPN])
    assert {address: one.outcome for address, one in found.items()} == {
        RIGHT: Outcome.MATCH,
        STALE: Outcome.WRONG_CERTIFICATE,
        WITHOUT_ALPN: Outcome.WRONG_CERTIFICATE,
        SILENT: Outcome.TIMEOUT,
        NOBODY: Outcome.CONNECTION_REFUSED,
    }
    assert found[STALE].seen == ("certificate of tls-site.test",)
    assert "another digest" in found[STALE].detail
    assert "alpn" in found[WITHOUT_ALPN].detail.lower() or "alert" in found[WITHOUT_ALPN].detail.lower()
    assert {one.place for one in found.values()} == {"tls-site.test"}
    assert found[RIGHT].address == f"{RIGHT}:{port}"


def test_server_names_of_the_other_kinds(ca: TestCA, port: int) -> None:
    """Lost: addresses (by their reverse name) and private CAs with tls-sni-01."""
    assert look(ca, port, [ADDRESS])[RIGHT].outcome is Outcome.MATCH
    ca.set_addresses("tls-site.test", RIGHT, WITHOUT_ALPN)
    found = look(ca, port, [SNI])
    assert found[RIGHT].outcome is Outcome.MATCH
    assert found[WITHOUT_ALPN].outcome is Outcome.WRONG_CERTIFICATE
    assert found[WITHOUT_ALPN].seen == ("certificate of localhost, 127.0.0.1",)
    assert "is not among the names" in found[WITHOUT_ALPN].detail


def test_names_without_addresses_and_what_is_no_tls(ca: TestCA) -> None:
    """Lost: the rest of a batch, for one name that is wrong."""

    def refuse(link: socket.socket, stop: threading.Event) -> None:
        link.recv(4096)
        link.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    ca.manage("set-servfail", {"host": "broken.test."})
    broken = Challenge("c4", tlsalpn01.TYPE, "broken.test", "dns", TOKEN, NEW)
    number = web.free_port(RIGHT)
    with web.answering(RIGHT, number, refuse):
        found = look(ca, number, [broken, ADDRESS], PATIENCE)
    assert found[""].outcome is Outcome.SERVFAIL
    assert found[RIGHT].outcome is Outcome.WRONG_CERTIFICATE
    assert found[RIGHT].detail.startswith("no handshake: ")
