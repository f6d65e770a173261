"""Asks resolvers: this machine's own, or the servers the administrator named. Many names at once."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from certbot_external_auth.endpoint import Endpoint, is_address
from certbot_external_auth.visibility import Outcome, answer, parallel, wire
from certbot_external_auth.visibility.probe import DNS_PORT
from certbot_external_auth.visibility.wire import Question, Reply

RESOLV_CONF = "/etc/resolv.conf"
MOST_RESOLVERS = 3
"""As many as the system's own library uses (resolv.conf(5))."""


@dataclass(frozen=True)
class Addresses:
    """Of one host.

    :ivar found: IPv4 and IPv6 addresses, in the order they were told.
    :ivar outcome: why there are none, if there are none.
    """

    found: tuple[str, ...] = ()
    outcome: Outcome | None = None
    detail: str = ""


class Resolver:
    """:param named: servers asked instead of this machine's resolvers."""

    def __init__(self, named: Sequence[Endpoint] = ()) -> None:
        self._named = tuple(named)
        self._servers: list[Endpoint] | None = None

    def ask(self, questions: Sequence[Question], until: float) -> list[Reply]:
        """The first usable answer to each question; servers are asked one after the other."""
        replies = [Reply(failed=Outcome.UNREACHABLE, detail="this machine knows no resolver") for _ in questions]
        left = list(range(len(questions)))
        for server in self._resolvers(until):
            if not left:
                break
            found = wire.ask(server, [questions[index] for index in left], until)
            for index, reply in zip(left, found, strict=True):
                replies[index] = reply
            left = [index for index in left if not _usable(replies[index])]
            if len(left) < len(found):
                self._prefer(server)
        return replies

    def addresses(self, hosts: Sequence[str], until: float) -> dict[str, Addresses]:
        """All addresses of each host, as the CA would find them; an address is its own."""
        names = [host for host in dict.fromkeys(hosts) if not is_address(host)]
        questions = [Question(name, kind, recursive=True) for name in names for kind in ("A", "AAAA")]
        replies = self.ask(questions, until)
        pairs = zip(names, replies[::2], replies[1::2], strict=True)
        found = {name: _addresses(name, (v4, v6)) for name, v4, v6 in pairs}
        return {host: found.get(host) or Addresses((host,)) for host in hosts}

    def _resolvers(self, until: float) -> list[Endpoint]:
        if self._servers is None:
            self._servers = expand(self._named, until)[0] if self._named else system_resolvers()
        return list(self._servers)

    def _prefer(self, server: Endpoint) -> None:
        """A server that answered is the first to be asked from now on."""
        assert self._servers is not None
        self._servers = [server, *(one for one in self._servers if one != server)]


def _usable(reply: Reply) -> bool:
    """Whether it says something about the name: records, or that there are none."""
    import dns.rcode

    return reply.message is not None and reply.message.rcode() in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN)


def _addresses(name: str, replies: Sequence[Reply]) -> Addresses:
    found = [address for one in replies if one.message is not None for address in answer.addresses(one.message, name)]
    if found:
        return Addresses(tuple(dict.fromkeys(found)))
    reply = next((one for one in replies if not _usable(one)), replies[0])
    return Addresses((), failure(reply), reply.detail)


def failure(reply: Reply) -> Outcome:
    """Why a reply brings no record."""
    import dns.rcode

    if reply.message is None:
        return reply.failed or Outcome.TIMEOUT
    meanings = {
        dns.rcode.NOERROR: Outcome.NO_RECORD,
        dns.rcode.NXDOMAIN: Outcome.NO_SUCH_NAME,
        dns.rcode.REFUSED: Outcome.REFUSED,
    }
    return meanings.get(reply.message.rcode(), Outcome.SERVFAIL)


def system_resolvers(path: str = RESOLV_CONF) -> list[Endpoint]:
    """The resolvers this machine is told to use (resolv.conf(5)); without any, the one on this machine."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            content = file.read(65536)
    except OSError:
        content = ""
    found = re.findall(r"^\s*nameserver\s+(\S+)", content, re.MULTILINE)
    hosts = [host for host in found if is_address(host)] or ["127.0.0.1"]
    return [Endpoint(host, DNS_PORT) for host in hosts[:MOST_RESOLVERS]]


def expand(named: Sequence[Endpoint], until: float) -> tuple[list[Endpoint], list[Endpoint]]:
    """Named servers as addresses, by this machine's own means (also /etc/hosts), and those that have none."""
    pairs = parallel.each(lambda one: (one, _host_addresses(one.host, until)), named)
    found = [Endpoint(address, one.port) for one, addresses in pairs for address in addresses]
    return list(dict.fromkeys(found)), [one for one, addresses in pairs if not addresses]


def _host_addresses(host: str, until: float) -> list[str]:
    if is_address(host):
        return [host]
    found: list[str] = []

    def look() -> None:
        try:
            rows = socket.getaddrinfo(host, None, type=socket.SOCK_DGRAM)
        except OSError:
            return
        found.extend(str(row[4][0]) for row in rows)

    # The system's function knows no time limit.
    thread = threading.Thread(target=look, name="visibility", daemon=True)
    thread.start()
    thread.join(parallel.seconds_left(until))
    return list(dict.fromkeys(found))
