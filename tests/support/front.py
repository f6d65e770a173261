"""A front before a test CA: ends TLS and passes ACME on, looking at, or changing, what goes through.

It passes on the Host header, by which Pebble builds every URL and checks the `url` that is signed.
"""

from __future__ import annotations

import contextlib
import http.client
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.support.testca import ADDRESS, TestCA

HOP = ("content-length", "connection", "transfer-encoding", "date")


@dataclass(frozen=True)
class Answer:
    """:ivar headers: without those that belong to one connection."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for known, value in self.headers if known.lower() == name.lower()), None)


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A client may be gone before it has its answer."""


class Front:
    """:param ca: whose certificate is shown. :param directory: of the CA behind it."""

    def __init__(self, ca: TestCA, directory: str) -> None:
        self.ca = ca
        self._port = int(directory.rsplit(":", 1)[1].partition("/")[0])

    def before(self, url: str, body: bytes) -> None:
        """A request on its way to the CA."""

    def after(self, url: str, request: bytes, answer: Answer) -> Answer:
        """An answer on its way to the client."""
        return answer

    @contextlib.contextmanager
    def at(self, port: int) -> Iterator[str]:
        """Serves there, until the end of the block; the URL of the directory."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.ca.ca_bundle, self.ca.folder / "server.key")
        server = _Server((ADDRESS, port), self._handler())
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"https://localhost:{port}/dir"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    def ask(self, command: str, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        """:raises OSError: if the CA does not answer."""
        trust = ssl.create_default_context(cafile=str(self.ca.ca_bundle))
        link = http.client.HTTPSConnection("localhost", self._port, context=trust, timeout=30)
        try:
            link.request(command, path, body, headers)
            answer = link.getresponse()
            kept = [(name, value) for name, value in answer.headers.items() if name.lower() not in HOP]
            return Answer(answer.status, kept, answer.read())
        finally:
            link.close()

    def _handler(front) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - `self` is the request's below
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # A small answer would otherwise wait for the acknowledgement of its header.
            disable_nagle_algorithm = True

            def pass_on(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                url = f"https://{self.headers['Host']}{self.path}"
                front.before(url, body)
                try:
                    answer = front.ask(self.command, self.path, body, dict(self.headers.items()))
                except OSError:
                    self.send_error(502)
                    return
                answer = front.after(url, body, answer)
                self.send_response(answer.status)
                for name, value in answer.headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(answer.body)

            do_GET = do_HEAD = do_POST = pass_on  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:
                """Certbot's own log has it all."""

        return Handler
