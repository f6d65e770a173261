"""The examples, as they stand in their folders: only ports and paths are exchanged."""

from __future__ import annotations

import contextlib
import grp
import os
import shlex
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.support import certificates
from tests.support import tls as tls_support
from tests.support.certbot import Certbot, Result
from tests.support.testca import TestCA
from tests.support.web import program
from tests.support.words import RENEW_NOW, handler, names

EXAMPLES = tls_support.EXAMPLES
ALPN = ("--preferred-challenges", "tls-alpn-01")
MODULES = Path("/usr/lib/nginx/modules")
ROOT = os.geteuid() == 0


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that a web server's user may enter, which pytest's own are not."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        yield Path(name)


class Visitors:
    """Asks the site again and again, each time with a connection of its own."""

    def __init__(self, port: int, domain: str) -> None:
        self.port, self.domain = port, domain
        self.answered = 0
        self.failures: list[str] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._visit) for _ in range(2)]

    def __enter__(self) -> Visitors:
        self.ask()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def ask(self) -> None:
        context = ssl._create_unverified_context()
        context.set_alpn_protocols(["http/1.1"])
        with (
            socket.create_connection(("127.0.0.1", self.port), timeout=10) as link,
            context.wrap_socket(link, server_hostname=self.domain) as connection,
        ):
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        assert answer.startswith(b"HTTP/1.1 200"), answer
        assert answer.endswith(b"the site for 127.0.0.1\n"), answer
        self.answered += 1

    def _visit(self) -> None:
        while not self._stop.is_set():
            try:
                self.ask()
            except (OSError, AssertionError) as error:
                self.failures.append(f"{type(error).__name__}: {error}")


@contextlib.contextmanager
def nginx(folder: Path, ca: TestCA, port: int, stream: str, waiting: int) -> Iterator[None]:
    """nginx with a site behind the PROXY protocol at one port, and more configuration; ready when another answers."""
    user = "user www-data;" if ROOT else ""
    (folder / "nginx.conf").write_text(f"""
{user}
daemon off;
pid {folder}/nginx.pid;
error_log stderr;
{f"load_module {MODULES}/ngx_stream_module.so;" if (MODULES / "ngx_stream_module.so").exists() else ""}
events {{ }}
{stream}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
    uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    server {{
        listen 127.0.0.1:{port} ssl proxy_protocol;
        set_real_ip_from 127.0.0.1;
        real_ip_header proxy_protocol;
        ssl_certificate {ca.ca_bundle};
        ssl_certificate_key {ca.folder}/server.key;
        return 200 "the site for $remote_addr\\n";
    }}
}}
""")
    with tls_support.program([program("nginx"), "-c", folder / "nginx.conf", "-e", "stderr"], waiting):
        yield


def exchanged(path: Path, pairs: Sequence[tuple[str, str]]) -> str:
    """An example's file with ports and paths of the test; every one of them must be in it."""
    text = path.read_text()
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    return text


def issued_and_renewed(certbot: Certbot, words: list[str], *wanted: str) -> Result:
    result = certbot.run("certonly", *words, *names(*wanted))
    assert result.returncode == 0, result
    assert certificates.names(certbot.live(wanted[0])) == sorted(wanted)
    first = certificates.serial(certbot.live(wanted[0]))
    renewed = certbot.run(*RENEW_NOW)
    assert renewed.returncode == 0, renewed
    assert certificates.serial(certbot.live(wanted[0])) != first
    return renewed


def shaken_hands(port: int, name: str) -> str:
    """What openssl says of it; Python sends no such names."""
    words = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", name, "-alpn", "acme-tls/1"]
    return subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30).stdout


