"""DNS over sockets: many questions to one address, by UDP and then by TCP. Nothing here knows what an answer means."""

from __future__ import annotations

import errno
import os
import socket
import struct
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from certbot_external_auth.endpoint import Endpoint
from certbot_external_auth.visibility import Outcome, unreadable
from certbot_external_auth.visibility.dns import reply
from certbot_external_auth.visibility.dns.reply import Question, Reply
from certbot_external_auth.visibility.parallel import NO_TIME, seconds_left

if TYPE_CHECKING:
    from dns.message import Message

PAYLOAD = 1232
"""What an answer by UDP may take up, which every path carries (DNS Flag Day 2020)."""
WINDOW = 20
"""Questions that are open at a time at one address: a server that is slow is not flooded."""
AGAIN_AFTER, UDP_WAIT, TCP_WAIT = 0.5, 1.5, 2.0
"""Seconds until a question is repeated once, until UDP is given up, and for a connection or an answer by TCP."""
_HEADER, _TRUNCATED = 12, 0x02
"""Octets of it, and TC in the third of them (RFC 1035 section 4.1.1)."""
# Raised by connect() of a datagram socket, which sends nothing: this machine cannot reach that address.
_NO_ROUTE = {
    *(errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT),
    *(errno.EACCES, errno.EPERM, errno.EINVAL, errno.ENETDOWN),
}


@dataclass(eq=False)
class _Open:
    """A question that is not answered yet."""

    query: Message
    reply: Reply = field(default_factory=Reply)
    first: float = 0.0
    again: bool = False

    def settle(self, message: Message) -> None:
        self.reply.message, self.reply.failed, self.reply.detail = message, None, ""
        self.reply.seconds = time.monotonic() - self.first

    def fail(self, outcome: Outcome, detail: str = "") -> None:
        self.reply.failed, self.reply.detail = outcome, detail
        self.reply.seconds = time.monotonic() - self.first

    @property
    def by_tcp(self) -> bool:
        """Whether TCP may do better: nothing came, or not all, or a server that knows no EDNS."""
        import dns.flags
        import dns.rcode

        message = self.reply.message
        if message is None:
            return self.reply.failed in (Outcome.TIMEOUT, Outcome.CONNECTION_REFUSED)
        return bool(message.flags & dns.flags.TC) or message.rcode() in (dns.rcode.FORMERR, dns.rcode.NOTIMP)


def ask(server: Endpoint, questions: Sequence[Question], until: float) -> list[Reply]:
    """Ask one address everything, and return in the order of the questions.

    :param server: its host must be an address.
    :param until: by the monotonic clock; what is not answered then is a timeout.
    """
    opened = [_Open(_query(question)) for question in questions]
    if time.monotonic() >= until:
        return [Reply(failed=Outcome.NOT_ASKED, detail=NO_TIME) for _ in opened]
    try:
        _by_udp(server, opened, until)
        unsettled = [one for one in opened if one.by_tcp]
        if unsettled:
            _by_tcp(server, unsettled, until)
    except BaseException as error:
        # Others wait for what other servers say.
        _fail_rest(opened, unreadable.words(error))
    return [one.reply for one in opened]


def _fail_rest(opened: Sequence[_Open], detail: str) -> None:
    for one in opened:
        if one.reply.message is None:
            one.fail(Outcome.FAULT, detail)


def _query(question: Question) -> Message:
    import dns.flags
    import dns.message

    query = dns.message.make_query(question.name, question.type, use_edns=0, payload=PAYLOAD)
    query.flags = dns.flags.Flag(dns.flags.RD if question.recursive else 0)
    return query


# --- UDP ---


def _by_udp(server: Endpoint, opened: Sequence[_Open], until: float) -> None:
    family = socket.AF_INET6 if ":" in server.host else socket.AF_INET
    now = time.monotonic()
    for one in opened:
        one.first = now
    try:
        link = socket.socket(family, socket.SOCK_DGRAM)
    except OSError as error:
        _fail_all(opened, error)
        return
    with link:
        try:
            # Connected, so that the system drops what comes from elsewhere, and tells that nobody listens.
            link.connect((server.host, server.port))
        except OSError as error:
            _fail_all(opened, error)
            return
        _Datagrams(link, until).exchange(opened)


def _fail_all(opened: Sequence[_Open], error: OSError) -> None:
    for one in opened:
        one.fail(*_meaning(error, connecting=True))


def _meaning(error: OSError, connecting: bool = False) -> tuple[Outcome, str]:
    if error.errno == errno.ECONNREFUSED:
        return Outcome.CONNECTION_REFUSED, ""
    if connecting and error.errno in _NO_ROUTE:
        return Outcome.UNREACHABLE, error.strerror or ""
    return Outcome.TIMEOUT, "" if isinstance(error, TimeoutError) else error.strerror or str(error)


