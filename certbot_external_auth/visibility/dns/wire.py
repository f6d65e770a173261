"""Ask one address many DNS questions, by UDP and then by TCP. This module does not know what an answer means."""

from __future__ import annotations

import time
from collections.abc import Sequence

from certbot_external_auth.endpoint import Endpoint
from certbot_external_auth.visibility import Outcome, unreadable
from certbot_external_auth.visibility.dns import pending, tcp, udp
from certbot_external_auth.visibility.dns.reply import Question, Reply
from certbot_external_auth.visibility.parallel import NO_TIME


def ask(server: Endpoint, questions: Sequence[Question], until: float) -> list[Reply]:
    """Return a reply to each question, in their order. Raises nothing for what the server does.

    :param server: its host must be an address.
    :param until: when to give up, by the monotonic clock; questions without an answer are `Outcome.TIMEOUT` then.
    """
    if time.monotonic() >= until:
        return [Reply(failed=Outcome.NOT_ASKED, detail=NO_TIME) for _ in questions]
    asked = [pending.made(question) for question in questions]
    try:
        udp.ask(server, asked, until)
        unsettled = [question for question in asked if question.needs_tcp]
        if unsettled:
            tcp.ask(server, unsettled, until)
    except BaseException as error:
        # The answers of other servers must not be lost with this one's.
        pending.fail_rest(asked, unreadable.words(error))
    return [question.reply for question in asked]
