"""Tell which of the servers that the administrator named have a zone themselves, and which ask others and remember."""

from __future__ import annotations

import enum
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from certbot_external_auth.endpoint import Endpoint
from certbot_external_auth.visibility import Observation, Outcome, parallel
from certbot_external_auth.visibility.dns import response, wire
from certbot_external_auth.visibility.dns.reply import Question, Reply
from certbot_external_auth.visibility.dns.resolver import expand
from certbot_external_auth.visibility.dns.zone import Authority, Zone, Zones

if TYPE_CHECKING:
    from dns.message import Message


class Role(enum.Enum):
    """What a named server is to the zone of a name, by the bits AA and RA (RFC 1035 section 4.1.1)."""

    AUTHORITY = enum.auto()
    CACHE = enum.auto()
    """It asks others, and may remember what they say."""
    UNCERTAIN = enum.auto()
    """It asks others, and claims authority: for a zone of its own, or it hands on what an authority told it."""
    FOREIGN = enum.auto()
    """It neither has the zone nor asks others."""
    SILENT = enum.auto()


@dataclass(frozen=True)
class Known:
    """What one named server said about the zone of a name.

    :ivar zone: of `Role.AUTHORITY`.
    :ivar outcome, detail: of `Role.SILENT`.
    """

    role: Role
    zone: str = ""
    outcome: Outcome | None = None
    detail: str = ""


class Named:
    """The servers that the administrator named, as `place` has them.

    A server that asks others remembers that a name does not exist, for as long as the zone says (RFC 2308 section 5).
    If the CA asks that server, a record that is published meanwhile comes too late. So such a server is asked about the
    name above, and the authorities of the zone are asked for the record.

    :param zones: finds zones through these servers.
    """

    def __init__(self, servers: Sequence[Endpoint], zones: Zones) -> None:
        self._servers = tuple(servers)
        self._zones = zones
        self._addresses: tuple[Authority, ...] = ()
        self._known: dict[tuple[Endpoint, str], Known] = {}

    def place(self, names: Sequence[str], until: float) -> dict[str, Zone]:
        """Return for each name the servers to ask that do not remember answers of others.

        These are the named servers that have the zone, or that do not ask others. If there are none, they are the
        authorities of the zone, as the named servers know it.
        """
        servers = self.learn(names, until)
        own = {name: self._own_zone(name, servers) for name in names}
        led = [name for name in names if own[name] is None]
        found = self._zones.of(led, until) if led else {}
        return {name: own[name] or found[name] for name in names}

    def resolve(self, names: Collection[str]) -> bool:
        """Tell whether a named server asks others about the zone of one of these names; `learn` had them before."""
        above = {response.parent(name) for name in names}
        return any(self._role(one.address, each) is Role.CACHE for one in self._addresses for each in above)

    def others(self, rows: Iterable[Observation]) -> tuple[Authority, ...]:
        """Return the named servers without a row."""
        seen = {(row.server, row.address) for row in rows}
        return tuple(one for one in self._addresses if (one.name, str(one.address or "")) not in seen)

    def __contains__(self, address: str) -> bool:
        """Tell whether an address, as an observation has it, is one of a named server."""
        return any(str(one.address) == address for one in self._addresses)

    def addresses(self, until: float) -> tuple[Authority, ...]:
        """Return each address of each server, and servers without any; these are looked up again the next time."""
        if not self._addresses or any(one.address is None for one in self._addresses):
            self._addresses = tuple(_addresses(self._servers, until))
        return self._addresses

    def _role(self, address: Endpoint | None, above: str) -> Role | None:
        standing = self._known.get((address, above)) if address is not None else None
        return standing.role if standing is not None else None

    def _own_zone(self, name: str, servers: Sequence[Authority]) -> Zone | None:
        """Return the zone of a name with those servers that are asked about it; None if the name's zone is needed."""
        above = response.parent(name)
        asked, silent, zone, cached = [], [], "", False
        for one in servers:
            known = self._known.get((one.address, above)) if one.address is not None else None
            if known is None:
                silent.append(one)
            elif known.role is Role.SILENT:
                silent.append(Authority(one.name, one.address, known.outcome, known.detail))
            elif known.role is Role.CACHE:
                cached = True
            else:
                asked.append(one)
                zone = max(zone, known.zone, key=len)
        if cached and not zone:
            return None
        return Zone(zone or None, (*asked, *silent))

    # --- what each server is ---

    def learn(self, names: Sequence[str], until: float, again: bool = False) -> tuple[Authority, ...]:
        """Ask each server about the zone that each name lies in, unless that is known.

        :param again: ask also those that were silent the last time.
        """
        servers = self.addresses(until)
        above = list(dict.fromkeys(response.parent(name) for name in names))
        unknown = (None, Role.SILENT) if again else (None,)
        jobs: list[tuple[Endpoint, list[str]]] = []
        for one in servers:
            new = [each for each in above if self._role(one.address, each) in unknown]
            if one.address is not None and new:
                jobs.append((one.address, new))
        for (address, asked), found in zip(jobs, parallel.each(lambda job: _ask(*job, until), jobs), strict=True):
            for each, standing in zip(asked, found, strict=True):
                self._known[address, each] = standing
        return servers


