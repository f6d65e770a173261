"""Ask resolvers about many names: this machine's own, or the servers that the administrator named."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Sequence

from certbot_external_auth import threads
from certbot_external_auth.endpoint import Endpoint, is_address
from certbot_external_auth.text import one_line
from certbot_external_auth.visibility import Outcome, parallel, this_host
from certbot_external_auth.visibility.dns import response, wire
from certbot_external_auth.visibility.dns.reply import Question, Reply
from certbot_external_auth.visibility.parallel import seconds_left
from certbot_external_auth.visibility.this_host import Addresses

Ask = Callable[[Sequence[Question], float], list[Reply]]
"""A function that asks a server, until a moment of the monotonic clock, and returns a reply to each question."""
FAMILIES = ("A", "AAAA")
STAGGER_SECONDS = 0.5
"""The time after which the next resolver is asked too. Giving up a dead one takes longer."""


class Resolver:
    """The resolvers of a batch.

    :param named: servers to ask instead of this machine's resolvers.
    """

    def __init__(self, named: Sequence[Endpoint] = ()) -> None:
        self._named = tuple(named)
        self._servers: list[Endpoint] | None = None

    def ask(self, questions: Sequence[Question], until: float) -> list[Reply]:
        """Return the first usable answer to each question.

        The servers are asked one after the other: every `STAGGER_SECONDS` the next one receives the questions that have
        no usable answer yet, whether or not those before have answered.
        """
        replies = [Reply(failed=Outcome.UNREACHABLE, detail="this machine knows no resolver") for _ in questions]
        left = set(range(len(questions)))
        servers, running, begin = self._resolvers(until), 0, 0.0
        done: queue.SimpleQueue[tuple[Endpoint, list[int], list[Reply]]] = queue.SimpleQueue()
        while left and (servers or running):
            if servers and (not running or time.monotonic() >= begin):
                begin = time.monotonic() + STAGGER_SECONDS
                if _begun(done, servers, sorted(left), questions, until, alone=not running):
                    running += 1
                    del servers[0]
            try:
                server, asked, found = done.get(timeout=seconds_left(begin) if servers else parallel.POLL_SECONDS)
            except queue.Empty:
                continue
            running -= 1
            usable = [index for index, reply in zip(asked, found, strict=True) if index in left and _usable(reply)]
            for index, reply in zip(asked, found, strict=True):
                if index in left and (reply.message is not None or replies[index].message is None):
                    replies[index] = reply
            left -= set(usable)
            if usable:
                self._prefer(server)
        return replies

    def addresses(self, hosts: Sequence[str], until: float) -> dict[str, Addresses]:
        """Return all addresses of each host, as the CA would find them; an address is its own."""
        return addresses(self.ask, hosts, until)

    def _resolvers(self, until: float) -> list[Endpoint]:
        if self._servers is None:
            self._servers = expand(self._named, until)[0] if self._named else this_host.resolvers()
        return list(self._servers)

    def _prefer(self, server: Endpoint) -> None:
        """Ask this server first from now on: it has answered."""
        assert self._servers is not None
        self._servers = [server, *(other for other in self._servers if other != server)]


def _begun(
    done: queue.SimpleQueue[tuple[Endpoint, list[int], list[Reply]]],
    servers: Sequence[Endpoint],
    asked: list[int],
    questions: Sequence[Question],
    until: float,
    alone: bool,
) -> bool:
    """Ask the first of some servers in a thread, which ends at `until` even if its answer is no longer needed.

    :param alone: no other server is being asked. If the system has no thread, this server is then asked without one,
        for its share of the time.
    :returns: whether it is being asked, or has been.
    """
    server = servers[0]

    def work(until: float = until) -> None:
        try:
            found = wire.ask(server, [questions[index] for index in asked], until)
        except Exception as error:
            if threads.is_signal(error):
                raise
            # The caller waits for an answer.
            found = [Reply(failed=Outcome.SERVFAIL, detail=one_line(f"{type(error).__name__}: {error}"))] * len(asked)
        done.put((server, asked, found))

    started = threads.start(work, "visibility")
    if not started and alone:
        work(time.monotonic() + seconds_left(until) / len(servers))
    return started or alone


def addresses(ask: Ask, hosts: Sequence[str], until: float) -> dict[str, Addresses]:
    """Return the IPv4 and IPv6 addresses of each host; an address is its own.

    All questions are asked at the same time. Aliases are followed, also if an answer ends in one. The addresses of one
    family count even if the other family fails. If there is no address, a failure counts more than "no record".
    """
    problems = {host: _problem(host) for host in hosts if not is_address(host)}
    left = {(host, family): host for host, problem in problems.items() if not problem for family in FAMILIES}
    told: dict[tuple[str, str], tuple[str, Reply]] = {}
    for _ in range(response.MAX_ALIASES):
        replies = ask([Question(name, family, recursive=True) for (_, family), name in left.items()], until)
        now = {key: (left[key], reply) for key, reply in zip(left, replies, strict=True)}
        told.update(now)
        left = {key: further for key, (name, reply) in now.items() if (further := _further(reply, name))}
        if not left:
            break

    def of(host: str) -> Addresses:
        if host not in problems:
            return Addresses((host,))
        if problems[host]:
            return Addresses((), Outcome.SERVFAIL, problems[host])
        return _addresses([told[host, family] for family in FAMILIES])

    return {host: of(host) for host in hosts}


def _problem(host: str) -> str:
    """Return why a name cannot be asked about, empty if it can. A web server may redirect to any name."""
    import dns.exception
    import dns.name

    try:
        dns.name.from_text(host)
    except (dns.exception.DNSException, UnicodeError) as error:
        return one_line(str(error) or type(error).__name__)
    return ""


def _further(reply: Reply, name: str) -> str | None:
    return reply.read(response.address_alias, None, name)


def _addresses(told: Sequence[tuple[str, Reply]]) -> Addresses:
    """Return the addresses of one host.

    :param told: for each family the name at the end of aliases, and the reply about it.
    """
    found = [address for name, reply in told for address in reply.read(response.addresses, (), name)]
    if found:
        return Addresses(tuple(dict.fromkeys(found)))
    reply = next((reply for _, reply in told if not _usable(reply)), told[0][1])
    return Addresses((), failure(reply), _why_none(reply))


def _why_none(reply: Reply) -> str:
    import dns.rcode

    if reply.message is None:
        return reply.detail or (reply.failed or Outcome.TIMEOUT).value.replace("_", " ")
    code = reply.message.rcode()
    return "neither A nor AAAA records" if code == dns.rcode.NOERROR else dns.rcode.to_text(code)


def _usable(reply: Reply) -> bool:
    """Tell whether a reply says something about the name: its records, or that there are none."""
    import dns.rcode

    return reply.message is not None and reply.message.rcode() in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN)


def failure(reply: Reply) -> Outcome:
    """Return why a reply has no record."""
    import dns.rcode

    if reply.message is None:
        return reply.failed or Outcome.TIMEOUT
    meanings = {
        dns.rcode.NOERROR: Outcome.NO_RECORD,
        dns.rcode.NXDOMAIN: Outcome.NO_SUCH_NAME,
        dns.rcode.REFUSED: Outcome.REFUSED,
    }
    return meanings.get(reply.message.rcode(), Outcome.SERVFAIL)


def expand(named: Sequence[Endpoint], until: float) -> tuple[list[Endpoint], list[Endpoint]]:
    """Return the addresses that this machine knows of named servers (also from /etc/hosts), and servers without any."""
    pairs = parallel.each(lambda server: (server, this_host.addresses(server.host, until).found), named)
    found = [Endpoint(address, server.port) for server, known in pairs for address in known]
    return list(dict.fromkeys(found)), [server for server, known in pairs if not known]
