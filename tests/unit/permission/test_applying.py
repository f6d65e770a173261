"""Who asks for a certificate: the CA's names, and the account's URI."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from certbot_external_auth.permission.applying import applicant, issuers

URI = "https://ca.test/acct/1"
KEY = {
    "kty": "EC",
    "crv": "P-256",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
}
"""The public half of the key in RFC 7515, appendix A.3.1."""


@pytest.mark.parametrize(
    ("meta", "found"),
    [
        ({"caaIdentities": ["CA.test", "ca.test", "other.test"]}, ("ca.test", "other.test")),
        ({"caaIdentities": []}, ()),
        ({"caaIdentities": "ca.test"}, ()),
        ({"caaIdentities": [1, "a b", "ca.test\n", "ok.test"]}, ("ok.test",)),
        ({}, ()),
    ],
)
def test_the_names_of_a_ca(meta: dict[str, object], found: tuple[str, ...]) -> None:
    assert issuers(meta) == found


def account(folder: Path, server: str, identifier: str) -> None:
    place = folder / "accounts" / server / identifier
    place.mkdir(parents=True)
    (place / "regr.json").write_text(json.dumps({"uri": f"{URI}/{identifier}"}))
    (place / "private_key.json").write_text(json.dumps(KEY))


def test_the_uri_of_the_account(tmp_path: Path) -> None:
    def uri(server: str, identifier: str = "") -> str | None:
        return applicant(server, str(tmp_path), identifier, ()).account

    with served(200, DIRECTORY) as server:
        place = server.removeprefix("http://")
        assert uri(server) is None
        account(tmp_path, place, "one")
        assert uri(server) == f"{URI}/one"
        account(tmp_path, place, "two")
        assert uri(server) is None
        assert uri(server, "two") == f"{URI}/two"


@contextlib.contextmanager
def served(status: int, body: bytes) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """The test says what went wrong."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/dir"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


DIRECTORY = json.dumps({"newOrder": "x", "meta": {"caaIdentities": ["ca.test"]}}).encode()


@pytest.mark.parametrize(
    ("status", "body", "found"),
    [
        (200, DIRECTORY, ("ca.test",)),
        (503, DIRECTORY, ()),
        (200, b"<html>", ()),
    ],
)
def test_the_directory_is_asked(status: int, body: bytes, found: tuple[str, ...], tmp_path: Path) -> None:
    with served(status, body) as url:
        assert applicant(url, str(tmp_path), "", ("dns-01",)).issuers == found


def test_a_ca_that_does_not_answer_has_no_name(tmp_path: Path) -> None:
    for server in ("http://127.0.0.1:9/dir", "", "no url"):
        assert applicant(server, str(tmp_path), "", ()).issuers == ()
