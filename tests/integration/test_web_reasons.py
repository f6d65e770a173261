"""The likely reasons for http-01 and the TLS types, where real servers answer wrong: kinds and facts, no words."""

from __future__ import annotations

import datetime
import grp
import gzip
import os
import pwd
import socket
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from certbot_external_auth import endpoint, visibility
from certbot_external_auth.backends import Context, publisher
from certbot_external_auth.challenges import Challenge, http01, tlsalpn01, tlssni01
from certbot_external_auth.dialects import Facts
from certbot_external_auth.files import webroot
from certbot_external_auth.settings import Settings
from certbot_external_auth.validation_certificates import build
from certbot_external_auth.visibility import Observation, Outcome, TlsFault, explain
from certbot_external_auth.visibility.observer import Observer
from certbot_external_auth.visibility.probe import Surroundings
from certbot_external_auth.visibility.web import reasons
from certbot_external_auth.visibility.web.reasons import Help, Ipv6Apart, Kind, WebReason, WrongPage, WrongTls
from tests.support import tls, web
from tests.support.certbot import Certbot
from tests.support.challenges import KEY_AUTHORIZATION
from tests.support.testca import TestCA
from tests.support.words import handler, names

TOKEN = KEY_AUTHORIZATION.partition(".")[0]
ADDRESS = "127.0.0.12"
NAME = "reasons.test"
PATIENCE = 20.0
NOBODY = pwd.getpwnam("nobody")
STRANGER = f"nobody {grp.getgrgid(NOBODY.pw_gid).gr_name}"
FILES = "/.well-known/acme-challenge"
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can start a server that runs as another user")


@pytest.fixture
def site() -> Iterator[Path]:
    """A folder that every user may enter, which pytest's own folders are not."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "www" / "acme").mkdir(parents=True)
        yield folder


def look(ca: TestCA, port: int, kind: str = http01.TYPE, name: str = NAME) -> tuple[Challenge, list[Observation]]:
    challenge = Challenge("c1", kind, name, "dns", TOKEN, KEY_AUTHORIZATION)
    observer = Observer(Surroundings((endpoint.parse(ca.dns, 53),), port, port))
    return challenge, observer.look(visibility.expectations([challenge]), time.monotonic() + PATIENCE)


def why(
    ca: TestCA, port: int, kind: str = http01.TYPE, name: str = NAME, wellknown: str = ""
) -> tuple[list[WebReason], list[Help]]:
    """The reasons and the advice, as a run finds them."""
    challenge, found = look(ca, port, kind, name)
    wanted = visibility.expectations([challenge])
    files = explain.files(wanted, found, wellknown)
    return reasons.reasons(wanted, found, files), reasons.advice(found, named=False)


def told(ca: TestCA, port: int, wellknown: str) -> str:
    """What a run with a handler says of it."""
    facts = Facts(alias=NAME, names=(NAME,), config_dir="/nonexistent")
    made = publisher(Context(Settings(mode="handler", wellknown=wellknown), facts, words=("/bin/true",)))
    challenge, found = look(ca, port)
    observer = Observer(Surroundings((endpoint.parse(ca.dns, 53),), port, port))
    return " ".join(explain.reasons(observer, visibility.expectations([challenge]), found, made))


def blocks(port: int, *lines: str, address: str = ADDRESS) -> str:
    return f"server {{ listen {address}:{port}; server_name {NAME}; {' '.join(lines)} }}"


@root_only
@pytest.mark.parametrize(("mode", "closed"), [(0o755, False), (0o700, True)])
def test_403_where_the_plugin_wrote_the_file(ca: TestCA, site: Path, mode: int, closed: bool) -> None:
    """Guards against "give it more time" where a folder keeps the server out, or a rule of the server."""
    folder = site / "www" / "acme"
    webroot.write(str(folder), TOKEN, KEY_AUTHORIZATION)
    (site / "www").chmod(mode)
    ca.set_addresses(NAME, ADDRESS)
    port = web.free_port(ADDRESS)
    rule = "" if closed else "deny all;"
    server = blocks(port, f"location {FILES}/ {{ alias {folder}/; {rule} }}")
    with web.nginx(site, server, port, ADDRESS, STRANGER):
        found, advice = why(ca, port, wellknown=str(folder))
        said = told(ca, port, str(folder))
    (reason,) = found
    assert isinstance(reason, WrongPage)
    assert (reason.kind, reason.page.status, reason.names) == (Kind.FORBIDDEN, 403, (NAME,))
    assert reason.page.software.startswith("nginx")
    assert reason.page.words == "403 Forbidden"
    assert reason.file is not None
    assert (reason.file.closed, reason.file.mode) == ((str(site / "www"), mode) if closed else ("", 0))
    assert advice == [Help.OTHER_ADDRESSES]
    assert ("chmod o+x" in said) is closed


def test_404_beside_the_folder_of_the_file(ca: TestCA, site: Path) -> None:
    """Guards against a search in the handler, where the server reads another folder."""
    folder = site / "www" / "acme"
    webroot.write(str(folder), TOKEN, KEY_AUTHORIZATION)
    ca.set_addresses(NAME, ADDRESS)
    port = web.free_port(ADDRESS)
    with web.nginx(site, blocks(port, f"root {site}/elsewhere;"), port, ADDRESS):
        found, advice = why(ca, port, wellknown=str(folder))
        os.unlink(folder / TOKEN)
        gone, _ = why(ca, port, wellknown=str(folder))
    (reason,), (later,) = found, gone
    assert isinstance(reason, WrongPage)
    assert isinstance(later, WrongPage)
    assert reason.kind is later.kind is Kind.MISSING
    assert reason.file == webroot.FileState(str(folder / TOKEN))
    assert later.file == webroot.FileState(str(folder / TOKEN), gone=True)
    assert advice == [Help.MORE_TIME, Help.OTHER_ADDRESSES]


PAGE = "<html><head><title>Intranet: sign in</title></head><body><form></form></body></html>"
FORM = "<html><body>Welcome<form><input name=p type=password></form></body></html>"


@pytest.mark.parametrize(
    ("lines", "kind", "status", "words"),
    [
        ([f"default_type text/html; return 200 '{PAGE}';"], Kind.LOGIN, 200, "Intranet: sign in"),
        ([f"default_type text/html; return 200 '{FORM}';"], Kind.LOGIN, 200, "Welcome"),
        (["auth_basic x; auth_basic_user_file /dev/null; root /nonexistent;"], Kind.LOGIN, 401, "401 Authorization"),
        (["default_type text/html; return 200 '<p>It works!</p>';"], Kind.OTHER_PAGE, 200, "It works!"),
        (["location / { proxy_pass http://127.0.0.13:9; }"], Kind.FAULTY, 502, "502 Bad Gateway"),
        ([f"return 200 '{TOKEN}.{'x' * 43}';"], Kind.OTHER_KEY, 200, TOKEN[:9]),
        ([f"return 200 '\"{KEY_AUTHORIZATION}\"';"], Kind.NEARLY, 200, '"'),
    ],
)
def test_pages_that_are_not_the_file(
    ca: TestCA, site: Path, lines: Sequence[str], kind: Kind, status: int, words: str
) -> None:
    ca.set_addresses(NAME, ADDRESS)
    port = web.free_port(ADDRESS)
    with web.nginx(site, blocks(port, *lines), port, ADDRESS):
        found, advice = why(ca, port)
    (reason,) = found
    assert isinstance(reason, WrongPage)
    assert (reason.kind, reason.page.status, reason.address) == (kind, status, f"{ADDRESS}:{port}")
    assert reason.page.words.startswith(words)
    assert (Help.MORE_TIME in advice) is (kind is Kind.FAULTY)


def test_what_is_packed_unasked_is_unpacked(ca: TestCA, site: Path) -> None:
    """Guards against a refusal here of what the CA accepts: Go's client, which Pebble uses, unpacks it."""
    (site / "www" / TOKEN).write_bytes(gzip.compress(KEY_AUTHORIZATION.encode()))
    ca.set_addresses(NAME, ADDRESS)
    port = web.free_port(ADDRESS)
    packed = f"location {FILES}/ {{ alias {site}/www/; add_header Content-Encoding gzip; }}"
    with web.nginx(site, blocks(port, packed), port, ADDRESS):
        _, (found,) = look(ca, port)
    assert found.outcome is Outcome.MATCH


def test_the_ca_accepts_what_is_packed_unasked_too(certbot: Certbot, ca: TestCA, domain: str, tmp_path: Path) -> None:
    """Guards against a look that differs from the CA's, the other way round."""
    folder = tmp_path / "acme"
    folder.mkdir()

    def answer(link: socket.socket, stop: threading.Event) -> None:
        token = link.recv(65536).split(b" ")[1].decode().rpartition("/")[2]
        packed = gzip.compress((folder / token).read_bytes())
        link.sendall(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n" + packed)

    words = ("--external-auth-wellknown", str(folder), "--preferred-challenges", "http")
    looks = ("--http-01-port", str(ca.http_port), "--external-auth-verify-nameservers", ca.dns)
    with web.answering("127.0.0.1", ca.http_port, answer):
        result = certbot.run("certonly", *handler("/bin/true"), *words, *looks, *names(domain))
    assert result.returncode == 0, result


def test_a_bomb_is_not_unpacked(ca: TestCA) -> None:
    """Guards against the memory of this machine: a thousandth of it on the wire."""
    bomb = gzip.compress(b"x" * 50_000_000)

    def answer(link: socket.socket, stop: threading.Event) -> None:
        link.recv(65536)
        link.sendall(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + bomb)

    ca.set_addresses(NAME, ADDRESS)
    port = web.free_port(ADDRESS)
    with web.answering(ADDRESS, port, answer):
        _, (found,) = look(ca, port)
    assert found.outcome is Outcome.WRONG_CONTENT
    assert found.detail == "more than 1024 bytes"


def test_what_a_server_says_of_itself_is_safe(ca: TestCA) -> None:
    """Guards against a terminal that does what a web server writes, and an error of many pages."""
    said = (
        b"HTTP/1.1 403 No\r\nServer: \x1b[2Jcloudflare"
        + b"x" * 500
        + b"\r\n\r\n<h1>Just\x1b]0;\x07 a moment\xe2\x80\xae</h1>"
    )

    def answer(link: socket.socket, stop: threading.Event) -> None:
        link.recv(65536)
        link.sendall(said)

    ca.set_addresses(NAME, ADDRESS)
    port = web.free_port(ADDRESS)
    with web.answering(ADDRESS, port, answer):
        (reason,), _ = why(ca, port)
    assert isinstance(reason, WrongPage)
    assert reason.page.software == "cloudflare" + "x" * 29 + "…"
    assert reason.page.words == "Just a moment"


def test_ipv6_that_does_not_answer_beside_ipv4(ca: TestCA, site: Path) -> None:
    """Guards against a warning without the reason: a CA that has IPv6 asks there first."""
    ca.set_addresses(NAME, ADDRESS, "::1")
    port = web.free_port(ADDRESS)
    right = blocks(port, f"return 200 {KEY_AUTHORIZATION};")
    with web.nginx(site, right, port, ADDRESS):
        found, _ = why(ca, port)
    assert found == [Ipv6Apart(NAME, f"[::1]:{port}", f"{ADDRESS}:{port}", silent=True)]
    both = right + blocks(port, "return 404;", address="[::1]")
    with web.nginx(site, both, port, ADDRESS):
        found, _ = why(ca, port)
    assert found[0] == Ipv6Apart(NAME, f"[::1]:{port}", f"{ADDRESS}:{port}", silent=False)
    assert [type(one) for one in found[1:]] == [WrongPage]


def test_no_address_and_no_server(ca: TestCA) -> None:
    """Guards against advice about name servers where the DNS has answered and the web server is down."""
    port = web.free_port(ADDRESS)
    ca.set_addresses(NAME, ADDRESS)
    assert why(ca, port) == ([], [Help.START_SERVER])


def test_tls_servers_that_answer_something_else(ca: TestCA, site: Path) -> None:
    """Guards against "needs more time" where the server does not know the protocol at all."""
    port = web.free_port(ADDRESS)
    ca.set_addresses(NAME, ADDRESS)
    keys = f"ssl_certificate {ca.ca_bundle}; ssl_certificate_key {ca.folder}/server.key;"
    ordinary = f"server {{ listen {ADDRESS}:{port} ssl; {keys} }}"
    with web.nginx(site, ordinary, port, ADDRESS):
        alpn, advice = why(ca, port, tlsalpn01.TYPE)
        sni, _ = why(ca, port, tlssni01.TYPE)
    where = f"{ADDRESS}:{port}"
    assert alpn == [WrongTls(TlsFault.NO_PROTOCOL, where, (NAME,))]
    assert advice == [Help.OTHER_ADDRESSES]
    assert sni == [WrongTls(TlsFault.OTHER_NAME, where, (NAME,), "certificate of localhost, 127.0.0.1")]
    strict = f"server {{ listen {ADDRESS}:{port} ssl default_server; {keys} ssl_reject_handshake on; }}"
    with web.nginx(site, strict, port, ADDRESS):
        refused, _ = why(ca, port, tlssni01.TYPE)
    assert refused == [WrongTls(TlsFault.UNKNOWN_NAME, where, (NAME,))]
    with web.nginx(site, blocks(port, "return 404;"), port, ADDRESS):
        plain, advice = why(ca, port, tlsalpn01.TYPE)
    assert plain == [WrongTls(TlsFault.NO_TLS, where, (NAME,))]
    assert Help.MORE_TIME not in advice


def test_a_certificate_of_another_order_or_name(ca: TestCA, tmp_path: Path) -> None:
    port = web.free_port(ADDRESS)
    ca.set_addresses(NAME, ADDRESS)
    other = Challenge("c", tlsalpn01.TYPE, NAME, "dns", TOKEN, f"{TOKEN}.{'o' * 43}")
    folder = tmp_path / "served"
    folder.mkdir()
    certificate, key = build.build(other, datetime.datetime.now(datetime.timezone.utc))
    (folder / f"{NAME}.crt.pem").write_bytes(certificate)
    (folder / f"{NAME}.key.pem").write_bytes(key)
    with tls.serving(folder, port, ADDRESS):
        found, advice = why(ca, port, tlsalpn01.TYPE)
    where = f"{ADDRESS}:{port}"
    assert found == [WrongTls(TlsFault.OTHER_DIGEST, where, (NAME,), f"certificate of {NAME}")]
    assert advice == [Help.MORE_TIME, Help.OTHER_ADDRESSES]
