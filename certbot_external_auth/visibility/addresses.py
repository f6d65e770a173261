"""Which addresses a name has: all of them, IPv4 and IPv6, and which of them can be reached from here at all."""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from certbot_external_auth.endpoint import Endpoint, is_address
from certbot_external_auth.text import one_line
from certbot_external_auth.visibility import Outcome
from certbot_external_auth.visibility.parallel import seconds_left

if TYPE_CHECKING:
    import dns.message

DATAGRAM = 2.0
"""Seconds for one UDP question before it is sent once more, since one datagram may be lost."""
TRIES = 3
CHAIN = 8
"""CNAMEs that are followed over several answers at most."""


class NoAddressError(Exception):
    """A name without an address.

    :ivar outcome: `NO_SUCH_NAME` or `NO_RECORD` where somebody said so, else what kept them from saying it.
    """

    def __init__(self, host: str, outcome: Outcome, detail: str) -> None:
        self.outcome = outcome
        self.detail = one_line(detail)
        super().__init__(f"{host}: {self.detail}")


def resolve(host: str, until: float, nameservers: Sequence[Endpoint] = ()) -> list[str]:
    """All addresses of a host, each once; an address is its own.

    :param until: when to give up, on the monotonic clock.
    :param nameservers: asked about A and AAAA records, all of them; without any this machine's own resolver is, so
        that its hosts file counts.
    :raises NoAddressError: if there is none, or it is not known in time.
    """
    if is_address(host):
        return [host]
    found = _from_nameservers(host, until, nameservers) if nameservers else _from_system(host, until)
    # Servers turn the order around; a table that is looked at again and again should not.
    return sorted(found, key=lambda address: (":" in address, address))


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


# --- this machine's resolver ---


def _from_system(host: str, until: float) -> list[str]:
    """`getaddrinfo` has no time limit of its own, so it runs in a thread that is left behind when it takes too long."""
    answer: queue.SimpleQueue[list[str] | NoAddressError] = queue.SimpleQueue()
    threading.Thread(target=lambda: answer.put(_getaddrinfo(host)), name="getaddrinfo", daemon=True).start()
    try:
        found = answer.get(timeout=seconds_left(until))
    except queue.Empty:
        raise NoAddressError(host, Outcome.TIMEOUT, "this machine's resolver did not answer") from None
    if isinstance(found, NoAddressError):
        raise found
    return found


def _getaddrinfo(host: str) -> list[str] | NoAddressError:
    try:
        entries = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        # Where a system tells them apart; glibc says EAI_NONAME or EAI_NODATA, musl the former for both.
        nothing = getattr(socket, "EAI_NODATA", socket.EAI_NONAME)
        kinds = {socket.EAI_NONAME: Outcome.NO_SUCH_NAME, nothing: Outcome.NO_RECORD}
        return NoAddressError(host, kinds.get(error.errno, Outcome.SERVFAIL), error.strerror or str(error))
    except (OSError, UnicodeError) as error:
        return NoAddressError(host, Outcome.SERVFAIL, str(error))
    return list(dict.fromkeys(str(entry[4][0]) for entry in entries))


# --- name servers that were named ---


def _from_nameservers(host: str, until: float, nameservers: Sequence[Endpoint]) -> list[str]:
    found: dict[str, None] = {}
    errors: list[NoAddressError] = []
    for server in nameservers:
        try:
            for address in resolve(server.host, until):
                for kind in ("A", "AAAA"):
                    try:
                        found.update(dict.fromkeys(_records(host, kind, Endpoint(address, server.port), until)))
                    except NoAddressError as error:
                        errors.append(error)
        except NoAddressError as error:
            errors.append(error)
    if found:
        return list(found)
    said = [error for error in errors if error.outcome in (Outcome.NO_RECORD, Outcome.NO_SUCH_NAME)]
    raise next(iter(said or errors), NoAddressError(host, Outcome.NO_RECORD, "neither A nor AAAA records"))


def _records(host: str, kind: str, server: Endpoint, until: float) -> list[str]:
    """A or AAAA records; where an answer ends in a CNAME, the same server is asked about its target."""
    import dns.exception
    import dns.name

    try:
        name = dns.name.from_text(host)
        for _ in range(CHAIN):
            result = _ask(name, kind, server, until).resolve_chaining()
            if result.answer is not None:
                return [record.address for record in result.answer]
            if result.canonical_name == name:
                break
            name = result.canonical_name
    except dns.exception.DNSException as error:
        raise NoAddressError(host, Outcome.SERVFAIL, f"{server}: {error or type(error).__name__}") from error
    raise NoAddressError(host, Outcome.NO_RECORD, f"{server} has neither A nor AAAA records")


def _ask(name: dns.name.Name, kind: str, server: Endpoint, until: float) -> dns.message.QueryMessage:
    """An answer without error.

    :raises NoAddressError: for every other one, or none.
    """
    import dns.exception
    import dns.message
    import dns.query
    import dns.rcode

    question = dns.message.make_query(name, kind)
    answer = None
    for _ in range(TRIES):
        try:
            answer = dns.query.udp_with_fallback(
                question, server.host, min(DATAGRAM, seconds_left(until)), server.port, ignore_unexpected=True
            )[0]
            break
        except dns.exception.Timeout:
            continue
        except (OSError, EOFError) as error:
            raise NoAddressError(str(name), Outcome.CONNECTION_REFUSED, f"{server}: {error}") from error
    if answer is None:
        raise NoAddressError(str(name), Outcome.TIMEOUT, f"{server} did not answer")
    code = dns.rcode.to_text(answer.rcode())
    if code != "NOERROR":
        known = {"NXDOMAIN": Outcome.NO_SUCH_NAME, "REFUSED": Outcome.REFUSED}
        raise NoAddressError(str(name), known.get(code, Outcome.SERVFAIL), f"{server} answered {code}")
    assert isinstance(answer, dns.message.QueryMessage)
    return answer
