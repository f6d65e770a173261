"""Why a handler's call may have failed, and what may help, as data; `sentence` has the words. Pure functions."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from certbot_external_auth.dialects import Call, recognise
from certbot_external_auth.processes.program import Ended
from certbot_external_auth.settings import CHAINING_DIALECTS


class Kind(enum.Enum):
    """One thing that may be wrong."""

    TWO_VALUES = enum.auto()
    """Another value of the certificate stands at the name, `detail`, already."""
    TWO_VALUES_OR_CHAIN = enum.auto()
    """The same where one call can carry both."""
    SLOW = enum.auto()
    DECLINED = enum.auto()
    """The exit code can mean what `detail` says."""
    OTHER_DIALECT = enum.auto()
    """It looks like a hook of the dialect `detail`."""
    ASKS_A_PERSON = enum.auto()
    SILENT = enum.auto()
    NOT_SET_AT_CLEANUP = enum.auto()
    """The handler uses a variable, `detail`, that only the call that publishes has."""
    DASH = enum.auto()
    """A value begins with a dash."""
    DASH_AMONG_OPTIONS = enum.auto()
    """The same, and nothing before it in the command line ends the options."""


@dataclass(frozen=True)
class Mistake:
    """One likely mistake. :ivar detail: see `Kind`."""

    kind: Kind
    detail: str = ""


ASKS_A_PERSON = Mistake(Kind.ASKS_A_PERSON)


def likely(
    call: Call, ended: Ended, dialect: str, script: str, taken: str | None = None, words: Sequence[str] = ()
) -> list[Mistake]:
    """Return the likely mistakes, the most helpful first.

    :param script: the beginning of the handler's text, empty for a binary.
    :param taken: the TXT name of the call, if an earlier call has published another value there.
    :param words: the handler's command line.
    """
    found = [] if taken is None else [_of_two(call, dialect, taken)]
    asks = recognise.asks_a_person(dialect, script)
    if ended.timed_out:
        return found or [ASKS_A_PERSON if asks else Mistake(Kind.SLOW)]
    if call.declined and ended.code and call.declined_by in (None, ended.code):
        found.append(Mistake(Kind.DECLINED, call.declined))
    other = recognise.likely(dialect, ended, script)
    if other is not None:
        found.append(Mistake(Kind.OTHER_DIALECT, other))
    elif asks:
        found.append(ASKS_A_PERSON)
    elif not ended.tail:
        found.append(Mistake(Kind.SILENT))
    if call.operation == "cleanup" and dialect == "native":
        found += [Mistake(Kind.NOT_SET_AT_CLEANUP, name) for name in recognise.only_at_perform(script)]
    if any(value.startswith("-") for one in call.challenges for value in (one.token, one.validation)):
        found.append(Mistake(Kind.DASH))
        if "--" not in (*words, *call.arguments) and any(word.startswith("-") for word in call.arguments):
            found.append(Mistake(Kind.DASH_AMONG_OPTIONS))
    return found


def _of_two(call: Call, dialect: str, name: str) -> Mistake:
    return Mistake(Kind.TWO_VALUES_OR_CHAIN if dialect in CHAINING_DIALECTS else Kind.TWO_VALUES, name)


_TWO = (
    "Another value of the same certificate stands at {} already, and some hooks and providers can have only one. Ask "
    "for the base name and the wildcard in two certificates"
)
_SENTENCES = {
    Kind.TWO_VALUES: f"{_TWO}.",
    Kind.TWO_VALUES_OR_CHAIN: f"{_TWO}, or give --external-auth-hook-chain yes if it knows chains.",
    Kind.SLOW: "Give it more time with --external-auth-timeout, or find out what it waits for.",
    Kind.DECLINED: "This can mean: {}.",
    Kind.OTHER_DIALECT: "It looks like a hook of another dialect: --external-auth-dialect {}",
    Kind.ASKS_A_PERSON: "Its script seems to ask a person, and a handler gets no answer. If a person publishes, give "
    "--external-auth-mode manual in place of the handler. If it asks nobody, something else is wrong.",
    Kind.SILENT: "It printed nothing; let it say on stderr what is wrong.",
    Kind.DASH: "Its token or value begins with '-'. If the hook takes that for an option, run Certbot again; the next "
    "order has other values.",
    Kind.DASH_AMONG_OPTIONS: "If '--' ends its options, put that behind it in --external-auth-handler.",
}


def sentence(mistake: Mistake) -> str:
    """Say what is wrong and what to do."""
    if mistake.kind is Kind.NOT_SET_AT_CLEANUP:
        return recognise.use_instead(mistake.detail)
    return _SENTENCES[mistake.kind].format(mistake.detail)
