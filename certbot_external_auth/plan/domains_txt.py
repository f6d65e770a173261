"""The lines of Dehydrated's domains.txt, read as its parse_domains_txt and command_sign_domains do. Pure functions."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator
from dataclasses import dataclass

from certbot_external_auth.challenges import guard

_ALIAS = re.compile(r">[^ ]+ ?")
_IP = "ip:"


@dataclass(frozen=True)
class Line:
    """One certificate.

    :ivar place: file and number of the line.
    :ivar names: as written; an IP address has ``ip:`` in front.
    :ivar alias: the name of the certificate in Dehydrated.
    """

    place: str
    names: tuple[str, ...]
    alias: str

    @property
    def lineage(self) -> str:
        """The name of the certificate in Certbot, by which it also names its files."""
        return self.alias.removeprefix(_IP).removeprefix("*.")

    @property
    def domains(self) -> tuple[str, ...]:
        """The names that are not addresses."""
        return tuple(name for name in self.names if not name.startswith(_IP))

    @property
    def addresses(self) -> tuple[str, ...]:
        """The IP addresses, without ``ip:``."""
        return tuple(name.removeprefix(_IP) for name in self.names if name.startswith(_IP))

    @property
    def identifiers(self) -> frozenset[str]:
        """All names and addresses, as a certificate has them."""
        return frozenset((*self.domains, *self.addresses))


class Flaw(enum.Enum):
    """Why a line cannot become a command."""

    NO_NAME = "no_name"
    SEVERAL_ALIASES = "several_aliases"
    ALIAS_IS_A_PATH = "alias_is_a_path"
    """Certbot names files by it."""
    NOT_A_NAME = "not_a_name"


@dataclass(frozen=True)
class Unusable:
    """A line that cannot become a command. :ivar detail: the words that are wrong."""

    place: str
    flaw: Flaw
    detail: str = ""


def parse(text: str, path: str) -> list[Line | Unusable]:
    """Read the text of a file. :param path: names it."""
    return [_line(words, f"{path}:{number}") for number, words in _words(text)]


def _words(text: str) -> Iterator[tuple[int, str]]:
    """Yield number and text of each line that is not empty or a comment, as Dehydrated's sed commands leave it."""
    for number, line in enumerate(text.replace("\r", "").split("\n"), start=1):
        words = " ".join(re.split(r"[ \t\v\f]+", line.lower())).strip()
        words = re.sub(r"([^ ])>", r"\1 >", words).replace("> ", ">")
        if words and not words.startswith("#"):
            yield number, words


def _line(words: str, place: str) -> Line | Unusable:
    aliases = [found.strip()[1:] for found in _ALIAS.findall(words)]
    names = tuple(_ALIAS.sub("", words).split())
    if len(aliases) > 1:
        return Unusable(place, Flaw.SEVERAL_ALIASES, " ".join(aliases))
    if not names:
        return Unusable(place, Flaw.NO_NAME)
    alias = aliases[0] if aliases else names[0]
    if "/" in alias or alias.startswith("."):
        return Unusable(place, Flaw.ALIAS_IS_A_PATH, alias)
    wrong = [name for name in names if not _well_formed(name)]
    return Unusable(place, Flaw.NOT_A_NAME, " ".join(wrong)) if wrong else Line(place, names, alias)


def _well_formed(name: str) -> bool:
    if name.startswith(_IP):
        return guard.well_formed(name.removeprefix(_IP), "ip")
    return guard.well_formed(name.removeprefix("*."), "dns")
