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
def serving(
    body: bytes, status: int = 200, stall: threading.Event | None = None, parts: int | None = None
) -> Iterator[str]:
    """:param parts: octets in each part of an answer whose length is not told before (RFC 9112 section 7.1)."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if parts is not None:
                self.in_parts(parts)
                return
            self.send_response(status)
            self.send_header("Content-Length", str(len(body) + (stall is not None)))
            self.end_headers()
            self.wfile.write(body)
            if stall is not None:
                self.wfile.flush()
                stall.wait(60)

        def in_parts(self, size: int) -> None:
            self.send_response(status)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for first in range(0, len(body), size):
                part = body[first : first + size]
                self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
            self.wfile.write(b"0\r\n\r\n")

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


def test_a_server_that_sends_its_answer_in_parts() -> None:
    with serving(json.dumps({"newOrder": "x", "meta": META}).encode(), parts=7) as url:
        assert directory.meta(url) == META
    with serving(b" " * (directory.MAX_BYTES + 1), parts=10_000) as url, pytest.raises(DirectoryError, match="longer"):
        directory.meta(url)


def test_a_server_that_never_ends_its_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards against a renewal that hangs, and holds Certbot's lock."""
    monkeypatch.setattr(directory, "LIMIT_SECONDS", 0.2)
    with serving(b'{"newOrder": "x"', stall=threading.Event()) as url, pytest.raises(DirectoryError):
        directory.meta(url)


def test_no_server() -> None:
    with pytest.raises(DirectoryError, match="ConnectionError"):
        directory.meta("http://127.0.0.1:9/directory")
    for malformed in ("no url", "http://[::1", f"https://{'a' * 64}.test/directory"):
        with pytest.raises(DirectoryError):
            directory.meta(malformed)
