"""A CA that offers tls-sni-01, which no maintained one does: a front before Pebble.

The front ends TLS, passes ACME on with its Host header (Pebble builds and checks every URL by it), and replaces the
type tls-alpn-01 by tls-sni-01 in what comes back. When a client asks for a challenge to be validated, the front does
the handshake of tls-sni-01 itself; only if that shows what it must does the front answer Pebble's own tls-alpn-01
validation, which nobody else can: it owns the port Pebble looks at. Pebble thus really validates, and really refuses.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import datetime
import hashlib
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support import tls
from tests.support.front import Answer, Front
from tests.support.testca import ADDRESS, TestCA

MEMBERS = {"RSA": ("e", "kty", "n"), "EC": ("crv", "kty", "x", "y")}


class TlsSniCA(TestCA):
    """See the module. :ivar tls_port: where this CA looks for tls-sni-01."""

    def _start(self) -> None:
        super()._start()
        self.pebble_directory, self.pebble_tls_port = self.directory, self.tls_port
        self.tls_port, port = self.free_port(), self.free_port()
        self.directory = self._stack.enter_context(TlsSniFront(self).at(port))


class TlsSniFront(Front):
    """:ivar thumbprints: of account keys, by account URL. :ivar asked: identifier and token by challenge URL.
    :ivar proven: key authorizations by name, once seen. :ivar refusals: what was wrong, by challenge URL.
    """

    def __init__(self, ca: TlsSniCA) -> None:
        super().__init__(ca, ca.pebble_directory)
        self._sni_ca = ca
        self.thumbprints: dict[str, str] = {}
        self.asked: dict[str, tuple[str, str]] = {}
        self.proven: dict[str, str] = {}
        self.refusals: dict[str, str] = {}

    @contextlib.contextmanager
    def at(self, port: int) -> Iterator[str]:
        answering = socket.create_server((ADDRESS, self._sni_ca.pebble_tls_port))
        thread = threading.Thread(target=self._answer_pebble, args=(answering,))
        thread.start()
        try:
            with super().at(port) as directory:
                yield directory
        finally:
            # Closing alone would not wake a thread that waits in accept().
            answering.shutdown(socket.SHUT_RDWR)
            thread.join()
            answering.close()

    # --- ACME ---

    def before(self, url: str, body: bytes) -> None:
        request = json.loads(body) if body else {}
        if not request.get("payload") or url not in self.asked:
            return
        identifier, token = self.asked[url]
        key_authorization = f"{token}.{self.thumbprints[_protected(request)['kid']]}"
        refusal = look(identifier, z_name(key_authorization), self._sni_ca.tls_port)
        if refusal is None:
            self.proven[identifier] = key_authorization
        else:
            self.proven.pop(identifier, None)
            self.refusals[url] = refusal

    def after(self, url: str, request: bytes, answer: Answer) -> Answer:
        asked = _protected(json.loads(request)) if request else {}
        location = answer.header("Location")
        if location and "jwk" in asked:
            self.thumbprints[location] = thumbprint(asked["jwk"])
        try:
            value = json.loads(answer.body)
        except ValueError:
            return answer
        for challenge in value.get("challenges", [value]) if isinstance(value, dict) else []:
            if isinstance(challenge, dict) and challenge.get("type") == "tls-alpn-01":
                self._rename(challenge, value.get("identifier"))
        return dataclasses.replace(answer, body=json.dumps(value).encode())

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
