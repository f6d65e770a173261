"""Ask this machine itself: for the addresses of a host, its hosts file included, and for its resolvers."""

from __future__ import annotations

import queue
import re
import socket
from dataclasses import dataclass

from certbot_external_auth import threads
from certbot_external_auth.endpoint import Endpoint, is_address
from certbot_external_auth.text import one_line
from certbot_external_auth.visibility import Outcome
from certbot_external_auth.visibility.parallel import seconds_left
from certbot_external_auth.visibility.probe import DNS_PORT

RESOLV_CONF = "/etc/resolv.conf"
MAX_RESOLVERS = 3
"""The system's own library uses as many (resolv.conf(5))."""


@dataclass(frozen=True)
class Addresses:
    """The addresses of one host.

    :ivar found: IPv4 and IPv6 addresses, in the order of the answer.
    :ivar outcome: if there are none, why: `NO_SUCH_NAME` or `NO_RECORD` if a server said so, else what went wrong.
    :ivar detail: the same in words.
    """

    found: tuple[str, ...] = ()
    outcome: Outcome | None = None
    detail: str = ""


def addresses(host: str, until: float) -> Addresses:
    """Return all addresses of a host; an address is its own.

    `getaddrinfo` has only the time limit of resolv.conf(5). So it runs in a thread, which is left behind if it takes
    too long. If the system has no thread, the limit of resolv.conf(5) holds.

    :param until: when to give up, by the monotonic clock.
    """
    if is_address(host):
        return Addresses((host,))
    answer: queue.SimpleQueue[Addresses] = queue.SimpleQueue()
    if not threads.start(lambda: answer.put(_getaddrinfo(host)), "getaddrinfo"):
        return _getaddrinfo(host)
    try:
        return answer.get(timeout=seconds_left(until))
    except queue.Empty:
        return Addresses((), Outcome.TIMEOUT, "this machine's resolver did not answer")


def _getaddrinfo(host: str) -> Addresses:
    try:
        entries = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        # glibc uses EAI_NONAME or EAI_NODATA; musl uses EAI_NONAME for both.
        nothing = getattr(socket, "EAI_NODATA", socket.EAI_NONAME)
        kinds = {socket.EAI_NONAME: Outcome.NO_SUCH_NAME, nothing: Outcome.NO_RECORD}
        return Addresses((), kinds.get(error.errno, Outcome.SERVFAIL), one_line(error.strerror or str(error)))
    except (OSError, UnicodeError) as error:
        return Addresses((), Outcome.SERVFAIL, one_line(str(error)))
    return Addresses(tuple(dict.fromkeys(str(entry[4][0]) for entry in entries)))


def resolvers(path: str = RESOLV_CONF) -> list[Endpoint]:
    """Return the resolvers in resolv.conf(5); if it names none, the one on this machine."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            content = file.read(65536)
    except OSError:
        content = ""
    found = re.findall(r"^\s*nameserver\s+(\S+)", content, re.MULTILINE)
    hosts = [host for host in found if is_address(host)] or ["127.0.0.1"]
    return [Endpoint(host, DNS_PORT) for host in hosts[:MAX_RESOLVERS]]
