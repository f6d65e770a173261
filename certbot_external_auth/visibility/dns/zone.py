"""Find the zone that a name lies in, and every address of its name servers."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from certbot_external_auth.challenges import dns01
from certbot_external_auth.endpoint import Endpoint
from certbot_external_auth.visibility import Outcome, parallel, reach
from certbot_external_auth.visibility.dns import response, wire
from certbot_external_auth.visibility.dns.reply import Question, Reply
from certbot_external_auth.visibility.dns.resolver import Resolver, failure
from certbot_external_auth.visibility.dns.response import Said
from certbot_external_auth.visibility.parallel import NO_ZONE
from certbot_external_auth.visibility.probe import DNS_PORT
from certbot_external_auth.visibility.this_host import Addresses

ROOT = "."
MAX_ASKED_ADDRESSES = 4
"""The number of a zone's addresses that are asked for all its servers."""
OWN_SERVERS_SECONDS = 2.0
"""The time for that."""


@dataclass(frozen=True)
class Authority:
    """A name server of a zone.

    :ivar address: where it is asked. None if it is not asked: `outcome` and `detail` say why.
    :ivar inside: it has an address that is not asked; see `Zones`.
    """

    name: str
    address: Endpoint | None
    outcome: Outcome | None = None
    detail: str = ""
    inside: bool = False


@dataclass(frozen=True)
class Zone:
    """A zone with its name servers.

    :ivar name: None if the zone is not known: `outcome` and `detail` say why.
    :ivar authorities: each address once.
    """

    name: str | None
    authorities: tuple[Authority, ...] = ()
    outcome: Outcome = Outcome.UNREACHABLE
    detail: str = NO_ZONE


