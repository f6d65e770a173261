"""The steps of a trial, in order, as data. `wording` has their titles."""

from __future__ import annotations

from dataclasses import dataclass, replace

from certbot_external_auth.challenges import TXT_TYPES
from certbot_external_auth.settings import CHAINING_DIALECTS

STATIC, BEFORE = "start", "before"
"""Keys of the two steps that publish nothing: the examination of the handler, and of the name."""
FIRST, SECOND, THIRD, DASHED = "first", "second", "third", "dashed"
VALUES = {FIRST: False, SECOND: False, THIRD: False, DASHED: True}
"""The values that a trial publishes, and whether each begins with ``-``."""


@dataclass(frozen=True)
class Step:
    """A step that publishes or removes values, which it names as `VALUES` does.

    :ivar key: its name in JSON lines; never changed.
    :ivar publish: values that the step publishes in one batch.
    :ivar withdraw: values that the step removes, as far as they are still published.
    :ivar present: values that must be visible afterwards.
    :ivar absent: values that must not be visible afterwards.
    :ivar needs: keys of steps; if one of them failed, the outcome of this one would mean nothing.
    :ivar again: the step calls the handler for values that are removed already, too.
    :ivar chained: the step calls the handler with chains even if the flags ask for single calls.
    """

    key: str
    publish: tuple[str, ...] = ()
    withdraw: tuple[str, ...] = ()
    present: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    again: bool = False
    chained: bool = False


_PUBLISH = Step("publish", publish=(FIRST,), present=(FIRST,))
_SECOND = Step("second", publish=(SECOND,), present=(FIRST, SECOND), needs=("publish",))
_KEEP = Step("keep", withdraw=(FIRST,), present=(SECOND,), absent=(FIRST,), needs=("second",))
_WITHDRAW = Step("withdraw", withdraw=(FIRST, SECOND), absent=(FIRST, SECOND), needs=("publish",))
STAYS = Step("stays", publish=(THIRD,), present=(THIRD,), needs=("publish",))
"""Taken if values were not removed: whether the next value takes the place of one of them."""
_AGAIN = Step("again", withdraw=(FIRST,), absent=(FIRST,), needs=("withdraw",), again=True)
_SINGLE = (_PUBLISH, replace(_WITHDRAW, withdraw=(FIRST,), absent=(FIRST,)))
_DASHES = (
    Step("dash", publish=(DASHED,), present=(DASHED,), needs=("publish",)),
    Step("dash-withdraw", withdraw=(DASHED,), absent=(DASHED,), needs=("dash",)),
)
_TOGETHER = Step("together", publish=(FIRST, SECOND), present=(FIRST, SECOND), needs=("publish",))
_TOGETHER_AWAY = Step("together-withdraw", withdraw=(FIRST, SECOND), absent=(FIRST, SECOND), needs=("together",))
_CHAIN = replace(_TOGETHER, key="chain", chained=True)
_CHAIN_AWAY = replace(_TOGETHER_AWAY, key="chain-withdraw", needs=("chain",), chained=True)
TWO_VALUES = ("second", "chain", "together")
"""Keys of the steps that publish two values at one name."""
DECIDED_LATER = ("keep", "withdraw")
"""Keys of the steps at which a value may stay; `STAYS` shows whether that matters."""
PERMISSION = "permission"
"""Key of the step that says what in DNS keeps the CA from issuing; it calls no handler."""
_ONE_BY_ONE = ("certbot", "lego", "lego-raw", "uacme", "acmetool")
"""Dialects whose calls for two values are the same in one batch as in two."""


def trial(dialect: str) -> tuple[Step, ...]:
    """Return the steps to try when the second value was not visible beside the first: another way to publish both.

    A dialect with chains publishes both in one call. In the others a handler may still collect the values of one
    batch and write all of them at the end (``post-perform``).
    """
    if dialect in CHAINING_DIALECTS:
        return (_CHAIN, _CHAIN_AWAY)
    return () if dialect in _ONE_BY_ONE else (_TOGETHER, _TOGETHER_AWAY)


def plan(challenge_type: str, chain: bool) -> tuple[Step, ...]:
    """Return the steps of a trial.

    Only a TXT name can have two values: those of a name and its wildcard (RFC 8555 section 8.4), or of two orders at
    the same time.

    :param chain: the flags ask for chains.
    """
    if challenge_type not in TXT_TYPES:
        return (*_SINGLE, _AGAIN, *_DASHES)
    if chain:
        return (*_SINGLE, _CHAIN, _CHAIN_AWAY, _AGAIN, *_DASHES)
    return (_PUBLISH, _SECOND, _KEEP, _WITHDRAW, _AGAIN, *_DASHES)
