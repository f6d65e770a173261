"""Find all addresses of a name, IPv4 and IPv6, and tell whether this machine has a route to them."""

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
    """Return all addresses of each host, each once and in the same order every time; an address is its own.

    :param until: when to give up, by the monotonic clock.
    :param nameservers: all are asked about A and AAAA records at the same time. An address counts even if only one of
        them knows it, since a CA may ask any of them. They have half of the time; the rest is for asking the addresses.
        If there are none, this machine's own resolver is asked, so that its hosts file counts.
    """
    wanted = [host for host in dict.fromkeys(hosts) if not is_address(host)]
    if nameservers and wanted:
        found = _from_nameservers(wanted, time.monotonic() + seconds_left(until) / 2, nameservers)
    else:
        found = dict(zip(wanted, each(lambda host: this_host.addresses(host, until), wanted), strict=True))
    return {host: _ordered(found[host]) if host in found else Addresses((host,)) for host in hosts}


def _ordered(one: Addresses) -> Addresses:
    # Name servers change the order with every answer, but a table that a person watches should not.
    return dataclasses.replace(one, found=tuple(sorted(one.found, key=lambda address: (":" in address, address))))


def _from_nameservers(hosts: Sequence[str], until: float, nameservers: Sequence[Endpoint]) -> dict[str, Addresses]:
    servers, missing = resolver.expand(nameservers, until)
    told = each(lambda server: _told(server, hosts, until), servers)
    lost = [
        Addresses((), Outcome.TIMEOUT, f"this machine does not know the address of {server.host}") for server in missing
    ]
    return {host: _together([*(answers[host] for answers in told), *lost]) for host in hosts}


def _told(server: Endpoint, hosts: Sequence[str], until: float) -> dict[str, Addresses]:
    """Return what one server says. Where it knows no address, the detail names it."""
    found = resolver.addresses(functools.partial(wire.ask, server), hosts, until)
    return {
        host: known if known.found else dataclasses.replace(known, detail=f"{server}: {known.detail}")
        for host, known in found.items()
    }


def _together(told: Sequence[Addresses]) -> Addresses:
    """Return what any server knows. If none knows an address, a server that says so counts more than a silent one."""
    found = tuple(dict.fromkeys(address for answer in told for address in answer.found))
    if found:
        return Addresses(found)
    return min(told, key=lambda one: _WEIGHT[one.outcome.says] if one.outcome is not None else len(_WEIGHT))


def has_route(address: str, port: int) -> bool:
    """Tell whether this machine has a route to an address. Only asks the routing table; sends no packet."""
    try:
        with socket.socket(family(address), socket.SOCK_DGRAM) as trial:
            trial.connect((address, port))
    except OSError:
        return False
    return True


def family(address: str) -> socket.AddressFamily:
    """Return the family of sockets for an address."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET
