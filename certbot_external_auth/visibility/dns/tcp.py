"""Many DNS questions to one address by TCP (RFC 7766), after UDP brought no answer or only a part.

`dns.query.tcp` of dnspython is not used: it takes one question at a time, and if it cannot read
an answer, it does not say which question that was about.
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Sequence

from certbot_external_auth.endpoint import Endpoint
from certbot_external_auth.visibility import Outcome
from certbot_external_auth.visibility.dns.pending import MAX_OPEN_QUESTIONS, TOO_LARGE, Pending, meaning
from certbot_external_auth.visibility.parallel import seconds_left

TCP_SECONDS = 2.0
"""For a connection, and for each answer."""


def ask(server: Endpoint, pending: Sequence[Pending], until: float) -> None:
    """Settle every question that TCP brings an answer to; see `_no_better` for the others.

    A server may close the connection after some answers: the rest is asked over another one.

    :param until: when to give up, by the monotonic clock.
    """
    left = list(pending)
    max_open = MAX_OPEN_QUESTIONS
    while left and time.monotonic() < until:
        before = len(left)
        failure: tuple[Outcome, str] = (Outcome.TIMEOUT, "")
        try:
            limit = min(until, time.monotonic() + TCP_SECONDS)
            link = socket.create_connection((server.host, server.port), seconds_left(limit))
        except OSError as error:
            _no_better(left, meaning(error))
            return
        try:
            with link:
                _exchange(link, left, max_open, until)
        except OSError as error:
            failure = meaning(error)
        if len(left) == before:
            if max_open == 1:
                _no_better(left, failure)
                return
            # Some servers accept a second question only after they have answered the first.
            max_open = 1
    _no_better(left, (Outcome.TIMEOUT, ""))


def _exchange(link: socket.socket, left: list[Pending], max_open: int, until: float) -> None:
    """Send without waiting for each answer; answers may come in another order (RFC 7766 section 6.2.1.1).

    :param left: loses each question that is answered.
    :raises OSError: if the server closes the connection, is silent for too long, or answers another question.
    """
    todo = list(reversed(left))
    waiting: dict[int, Pending] = {}
    while left:
        limit = min(until, time.monotonic() + TCP_SECONDS)
        link.settimeout(seconds_left(limit))
        while todo and len(waiting) < max_open:
            question = todo.pop()
            question.renumber(waiting)
            waiting[question.query.id] = question
            link.sendall(_with_length(question))
        data = _received(link, limit)
        answered = waiting.pop(int.from_bytes(data[:2], "big"), None)
        if answered is None or not answered.take(data):
            raise ConnectionError("another question was answered")
        left.remove(answered)


def _with_length(question: Pending) -> bytes:
    if question.refuses_edns:
        question.query.use_edns(False)
    wire = question.query.to_wire()
    return struct.pack("!H", len(wire)) + wire


def _received(link: socket.socket, until: float) -> bytes:
    """Return one message. Its length has two bytes, so it has 65,535 bytes at most."""
    (length,) = struct.unpack("!H", _exactly(link, 2, until))
    return _exactly(link, length, until)


def _exactly(link: socket.socket, count: int, until: float) -> bytes:
    data = b""
    while len(data) < count:
        link.settimeout(seconds_left(until))
        part = link.recv(count - len(data))
        if not part:
            raise ConnectionError("the server closed the connection")
        data += part
    return data


def _no_better(left: Sequence[Pending], failure: tuple[Outcome, str]) -> None:
    """Note that TCP brought nothing: a truncated answer is dropped, everything else stays as UDP left it."""
    outcome, detail = failure
    why = detail or outcome.value.replace("_", " ")
    for each in left:
        if each.reply.failed is Outcome.TIMEOUT:
            each.reply.detail = f"TCP: {why}"
        elif each.reply.message is not None and not each.refuses_edns:
            each.fail(Outcome.TIMEOUT, f"{TOO_LARGE}, and TCP failed: {why}")
