"""What this machine knows by itself: its hosts file, and its resolvers."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path

import pytest

from certbot_external_auth import threads
from certbot_external_auth.visibility import Outcome, this_host
from certbot_external_auth.visibility.this_host import Addresses


def later() -> float:
    return time.monotonic() + 20


def test_an_address_is_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "getaddrinfo")
    assert this_host.addresses("2001:db8::1", later()) == Addresses(("2001:db8::1",))


@pytest.mark.parametrize("thread", [True, False])
def test_all_addresses_once_in_the_order_of_the_answer(monkeypatch: pytest.MonkeyPatch, thread: bool) -> None:
    def answer(host: str, port: object, type: int) -> list[object]:
        assert (host, port, type) == ("a.test", None, socket.SOCK_STREAM)
        assert (threading.current_thread() is threading.main_thread()) is not thread
        return [(0, 0, 0, "", (one, 0)) for one in ("192.0.2.2", "192.0.2.1", "192.0.2.2")]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    if not thread:
        monkeypatch.setattr(threads, "start", lambda work, name: False)
    assert this_host.addresses("a.test", later()) == Addresses(("192.0.2.2", "192.0.2.1"))


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (socket.gaierror(socket.EAI_NONAME, "not known"), Outcome.NO_SUCH_NAME),
        (socket.gaierror(socket.EAI_NODATA, "no address"), Outcome.NO_RECORD),
        (socket.gaierror(socket.EAI_AGAIN, "try again"), Outcome.SERVFAIL),
        (UnicodeError("label too long"), Outcome.SERVFAIL),
        (OSError("odd"), Outcome.SERVFAIL),
    ],
)
def test_why_there_is_none(monkeypatch: pytest.MonkeyPatch, error: Exception, outcome: Outcome) -> None:
    def fail(*arguments: object, **named: object) -> None:
        raise error

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    found = this_host.addresses("a.test", later())
    assert (found.found, found.outcome) == ((), outcome)
    assert found.detail == (getattr(error, "strerror", None) or str(error))


def test_a_resolver_that_is_silent_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    let_go = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *arguments, **named: let_go.wait(20) and [])
    found = this_host.addresses("a.test", time.monotonic() + 0.05)
    let_go.set()
    assert (found.found, found.outcome, bool(found.detail)) == ((), Outcome.TIMEOUT, True)


@pytest.mark.parametrize(
    ("content", "hosts"),
    [
        ("nameserver 192.0.2.1\n  nameserver\t2001:db8::1 # x\n", ["192.0.2.1", "2001:db8::1"]),
        ("#nameserver 192.0.2.1\nsearch nameserver\n", ["127.0.0.1"]),
        ("nameserver a.test\n", ["127.0.0.1"]),
        ("".join(f"nameserver 192.0.2.{number}\n" for number in range(1, 6)), [f"192.0.2.{one}" for one in (1, 2, 3)]),
        ("\udcff\nnameserver 192.0.2.1\n", ["192.0.2.1"]),
        (None, ["127.0.0.1"]),
    ],
)
def test_resolvers(tmp_path: Path, content: str | None, hosts: list[str]) -> None:
    path = tmp_path / "resolv.conf"
    if content is not None:
        path.write_bytes(content.encode("utf-8", "surrogateescape"))
    assert [(one.host, one.port) for one in this_host.resolvers(str(path))] == [(host, 53) for host in hosts]
