"""A question to a name server, and what came of it: a message that holds nothing but what may be read from it."""

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
    """:ivar name: absolute, or with a dot missing at its end. :ivar recursive: whether recursion is desired."""

    name: str
    type: str
    recursive: bool = False


@dataclass
class Reply:
    """:ivar message: the answer, with records of class IN alone. :ivar failed: why there is none.
    :ivar seconds: from asking to answer.
    """

    message: Message | None = None
    failed: Outcome | None = None
    detail: str = ""
    seconds: float = 0.0

    def read(
        self, how: Callable[Concatenate[Message, More], Out], otherwise: Other, *more: More.args, **named: More.kwargs
    ) -> Out | Other:
        """What `how` makes of the message, `otherwise` if there is none.

        A message that it fails at is none from then on, so that whoever sent it spoils nothing but this reply.
        """
        if self.message is None:
            return otherwise
        try:
            return how(self.message, *more, **named)
        except BaseException as error:
            self.message, self.failed, self.detail = None, Outcome.FAULT, unreadable.words(error)
            return otherwise


def parsed(query: Message, data: bytes) -> Message | None:
    """The message in some octets, None if it answers something else.

    Records of other classes than the Internet's (RFC 1035 section 3.2.4) are left out, for nobody asked for them. The
    library reads them as well: some types as if their class made no difference, others as octets without meaning.

    :raises BaseException: what the library raises, if it is no message.
    """
    import dns.message
    import dns.rdataclass

    message = dns.message.from_wire(data, ignore_trailing=True)
    if not query.is_response(message):
        return None
    for records in (message.answer, message.authority, message.additional):
        records[:] = [one for one in records if one.rdclass == dns.rdataclass.IN]
    return message
