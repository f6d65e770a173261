"""Finds what made a record unreadable, by taking it out: quotation marks, backslashes, blanks. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Collection

from certbot_external_auth.persistent_records.issue_value import Fault, IssueValueError
from certbot_external_auth.persistent_records.record import read

_MARKS = "[\"'`\u201e\u201c\u201d\u2018\u2019\xab\xbb]"
_BETWEEN = re.compile(rf"{_MARKS}\s*{_MARKS}")
_QUOTES = re.compile(_MARKS)
_BLANKS = re.compile(r"\s+")


def fault(text: str, issuers: Collection[str]) -> Fault | None:
    """Return what must be taken out of a text to make it a record of a CA; None if that does not make it one."""
    if _QUOTES.search(text) and reads(_QUOTES.sub("", _BETWEEN.sub("", text)), issuers):
        return Fault.QUOTES
    if "\\" in text and reads(text.replace("\\", ""), issuers):
        return Fault.BACKSLASH
    if reads(_BLANKS.sub("", text), issuers):
        return Fault.BLANK
    return None


def reads(text: str, issuers: Collection[str], accounts: Collection[str] | None = None) -> bool:
    """Tell whether a text is a record of a CA. :param accounts: and of one of these accounts."""
    try:
        record = read(text)
    except IssueValueError:
        return False
    named = record.issuer.lower().removesuffix(".") in issuers
    return named and (accounts is None or record.account in accounts)
