"""For which dialect a hook was written, guessed from its answers and its text. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Mapping

from certbot_external_auth.processes.program import Ended

ANSWERS: Mapping[str, re.Pattern[str]] = {
    "native": re.compile(r"^NotImplemented$", re.MULTILINE),
    "dehydrated": re.compile(r"\bdeploy_challenge\b|\bclean_challenge\b"),
    "acmetool": re.compile(r"\bchallenge-(dns|http)-(start|stop)\b"),
    "uacme": re.compile(r"\bbegin\s*\|\s*done\s*\|\s*failed\b|\bUACME_[A-Z]+"),
    "lego": re.compile(r"\bpresent\b[^\n]*\bcleanup\b|\bEXEC_PATH\b"),
    "certbot": re.compile(r"\bCERTBOT_(DOMAIN|VALIDATION|TOKEN)\b"),
}
# What stands in a script that is never printed.
TEXTS: Mapping[str, re.Pattern[str]] = {
    **ANSWERS,
    "native": re.compile(r"\bNotImplemented\b|\bpre-perform\b|\bcbot_[a-z]+"),
    "uacme": re.compile(r"\bUACME_[A-Z]+|[\"']?begin[\"']?\s*\)|[\"']begin[\"']"),
    "lego": re.compile(r"\bEXEC_PATH\b|[\"']?present[\"']?\s*\)|[\"']present[\"']"),
}
UNSUPPORTED_BY_ACMETOOL = 42


def likely(dialect: str, ended: Ended, script: str) -> str | None:
    """Another dialect that the hook was probably written for, None where nothing tells.

    :param dialect: the one it was called in.
    :param ended: how it ended.
    :param script: the beginning of the hook's own text, empty for a binary.
    """
    shown = "\n".join([ended.stdout, *ended.tail])
    by_answer = [name for name, pattern in ANSWERS.items() if pattern.search(shown)]
    if ended.code == UNSUPPORTED_BY_ACMETOOL:
        by_answer.append("acmetool")
    by_text = [name for name, pattern in TEXTS.items() if pattern.search(script)]
    own = dialect.removesuffix("-raw")
    # What speaks its own dialect too was called in the right one, and failed for another reason.
    if own in by_answer or own in by_text:
        return None
    return next(iter([*by_answer, *by_text]), None)
