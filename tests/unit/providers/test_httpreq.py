"""Engine httpreq: the requests of its program, against a real server that answers as it is told."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from certbot_external_auth.providers.engine import Kind
from certbot_external_auth.providers.httpreq import Httpreq

DOCUMENT = {"identifier": "a.test", "token": "the-token", "key_authorization": "the-token.thumbprint"}


@dataclass
class Server:
    """:ivar requests: path, header Authorization, header Content-Type and body of each."""

    url: str
    status: int = 200
    said: str = ""
    requests: list[tuple[str, str | None, str | None, dict[str, Any]]] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            headers = self.headers["Authorization"], self.headers["Content-Type"]
            found.requests.append((self.path, *headers, body))
            self.send_response(found.status)
            self.end_headers()
            self.wfile.write(found.said.encode())

        def log_message(self, format: str, *args: object) -> None:
            """Nobody reads it."""

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = Server(f"http://127.0.0.1:{listening.server_port}/dns")
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield found
    finally:
        listening.shutdown()
        thread.join()
        listening.server_close()


def run(operation: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.defpath, **settings}
    words = Httpreq(environment).program("")
    return subprocess.run(
        [*words, operation, "_acme-challenge.a.test", "a.test"],
        input=f"the-value\n{json.dumps(DOCUMENT)}\n",
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(("operation", "path"), [("add", "/dns/present"), ("remove", "/dns/cleanup")])
@pytest.mark.parametrize("slash", ["", "/"])
def test_default_mode(server: Server, operation: str, path: str, slash: str) -> None:
    ended = run(operation, HTTPREQ_ENDPOINT=server.url + slash)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    body = {"fqdn": "_acme-challenge.a.test.", "value": "the-value"}
    assert server.requests == [(path, None, "application/json", body)]


def test_raw_mode(server: Server) -> None:
    assert run("add", HTTPREQ_ENDPOINT=server.url, HTTPREQ_MODE="RAW").returncode == 0
    ((_, _, _, body),) = server.requests
    assert body == {"domain": "a.test", "token": "the-token", "keyAuth": "the-token.thumbprint"}


def test_basic_authentication_needs_both(server: Server) -> None:
    run("add", HTTPREQ_ENDPOINT=server.url, HTTPREQ_USERNAME="me", HTTPREQ_PASSWORD="säkret")
    run("add", HTTPREQ_ENDPOINT=server.url, HTTPREQ_USERNAME="me")
    given = [authorization for _, authorization, _, _ in server.requests]
    assert given == [f"Basic {base64.b64encode('me:säkret'.encode()).decode()}", None]


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_success(server: Server, status: int) -> None:
    server.status = status
    assert run("add", HTTPREQ_ENDPOINT=server.url).returncode == 0


@pytest.mark.parametrize("status", [400, 401, 404, 500, 503])
def test_the_server_says_what_is_wrong(server: Server, status: int) -> None:
    server.status, server.said = status, "zone is locked"
    ended = run("add", HTTPREQ_ENDPOINT=server.url)
    assert ended.returncode == 1
    assert f"{status}" in ended.stderr
    assert "zone is locked" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_no_server() -> None:
    ended = run("add", HTTPREQ_ENDPOINT="http://127.0.0.1:1/")
    assert ended.returncode == 1
    assert "refused" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_what_is_wrong_before_the_order() -> None:
    found = Httpreq({"HTTPREQ_ENDPOINT": "dns.example", "HTTPREQ_MODE": "raw"}).problems("")
    assert [(each.kind, each.facts["name"]) for each in found] == [
        (Kind.VARIABLE_WRONG, "HTTPREQ_ENDPOINT"),
        (Kind.VARIABLE_WRONG, "HTTPREQ_MODE"),
    ]
    assert Httpreq({"HTTPREQ_ENDPOINT": "https://dns.example", "HTTPREQ_MODE": "RAW"}).problems("") == []


def test_raw_mode_builds_the_name() -> None:
    raw, default = Httpreq({"HTTPREQ_MODE": "RAW"}), Httpreq({})
    assert (raw.builds_name, raw.told_aliases, raw.persists) == (True, False, False)
    assert (default.builds_name, default.told_aliases, default.persists) == (False, True, True)
