"""A CA that has a directory and nothing else: Certbot asks it whether it has renewal information, which it has not."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

_RESOURCES = ("newNonce", "newAccount", "newOrder", "revokeCert", "keyChange")
_BODY = json.dumps(dict.fromkeys(_RESOURCES, "http://127.0.0.1:1/")).encode()


class _Directory(BaseHTTPRequestHandler):
    requests: list[str]

    def do_GET(self) -> None:
        self.requests.append(self.path)
        self.send_response(200)
        self.send_header("Content-Length", str(len(_BODY)))
        self.end_headers()
        self.wfile.write(_BODY)

    def log_message(self, format: str, *arguments: object) -> None:
        """Print nothing."""


@contextlib.contextmanager
def directory(requests: list[str] | None = None) -> Iterator[str]:
    """The URL for ``--server``. :param requests: takes the path of each request."""
    kept: list[str] = [] if requests is None else requests
    with ThreadingHTTPServer(("127.0.0.1", 0), type("_Counting", (_Directory,), {"requests": kept})) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/directory"
        finally:
            server.shutdown()
            thread.join()
