"""Lines over real Unix sockets: who may connect, which lines a client gets, and what is left when it goes."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from certbot_external_auth.errors import UsageError
from certbot_external_auth.protocol.session_record import session_record
from certbot_external_auth.protocol.socket_channel import MAX_PATH_BYTES, SocketChannel
from tests.support import schemas

AS_NOBODY = """
import os, socket, sys
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
link = socket.socket(socket.AF_UNIX)
link.connect(sys.argv[1])
print(link.recv(999).decode())
"""


@pytest.fixture
def channel(tmp_path: Path) -> Iterator[SocketChannel]:
    made = SocketChannel(str(tmp_path / "s"), str(tmp_path / "lines"))
    made.run = str(uuid.uuid4())
    yield made
    made.finish()


def connected(channel: SocketChannel) -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(10)
    client.connect(channel.path)
    return client


def soon() -> float:
    return time.monotonic() + 10


def now() -> float:
    return time.monotonic()


def lines(client: socket.socket, count: int) -> list[bytes]:
    file = client.makefile("rb", buffering=0)
    return [file.readline() for _ in range(count)]


def test_a_late_client_gets_what_was_said_and_then_what_is(channel: SocketChannel) -> None:
    """Guards against: a driver that connects late and misses lines."""
    channel.send(b"one\n", soon())
    channel.send(b"two\n", soon())
    with connected(channel) as client:
        client.sendall(b"answer\n")
        assert channel.receive(soon()) == b"answer"
        channel.send(b"three\n", soon())
        assert lines(client, 3) == [b"one\n", b"two\n", b"three\n"]


def test_one_after_the_other(channel: SocketChannel) -> None:
    """A second client is refused until the first has gone. Half a line of the first is dropped."""
    channel.send(b"one\n", soon())
    first = connected(channel)
    assert channel.receive(now()) is None
    with connected(channel) as second:
        assert channel.receive(now()) is None
        line = json.loads(second.makefile().readline())
        assert line["code"] == "socket.busy"
        assert schemas.complaint(line, 1) is None, line
    first.sendall(b'{"ok": tr')
    first.close()
    with connected(channel) as third:
        third.sendall(b"whole\n")
        assert channel.receive(soon()) == b"whole"
        assert lines(third, 1) == [b"one\n"]


def test_answers_sent_before_leaving_count(channel: SocketChannel) -> None:
    with connected(channel) as client:
        client.sendall(b"a\nb\n")
    assert [channel.receive(soon()), channel.receive(soon())] == [b"a", b"b"]
    assert channel.receive(now()) is None
    assert not channel.ended


def test_who_ends_its_answers_keeps_getting_lines(channel: SocketChannel, monkeypatch: pytest.MonkeyPatch) -> None:
    """shutdown(2): answers from a file, by socat or nc. Lost: what became of it."""
    with connected(channel) as client:
        client.sendall(b"answer\nhalf a li")
        client.shutdown(socket.SHUT_WR)
        assert channel.receive(soon()) == b"answer"
        # It is waited for who comes instead, without looking again and again.
        rounds = []
        monkeypatch.setattr(channel, "_tell", rounds.append)
        assert channel.receive(time.monotonic() + 0.05) is None
        assert len(rounds) < 10
        monkeypatch.undo()
        channel.send(b"one\n", soon())
        assert lines(client, 1) == [b"one\n"]
        with connected(channel) as second:
            second.sendall(b"whole\n")
            assert channel.receive(soon()) == b"whole"
            assert lines(second, 1) == [b"one\n"]
            # The first one has made room.
            assert client.makefile("rb").read() == b""


def test_a_client_that_neither_writes_nor_reads_is_hung_up_on(channel: SocketChannel) -> None:
    with connected(channel) as client:
        client.shutdown(socket.SHUT_WR)
        assert channel.receive(now()) is None
        channel.send(b"x" * 5_000_000 + b"\n", now())
        assert len(client.makefile("rb").read()) < 5_000_000


def test_nobody_is_there_and_nothing_hangs(channel: SocketChannel) -> None:
    channel.send(b"one\n", now())
    assert not channel.at_end()
    assert channel.receive(now()) is None


def test_a_client_that_does_not_read_is_hung_up_on(channel: SocketChannel) -> None:
    """Guards against: no cleanup because a driver does not read."""
    with connected(channel) as client:
        assert channel.receive(now()) is None
        channel.send(b"x" * 5_000_000 + b"\n", now())
        assert channel.receive(now()) is None
        # What it has not read yet ends in the middle of a line, and then the connection does.
        assert len(client.makefile("rb").read()) < 5_000_000


def test_a_client_may_write_all_its_answers_before_it_reads_on(channel: SocketChannel) -> None:
    """Guards against: a deadlock with large batches, when both sides wait for the other to read."""
    count, text = 20_000, b"x" * 99 + b"\n"

    def answer_each() -> None:
        for line in client.makefile("rb"):
            client.sendall(line)

    with connected(channel) as client:
        # Room for a few lines only, in both directions, whatever the system's defaults.
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        thread = threading.Thread(target=answer_each, daemon=True)
        thread.start()
        for _ in range(count):
            channel.send(text, soon())
        for _ in range(count):
            assert channel.receive(soon()) == text[:-1]
        channel.finish()
        thread.join(10)
        assert not thread.is_alive()


def test_everything_said_is_on_record(channel: SocketChannel, tmp_path: Path) -> None:
    channel.send(b"one\n", soon())
    channel.send(b"two\n", soon())
    assert (tmp_path / "lines").read_bytes() == b"one\ntwo\n"
    assert stat.S_IMODE((tmp_path / "lines").stat().st_mode) == 0o600


def test_a_record_that_finds_no_room_ends_where_it_is(tmp_path: Path) -> None:
    """Guards against: a missing line, such as the batch that has to be published."""
    code = """
