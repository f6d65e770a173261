"""A driver that behaves by chance, from a seed: in order or not, late, in pieces, wrongly, or no more at all.

It notes what it has said, so that a test can compare it with what the plugin made of it.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import threading
import time
from collections.abc import Callable

from tests.support.purity import Line

QUIRKS = ("none", "none", "noisy", "refuses", "silent", "dies", "hangs-up", "stops-reading", "floods")
ASKING = ("await", "cleanup", "deploy_cert")


class RandomDriver:
    """Runs in a thread at the far ends of two pipes.

    :ivar quirk: what is wrong with it.
    :ivar said: for each question (``perform:c1``) the answers it has given, in order: ``yes``, ``no`` or ``wait``.
    :ivar received: what it has read.
    """

    def __init__(
        self,
        seed: int,
        read: int,
        write: int,
        quirk: str | None = None,
        publish: Callable[[Line], None] = lambda line: None,
    ) -> None:
        """:param quirk: None leaves it to chance. :param publish: called with each `await`, before any answer."""
        self._random = random.Random(seed)
        self.quirk = quirk or self._random.choice(QUIRKS)
        self._publish = publish
        # Most of what is wrong happens somewhere in the middle.
        self._lines_left = self._random.randint(0, 12)
        self._read, self._write = read, write
        self._dead = threading.Event()
        self._thread = threading.Thread(target=self._live, daemon=True)
        self.said: dict[str, list[str]] = {}
        self.received = bytearray()

    @property
    def reads_all(self) -> bool:
        return self.quirk not in ("dies", "stops-reading")

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        """After the plugin has closed its ends: what is left is read, and nothing stays open."""
        self._dead.set()
        self._thread.join(30)
        assert not self._thread.is_alive()
        self._hang_up()
        if self._read >= 0:
            while data := os.read(self._read, 65536):
                self.received += data
            os.close(self._read)
            self._read = -1

    def _live(self) -> None:
        told = 0
        while True:
            if self.quirk in ("dies", "stops-reading", "hangs-up") and self._lines_left <= 0:
                self._misbehave()
                if self.quirk != "hangs-up":
                    return
            data = os.read(self._read, self._random.choice((1, 7, 100, 65536)))
            if not data:
                return
            self.received += data
            while (end := self.received.find(b"\n", told)) >= 0:
                line, told = json.loads(self.received[told:end]), end + 1
                self._lines_left -= 1
                self._react(line)

    def _misbehave(self) -> None:
        self._hang_up() if self.quirk != "stops-reading" else None
        if self.quirk == "dies":
            os.close(self._read)
            self._read = -1
        if self.quirk == "stops-reading":
            self._dead.wait(30)

    def _react(self, line: Line) -> None:
        if line["cmd"] not in ASKING:
            return
        if line["cmd"] == "await":
            self._publish(line)
        ids = line["ids"] if line["cmd"] == "await" else [line["id"]]
        kind = "perform" if line["cmd"] == "await" else line["cmd"]
        if self.quirk == "silent" and self._random.random() < 0.5:
            return
        if self.quirk == "floods" and self._random.random() < 0.3:
            self._write_all(b"\n" * self._random.randint(1, 5000))
            if kind == "perform":
                self._note(kind, ids, "yes")
            return
        self._random.shuffle(ids)
        if kind == "perform" and self._random.random() < 0.3:
            self._answer_all(kind, ids)
        else:
            for one in ids:
                self._answer(kind, one)

    def _answer_all(self, kind: str, ids: list[str]) -> None:
        newline = self._random.random() < 0.5
        self._note(kind, ids, "yes")
        self._write_all(b"\n" * len(ids) if newline else b'{"ok": true}\r\n')

    def _answer(self, kind: str, one: str) -> None:
        roll = self._random.random()
        if self.quirk == "noisy" and roll < 0.3:
            noise = (b"rubbish\n", b'{"id": "c999", "ok": true}\n', b"x" * 70_000 + b"\n", bytes(range(256)) + b"\n")
            self._write_all(self._random.choice(noise))
        if roll > 0.8:
            self._say(kind, one, "wait", {"id": one, "wait": 5})
        if self.quirk == "refuses" and roll < 0.4:
            self._say(kind, one, "no", {"id": one, "ok": False, "error": {"code": "x.y", "message": "by chance"}})
            return
        self._say(kind, one, "yes", {"id": one, "ok": True})
        if roll < 0.1:
            self._say(kind, one, "yes", {"id": one, "ok": True})

    def _say(self, kind: str, one: str, word: str, fields: dict[str, object]) -> None:
        self._note(kind, [one], word)
        self._write_all(json.dumps(fields).encode() + self._random.choice((b"\n", b"\r\n", b" \n")))

    def _note(self, kind: str, ids: list[str], word: str) -> None:
        # Before it is written: what was not noted, the plugin cannot have read.
        for one in ids:
            self.said.setdefault(f"{kind}:{one}", []).append(word)

    def _write_all(self, data: bytes) -> None:
        """In one piece, or in some with pauses."""
        size = self._random.choice((len(data), len(data) // 2, len(data) // 20))
        for place in range(0, len(data), max(1, size)):
            if self._random.random() < 0.05:
                time.sleep(0.002)
            with contextlib.suppress(OSError):
                self._push(data[place : place + size])

    def _push(self, data: bytes) -> None:
        view = memoryview(data)
        while view and self._write >= 0:
            view = view[os.write(self._write, view) :]

    def _hang_up(self) -> None:
        if self._write >= 0:
            os.close(self._write)
            self._write = -1
