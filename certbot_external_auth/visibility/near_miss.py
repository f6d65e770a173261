"""Compare the values that are wanted with those that stand there, and name near misses. Pure functions."""

from __future__ import annotations

import enum
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from certbot_external_auth.challenges import dns01

LEAST_CUT_CHARACTERS = 8
"""Of a value that may be a part of the wanted one: fewer characters may be there by chance."""
_QUOTES = re.compile("[\"'`\\\\\u201e\u201c\u201d\u2018\u2019\xab\xbb]")
"""Also the marks that word processors and chat programs put in place of plain ones."""


class Miss(enum.Enum):
    """How a value that stands there differs from the wanted one."""

    BLANK = "blank"
    """A blank stands before, in or behind the value."""
    QUOTES = "quotes"
    """Quotation marks are part of the value."""
    CASE = "case"
    """Letters are written in another case."""
    KEY_AUTHORIZATION = "key_authorization"
    """The key authorization stands there, and not its digest (RFC 8555 section 8.4)."""
    MORE = "more"
    """Something else stands before or behind the value, such as the second value."""
    CUT = "cut"
    """Only the beginning or the end of the value stands there."""
    ZONE_TWICE = "zone_twice"
    """The value stands at a name that ends in the name of the zone twice."""
    OTHER_NAME = "other_name"
    """The value stands at another name, at which other values are wanted."""


@dataclass(frozen=True)
class NearMiss:
    """A wanted value that is missing, and what stands there, or elsewhere, instead.

    :ivar wanted: the value.
    :ivar found: what stands there instead.
    :ivar name: where `found` stands; empty for the name at which it is wanted.
    """

    kind: Miss
    wanted: str
    found: str
    name: str = ""


@dataclass(frozen=True)
class Standing:
    """What stands at a name, in comparison with what is wanted there.

    :ivar there: the wanted values that stand there.
    :ivar missing: the wanted values that do not. A value with a near miss is one of them.
    :ivar near: the near misses, at most one for each missing value.
    :ivar foreign: values that are neither wanted nor near misses, as many as are known.
    """

    there: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    near: tuple[NearMiss, ...] = ()
    foreign: tuple[str, ...] = ()

    @property
    def wanted(self) -> int:
        """The number of wanted values."""
        return len(self.there) + len(self.missing)


Elsewhere = Mapping[str, Collection[str]]
"""Values that stand at other names, by name."""
_NOWHERE: Elsewhere = MappingProxyType({})


def compare(
    wanted: Sequence[str], seen: Sequence[str], elsewhere: Elsewhere = _NOWHERE, beside: Elsewhere = _NOWHERE
) -> Standing:
    """Compare the wanted values with those that stand at a name.

    :param seen: the values at the name, each with its blanks.
    :param elsewhere: the values at names that end in the name of the zone twice.
    :param beside: the values at other names of the batch.
    """
    missing = tuple(value for value in wanted if value not in seen)
    others = tuple(value for value in dict.fromkeys(seen) if value not in wanted)
    found = [_near(value, others, elsewhere, beside) for value in missing]
    near = tuple(each for each in found if each is not None)
    taken = {each.found for each in near if not each.name}
    return Standing(
        there=tuple(value for value in wanted if value in seen),
        missing=missing,
        near=near,
        foreign=tuple(value for value in others if value not in taken),
    )


def near_miss(wanted: str, found: str) -> Miss | None:
    """Tell how a value differs from the wanted one; None if it has nothing to do with it, or is the same."""
    bare = "".join(found.split())
    if found == wanted or bare == wanted:
        return None if found == wanted else Miss.BLANK
    bare = _QUOTES.sub("", bare)
    if bare == wanted:
        return Miss.QUOTES
    if bare.lower() == wanted.lower():
        return Miss.CASE
    if "." in bare and bare.isascii() and dns01.validation(bare) == wanted:
        return Miss.KEY_AUTHORIZATION
    if wanted in bare:
        return Miss.MORE
    part = wanted.startswith(bare) or wanted.endswith(bare)
    return Miss.CUT if part and len(bare) >= LEAST_CUT_CHARACTERS else None


def _near(wanted: str, others: Sequence[str], elsewhere: Elsewhere, beside: Elsewhere) -> NearMiss | None:
    for kind, names in ((Miss.ZONE_TWICE, elsewhere), (Miss.OTHER_NAME, beside)):
        for name, values in names.items():
            if wanted in values:
                return NearMiss(kind, wanted, wanted, name)
    for found in others:
        miss = near_miss(wanted, found)
        if miss is not None:
            return NearMiss(miss, wanted, found)
    return None
