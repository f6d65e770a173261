"""Many DNS questions to one address by UDP."""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence

from certbot_external_auth.endpoint import Endpoint
from certbot_external_auth.visibility import Outcome
from certbot_external_auth.visibility.dns.pending import MAX_OPEN_QUESTIONS, Pending, meaning
from certbot_external_auth.visibility.parallel import seconds_left

REPEAT_SECONDS = 0.5
"""After which a question is sent a second time."""
UDP_SECONDS = 1.5
"""After which a question is given up."""


def ask(server: Endpoint, pending: Sequence[Pending], until: float) -> None:
    """Settle or fail every question.

    :param until: when to give up, by the monotonic clock.
    """
    family = socket.AF_INET6 if ":" in server.host else socket.AF_INET
    now = time.monotonic()
    for each in pending:
        each.first = now
    try:
        link = socket.socket(family, socket.SOCK_DGRAM)
    except OSError as error:
        _fail_all(pending, error)
        return
    with link:
        try:
            # A connected socket: the system drops datagrams of others, and reports a port on which nothing listens.
            link.connect((server.host, server.port))
        except OSError as error:
            _fail_all(pending, error)
            return
        _Datagrams(link, until).exchange(pending)


def _fail_all(pending: Sequence[Pending], error: OSError) -> None:
    for each in pending:
        each.fail(*meaning(error, connecting=True))


class _Datagrams:
    """Questions and answers over one connected socket."""

    def __init__(self, link: socket.socket, until: float) -> None:
        self._link = link
        self._until = until
        self._waiting: dict[int, Pending] = {}
        self._heard = False

    def exchange(self, pending: Sequence[Pending]) -> None:
        """Settle or fail every question."""
        todo = list(reversed(pending))
        while todo or self._waiting:
            while todo and len(self._waiting) < MAX_OPEN_QUESTIONS:
                self._begin(todo.pop())
            if self._give_up_or_repeat() and not self._heard:
                # The server answered none of the first questions. The time for the others is better spent on TCP.
                for each in (*todo, *self._waiting.values()):
                    each.fail(Outcome.TIMEOUT)
                return
            if self._waiting:
                self._receive()

    def _begin(self, question: Pending) -> None:
        question.renumber(self._waiting)
        self._waiting[question.query.id] = question
        question.first = time.monotonic()
        self._send(question)

    def _send(self, question: Pending) -> None:
        try:
            self._link.send(question.query.to_wire())
        except OSError as error:
            # The system reports here what an earlier datagram met. Questions that were not sent yet may still arrive.
            self._broken(error)

    def _broken(self, error: OSError) -> None:
        for each in self._waiting.values():
            each.fail(*meaning(error))
        self._waiting.clear()

    def _give_up_or_repeat(self) -> bool:
        """Send again, or give up, each question whose time has come; return whether one was given up."""
        now = time.monotonic()
        before = len(self._waiting)
        for each in list(self._waiting.values()):
            if now >= min(self._until, each.first + UDP_SECONDS):
                each.fail(Outcome.TIMEOUT)
                self._waiting.pop(each.query.id, None)
            elif not each.repeated and now >= each.first + REPEAT_SECONDS:
                # Only once: more questions do not help a slow server, and TCP comes next.
                each.repeated = True
                self._send(each)
        return len(self._waiting) < before

    def _receive(self) -> None:
        """Wait for one datagram, at most until a question is to be repeated or given up."""
        due = min(each.first + (UDP_SECONDS if each.repeated else REPEAT_SECONDS) for each in self._waiting.values())
        self._link.settimeout(seconds_left(min(due, self._until)))
        try:
            data = self._link.recv(65535)
        except TimeoutError:
            return
        except OSError as error:
            self._broken(error)
            return
        self._heard = True
        question = self._waiting.get(int.from_bytes(data[:2], "big"))
        if question is not None and question.take(data):
            del self._waiting[question.query.id]