class _Datagrams:
    """Questions and answers over one connected socket."""

    def __init__(self, link: socket.socket, until: float) -> None:
        self._link = link
        self._until = until
        self._waiting: dict[int, _Open] = {}
        self._heard = False

    def exchange(self, opened: Sequence[_Open]) -> None:
        """Settle or fail every question."""
        todo = list(reversed(opened))
        while todo or self._waiting:
            while todo and len(self._waiting) < WINDOW:
                self._begin(todo.pop())
            if self._give_up_or_repeat() and not self._heard:
                # Who is silent to the first questions is to the rest; what time is left is for TCP.
                for one in (*todo, *self._waiting.values()):
                    one.fail(Outcome.TIMEOUT)
                return
            if self._waiting:
                self._receive()

    def _begin(self, one: _Open) -> None:
        _renumber(one.query, self._waiting)
        self._waiting[one.query.id] = one
        one.first = time.monotonic()
        self._send(one)

    def _send(self, one: _Open) -> None:
        try:
            self._link.send(one.query.to_wire())
        except OSError as error:
            # What an earlier datagram brought about is told now; the later ones have had no chance.
            self._broken(error)

    def _broken(self, error: OSError) -> None:
        for one in self._waiting.values():
            one.fail(*_meaning(error))
        self._waiting.clear()

    def _give_up_or_repeat(self) -> bool:
        """Whether a question was given up."""
        now = time.monotonic()
        before = len(self._waiting)
        for one in list(self._waiting.values()):
            if now >= min(self._until, one.first + UDP_WAIT):
                one.fail(Outcome.TIMEOUT)
                self._waiting.pop(one.query.id, None)
            elif not one.again and now >= one.first + AGAIN_AFTER:
                # Once: who is slow is not helped by more questions, and TCP comes next.
                one.again = True
                self._send(one)
        return len(self._waiting) < before

    def _receive(self) -> None:
        due = min(one.first + (UDP_WAIT if one.again else AGAIN_AFTER) for one in self._waiting.values())
        self._link.settimeout(seconds_left(min(due, self._until)))
        try:
            data = self._link.recv(65535)
        except TimeoutError:
            return
        except OSError as error:
            self._broken(error)
            return
        self._heard = True
        one = self._waiting.get(int.from_bytes(data[:2], "big"))
        if one is not None and _take(one, data):
            del self._waiting[one.query.id]


def _renumber(query: Message, taken: Collection[int]) -> None:
    """dnspython draws ids at random, so that two may have the same."""
    while query.id in taken:
        query.id = int.from_bytes(os.urandom(2), "big")


def _take(one: _Open, data: bytes) -> bool:
    """Settle a question by a datagram or a TCP message, if it is the answer to it."""
    try:
        message = reply.parsed(one.query, data)
    except BaseException as error:
        unreadable.words(error)
        if len(data) >= _HEADER and data[2] & _TRUNCATED:
            # Cut anywhere, also within a record.
            one.fail(Outcome.TIMEOUT, "the answer does not fit into UDP")
        else:
            one.fail(Outcome.SERVFAIL, "the answer is no DNS message")
        return True
    if message is not None:
        one.settle(message)
    return message is not None


# --- TCP (RFC 7766) ---


def _by_tcp(server: Endpoint, opened: Sequence[_Open], until: float) -> None:
    """Ask again over one connection, and over another one as long as the server closes it after having answered."""
    left = list(opened)
    window = WINDOW
    while left and time.monotonic() < until:
        before = len(left)
        failure: tuple[Outcome, str] = (Outcome.TIMEOUT, "")
        try:
            limit = min(until, time.monotonic() + TCP_WAIT)
            link = socket.create_connection((server.host, server.port), seconds_left(limit))
        except OSError as error:
            _no_better(left, _meaning(error))
            return
        try:
            with link:
                _over_connection(link, left, window, until)
        except OSError as error:
            failure = _meaning(error)
        if len(left) == before:
            if window == 1:
                _no_better(left, failure)
                return
            # Some servers take no second question before they have answered the first.
            window = 1
    _no_better(left, (Outcome.TIMEOUT, ""))


def _over_connection(link: socket.socket, left: list[_Open], window: int, until: float) -> None:
    """Questions are sent without waiting for each answer, and answers may change places (RFC 7766 section 6.2.1.1).

    :param left: what is answered is taken out.
    """
    todo, waiting = list(reversed(left)), dict[int, _Open]()
    while left:
        limit = min(until, time.monotonic() + TCP_WAIT)
        link.settimeout(seconds_left(limit))
        while todo and len(waiting) < window:
            one = todo.pop()
            _renumber(one.query, waiting)
            if one.reply.message is not None and _refuses_edns(one.reply.message):
                one.query.use_edns(False)
            wire = one.query.to_wire()
            waiting[one.query.id] = one
            link.sendall(struct.pack("!H", len(wire)) + wire)
        (length,) = struct.unpack("!H", _exactly(link, 2, limit))
        data = _exactly(link, length, limit)
        answered = waiting.pop(int.from_bytes(data[:2], "big"), None)
        if answered is None or not _take(answered, data):
            raise ConnectionError("another question was answered")
        left.remove(answered)


def _refuses_edns(message: Message) -> bool:
    """RFC 6891 section 7: a server that does not know EDNS may answer FORMERR, some say NOTIMP."""
    import dns.rcode

    return message.rcode() in (dns.rcode.FORMERR, dns.rcode.NOTIMP)


def _exactly(link: socket.socket, count: int, until: float) -> bytes:
    data = b""
    while len(data) < count:
        link.settimeout(seconds_left(until))
        part = link.recv(count - len(data))
        if not part:
            raise ConnectionError("the server closed the connection")
        data += part
    return data


def _no_better(left: Sequence[_Open], failure: tuple[Outcome, str]) -> None:
    """TCP brought nothing: a truncated answer cannot be used, everything else stays as UDP left it."""
    outcome, detail = failure
    why = detail or outcome.value.replace("_", " ")
    for one in left:
        if one.reply.failed is Outcome.TIMEOUT:
            one.reply.detail = f"TCP: {why}"
        elif one.reply.message is not None and not _refuses_edns(one.reply.message):
            one.reply.message = None
            one.fail(Outcome.TIMEOUT, f"the answer does not fit into UDP, and TCP failed: {why}")
