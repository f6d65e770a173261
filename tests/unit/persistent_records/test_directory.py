"""The directory of a server that may be slow, wrong, or hostile: a real server on this machine."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator

import pytest

from certbot_external_auth.persistent_records import directory
from certbot_external_auth.persistent_records.directory import DirectoryError, fetch_meta

META = {"caaIdentities": ["ca.example"], "unknown": [1]}
ANSWERS = {
    "/directory": json.dumps({"newOrder": "x", "meta": META}).encode(),
    "/no-meta": b"{}",
    "/list": b"[]",
    "/meta-list": b'{"meta": []}',
    "/not-json": b"\x1b[2J<html>",
    "/deep": b"[" * 100_000,
}


class Handler(http.server.BaseHTTPRequestHandler):
    released = threading.Event()

    def do_GET(self) -> None:
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/directory")
            self.end_headers()
            return
        found = ANSWERS.get(self.path, b"")
        endless = self.path in ("/long", "/drip")
        self.send_response(200 if found or endless else 404)
        self.end_headers()
        self.wfile.write(found)
        try:
            while endless and not self.released.wait(0.05 if self.path == "/drip" else 0):
                self.wfile.write(b" " if self.path == "/drip" else b" " * 100_000)
        except OSError:
            pass

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    found = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{found.server_port}"
    Handler.released.set()
    found.shutdown()
    thread.join()
    found.server_close()


def test_the_fields_are_as_the_server_sent_them(server: str) -> None:
    """Guards against: fields that the library acme does not know."""
    assert fetch_meta(f"{server}/directory") == META
    assert fetch_meta(f"{server}/no-meta") == {}


@pytest.mark.parametrize("path", ["list", "meta-list", "not-json", "deep", "missing", "long", "moved"])
def test_anything_else_is_said(server: str, path: str) -> None:
    """Guards against: a traceback, an endless answer, and a redirect to a server that is not the account's."""
    with pytest.raises(DirectoryError) as raised:
        fetch_meta(f"{server}/{path}")
    assert "\x1b" not in str(raised.value)
    assert raised.value.server in str(raised.value)


def test_a_server_that_drips_does_not_hold_the_caller(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards against: a run that waits for as long as a server sends a byte now and then."""
    monkeypatch.setattr(directory, "LIMIT_SECONDS", 0.5)
    with pytest.raises(DirectoryError, match=r"longer than 0\.5 seconds"):
        fetch_meta(f"{server}/drip")


def test_a_server_that_is_not_there(server: str) -> None:
    """Guards against: an exception of a library."""
    with pytest.raises(DirectoryError):
        fetch_meta("http://127.0.0.1:1/directory")
    with pytest.raises(DirectoryError):
        fetch_meta("not a URL")
