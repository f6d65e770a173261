"""JSON lines over a Unix socket: Certbot's own output stays where it was, and programs may come and go."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import purity, schemas
from tests.support.certbot import PATIENCE, Certbot
from tests.support.testca import TestCA
from tests.support.words import JSON, RENEW_NOW, names


@pytest.fixture
def path() -> Iterator[Path]:
    # A socket's path is short, and those of pytest's folders are not.
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "s"


def connected(path: Path) -> socket.socket:
    deadline = time.monotonic() + PATIENCE
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(PATIENCE)
    while True:
        try:
            client.connect(str(path))
            return client
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.01)


def until(client: socket.socket, command: str) -> list[dict[str, Any]]:
    """The lines up to one of that kind; each is one of the schema's."""
    file, lines = client.makefile("rb", buffering=0), []
    while not lines or lines[-1]["cmd"] != command:
        lines.append(purity.parsed(file.readline()))
        assert schemas.complaint(lines[-1], 1) is None
    return lines


def test_one_program_publishes_another_cleans_up(certbot: Certbot, ca: TestCA, domain: str, path: Path) -> None:
    """Guards against: a failure of drivers of several processes, and the loss of Certbot's own output."""
    words = ["certonly", *JSON, "--external-auth-socket", str(path), *names(domain)]
    with certbot.started(words) as process:
        with connected(path) as first:
            lines = until(first, "await")
            assert [line["cmd"] for line in lines] == ["hello", "perform_challenge", "await"]
            # Half an answer of a program that dies here is nobody's.
            first.sendall(b'{"ok": fal')
        [(name, [value])] = lines[-1]["txt"].items()
        ca.add_txt(name, value)
        with connected(path) as second:
            assert until(second, "await") == lines
            second.sendall(b'{"ok": true}\n')
            later = until(second, "cleanup")
            assert [line["status"] for line in later if line["cmd"] == "result"] == ["valid"]
            second.sendall(json.dumps({"id": later[-1]["id"], "ok": True}).encode() + b"\n")
            assert until(second, "summary")[-1]["ok"] is True
        stdout, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert b"Successfully received certificate" in stdout
    assert not path.exists()
    # It is for one command: a renewal from cron has stdout, as it says in the renewal file.
    assert f"external_auth_socket = {path}" in certbot.renewal(domain)
    renewed = certbot.run(*RENEW_NOW, "-q")
    assert renewed.returncode == 1
    assert "no program is there to answer" in renewed.stderr
    assert [renewed.lines[0]["cmd"], renewed.lines[-1]["cmd"]] == ["hello", "summary"]


@pytest.mark.parametrize(
    ("prepare", "sentence"),
    [
        (lambda path: path.write_text(""), "exists and is not a socket"),
        (lambda path: path.parent.rmdir(), "cannot be used as a socket"),
    ],
)
def test_where_nobody_can_listen(certbot: Certbot, path: Path, prepare: Any, sentence: str) -> None:
    prepare(path)
    words = certbot.command(["certonly", *JSON, "--external-auth-socket", str(path), "-d", "wrong.test"])
    ended = subprocess.run(words, env=certbot.environment, capture_output=True, text=True, timeout=PATIENCE)
    path.parent.mkdir(exist_ok=True)
    assert ended.returncode == 1
    assert f"--external-auth-socket: {path} {sentence}" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_no_socket_in_cli_ini(certbot: Certbot, path: Path) -> None:
    certbot.cli_ini.write_text(f"external-auth-socket = {path}\n")
    result = certbot.run("certonly", *JSON, "-d", "wrong.test")
    assert result.returncode == 1
    assert "--external-auth-socket belongs on the command line" in result.stderr
    assert not os.path.exists(path)
