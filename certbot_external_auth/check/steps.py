"""What a rehearsal does, in order, as data."""

from __future__ import annotations

from dataclasses import dataclass, replace

from certbot_external_auth.challenges import dns01
from certbot_external_auth.settings import CHAINING_DIALECTS

STATIC, BEFORE = "start", "before"
FIRST, SECOND, DASHED = "first", "second", "dashed"
VALUES = {FIRST: False, SECOND: False, DASHED: True}
"""The values that are published, and whether they begin with ``-``."""


@dataclass(frozen=True)
class Step:
    """One step; values are meant by their names.

    :ivar key: its name in JSON lines.
    :ivar publish: published in one batch. :ivar withdraw: of these, what is still published is withdrawn.
    :ivar present: must be visible afterwards. :ivar absent: must not be.
    :ivar needs: steps without whose success this one would tell nothing.
    :ivar again: withdraws also what was withdrawn before.
    :ivar chained: the handler is called with chains, whatever was asked for.
    """

    key: str
    title: str
    expected: str
    publish: tuple[str, ...] = ()
    withdraw: tuple[str, ...] = ()
    present: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    again: bool = False
    chained: bool = False


_PUBLISH = Step("publish", "publish a value", "it can be seen", publish=(FIRST,), present=(FIRST,))
_SECOND = Step(
    "second",
    "publish a second value at the same name",
    "both can be seen",
    publish=(SECOND,),
    present=(FIRST, SECOND),
    needs=("publish",),
)
_KEEP = Step(
    "keep",
    "withdraw the first value",
    "the second one stays",
    withdraw=(FIRST,),
    present=(SECOND,),
    absent=(FIRST,),
    needs=("second",),
)
_WITHDRAW = Step(
    "withdraw",
    "withdraw what is left",
    "nothing is left",
    withdraw=(FIRST, SECOND),
    absent=(FIRST, SECOND),
    needs=("publish",),
)
_AGAIN = Step(
    "again",
    "withdraw once more",
    "nothing happens, and the handler ends with success",
    withdraw=(FIRST,),
    absent=(FIRST,),
    needs=("withdraw",),
    again=True,
)
_DASH = Step(
    "dash",
    "publish a value that begins with -",
    "it can be seen",
    publish=(DASHED,),
    present=(DASHED,),
    needs=("publish",),
)
_DASH_AWAY = Step(
    "dash-withdraw", "withdraw it", "nothing is left", withdraw=(DASHED,), absent=(DASHED,), needs=("dash",)
)
_CHAIN = Step(
    "chain",
    "publish two values at the same name in one call",
    "both can be seen",
    publish=(FIRST, SECOND),
    present=(FIRST, SECOND),
    needs=("publish",),
    chained=True,
)
_CHAIN_AWAY = Step(
    "chain-withdraw",
    "withdraw both in one call",
    "nothing is left",
    withdraw=(FIRST, SECOND),
    absent=(FIRST, SECOND),
    needs=("chain",),
    chained=True,
)
_SINGLE = (
    _PUBLISH,
    Step("withdraw", "withdraw it", "nothing is left", withdraw=(FIRST,), absent=(FIRST,), needs=("publish",)),
)
_DASHES = (_DASH, _DASH_AWAY)

_TOGETHER = (
    replace(_CHAIN, key="together", title="publish two values at the same name in one order", chained=False),
    replace(
        _CHAIN_AWAY, key="together-withdraw", title="withdraw both in one order", needs=("together",), chained=False
    ),
)
_ONE_BY_ONE = ("certbot", "lego", "lego-raw", "uacme", "acmetool")
"""Dialects in which the calls for two values are the same in one order as in two."""


def trial(dialect: str) -> tuple[Step, ...]:
    """What follows where a second value did not stand beside the first: the other way in which both may come.

    In chains where the dialect has them; else in one order, whose calls a handler may take together (``post-perform``).
    """
    if dialect in CHAINING_DIALECTS:
        return (_CHAIN, _CHAIN_AWAY)
    return () if dialect in _ONE_BY_ONE else _TOGETHER


def plan(challenge_type: str, chain: bool) -> tuple[Step, ...]:
    """The steps of a rehearsal.

    Only dns-01 can have two values at one place: those of a base name and its wildcard (RFC 8555 section 8.4), or of
    two orders at a time.
    """
    if challenge_type != dns01.TYPE:
        return (*_SINGLE, _AGAIN, *_DASHES)
    if chain:
        return (*_SINGLE, _CHAIN, _CHAIN_AWAY, _AGAIN, *_DASHES)
    return (_PUBLISH, _SECOND, _KEEP, _WITHDRAW, _AGAIN, *_DASHES)