class Zones:
    """The zones of a batch. Zones that were found are remembered; the others are searched again at the next look.

    A resolver is never asked about the name itself, only about the names above it. It would remember that the name does
    not exist, and still say so to others when the record is there. The authorities name the zones in between
    (`Said.referral`).

    The owner of a zone decides which addresses its servers have, so these could point into this machine's network.
    Therefore a private address is asked only if the zone has no public one, and no server at a public address has
    referred to the zone.

    :param port: the port of the authorities.
    """

    def __init__(self, resolver: Resolver, port: int = DNS_PORT) -> None:
        self._resolver = resolver
        self._port = port
        self._cuts: dict[str, str] = {}
        self._servers: dict[str, tuple[str, ...]] = {}
        self._zones: dict[str, Zone] = {}
        self._below: dict[tuple[str, bool], Zone] = {}

    def of(self, names: Sequence[str], until: float) -> dict[str, Zone]:
        """Return for each name the zone that the name above it lies in."""
        above = {name: _above(name) for name in names}
        cuts = self._find_cuts(list(above.values()), until)
        zones = self._find_zones([cut for cut in cuts.values() if isinstance(cut, str)], until)
        found = {}
        for name in names:
            cut = cuts[above[name]]
            found[name] = zones[cut] if isinstance(cut, str) else cut
        return found

    def below(self, told: Sequence[tuple[Said, bool]], until: float) -> dict[str, Zone]:
        """Return the zones that referrals lead to, by name, all looked up together.

        :param told: referrals, each with whether a server at a public address sent it. A zone may occur many times.
        """
        glue: dict[str, dict[str, dict[str, None]]] = {}
        publicly = {said.referral for said, public in told if public}
        for said, _ in told:
            if said.referral is not None and (said.referral, said.referral in publicly) not in self._below:
                servers = glue.setdefault(said.referral, {})
                for server in said.authorities:
                    servers.setdefault(server, {}).update(dict.fromkeys(said.glue.get(server, ())))
        addresses = self._addresses([server for servers in glue.values() for server in servers], until)
        known = {
            zone: {server: _with_glue(addresses[server], more) for server, more in servers.items()}
            for zone, servers in glue.items()
        }
        # The zone may have more servers than the zone above names.
        own = self._own_servers({zone: _askable(known[zone], zone in publicly) for zone in known}, until)
        addresses.update(self._addresses([one for zone in own for one in own[zone] if one not in addresses], until))
        before = ((said.referral or "", said.referral in publicly) for said, _ in told)
        found = {key[0]: self._below[key] for key in before if key in self._below}
        for zone, servers_of in known.items():
            servers_of.update({one: addresses[one] for one in own[zone] if one not in servers_of})
            found[zone] = Zone(zone, self._authorities(list(servers_of), servers_of, zone in publicly))
            if all(one.address is not None or one.inside for one in found[zone].authorities):
                self._below[zone, zone in publicly] = found[zone]
        return found

    def _own_servers(self, known: Mapping[str, Sequence[str]], until: float) -> dict[str, tuple[str, ...]]:
        """Ask some known servers of each zone for all of them.

        :param known: the addresses to ask, by zone.
        """
        jobs: dict[str, list[str]] = {}
        for zone, addresses in known.items():
            for address in addresses[:MAX_ASKED_ADDRESSES]:
                jobs.setdefault(address, []).append(zone)
        limit = min(until, time.monotonic() + OWN_SERVERS_SECONDS)

        def ask(address: str) -> list[tuple[str, Reply]]:
            questions = [Question(zone, "NS") for zone in jobs[address]]
            return list(zip(jobs[address], wire.ask(Endpoint(address, self._port), questions, limit), strict=True))

        found: dict[str, dict[str, None]] = {zone: {} for zone in known}
        for zone, reply in [pair for pairs in parallel.each(ask, list(jobs)) for pair in pairs]:
            found[zone].update(dict.fromkeys(reply.read(response.servers, (), zone)))
        return {zone: tuple(servers) for zone, servers in found.items()}

    def _addresses(self, servers: Sequence[str], until: float) -> dict[str, Addresses]:
        return self._resolver.addresses(servers, until) if servers else {}

    # --- the zone's name ---

    def _find_cuts(self, names: Sequence[str], until: float) -> dict[str, str | Zone]:
        """Return for each name the zone it lies in, or a `Zone` without a name that says why it is not known."""
        found: dict[str, str | Zone] = {name: self._cuts[name] for name in names if name in self._cuts}
        climbing = {name: name for name in names if name not in found}
        while climbing:
            above = list(dict.fromkeys(climbing.values()))
            replies = self._resolver.ask([Question(name, "NS", recursive=True) for name in above], until)
            told = {name: self._told(name, reply) for name, reply in zip(above, replies, strict=True)}
            for name, asked in list(climbing.items()):
                cut = told[asked]
                if cut is None:
                    climbing[name] = response.parent(asked)
                    continue
                found[name] = cut
                if isinstance(cut, str):
                    self._cuts[name] = cut
                del climbing[name]
        return found

    def _told(self, name: str, reply: Reply) -> str | Zone | None:
        """Return the zone that a resolver names, None to ask about the name above."""
        told = reply.read(response.zone_of, None, name)
        if reply.message is None:
            return Zone(None, (), failure(reply), f"asking this machine's resolver: {reply.detail or 'no answer'}")
        if told is None:
            return None if name != ROOT else Zone(None)
        zone, servers = told
        # The resolver knows no zone of the name but the root, whose servers do not have the record.
        if zone == ROOT:
            return Zone(None)
        if servers:
            self._servers[zone] = servers
        return zone

    # --- its servers ---

    def _find_zones(self, cuts: Sequence[str], until: float) -> dict[str, Zone]:
        """Return zones with all their servers. Zones without any address are looked up again the next time."""
        missing = [cut for cut in dict.fromkeys(cuts) if cut not in self._zones]
        lost = self._find_servers([cut for cut in missing if cut not in self._servers], until)
        names = [server for cut in missing for server in self._servers.get(cut, ())]
        addresses = self._addresses(names, until)
        found = {}
        for cut in missing:
            zone = lost.get(cut) or Zone(cut, self._authorities(self._servers[cut], addresses))
            found[cut] = zone
            if any(one.address is not None for one in zone.authorities):
                self._zones[cut] = zone
        return {**self._zones, **found}

    def _find_servers(self, cuts: Sequence[str], until: float) -> dict[str, Zone]:
        """Ask for the names of the servers; return the zones for which the resolver named none."""
        replies = self._resolver.ask([Question(cut, "NS", recursive=True) for cut in cuts], until) if cuts else []
        lost = {}
        for cut, reply in zip(cuts, replies, strict=True):
            told = reply.read(response.zone_of, None, cut)
            if told is not None and told[1]:
                self._servers[cut] = told[1]
            else:
                lost[cut] = Zone(None, (), failure(reply), f"the resolver named no servers of {cut}: {reply.detail}")
        return lost

    def _authorities(
        self, servers: Sequence[str], addresses: Mapping[str, Addresses], publicly: bool = False
    ) -> tuple[Authority, ...]:
        """Return the servers with each of their addresses.

        :param publicly: a server at a public address referred to the zone.
        """
        found: dict[Endpoint | str, Authority] = {}
        askable = set(_askable({server: addresses[server] for server in servers}, publicly))
        for server in servers:
            known = addresses[server]
            for address in known.found:
                endpoint = Endpoint(address, self._port)
                asked = Authority(server, endpoint)
                found.setdefault(endpoint, asked if address in askable else _inside(server, address, bool(askable)))
            if not known.found:
                # The CA cannot ask it either, unless the lookup of its address failed only here.
                lost = known.outcome in (Outcome.TIMEOUT, Outcome.SERVFAIL, Outcome.REFUSED)
                other = Outcome.FAULT if known.outcome is Outcome.FAULT else Outcome.UNREACHABLE
                outcome = Outcome.TIMEOUT if lost else other
                found[server] = Authority(
                    server, None, outcome, f"no address: {known.outcome.value if known.outcome else ''}"
                )
        return tuple(found.values())


def _above(name: str) -> str:
    """Return the first name above that is no name of challenges.

    A resolver that knows that `_acme-challenge` does not exist may deny all names below it (RFC 8020 section 2).
    """
    above = response.parent(name)
    return response.parent(above) if above.startswith(f"{dns01.LABEL}.") else above


def _askable(servers: Mapping[str, Addresses], publicly: bool) -> list[str]:
    """Return the addresses of a zone's servers that are asked; see `Zones`."""
    all_of_them = [address for known in servers.values() for address in known.found]
    public = [address for address in all_of_them if reach.is_public(address)]
    return public if public or publicly else all_of_them


def _inside(server: str, address: str, others: bool) -> Authority:
    """Return a server that is not asked. If there are others, a CA asks those."""
    words = "others of the zone are" if others else "the server that names it is"
    detail = f"{address} is not asked: it is not public, and {words}; see --external-auth-verify-nameservers"
    return Authority(server, None, Outcome.UNREACHABLE if others else Outcome.NOT_ASKED, detail, inside=True)


def _with_glue(known: Addresses, glue: Iterable[str]) -> Addresses:
    found = tuple(dict.fromkeys((*known.found, *glue)))
    return Addresses(found) if found else known
