"""Guesses, from a hook's output and text, for which dialect it was written. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Mapping

from certbot_external_auth.processes.program import Ended
from certbot_external_auth.settings import PROVIDER


def _label(word: str) -> str:
    """Return a pattern for a branch of a shell's `case` that a word leads to, alone or beside others."""
    return rf"(?<![\w-])[\"']?{word}[\"']?\s*(?:\|[^()\n]*)?\)"


ANSWERS: Mapping[str, re.Pattern[str]] = {
    "native": re.compile(r"^NotImplemented$", re.MULTILINE),
    "dehydrated": re.compile(r"\bdeploy_challenge\b|\bclean_challenge\b"),
    "acmetool": re.compile(r"\bchallenge-(dns|http)-(start|stop)\b"),
    "uacme": re.compile(r"\bbegin\s*\|\s*done\s*\|\s*failed\b|\bUACME_[A-Z]+"),
    "lego": re.compile(r"\bpresent\b[^\n]*\bcleanup\b|\bEXEC_PATH\b"),
    "certbot": re.compile(r"\bCERTBOT_(DOMAIN|VALIDATION|TOKEN)\b"),
}
"""By dialect, what a hook for it prints when it is called in another one."""
TEXTS: Mapping[str, re.Pattern[str]] = {
    **ANSWERS,
    "native": re.compile(r"\bNotImplemented\b|\bpre-perform\b|\bcbot_[a-z]+"),
    "uacme": re.compile(rf"\bUACME_[A-Z]+|{_label('begin')}|[\"']begin[\"']"),
    "lego": re.compile(rf"\bEXEC_PATH\b|{_label('present')}|[\"']present[\"']"),
}
"""By dialect, what a script for it contains, including what it never prints."""
UNSUPPORTED_BY_ACMETOOL = 42
ASKS = re.compile(
    r"^[ \t]*(?:IFS=\S*[ \t]+)?read\b(?![^\n]*<)"  # a shell's `read`, unless it reads from a file
    r"|</dev/tty\b|(?<![.\w])(?:raw_)?input\(|<STDIN>|\bSTDIN\.(?:gets|read)|\bfgets\(STDIN|(?<![.\w])readline\(",
    re.MULTILINE,
)
"""How a script asks a person."""
GIVEN_A_DOCUMENT = ("native", "acmetool")
"""Dialects whose hooks have something to read on stdin."""


def asks_a_person(dialect: str, script: str) -> bool:
    """Tell whether a script seems to wait for a person's answer.

    :param dialect: the dialect in which it is called.
    """
    return dialect not in GIVEN_A_DOCUMENT and ASKS.search(script) is not None


# With a quotation mark alone it may be any text, such as a key in a document for an API.
_ONLY_AT_PERFORM = re.compile(
    r"""(?:\$\{?|(?:env(?:iron)?[(\[{]|environ\.get\()["']?)(txt_domain|z_domain|uri)\b""", re.IGNORECASE
)
"""Names of 2016 for the place of a value, which a handler of dialect native gets when it publishes."""


def likely(dialect: str, ended: Ended, script: str) -> str | None:
    """Return another dialect that the hook was probably written for, or None.

    :param dialect: the dialect in which it was called.
    :param ended: how the call ended.
    :param script: the beginning of the hook's text, empty for a binary.
    """
    if dialect == PROVIDER:
        return None
    shown = "\n".join([ended.stdout, *ended.tail])
    by_answer = [name for name, pattern in ANSWERS.items() if pattern.search(shown)]
    if ended.code == UNSUPPORTED_BY_ACMETOOL:
        by_answer.append("acmetool")
    by_text = [name for name, pattern in TEXTS.items() if pattern.search(script)]
    own = dialect.removesuffix("-raw")
    # A hook that also shows signs of the dialect it was called in failed for another reason.
    if own in by_answer or own in by_text:
        return None
    return next(iter([*by_answer, *by_text]), None)


def only_at_perform(script: str) -> tuple[str, ...]:
    """Return the variables in a script of dialect native that are set at perform, and not at cleanup."""
    return tuple(dict.fromkeys(_ONLY_AT_PERFORM.findall(script)))


def use_instead(name: str) -> str:
    """Say which variable to use in place of one that `only_at_perform` has found."""
    return f"The variable {name} is not set at cleanup; use cbot_{name}, which is set at perform and at cleanup."