def test_nginx_answers_challenges_beside_the_site(certbot: Certbot, ca: TestCA, open_folder: Path, domain: str) -> None:
    """Guards against: a site that is down during a challenge, and a challenge without its port."""
    ports = [ca.free_port() for _ in range(3)]
    acme = open_folder / "acme-tls"
    acme.mkdir(mode=0o750)
    if ROOT:
        os.chown(acme, 0, grp.getgrnam("www-data").gr_gid)
        os.chmod(acme, 0o750)
    pairs = [
        ("listen 443;", f"listen 127.0.0.1:{ca.tls_port};"),
        ("listen [::]:443;", f"listen [::1]:{ca.tls_port};"),
        ("127.0.0.1:15453", f"127.0.0.1:{ports[0]}"),
        ("127.0.0.1:15454", f"127.0.0.1:{ports[1]}"),
        ("127.0.0.1:8443", f"127.0.0.1:{ports[2]}"),
        ("/var/lib/acme-tls", str(acme)),
    ]
    text = exchanged(EXAMPLES / "nginx-tls-alpn" / "acme-tls.conf", pairs)
    certbot.environment["ACME_TLS_FOLDER"] = str(acme)
    script = str(EXAMPLES / "nginx-tls-alpn" / "nginx-tls-alpn.sh")
    # Somebody else's certificate beside the folder, which any visitor could ask for by its path.
    (open_folder / "other.pem").write_text(ca.ca_bundle.read_text() + (ca.folder / "server.key").read_text())
    (open_folder / "other.pem").chmod(0o644)
    with nginx(open_folder, ca, ports[2], text, ca.tls_port), Visitors(ca.tls_port, domain) as visitors:
        issued_and_renewed(certbot, handler(script, *ALPN), domain, f"b.{domain}")
        assert "BEGIN CERTIFICATE" not in shaken_hands(ca.tls_port, "../other")
        shutil.copy(open_folder / "other.pem", acme / "other.pem")
        assert "BEGIN CERTIFICATE" in shaken_hands(ca.tls_port, "other")
        (acme / "other.pem").unlink()
    assert visitors.failures == []
    assert visitors.answered > 50
    assert list(acme.iterdir()) == []


STOCK = Path("/etc/haproxy/haproxy.cfg")
"""As Debian ships it, with `crt-base` and `chroot`."""
SOCKET = "/run/haproxy/admin.sock"
HAPROXY_HANDLER = EXAMPLES / "haproxy-tls-alpn" / "haproxy-tls-alpn.py"


@contextlib.contextmanager
def haproxy(folder: Path, head: str, ports: Sequence[int], public: int) -> Iterator[Path]:
    """HAProxy with the example's configuration behind a head; the result is its socket.

    :param ports: of the example's own server, and of the site behind it.
    :param public: what stands for port 443.
    """
    pairs = [
        ("bind :443", f"bind 127.0.0.1:{public}"),
        ("bind :::443 v6only", f"bind ::1:{public}"),
        ("127.0.0.1:15453", f"127.0.0.1:{ports[0]}"),
        ("127.0.0.1:8443", f"127.0.0.1:{ports[1]}"),
        ("/etc/haproxy/acme-tls.list", f"{folder}/acme-tls.list"),
    ]
    (folder / "acme-tls.list").touch()
    text = head + "\n" + exchanged(EXAMPLES / "haproxy-tls-alpn" / "acme-tls.cfg", pairs)
    (folder / "haproxy.cfg").write_text(text.replace(SOCKET, f"{folder}/admin.sock"))
    with tls_support.program([program("haproxy"), "-db", "-f", folder / "haproxy.cfg"], public):
        deadline = time.monotonic() + 30
        # It gets its name when the ports are open already.
        while not (folder / "admin.sock").exists():
            assert time.monotonic() < deadline, "HAProxy made no socket"
            time.sleep(0.02)
        yield folder / "admin.sock"


def told(socket_path: Path, command: str) -> str:
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(str(socket_path))
        link.sendall(f"{command}\n".encode())
        return link.makefile().read()


