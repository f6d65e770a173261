"""A CA that offers tls-sni-01, which no maintained one does: a front before Pebble.

The front ends TLS, passes ACME on with its Host header (Pebble builds and checks every URL by it), and replaces the
type tls-alpn-01 by tls-sni-01 in what comes back. When a client asks for a challenge to be validated, the front does
the handshake of tls-sni-01 itself; only if that shows what it must does the front answer Pebble's own tls-alpn-01
validation, which nobody else can: it owns the port Pebble looks at. Pebble thus really validates, and really refuses.
"""

from __future__ import annotations

import base64
import contextlib
import datetime
import hashlib
import http.client
import json
import socket
import ssl
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support import tls
from tests.support.testca import ADDRESS, TestCA

MEMBERS = {"RSA": ("e", "kty", "n"), "EC": ("crv", "kty", "x", "y")}


class TlsSniCA(TestCA):
    """See the module. :ivar tls_port: where this CA looks for tls-sni-01."""

    def _start(self) -> None:
        super()._start()
        self.pebble_directory, self.pebble_tls_port = self.directory, self.tls_port
        self.tls_port, port = self.free_port(), self.free_port()
        front = Front(self)
        self._stack.enter_context(front.at(port))
        self.directory = f"https://localhost:{port}/dir"


@dataclass
class Front:
    """:ivar thumbprints: of account keys, by account URL. :ivar asked: identifier and token by challenge URL.
    :ivar proven: key authorizations by name, once seen. :ivar refusals: what was wrong, by challenge URL.
    """

    ca: TlsSniCA
    thumbprints: dict[str, str] = field(default_factory=dict)
    asked: dict[str, tuple[str, str]] = field(default_factory=dict)
    proven: dict[str, str] = field(default_factory=dict)
    refusals: dict[str, str] = field(default_factory=dict)

    @contextlib.contextmanager
    def at(self, port: int) -> Any:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.ca.ca_bundle, self.ca.folder / "server.key")
        server = ThreadingHTTPServer((ADDRESS, port), _handler(self))
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        server.daemon_threads = True
        answering = socket.create_server((ADDRESS, self.ca.pebble_tls_port))
        threads = [
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}),
            threading.Thread(target=self._answer_pebble, args=(answering,)),
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            server.shutdown()
            # Closing alone would not wake whoever waits in accept().
            answering.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join()
            server.server_close()
            answering.close()

    # --- ACME ---

    def before(self, url: str, body: bytes) -> None:
        """A request on its way to Pebble."""
        request = json.loads(body) if body else {}
        if not request.get("payload") or url not in self.asked:
            return
        identifier, token = self.asked[url]
        key_authorization = f"{token}.{self.thumbprints[_protected(request)['kid']]}"
        refusal = look(identifier, z_name(key_authorization), self.ca.tls_port)
        if refusal is None:
            self.proven[identifier] = key_authorization
        else:
            self.proven.pop(identifier, None)
            self.refusals[url] = refusal

    def after(self, body: bytes, request: bytes, location: str | None) -> bytes:
        """An answer on its way to the client."""
        asked = _protected(json.loads(request)) if request else {}
        if location and "jwk" in asked:
            self.thumbprints[location] = thumbprint(asked["jwk"])
        try:
            value = json.loads(body)
        except ValueError:
            return body
        for challenge in value.get("challenges", [value]) if isinstance(value, dict) else []:
            if isinstance(challenge, dict) and challenge.get("type") == "tls-alpn-01":
                self._rename(challenge, value.get("identifier"))
        return json.dumps(value).encode()

    def _rename(self, challenge: dict[str, Any], identifier: dict[str, str] | None) -> None:
        challenge["type"] = "tls-sni-01"
        url = challenge["url"]
        if identifier is not None:
            self.asked[url] = (identifier["value"], challenge["token"])
        if "error" in challenge:
            challenge["error"]["detail"] = f"tls-sni-01: {self.refusals.get(url, challenge['error']['detail'])}"

    # --- Pebble's own validation ---

    def _answer_pebble(self, listening: socket.socket) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_alpn_protocols(["acme-tls/1"])
        context.sni_callback = self._choose
        while True:
            try:
                link, _ = listening.accept()
            except OSError:
                return
            link.settimeout(5)
            with contextlib.suppress(OSError), context.wrap_socket(link, server_side=True) as connection:
                connection.recv(1)
            link.close()

    def _choose(self, connection: ssl.SSLObject, name: str | None, outer: ssl.SSLContext) -> int | None:
        if name not in self.proven:
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        connection.context = _alpn_context(self.ca.folder, name, self.proven[name])
        return None


def z_name(key_authorization: str) -> str:
    z = hashlib.sha256(key_authorization.encode()).hexdigest()
    return ".".join((z[0:32], z[32:64], "acme", "invalid"))


def look(identifier: str, z_domain: str, port: int) -> str | None:
    """The handshake of tls-sni-01; the result is what is wrong."""
    try:
        certificate, _ = tls.presented(port, z_domain)
    except OSError as error:
        return f"could not connect to {ADDRESS}:{port} for {identifier}: {error}"
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return f"the certificate for {identifier} names nothing"
    names = {name.lower() for name in extension.value.get_values_for_type(x509.DNSName)}
    if {name for name in names if name.endswith(".acme.invalid")} != {z_domain}:
        return f"the certificate for {identifier} names {sorted(names)}, expected {z_domain}"
    return None


def thumbprint(jwk: dict[str, str]) -> str:
    """RFC 7638 section 3."""
    members = {name: jwk[name] for name in MEMBERS[jwk["kty"]]}
    text = json.dumps(members, separators=(",", ":"), sort_keys=True)
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def _protected(request: dict[str, str]) -> dict[str, Any]:
    found = json.loads(base64.urlsafe_b64decode(request["protected"] + "=="))
    assert isinstance(found, dict)
    return found


def _alpn_context(folder: Path, name: str, key_authorization: str) -> ssl.SSLContext:
    """Written apart from the plugin's own builder, so that both do not share a mistake."""
    key = ec.generate_private_key(ec.SECP384R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "front")])
    now = datetime.datetime.now(datetime.timezone.utc)
    octets = bytes((4, 32)) + hashlib.sha256(key_authorization.encode()).digest()
    oid = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.31")
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.UnrecognizedExtension(oid, octets), critical=True)
        .sign(key, hashes.SHA384())
    )
    path = folder / f"front-{threading.get_ident()}.pem"
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(certificate.public_bytes(pem) + private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["acme-tls/1"])
    context.load_cert_chain(path)
    return context


def _handler(front: Front) -> type[BaseHTTPRequestHandler]:
    trust = ssl.create_default_context(cafile=str(front.ca.ca_bundle))
    port = int(front.ca.pebble_directory.rsplit(":", 1)[1].partition("/")[0])

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # A small answer would otherwise wait for the acknowledgement of its header.
        disable_nagle_algorithm = True

        def pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            front.before(f"https://{self.headers['Host']}{self.path}", body)
            link = http.client.HTTPSConnection("localhost", port, context=trust, timeout=30)
            try:
                link.request(self.command, self.path, body, dict(self.headers.items()))
                answer = link.getresponse()
                content = answer.read()
            except OSError:
                self.send_error(502)
                return
            finally:
                link.close()
            content = front.after(content, body, answer.headers["Location"])
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                if name.lower() not in ("content-length", "connection", "transfer-encoding", "date"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_HEAD = do_POST = pass_on  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            """Certbot's own log has it all."""

    return Handler
