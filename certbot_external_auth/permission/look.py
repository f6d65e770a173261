"""Find what keeps a CA from issuing for names. This never stops a run by itself: a CA decides for itself."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from certbot import errors

from certbot_external_auth.challenges import choice
from certbot_external_auth.endpoint import Endpoint
from certbot_external_auth.permission import caa, dnssec, lookup
from certbot_external_auth.permission.dnssec import Signed, Trust
from certbot_external_auth.permission.finding import Applicant, Finding, Kind
from certbot_external_auth.permission.lookup import Standing, Told, Unanswered
from certbot_external_auth.visibility import Observation

logger = logging.getLogger(__name__)

LIMIT_SECONDS = 5.0
"""How long the servers may take; each of the two looks has half of it."""

Found = TypeVar("Found")


class Servers(Protocol):
    """The servers that are asked; see `dns.probe.Probe`."""

    def records(self, names: Sequence[str], kind: str, until: float) -> list[Observation]:
        """Ask the name servers of names for the records of a type."""

    def resolvers(self, until: float) -> list[Endpoint]:
        """Return the addresses of resolvers, which may check signatures."""


@dataclass(frozen=True)
class Sight:
    """What DNS says about names, before it is compared with who asks for a certificate.

    :ivar told: by name without ``*.``, the CAA records that count for it.
    :ivar signed: by the same name.
    """

    names: tuple[str, ...]
    told: dict[str, Told]
    signed: dict[str, Signed]

    @property
    def restricted(self) -> bool:
        """Whether any CAA record counts, so that the CA's own name matters."""
        return any(one.records for told in self.told.values() if isinstance(told, tuple) for one in told)

    @property
    def unsaid(self) -> tuple[str, ...]:
        """The names whose CAA records this machine could not look up."""
        return tuple(name for name, told in self.told.items() if told is None)

    @property
    def checked(self) -> bool:
        """Whether a resolver said anything about signatures. If none did, none may check them."""
        return any(one.trust is not Trust.UNSAID for one in self.signed.values())

    def about(self, names: Sequence[str]) -> Sight:
        """Return the part of this look that is about some of the names."""
        kept = tuple(name for name in names if _base(name) in self.told)
        return Sight(kept, {_base(name): self.told[_base(name)] for name in kept}, self.signed)

    def findings(self, applicant: Applicant) -> list[Finding]:
        """Return what keeps the CA from issuing, each name's in the order of `names`."""
        found: dict[Finding, None] = {}
        for name in self.names:
            found.update(dict.fromkeys(_of_records(name, self.told[_base(name)], applicant)))
            found.update(dict.fromkeys(_of_signatures(name, self.signed.get(_base(name)))))
        return list(found)


def look(names: Sequence[str], servers: Servers, seconds: float = LIMIT_SECONDS) -> Sight:
    """Ask name servers and resolvers about names. IP addresses are left out: they have no CAA records.

    A fault here leaves the names unsaid.

    :param seconds: the time for both looks together.
    """
    names = tuple(name for name in dict.fromkeys(names) if not choice.is_address(name))
    bases = list(dict.fromkeys(map(_base, names)))
    begin = time.monotonic()
    middle, end = begin + seconds / 2, begin + seconds
    unknown: dict[str, Signed] = {}
    # First: a resolver gives the reason only with the first answer, and the other look asks resolvers for zones.
    signed = guarded(lambda: dnssec.look(bases, servers.resolvers(middle), middle), unknown)
    unsaid: dict[str, Told] = dict.fromkeys(bases)
    told = guarded(lambda: lookup.look(bases, servers.records, end), unsaid)
    return Sight(names, told, signed)


def guarded(work: Callable[[], Found], otherwise: Found) -> Found:
    """Return what a function returns; `otherwise` if it fails, since a likely reason is not worth a run."""
    try:
        return work()
    except errors.SignalExit:
        raise
    except Exception:
        logger.debug("Finding out whether the CA may issue failed.", exc_info=True)
        return otherwise


def _base(name: str) -> str:
    return name.removeprefix("*.").rstrip(".").lower()


def _of_records(name: str, told: Told, applicant: Applicant) -> list[Finding]:
    if told is None:
        return []
    if isinstance(told, Unanswered):
        says = tuple(f"{row.server} {row.address}: {_answer(row)}" for row in told.rows)
        return [Finding(Kind.UNANSWERED, name, told.owner, says, servers=tuple(row.server for row in told.rows))]
    return [found for one in told if (found := _of_standing(name, one, applicant)) is not None]


def _answer(row: Observation) -> str:
    return row.detail or row.outcome.value.replace("_", " ")


def _of_standing(name: str, standing: Standing, applicant: Applicant) -> Finding | None:
    wildcard, applicant = name.startswith("*."), applicant.about(name)
    kind = caa.judge(standing.records, wildcard, applicant)
    if kind is None:
        return None
    critical = caa.unknown_critical(standing.records)
    return Finding(
        kind,
        name,
        standing.owner,
        tuple(map(str, critical or caa.for_issuing(standing.records, wildcard))),
        "" if critical else caa.right(standing.records, wildcard, applicant),
        critical[0].tag if critical else "",
        standing.servers,
    )


def _of_signatures(name: str, signed: Signed | None) -> list[Finding]:
    if signed is None or signed.trust is not Trust.BOGUS:
        return []
    return [Finding(Kind.BOGUS, name, _base(name), signed.texts, servers=(signed.server,), errors=signed.errors)]
