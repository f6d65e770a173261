"""Which addresses a name has: all of them, IPv4 and IPv6, and which of them can be reached from here at all."""

from __future__ import annotations

import dataclasses
import functools
import socket
import time
from collections.abc import Sequence

from certbot_external_auth.endpoint import Endpoint, is_address
from certbot_external_auth.visibility import Outcome, Says, this_host
from certbot_external_auth.visibility.dns import resolver, wire
from certbot_external_auth.visibility.parallel import each, seconds_left
from certbot_external_auth.visibility.this_host import Addresses

_WEIGHT = {Says.NO: 0, Says.UNCLEAR: 1, Says.NOTHING: 2}


def resolve(hosts: Sequence[str], until: float, nameservers: Sequence[Endpoint] = ()) -> dict[str, Addresses]:
    """All addresses of each host, each once and in the same order every time; an address is its own.

    :param until: when to give up, on the monotonic clock.
    :param nameservers: asked about A and AAAA records, all of them and at once: what any of them knows counts, though
        others are silent, since a CA may ask each. They get half of the time, for what they tell is to be asked too.
        Without any this machine's own resolver is asked, so that its hosts file counts.
    """
    wanted = [host for host in dict.fromkeys(hosts) if not is_address(host)]
    if nameservers and wanted:
        found = _from_nameservers(wanted, time.monotonic() + seconds_left(until) / 2, nameservers)
    else:
        found = dict(zip(wanted, each(lambda host: this_host.addresses(host, until), wanted), strict=True))
    return {host: _ordered(found[host]) if host in found else Addresses((host,)) for host in hosts}


def _ordered(one: Addresses) -> Addresses:
    # Servers turn the order around; a table that is looked at again and again should not.
    return dataclasses.replace(one, found=tuple(sorted(one.found, key=lambda address: (":" in address, address))))


def _from_nameservers(hosts: Sequence[str], until: float, nameservers: Sequence[Endpoint]) -> dict[str, Addresses]:
    servers, missing = resolver.expand(nameservers, until)
    told = each(lambda server: _told(server, hosts, until), servers)
    lost = [Addresses((), Outcome.TIMEOUT, f"this machine knows no address of {one.host}") for one in missing]
    return {host: _together([*(one[host] for one in told), *lost]) for host in hosts}


def _told(server: Endpoint, hosts: Sequence[str], until: float) -> dict[str, Addresses]:
    """What one server says, with its name where it knows no address."""
    found = resolver.addresses(functools.partial(wire.ask, server), hosts, until)
    return {
        host: one if one.found else dataclasses.replace(one, detail=f"{server}: {one.detail}")
        for host, one in found.items()
    }


def _together(told: Sequence[Addresses]) -> Addresses:
    """What any server knows; if none knows an address, that somebody says so weighs more than who does not answer."""
    found = tuple(dict.fromkeys(address for one in told for address in one.found))
    if found:
        return Addresses(found)
    return min(told, key=lambda one: _WEIGHT[one.outcome.says] if one.outcome is not None else len(_WEIGHT))


def has_route(address: str, port: int) -> bool:
    """Whether this machine has a route to an address; asks the routing table only, no packet is sent."""
    try:
        with socket.socket(family(address), socket.SOCK_DGRAM) as trial:
            trial.connect((address, port))
    except OSError:
        return False
    return True


def family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET
