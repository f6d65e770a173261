"""Reads the syntax of a record: an issue-value of RFC 8659 section 4.2. Pure functions."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass

_BLANKS = " \t"
# RFC 8659 section 4.2: label *("." label), each beginning and ending with a letter or a digit.
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ISSUER = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*\.?")
_TAG = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?")
_VALUE = re.compile(r"[\x21-\x3a\x3c-\x7e]*")


class Fault(enum.Enum):
    """What is wrong with the syntax of a record."""

    NO_ISSUER = "no_issuer"
    """Nothing stands before the first semicolon."""
    BAD_ISSUER = "bad_issuer"
    """What stands before the first semicolon is not a domain name."""
    TRAILING_SEMICOLON = "trailing_semicolon"
    EMPTY_PARAMETER = "empty_parameter"
    """Nothing stands between two semicolons."""
    NO_EQUALS_SIGN = "no_equals_sign"
    BAD_TAG = "bad_tag"
    """What stands before the equals sign is not a tag."""
    DUPLICATE_TAG = "duplicate_tag"
    BAD_CHARACTER = "bad_character"
    """A value has a blank, or a character that is not printable ASCII."""
    NO_ACCOUNT = "no_account"
    """The record has no parameter accounturi, or an empty one."""
    BAD_TIME = "bad_time"
    """persistUntil is not a number of seconds."""
    QUOTES = "quotes"
    """Quotation marks are part of the record."""
    BACKSLASH = "backslash"
    """Backslashes are part of the record."""
    BLANK = "blank"
    """A blank stands inside a value, as if a long text had been split and joined in the wrong way."""
    SPLIT = "split"
    """Two records have a half each: the strings of one record became records of their own."""
    CUT = "cut"
    """The record ends after 255 characters, in the middle of the account."""


class IssueValueError(ValueError):
    """A text that is not an issue-value.

    :param fault: what is wrong.
    :param part: the part of the text that is wrong.
    :param issuer: the issuer in lower case, if it could be read; empty if not.
    """

    def __init__(self, fault: Fault, part: str = "", issuer: str = "") -> None:
        self.fault = fault
        self.part = part
        self.issuer = issuer
        super().__init__(fault.value)


@dataclass(frozen=True)
class IssueValue:
    """A text in the syntax of RFC 8659 section 4.2.

    :ivar issuer: as it is written.
    :ivar parameters: the value of each tag; tags are in lower case, because RFC 8659 section 4.2 matches them so.
    """

    issuer: str
    parameters: dict[str, str]


def parse(text: str) -> IssueValue:
    """Read an issue-value.

    :raises IssueValueError: for any other text.
    """
    first, *rest = text.split(";")
    issuer = first.strip(_BLANKS)
    if not issuer:
        raise IssueValueError(Fault.NO_ISSUER)
    if not _ISSUER.fullmatch(issuer):
        raise IssueValueError(Fault.BAD_ISSUER, issuer)
    name = issuer.lower().removesuffix(".")
    if len(rest) == 1 and not rest[0].strip(_BLANKS):
        return IssueValue(issuer, {})
    return IssueValue(issuer, _parameters([part.strip(_BLANKS) for part in rest], name))


def _parameters(parts: list[str], issuer: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for index, part in enumerate(parts):
        if not part:
            last = index == len(parts) - 1
            raise IssueValueError(Fault.TRAILING_SEMICOLON if last else Fault.EMPTY_PARAMETER, issuer=issuer)
        tag, value = _parameter(part, issuer)
        if tag in found:
            raise IssueValueError(Fault.DUPLICATE_TAG, tag, issuer)
        found[tag] = value
    return found


def _parameter(part: str, issuer: str) -> tuple[str, str]:
    tag, equals, value = (each.strip(_BLANKS) for each in part.partition("="))
    if not equals:
        raise IssueValueError(Fault.NO_EQUALS_SIGN, part, issuer)
    if not _TAG.fullmatch(tag):
        raise IssueValueError(Fault.BAD_TAG, tag, issuer)
    if not _VALUE.fullmatch(value):
        raise IssueValueError(Fault.BAD_CHARACTER, value, issuer)
    return tag.lower(), value