@pytest.mark.skipif(not ROOT, reason="Debian's configuration changes its user and root")
def test_haproxy_answers_challenges_beside_the_site(
    certbot: Certbot, ca: TestCA, open_folder: Path, domain: str
) -> None:
    """With Debian's own configuration. Its `crt-base` changes the names of certificates that are not absolute."""
    assert "crt-base" in STOCK.read_text()
    ports = [ca.free_port() for _ in range(2)]
    with (
        nginx(open_folder, ca, ports[1], "", ports[1]),
        haproxy(open_folder, STOCK.read_text(), ports, ca.tls_port) as admin,
        Visitors(ca.tls_port, domain) as visitors,
    ):
        command = f"{shlex.quote(str(HAPROXY_HANDLER))} --socket {admin} --crt-list {open_folder}/acme-tls.list"
        issued_and_renewed(certbot, handler(command, *ALPN), domain, f"b.{domain}")
        stored = told(admin, "show ssl cert")
    assert visitors.failures == []
    assert visitors.answered > 50
    assert domain not in stored


MINIMAL = (
    f"global\n    stats socket {SOCKET} level LEVEL\n    CRT-BASE\n\n"
    "defaults\n    timeout connect 10s\n    timeout client 30s\n    timeout server 30s\n"
)


class TalkingToHAProxy:
    """The handler, called as the plugin does, with a certificate of its own."""

    def __init__(self, admin: Path, folder: Path, ca: TestCA) -> None:
        self.admin, self.list = admin, folder / "acme-tls.list"
        self.environment = {
            "cbot_type": "tls-alpn-01",
            "cbot_z_domain": "a.test",
            "cbot_cert_path": str(ca.ca_bundle),
            "cbot_key_path": str(ca.folder / "server.key"),
        }

    def call(self, operation: str, **more: str) -> subprocess.CompletedProcess[str]:
        words = [sys.executable, HAPROXY_HANDLER, "--socket", self.admin, "--crt-list", self.list, operation]
        return subprocess.run(words, env={**self.environment, **more}, capture_output=True, text=True, timeout=60)

    @property
    def listed(self) -> int:
        return told(self.admin, f"show ssl crt-list {self.list}").count("a.test")


@pytest.fixture
def talking(ca: TestCA, open_folder: Path) -> Iterator[TalkingToHAProxy]:
    ports = [ca.free_port() for _ in range(3)]
    head = MINIMAL.replace("LEVEL", "admin").replace("CRT-BASE", "crt-base /etc/ssl/private")
    with haproxy(open_folder, head, ports, ports[2]) as admin:
        yield TalkingToHAProxy(admin, open_folder, ca)


def test_haproxy_is_told_again_after_an_interruption(talking: TalkingToHAProxy) -> None:
    """Lost: a certificate that stands in the list twice, which HAProxy then refuses to remove."""
    for operation, listed in (("perform", 1), ("perform", 1), ("cleanup", 0), ("cleanup", 0)):
        ended = talking.call(operation)
        assert (ended.returncode, ended.stderr) == (0, ""), (operation, ended)
        assert talking.listed == listed
    assert "a.test" not in told(talking.admin, "show ssl cert")


@pytest.mark.parametrize("of_another", [False, True])
def test_haproxy_was_interrupted_between_two_commands(talking: TalkingToHAProxy, ca: TestCA, of_another: bool) -> None:
    """Lost: a certificate that HAProxy does not remove while a transaction is open; or another one's certificate."""
    name = "/acme-tls/other.test.pem" if of_another else "/acme-tls/a.test.pem"
    pem = (ca.ca_bundle.read_text() + (ca.folder / "server.key").read_text()).strip()
    told(talking.admin, f"new ssl cert {name}")
    assert "Transaction created" in told(talking.admin, f"set ssl cert {name} <<\n{pem}\n")
    if of_another:
        ended = talking.call("perform")
        assert ended.returncode == 1
        assert f"Transaction updated for certificate {name}!" in ended.stderr
    assert talking.call("cleanup").returncode == 0
    assert "a.test" not in told(talking.admin, "show ssl cert")


