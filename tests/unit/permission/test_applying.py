"""Who asks for a certificate: the CA's names, and the account's URI."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from certbot_external_auth.permission.applying import account_uri, applicant, issuers

URI = "https://ca.test/acct/1"


@pytest.mark.parametrize(
    ("directory", "found"),
    [
        ({"meta": {"caaIdentities": ["CA.test", "ca.test", "other.test"]}}, ("ca.test", "other.test")),
        ({"meta": {"caaIdentities": []}}, ()),
        ({"meta": {"caaIdentities": "ca.test"}}, ()),
        ({"meta": {"caaIdentities": [1, "a b", "ca.test\n", "ok.test"]}}, ("ok.test",)),
        ({"meta": []}, ()),
        ({}, ()),
        ([], ()),
        (None, ()),
    ],
)
def test_the_names_of_a_ca(directory: object, found: tuple[str, ...]) -> None:
    assert issuers(directory) == found


def account(folder: Path, server: str, identifier: str, content: object = None) -> None:
    place = folder / "accounts" / server / identifier
    place.mkdir(parents=True)
    (place / "regr.json").write_text(json.dumps({"uri": f"{URI}/{identifier}"} if content is None else content))


def test_the_uri_of_the_account(tmp_path: Path) -> None:
    server = "https://ca.test:14000/acme/dir"
    assert account_uri(str(tmp_path), server, "") is None
    account(tmp_path, "ca.test:14000/acme/dir", "one")
    assert account_uri(str(tmp_path), server, "") == f"{URI}/one"
    assert account_uri(str(tmp_path), "https://other.test/dir", "") is None
    account(tmp_path, "ca.test:14000/acme/dir", "two")
    assert account_uri(str(tmp_path), server, "") is None
    assert account_uri(str(tmp_path), server, "two") == f"{URI}/two"
    for number, content in enumerate(([], {}, {"uri": ""}, {"uri": 1})):
        account(tmp_path, "ca.test:14000/acme/dir", f"bad{number}", content)
        assert account_uri(str(tmp_path), server, f"bad{number}") is None


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


DIRECTORY = json.dumps({"meta": {"caaIdentities": ["ca.test"]}}).encode()


@pytest.mark.parametrize(
    ("status", "body", "found"),
    [
        (200, DIRECTORY, ("ca.test",)),
        (503, DIRECTORY, ()),
        (200, b"<html>", ()),
        (200, b"[" * 90_000, ()),
        (200, b" " * 200_000 + DIRECTORY, ()),
    ],
)
def test_the_directory_is_asked(status: int, body: bytes, found: tuple[str, ...], tmp_path: Path) -> None:
    with served(status, body) as url:
        assert applicant(url, str(tmp_path), "", ("dns-01",)).issuers == found


def test_a_ca_that_does_not_answer_has_no_name(tmp_path: Path) -> None:
    for server in ("http://127.0.0.1:9/dir", "", "no url"):
        assert applicant(server, str(tmp_path), "", ()).issuers == ()
