"""The directory of a CA, with the fields of its `meta` that the acme library does not know."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from certbot_external_auth.accounts import directory
from certbot_external_auth.accounts.directory import DirectoryError

META = {"accountHashPrefix": "https://ca.example/", "issuerDomainNames": ["ca.example"]}


@contextlib.contextmanager
def serving(body: bytes, status: int = 200, stall: threading.Event | None = None) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body) + (stall is not None)))
            self.end_headers()
            self.wfile.write(body)
            if stall is not None:
                self.wfile.flush()
                stall.wait(60)

        def log_message(self, format: str, *arguments: object) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/directory"
        finally:
            if stall is not None:
                stall.set()
            server.shutdown()
            thread.join()


def test_fields_that_the_library_drops() -> None:
    with serving(json.dumps({"newOrder": "x", "meta": META}).encode()) as url:
        assert directory.meta(url) == META
    with serving(b'{"newOrder": "x"}') as url:
        assert directory.meta(url) == {}


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"", 200, "is not JSON"),
        (b"[" * 100_000, 200, "is not JSON"),
        (b"[]", 200, "is not a directory"),
        (b'{"meta": {}}', 200, "is not a directory"),
        (b'{"newOrder": "x", "meta": []}', 200, "meta in the directory is not an object"),
        (b'{"newOrder": "x"}', 503, "status 503"),
        (b" " * (directory.MAX_BYTES + 1), 200, "is longer than"),
    ],
)
def test_answers_that_are_not_a_directory(body: bytes, status: int, said: str) -> None:
    with serving(body, status) as url, pytest.raises(DirectoryError, match=said):
        directory.meta(url)


def test_a_server_that_never_ends_its_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards against a renewal that hangs, and holds Certbot's lock."""
    monkeypatch.setattr(directory, "LIMIT_SECONDS", 0.2)
    with serving(b'{"newOrder": "x"', stall=threading.Event()) as url, pytest.raises(DirectoryError):
        directory.meta(url)


def test_no_server() -> None:
    with pytest.raises(DirectoryError, match="ConnectionError"):
        directory.meta("http://127.0.0.1:9/directory")
    with pytest.raises(DirectoryError):
        directory.meta("no url")