import resource, sys
from certbot_external_auth.protocol.socket_channel import SocketChannel
channel = SocketChannel(sys.argv[1], sys.argv[2])
for limit, line in (100, b"a"), (100, b"b"), (resource.RLIM_INFINITY, b"c"), (resource.RLIM_INFINITY, b"d"):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    channel.send(line * 59 + b"\\n", 0.0)
"""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", code, f"{folder}/s", str(tmp_path / "lines")]
        ended = subprocess.run(command, capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (
        0,
        "The session's lines are no longer recorded ([Errno 27] File too large). The session goes on.\n",
    )
    assert (tmp_path / "lines").read_text() == "a" * 59 + "\n" + "b" * 40


def test_the_last_lines_are_read_before_the_end(tmp_path: Path) -> None:
    channel = SocketChannel(str(tmp_path / "s"))
    with connected(channel) as client:
        channel.send(b"summary\n", soon())
        channel.finish()
        assert client.makefile("rb").read() == b"summary\n"
    assert not (tmp_path / "s").exists()


# --- where it listens, and who may come ---


def test_only_this_user(channel: SocketChannel) -> None:
    assert stat.S_IMODE(os.stat(channel.path).st_mode) == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_is_refused_also_where_the_permissions_let_him_in(channel: SocketChannel, tmp_path: Path) -> None:
    """Guards against: an answer from another user. The credentials of the peer decide."""
    with _place_for_everybody(channel.path) as place:
        client = subprocess.Popen([sys.executable, "-I", "-c", AS_NOBODY, place], stdout=subprocess.PIPE)
        while client.poll() is None:
            channel.receive(now())
        assert client.stdout is not None
        assert json.loads(client.stdout.read())["code"] == "socket.refused"
        client.stdout.close()


@contextlib.contextmanager
def _place_for_everybody(path: str) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        link = os.path.join(folder, "s")
        os.link(path, link)
        os.chmod(link, 0o666)
        yield link


def test_a_stale_socket_is_replaced(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path)
    SocketChannel(path).finish()


def test_a_socket_in_use_is_not(channel: SocketChannel) -> None:
    with pytest.raises(UsageError, match="another program listens on"):
        SocketChannel(channel.path)


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_SEQPACKET])
def test_a_socket_of_another_kind_is_its_owners(tmp_path: Path, kind: socket.SocketKind) -> None:
    """Guards against: taking over the socket of another program, such as a log."""
    with socket.socket(socket.AF_UNIX, kind) as owner:
        owner.bind(str(tmp_path / "s"))
        with pytest.raises(UsageError, match="another program listens"):
            SocketChannel(str(tmp_path / "s"))
        assert (tmp_path / "s").exists()


def test_one_whose_queue_is_full_is_its_owners(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        owner = stack.enter_context(socket.socket(socket.AF_UNIX))
        owner.bind(str(tmp_path / "s"))
        owner.listen(0)
        stack.enter_context(socket.socket(socket.AF_UNIX)).connect(str(tmp_path / "s"))
        with pytest.raises(UsageError, match="another program listens"):
            SocketChannel(str(tmp_path / "s"))
        assert (tmp_path / "s").exists()


def test_an_empty_path_is_said() -> None:
    with pytest.raises(UsageError, match="--external-auth-socket is empty"):
        SocketChannel("")


def test_what_is_no_socket_stays(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("a file")
    with pytest.raises(UsageError, match="exists and is not a socket"):
        SocketChannel(str(tmp_path / "s"))
    assert (tmp_path / "s").read_text() == "a file"


@pytest.mark.parametrize("more", [0, 1])
def test_a_path_too_long_for_the_kernel_is_said(tmp_path: Path, more: int) -> None:
    """unix(7): sun_path has 108 bytes."""
    folder = tmp_path
    while len(str(folder)) < MAX_PATH_BYTES - 60:
        folder = folder / ("d" * 20)
    folder.mkdir(parents=True, exist_ok=True)
    path = str(folder / "s").ljust(MAX_PATH_BYTES + more, "x")
    if not more:
        SocketChannel(path).finish()
        return
    with pytest.raises(UsageError, match="a socket's path can have 107"):
        SocketChannel(path)


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be used as a socket"):
        SocketChannel(str(tmp_path / "nowhere" / "s"))


def test_a_session_of_somebody_else_is_not_used(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with pytest.raises(UsageError, match="Other users can access"):
        session_record(str(tmp_path))
