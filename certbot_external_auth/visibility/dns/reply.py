"""A question to a name server and the reply to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from certbot_external_auth.visibility import Outcome, unreadable

if TYPE_CHECKING:
    from dns.message import Message

More = ParamSpec("More")
Out = TypeVar("Out")
Other = TypeVar("Other")


@dataclass(frozen=True)
class Question:
    """A question to a name server.

    :ivar name: absolute; the dot at its end may be missing.
    :ivar recursive: whether recursion is desired.
    :ivar validation: the resolver is to tell whether it has checked the signatures (AD, RFC 6840 section 5.7).
    :ivar unchecked: it is not to check them (CD, RFC 4035 section 3.2.2).
    """

    name: str
    type: str
    recursive: bool = False
    validation: bool = False
    unchecked: bool = False


@dataclass
class Reply:
    """The reply to a question: a message, or the reason why there is none.

    :ivar message: has only records of class IN.
    :ivar failed: the reason; `detail` has it in words.
    :ivar seconds: from the question to the answer.
    """

    message: Message | None = None
    failed: Outcome | None = None
    detail: str = ""
    seconds: float = 0.0

    def read(
        self, how: Callable[Concatenate[Message, More], Out], otherwise: Other, *more: More.args, **named: More.kwargs
    ) -> Out | Other:
        """Return what the function `how` reads from the message, `otherwise` if there is no message.

        If `how` fails, the message is dropped: a server that sends something unreadable spoils only its own reply.
        """
        if self.message is None:
            return otherwise
        try:
            return how(self.message, *more, **named)
        except BaseException as error:
            self.message, self.failed, self.detail = None, Outcome.FAULT, unreadable.words(error)
            return otherwise


def parsed(query: Message, data: bytes) -> Message | None:
    """Return the message in some octets, None if it answers another question.

    Only records of class IN stay (RFC 1035 section 3.2.4), since the question was about these. dnspython would read
    records of other classes too: some types as if they were of class IN, others as octets.

    :raises BaseException: what dnspython raises if the octets are not a message.
    """
    import dns.message
    import dns.rdataclass

    message = dns.message.from_wire(data, ignore_trailing=True)
    if not query.is_response(message):
        return None
    for records in (message.answer, message.authority, message.additional):
        records[:] = [rrset for rrset in records if rrset.rdclass == dns.rdataclass.IN]
    return message
