"""What the collection sees of hosts that answer as no honest server does."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.ansible_modules import load

URL = "http://shop.example/.well-known/acme-challenge/token"


@pytest.fixture
def look(monkeypatch: pytest.MonkeyPatch) -> Any:
    found = load("module_utils.look")
    monkeypatch.setattr(found, "CONNECT_SECONDS", 0.5)
    return found


@contextlib.contextmanager
def server(answer: Callable[[socket.socket, threading.Event], None]) -> Iterator[int]:
    """Serve one connection; the event says that the test is over."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):
                answer(connection, over)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            over.set()
            thread.join()


def dripping(first: bytes) -> Callable[[socket.socket, threading.Event], None]:
    """Send a byte now and then, without an end."""

    def answer(connection: socket.socket, over: threading.Event) -> None:
        connection.recv(1000)
        connection.sendall(first)
        while not over.wait(0.05):
            connection.sendall(b"x")

    return answer


@pytest.mark.parametrize("first", [b"", b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nA: "])
def test_a_host_that_never_comes_to_an_end(look: Any, first: bytes) -> None:
    """Lost: the play, which waits for one host while Certbot's lock is held."""
    end = time.monotonic() + 10
    with server(dripping(first)) as port:
        assert look.token("127.0.0.1", port, URL, "content") == "no answer: timed out"
    assert time.monotonic() < end


def test_a_tls_server_that_never_comes_to_an_end(look: Any) -> None:
    # A record of the greatest length.
    with server(dripping(b"\x16\x03\x03\x40\x00")) as port:
        assert look.served("127.0.0.1", port, "shop.example") == (None, "timed out")


def test_what_a_host_says_is_cut_and_cannot_move_the_cursor(look: Any) -> None:
    """Guards against: a host that makes the command line of `finish` too long, so that the order is left open."""

    def answer(connection: socket.socket, over: threading.Event) -> None:
        connection.recv(1000)
        connection.sendall(b"\x1b[2J\x9b31m" + b"\xe9" * 60000 + b"\r\n")

    with server(answer) as port:
        said = look.token("127.0.0.1", port, URL, "content")
    assert said.isprintable()
    assert len(said) < 400


def test_what_a_module_of_a_host_says_is_cut() -> None:
    sights = load("filter.sights")
    said = sights.problem({"msg": "no\x1b[2J space\n" + "x" * 100_000})
    assert said.startswith("no [2J space xxx")
    assert len(said) < 400
