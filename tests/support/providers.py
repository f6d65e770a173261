"""Stand-ins for DNS providers: what their hooks need of their APIs, over TLS at their names, and the zone behind it.

They need a `private_network` with `HOSTS` and port 53. What they answer follows the providers' documents.
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import re
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.support import certificates
from tests.support.name_servers import Net

TOKEN = "a-token-of-the-tests"
NAMES = ("api.digitalocean.com", "api.cloudflare.com", "desec.io", "dns.google.com", "api.name.com")
HOSTS = f"127.0.0.1 localhost {' '.join(NAMES)}\n"
START = "$TTL 60\n@ SOA ns1 admin 1 60 60 60 1\n@ NS ns1\n@ A 127.0.0.1\nns1 A 127.0.0.1\n"


class Zone:
    """What one name server tells about one zone.

    :ivar records: name and value of each TXT record, by the number that it got.
    :ivar requests: that its provider got, as ``METHOD path``.
    :ivar changed: called with how many there are, before whoever has changed that gets an answer.
    """

    def __init__(self, net: Net, origin: str) -> None:
        self.origin = origin
        self.records: dict[int, tuple[str, str]] = {}
        self.requests: list[str] = []
        self.changed: Callable[[int], object] = lambda count: None
        self._net = net
        self._numbers = itertools.count(1)
        self._tell()

    def add(self, name: str, value: str) -> int:
        number = next(self._numbers)
        self.records[number] = (name, value)
        self._tell()
        return number

    def remove(self, *numbers: int) -> None:
        for number in numbers:
            del self.records[number]
        self._tell()

    def at(self, name: str) -> dict[int, str]:
        """The values at a name, by their numbers."""
        return {number: value for number, (owner, value) in self.records.items() if owner == name}

    def below(self, host: str) -> str:
        """The whole name of what stands at a host of the zone."""
        return f"{host}.{self.origin}"

    def _tell(self) -> None:
        lines = [f'{name}. TXT "{value}"\n' for name, value in self.records.values()]
        for server in self._net.servers.values():
            server.serve(self.origin, START + "".join(lines))
        self.changed(len(self.records))


@dataclass(frozen=True)
class Request:
    """What a hook asked of an API.

    :ivar secret: what it says who it is by.
    """

    method: str
    path: str
    query: dict[str, str]
    secret: str
    body: dict[str, Any]

    def numbered(self, pattern: str) -> int | None:
        """The number in a path of this form."""
        found = re.fullmatch(pattern, self.path)
        return int(found[1]) if found else None


Answer = tuple[int, object]
Api = Callable[[Request, Zone], Answer]


def digitalocean(request: Request, zone: Zone) -> Answer:
    """Domain records of its API v2."""
    if request.secret != f"Bearer {TOKEN}":
        return 401, {"id": "unauthorized", "message": "Unable to authenticate you"}
    records = f"/v2/domains/{zone.origin}/records"
    if (request.method, request.path) == ("POST", records):
        number = zone.add(zone.below(request.body["name"]), request.body["data"])
        return 201, {"domain_record": {"id": number, **request.body}}
    number_given = request.numbered(rf"{records}/(\d+)")
    if request.method == "DELETE" and number_given in zone.records:
        zone.remove(number_given)
        return 204, None
    return 404, {"id": "not_found", "message": "The resource you requested could not be found."}


def cloudflare(request: Request, zone: Zone) -> Answer:
    """Zones and DNS records of its API v4."""
    if request.secret != TOKEN:
        return 403, {"success": False, "errors": [{"code": 9103, "message": "Unknown X-Auth-Key"}], "result": None}
    zones, records = "/client/v4/zones", f"/client/v4/zones/{zone.origin}-id/dns_records"
    if request.path == zones:
        found = [{"id": f"{zone.origin}-id"}] if request.query["name"] == zone.origin else []
        return 200, {"success": True, "result": found}
    if (request.method, request.path) == ("POST", records):
        number = zone.add(request.body["name"], request.body["content"])
        return 200, {"success": True, "result": {"id": str(number)}}
    number_given = request.numbered(rf"{records}/(\d+)")
    if request.method == "DELETE" and number_given in zone.records:
        zone.remove(number_given)
        return 200, {"success": True, "result": {"id": str(number_given)}}
    return 404, {"success": False, "errors": [{"code": 81044, "message": "Record does not exist."}], "result": None}


def desec(request: Request, zone: Zone) -> Answer:
    """RRsets of its API v1; there is one for a name and type, which is made once."""
    if request.secret != f"Token {TOKEN}":
        return 401, {"detail": "Invalid token."}
    rrsets = f"/api/v1/domains/{zone.origin}/rrsets/"
    if (request.method, request.path) == ("POST", rrsets):
        name = zone.below(request.body["subname"])
        if zone.at(name):
            return 400, {"non_field_errors": ["Another RRset with the same subdomain and type exists for this domain."]}
        for value in request.body["records"]:
            zone.add(name, value.strip('"'))
        return 201, request.body
    found = re.fullmatch(rf"{rrsets}([^/]+)/TXT/", request.path)
    if request.method == "DELETE" and found:
        zone.remove(*zone.at(zone.below(found[1])))
        return 204, None
    return 404, {"detail": "Not found."}


def google_dns(request: Request, zone: Zone) -> Answer:
    """DNS over HTTPS as JSON."""
    found = zone.at(request.query["name"])
    return 200, {"Status": 0 if found else 3, "Answer": [{"type": 16, "data": value} for value in found.values()]}


def name_com(request: Request, zone: Zone) -> Answer:
    """Records of its API v4."""
    if request.secret != f"Basic {base64.b64encode(f'user:{TOKEN}'.encode()).decode()}":
        return 401, {"message": "Unauthenticated"}
    records = f"/v4/domains/{zone.origin}/records"
    if (request.method, request.path) == ("POST", records):
        return 200, {"id": zone.add(zone.below(request.body["host"]), request.body["answer"])}
    if (request.method, request.path) == ("GET", records):
        return 200, {"records": [{"id": one, "fqdn": f"{name}."} for one, (name, _) in zone.records.items()]}
    number_given = request.numbered(rf"{records}/(\d+)")
    if request.method == "DELETE" and number_given in zone.records:
        zone.remove(number_given)
        return 200, {}
    return 404, {"message": "Not Found"}


APIS: Mapping[str, Api] = dict(zip(NAMES, (digitalocean, cloudflare, desec, google_dns, name_com), strict=True))


@contextlib.contextmanager
def providers(folder: Path, zone: Zone) -> Iterator[Path]:
    """All of them, with one zone; what is given is the file with the certificate that they are trusted by."""
    folder.mkdir()
    certificate, key = folder / "providers.pem", folder / "providers.key"
    certificates.for_servers(certificate, key, NAMES)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = ThreadingHTTPServer(("127.0.0.1", 443), _handler(zone))
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield certificate
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(zone: Zone) -> type[BaseHTTPRequestHandler]:
    one_at_a_time = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            where = urlsplit(self.path)
            body = json.loads(self._body() or b"{}")
            secret = self.headers.get("Authorization") or self.headers.get("X-Auth-Key") or ""
            request = Request(self.command, where.path, dict(parse_qsl(where.query)), secret, body)
            with one_at_a_time:
                zone.requests.append(f"{request.method} {request.path}")
                status, document = APIS[self.headers["Host"]](request, zone)
            content = b"" if document is None else json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))
            # RFC 9112 section 7.1.
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)

        do_GET = do_POST = do_DELETE = _answer  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            """Nobody reads it."""

    return Handler
