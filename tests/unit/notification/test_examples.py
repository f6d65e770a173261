"""The notifiers in examples/notify, as the plugin calls them. A script stands in for sendmail, a server for others."""

from __future__ import annotations

import contextlib
import json
import shutil
import threading
from collections.abc import Iterator
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from certbot_external_auth.notification.notifier import call
from certbot_external_auth.notification.trouble import Stage, Trouble, example

EXAMPLES = Path(__file__).resolve().parents[3] / "examples" / "notify"
TROUBLE = Trouble("ä.test", ("xn--4ca.test",), Stage.RENEW, "usage", 'It says "no" to $HOME.')
SENTENCE = 'The certificate ä.test was not renewed: It says "no" to $HOME.'

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


@contextlib.contextmanager
def server(status: int = 200) -> Iterator[tuple[str, list[tuple[str, dict[str, str], bytes]]]]:
    """A server that takes what is posted."""
    posted: list[tuple[str, dict[str, str], bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            posted.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """The test looks at what was posted."""

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{running.server_port}/topic", posted
    finally:
        running.shutdown()
        thread.join()
        running.server_close()


def options(folder: Path, url: str) -> str:
    file = folder / "options of curl"
    file.write_text(f'url = "{url}"\nheader = "Authorization: Bearer SECRET"\nnoproxy = "*"\n')
    return str(file)


def test_by_mail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sendmail = tmp_path / "sendmail"
    sendmail.write_text(f'#!/bin/sh\n[ "$*" = -t ] || exit 1\ncat >"{tmp_path}/mail"\n')
    sendmail.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    ended = call((str(EXAMPLES / "mail.sh"), "admin@example.org"), TROUBLE)
    assert ended.ok, ended
    mail = message_from_bytes((tmp_path / "mail").read_bytes())
    assert mail["To"] == "admin@example.org"
    assert "was not renewed" in str(mail["Subject"])
    body = mail.get_payload(decode=True)
    assert isinstance(body, bytes)
    text = body.decode()
    assert text.startswith(SENTENCE)
    assert json.loads(text.splitlines()[-1])["message"] == TROUBLE.message


@needs_curl
def test_by_a_web_hook(tmp_path: Path) -> None:
    with server() as (url, posted):
        ended = call((str(EXAMPLES / "web-hook.sh"), options(tmp_path, url)), TROUBLE)
    assert ended.ok, ended
    ((path, headers, body),) = posted
    assert (path, headers["content-type"], headers["authorization"]) == ("/topic", "application/json", "Bearer SECRET")
    assert json.loads(body)["lineage"] == "ä.test"


@needs_curl
def test_by_ntfy(tmp_path: Path) -> None:
    with server() as (url, posted):
        ended = call((str(EXAMPLES / "ntfy.sh"), options(tmp_path, url)), TROUBLE)
    assert ended.ok, ended
    ((_, headers, body),) = posted
    assert body.decode() == SENTENCE
    assert headers["priority"] == "high"
    assert headers["title"].startswith("certificates of ")


@needs_curl
def test_a_test_is_recognised_by_the_person_who_gets_it(tmp_path: Path) -> None:
    sentence = "This is a test of the notifier. Nothing is wrong with the certificate a.test."
    with server() as (url, posted):
        for name in ("web-hook.sh", "ntfy.sh"):
            assert call((str(EXAMPLES / name), options(tmp_path, url)), example("a.test", ("a.test",))).ok
    (_, _, document), (_, _, text) = posted
    assert json.loads(document)["message"] == text.decode() == sentence


@needs_curl
def test_a_server_that_refuses_is_a_failure(tmp_path: Path) -> None:
    with server(403) as (url, _):
        for name in ("web-hook.sh", "ntfy.sh"):
            ended = call((str(EXAMPLES / name), options(tmp_path, url)), TROUBLE)
            assert ended.code == 22, (name, ended)