def _ask(address: Endpoint, names: Sequence[str], until: float) -> list[Known]:
    """Ask a server what it is to the zone of each name."""
    replies = wire.ask(address, [Question(name, "SOA", recursive=True) for name in names], until)
    found = [_known(name, reply) for name, reply in zip(names, replies, strict=True)]
    doubtful = [index for index, one in enumerate(found) if one.role is Role.UNCERTAIN]
    roles = _remembering(address, [names[index] for index in doubtful], until) if doubtful else []
    for index, known in zip(doubtful, roles, strict=True):
        found[index] = replace(found[index], role=known)
    return found


def _known(name: str, reply: Reply) -> Known:
    found = reply.read(role, None)
    if found is None:
        return Known(Role.SILENT, "", reply.failed or Outcome.TIMEOUT, reply.detail)
    return Known(found, reply.read(zone, "", name))


def _remembering(address: Endpoint, names: Sequence[str], until: float) -> list[Role]:
    """Tell whether a server that claims authority remembers answers of others.

    It is asked twice about a name that does not exist and never will. Programs such as dnsmasq hand on the bit AA with
    what they have just been told, but leave it out of what they remember.
    """
    beside = [response.below(f"_acme-challenge-{os.urandom(4).hex()}", name) for name in names]
    questions = [
        Question(one if response.fits(one) else name, "TXT", True) for one, name in zip(beside, names, strict=True)
    ]
    wire.ask(address, questions, until)
    replies = wire.ask(address, questions, until)
    authority = (Role.UNCERTAIN, Role.AUTHORITY)
    return [Role.AUTHORITY if reply.read(role, None) in authority else Role.CACHE for reply in replies]


def role(message: Message) -> Role:
    """Return what a server is to the zone that its answer is about."""
    import dns.flags
    import dns.rcode

    known = message.rcode() in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN)
    authority = bool(message.flags & dns.flags.AA) and known
    if message.flags & dns.flags.RA:
        return Role.UNCERTAIN if authority else Role.CACHE
    return Role.AUTHORITY if authority else Role.FOREIGN


def zone(message: Message, name: str) -> str:
    """Return the zone of a name from the answer about its SOA record; empty if the answer is about an alias."""
    import dns.name
    import dns.rdatatype

    whole = dns.name.from_text(name)
    for found in (*message.answer, *message.authority):
        if found.rdtype == dns.rdatatype.SOA and whole.is_subdomain(found.name):
            return response.text(found.name)
    return ""


def _addresses(servers: Sequence[Endpoint], until: float) -> Iterator[Authority]:
    for one in servers:
        addresses, _ = expand([one], until)
        yield from (Authority(one.host, address) for address in addresses)
        if not addresses:
            words = "this machine does not know its address; check --external-auth-verify-nameservers"
            yield Authority(one.host, None, Outcome.TIMEOUT, words)