def test_haproxy_refuses_and_the_handler_says_so(talking: TalkingToHAProxy, tmp_path: Path) -> None:
    """Lost: two minutes of waiting for what HAProxy had refused."""
    (tmp_path / "no.pem").write_text("no certificate\n")
    ended = talking.call("perform", cbot_cert_path=str(tmp_path / "no.pem"))
    assert ended.returncode == 1
    assert "HAProxy says to 'set ssl cert" in ended.stderr
    assert talking.call("cleanup").returncode == 0
    talking.list = talking.list.with_name("another.list")
    ended = talking.call("perform")
    assert ended.returncode == 1
    assert "another.list" in ended.stderr


def test_a_socket_that_may_not_change_certificates(ca: TestCA, open_folder: Path) -> None:
    ports = [ca.free_port() for _ in range(3)]
    head = MINIMAL.replace("LEVEL", "operator").replace("CRT-BASE", "")
    with haproxy(open_folder, head, ports, ports[2]) as admin:
        ended = TalkingToHAProxy(admin, open_folder, ca).call("perform")
    assert ended.returncode == 1
    assert "Permission denied" in ended.stderr


# --- a machine without a web server ---


def standalone(ca: TestCA, folder: Path) -> list[str]:
    words = f"{shlex.quote(str(tls_support.STANDALONE))} --port {ca.tls_port} --pid-file {folder / 'pid'}"
    return handler(words, *ALPN)


def test_standalone_listens_only_while_challenges_are_open(
    certbot: Certbot, ca: TestCA, tmp_path: Path, domain: str
) -> None:
    issued_and_renewed(certbot, standalone(ca, tmp_path), domain, f"b.{domain}")
    assert not tls_support.listens(ca.tls_port)
    assert not (tmp_path / "pid").exists()


def test_standalone_stops_after_a_failed_run(certbot: Certbot, ca: TestCA, tmp_path: Path) -> None:
    """The CA refuses a name that does not resolve there."""
    name = "nowhere.test"
    ca.manage("set-servfail", {"host": name})
    try:
        result = certbot.run("certonly", *standalone(ca, tmp_path), "-d", name)
    finally:
        ca.manage("clear-servfail", {"host": name})
    assert result.returncode == 1
    assert result.validated
    assert not tls_support.listens(ca.tls_port)


def test_standalone_says_that_the_port_is_not_free(
    certbot: Certbot, ca: TestCA, tls: Path, tmp_path: Path, domain: str
) -> None:
    """Before anything is published, and before the CA looks at somebody else's server."""
    result = certbot.run("certonly", *standalone(ca, tmp_path), *names(domain))
    assert result.returncode == 1
    assert f"cannot listen on all:{ca.tls_port} (Address already in use); stop what listens there" in result.stderr
    assert not result.validated


def test_standalone_is_not_talked_out_of_its_folder(ca: TestCA, tmp_path: Path) -> None:
    """The server name comes from the network."""
    (tmp_path / "secret.crt.pem").write_text(ca.ca_bundle.read_text())
    (tmp_path / "secret.key.pem").write_text((ca.folder / "server.key").read_text())
    with tls_support.serving(tmp_path / "served", ca.tls_port):
        for name in ("x/../../secret", "secret", "/etc/passwd", "a" * 250):
            with pytest.raises(OSError, match=r"unrecognized name|UNRECOGNIZED_NAME"):
                tls_support.presented(ca.tls_port, name)
        shutil.copytree(tmp_path, tmp_path / "served", dirs_exist_ok=True, ignore=shutil.ignore_patterns("served"))
        assert tls_support.presented(ca.tls_port, "secret")[0].serial_number == certificates.serial(ca.ca_bundle)


def test_examples_say_what_they_are_for() -> None:
    handlers = [path for path in EXAMPLES.glob("*/*") if path.parent.name not in ("drivers", "notify")]
    for path in handlers:
        if os.access(path, os.X_OK) and path.is_file():
            told = subprocess.run(
                [sys.executable if path.suffix == ".py" else "sh", path, "unknown-operation"],
                capture_output=True,
                text=True,
            )
            assert (told.returncode, told.stdout) == (1, "NotImplemented\n"), told
