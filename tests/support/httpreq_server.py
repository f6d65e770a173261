"""A server that speaks lego's httpreq in both modes, and publishes in the name server of a test CA."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support import ports
from tests.support.testca import TestCA

USER, PASSWORD = "acme-user", "a-password-of-the-tests"


@dataclass
class Server:
    """:ivar url: for HTTPREQ_ENDPOINT. :ivar requests: path and body of each. :ivar before: called at each of them.

    :ivar status: of answers to requests that were carried out.
    :ivar refusal: what is answered in place of carrying a request out, with status 422; empty for nothing.
    """

    url: str
    ca: TestCA
    requests: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    before: Callable[[str], object] = lambda path: None
    status: int = 200
    refusal: str = ""

    def carry_out(self, path: str, body: dict[str, Any]) -> tuple[int, str]:
        self.requests.append((path, body))
        self.before(path)
        if self.refusal:
            return 422, self.refusal
        name, value = record(body)
        left = self.ca.txt(name)
        self.ca.clear_txt(name)
        left = [*(each for each in left if each != value), *([value] if path == "/present" else [])]
        for each in left:
            self.ca.add_txt(name, each)
        return self.status, ""


def record(body: dict[str, Any]) -> tuple[str, str]:
    """Name and value of the record that a request is about. In RAW mode the server makes both."""
    if "fqdn" in body:
        assert set(body) == {"fqdn", "value"}
        return body["fqdn"].removesuffix("."), body["value"]
    assert set(body) == {"domain", "token", "keyAuth"}
    digest = hashlib.sha256(body["keyAuth"].encode()).digest()
    return f"_acme-challenge.{body['domain']}", base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


@contextlib.contextmanager
def httpreq_server(ca: TestCA) -> Iterator[Server]:
    """Serve, to clients that know `USER` and `PASSWORD`."""
    expected = f"Basic {base64.b64encode(f'{USER}:{PASSWORD}'.encode()).decode()}"
    one_at_a_time = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, said = 401, "who are you?"
            if self.headers["Authorization"] == expected and self.headers["Content-Type"] == "application/json":
                with one_at_a_time:
                    status, said = server.carry_out(self.path, body)
            with contextlib.suppress(ConnectionError):
                self.send_response(status)
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said.encode())

        def log_message(self, format: str, *args: object) -> None:
            """Nobody reads it."""

    with contextlib.ExitStack() as stack:
        port = ports.free(stack)
        server = Server(f"http://{ports.ADDRESS}:{port}", ca)
        listening = ThreadingHTTPServer((ports.ADDRESS, port), Handler)
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            listening.shutdown()
            thread.join()
            listening.server_close()
