"""A stand-in for best-hosting.cz, after what acme.sh's script `bh` asks of it: records are removed by their number.

It publishes in the name server of a test CA. Whoever has `curlrc` in his HOME reaches it at the provider's own URL.
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.support import certificates, ports
from tests.support.testca import TestCA

NAME = "best-hosting.cz"
USER, KEY = "user-of-the-tests", "key-of-the-tests"


@dataclass
class BestHosting:
    """:ivar records: by number. :ivar requests: as ``METHOD path``. :ivar before: called at each of them.

    :ivar refusal: the status of each answer; 0 carries out.
    """

    ca: TestCA
    curlrc: str
    records: dict[int, tuple[str, str]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    before: Callable[[str], object] = lambda request: None
    refusal: str = ""
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(101))

    def answer(self, method: str, number: str, body: str) -> tuple[int, object]:
        if not method:
            return 401, {"status": "unauthorized"}
        self.requests.append(method)
        self.before(method)
        if self.refusal:
            return 422, {"status": "error", "message": self.refusal}
        if method == "POST":
            asked = json.loads(body)
            one = next(self.numbers)
            self.records[one] = asked["fulldomain"], asked["txtvalue"]
            self._publish(asked["fulldomain"])
            return 200, {"status": "success", "record": {"id": one}}
        record = self.records.get(int(number))
        if record is None:
            return 404, {"status": "error"}
        if method == "DELETE":
            del self.records[int(number)]
            self._publish(record[0])
        return 200, {"id": int(number), "name": record[0], "content": record[1]}

    def _publish(self, name: str) -> None:
        self.ca.clear_txt(name)
        for found, value in self.records.values():
            if found == name:
                self.ca.add_txt(name, value)


@contextlib.contextmanager
def best_hosting(ca: TestCA, folder: Path) -> Iterator[BestHosting]:
    certificate, key = folder / "best-hosting.pem", folder / "best-hosting.key"
    certificates.for_servers(certificate, key, [NAME])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    expected = f"Basic {base64.b64encode(f'{USER}:{KEY}'.encode()).decode()}"
    one_at_a_time = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            with one_at_a_time:
                known = self.headers["Authorization"] == expected
                method = self.command if known else ""
                status, document = found.answer(method, self.path.rpartition("/")[2], body)
            content = json.dumps(document).encode()
            with contextlib.suppress(ConnectionError):
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        do_GET = do_POST = do_DELETE = _answer  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            """Nobody reads it."""

    with contextlib.ExitStack() as stack:
        port = ports.free(stack)
        found = BestHosting(ca, f'connect-to = "{NAME}:443:{ports.ADDRESS}:{port}"\ncacert = "{certificate}"\n')
        server = ThreadingHTTPServer((ports.ADDRESS, port), Handler)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield found
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
