"""A question on its way to a server, by UDP or TCP, and what may answer it."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from certbot_external_auth.visibility import Outcome, unreadable
from certbot_external_auth.visibility.dns import reply
from certbot_external_auth.visibility.dns.reply import Question, Reply

if TYPE_CHECKING:
    from dns.message import Message

MAX_UDP_BYTES = 1232
"""Of an answer by UDP: every path carries this much (DNS Flag Day 2020)."""
MAX_OPEN_QUESTIONS = 20
"""At one address at a time, so that a slow server is not flooded."""
UNREADABLE = "the answer is not a DNS message"
TOO_LARGE = "the answer does not fit into UDP"
_HEADER_BYTES = 12
_TRUNCATED = 0x02
"""The bit TC in the third byte of the header (RFC 1035 section 4.1.1)."""
_NO_ROUTE = frozenset(
    (
        errno.ENETUNREACH,
        errno.EHOSTUNREACH,
        errno.EADDRNOTAVAIL,
        errno.EAFNOSUPPORT,
        errno.EACCES,
        errno.EPERM,
        errno.EINVAL,
        errno.ENETDOWN,
    )
)
"""Errors of connect() on a datagram socket, which sends nothing: this machine cannot reach the address."""


@dataclass(eq=False)
class Pending:
    """A question, and the reply to it as far as it is known.

    :ivar first: the moment it was first sent, by the monotonic clock.
    :ivar repeated: it was sent a second time by UDP.
    """

    query: Message
    reply: Reply = field(default_factory=Reply)
    first: float = 0.0
    repeated: bool = False

    def settle(self, message: Message) -> None:
        """Store the answer."""
        self.reply.message, self.reply.failed, self.reply.detail = message, None, ""
        self.reply.seconds = time.monotonic() - self.first

    def fail(self, outcome: Outcome, detail: str = "") -> None:
        """Store why the server gave no answer, and drop a partial answer that came before."""
        self.reply.message = None
        self.reply.failed, self.reply.detail = outcome, detail
        self.reply.seconds = time.monotonic() - self.first

    def take(self, data: bytes) -> bool:
        """Settle or fail the question by a received message; return False if that answers another question."""
        try:
            message = reply.parsed(self.query, data)
        except BaseException as error:
            unreadable.words(error)
            if len(data) >= _HEADER_BYTES and data[2] & _TRUNCATED:
                # A server may cut an answer anywhere, also within a record.
                self.fail(Outcome.TIMEOUT, TOO_LARGE)
            else:
                self.fail(Outcome.SERVFAIL, UNREADABLE)
            return True
        if message is not None:
            self.settle(message)
        return message is not None

    def renumber(self, taken: Collection[int]) -> None:
        """Change the id if another open question has it: dnspython draws ids at random."""
        while self.query.id in taken:
            self.query.id = int.from_bytes(os.urandom(2), "big")

    @property
    def refuses_edns(self) -> bool:
        """Whether the server answered that it does not know EDNS: FORMERR (RFC 6891 section 7) or NOTIMP."""
        import dns.rcode

        message = self.reply.message
        return message is not None and message.rcode() in (dns.rcode.FORMERR, dns.rcode.NOTIMP)

    @property
    def needs_tcp(self) -> bool:
        """Whether TCP may bring an answer: UDP brought none or a part of one, or the server does not know EDNS."""
        import dns.flags

        message = self.reply.message
        if message is None:
            return self.reply.failed in (Outcome.TIMEOUT, Outcome.CONNECTION_REFUSED)
        return bool(message.flags & dns.flags.TC) or self.refuses_edns


def made(question: Question) -> Pending:
    """Return a question that was not sent yet."""
    import dns.flags
    import dns.message

    query = dns.message.make_query(question.name, question.type, use_edns=0, payload=MAX_UDP_BYTES)
    query.flags = dns.flags.Flag(0)
    for wanted, flag in (
        (question.recursive, dns.flags.RD),
        (question.validation, dns.flags.AD),
        (question.unchecked, dns.flags.CD),
    ):
        query.flags |= flag if wanted else 0
    return Pending(query)


def fail_rest(pending: Sequence[Pending], detail: str) -> None:
    """Fail those that have no answer, since this plugin has a fault."""
    for each in pending:
        if each.reply.message is None:
            each.fail(Outcome.FAULT, detail)


def meaning(error: OSError, connecting: bool = False) -> tuple[Outcome, str]:
    """Return what an error of a socket says about the server.

    :param connecting: connect() of a datagram socket raised it.
    """
    if error.errno == errno.ECONNREFUSED:
        return Outcome.CONNECTION_REFUSED, ""
    if connecting and error.errno in _NO_ROUTE:
        return Outcome.UNREACHABLE, error.strerror or ""
    return Outcome.TIMEOUT, "" if isinstance(error, TimeoutError) else error.strerror or str(error)
