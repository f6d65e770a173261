"""Small real name servers on addresses of the loopback, by UDP and TCP, well-behaved or not, for tests of the probe.

What they serve is lines of a zone file by zone; how each answers can be changed while it runs.
"""

from __future__ import annotations

import contextlib
import random
import selectors
import socket
import struct
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.zone
from dns.message import Message
from dns.name import Name

BEHAVIOURS = (
    *("good", "refused", "servfail", "lame", "silent", "only_tcp", "truncated", "cut", "rubbish", "no_edns", "terse"),
)
"""``terse`` tells of an alias, and nothing about its target."""


@dataclass
class NameServer:
    """One address.

    :ivar behaviour: one of `BEHAVIOURS`.
    :ivar recursive: answers from all zones of the `Net`, as a resolver does, without authority.
    :ivar lost: datagrams that are still to be lost.
    :ivar zones: by origin; `Net.serve` fills them.
    :ivar asked: every question, as ``udp name type``. :ivar to_look_up: names that it was wished to look up (RD).
    """

    address: str
    port: int
    behaviour: str = "good"
    recursive: bool = False
    lost: int = 0
    zones: dict[Name, dns.zone.Zone] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    to_look_up: list[str] = field(default_factory=list)

    def serve(self, origin: str, lines: str) -> None:
        """Serve a zone, or another content of it, from now on."""
        name = dns.name.from_text(origin)
        self.zones[name] = dns.zone.from_text(lines, origin=name, relativize=False, check_origin=False)

    def reply(self, data: bytes, tcp: bool) -> bytes | None:
        """The answer to a message, None for silence."""
        query = dns.message.from_wire(data)
        self.asked.append(f"{'tcp' if tcp else 'udp'} {query.question[0].name} {_type(query)}")
        if query.flags & dns.flags.RD:
            self.to_look_up.append(query.question[0].name.to_text(omit_final_dot=True))
        behaviour = self.behaviour
        if behaviour == "silent" or (behaviour == "only_tcp" and not tcp):
            return None
        if self.lost and not tcp:
            self.lost -= 1
            return None
        if behaviour == "rubbish":
            return data[:2] + b"\xff" * 9
        answer = dns.message.make_response(query, our_payload=1232)
        if behaviour in ("refused", "servfail"):
            answer.set_rcode(dns.rcode.REFUSED if behaviour == "refused" else dns.rcode.SERVFAIL)
            return answer.to_wire()
        if behaviour == "no_edns" and query.edns >= 0:
            answer.use_edns(False)
            answer.set_rcode(dns.rcode.FORMERR)
            return answer.to_wire()
        self._fill(answer, query.question[0].name, query.question[0].rdtype)
        if behaviour == "lame":
            answer.flags &= ~dns.flags.AA
            answer.answer, answer.authority, answer.additional = [], [], []
        if behaviour == "truncated" and not tcp:
            answer.flags |= dns.flags.TC
            answer.answer = []
        if behaviour == "cut" and not tcp:
            answer.flags |= dns.flags.TC
            return answer.to_wire()[:-5]
        wire = answer.to_wire(max_size=65535)
        if tcp or len(wire) <= max(512, query.payload):
            return wire
        answer.flags |= dns.flags.TC
        answer.answer, answer.authority, answer.additional = [], [], []
        return answer.to_wire()

    def _fill(self, answer: Message, name: Name, kind: dns.rdatatype.RdataType) -> None:
        """RFC 1034 section 4.3.2, as far as tests need it."""
        for _ in range(10):
            origin = max((zone for zone in self.zones if name.is_subdomain(zone)), key=len, default=None)
            if origin is None:
                if not answer.answer:
                    answer.set_rcode(dns.rcode.REFUSED)
                return
            answer.flags |= dns.flags.RA if self.recursive else dns.flags.AA
            alias = self._from_zone(answer, self.zones[origin], origin, name, kind)
            if alias is None or self.behaviour == "terse":
                return
            name = alias

    def _from_zone(
        self, answer: Message, zone: dns.zone.Zone, origin: Name, name: Name, kind: dns.rdatatype.RdataType
    ) -> Name | None:
        cut = self._cut(zone, origin, name)
        if cut is not None:
            self._delegate(answer, zone, cut)
            return None
        owner = self._owner(zone, origin, name)
        alias = self._alias(answer, zone, origin, name, owner)
        if alias is not None:
            return alias
        found = zone.get_rrset(owner, kind) if owner is not None else None
        if found is not None:
            answer.answer.append(_renamed(found, name))
            return None
        if owner is None:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        soa = zone.get_rrset(origin, "SOA")
        if soa is not None:
            answer.authority.append(soa)
        return None

    @staticmethod
    def _cut(zone: dns.zone.Zone, origin: Name, name: Name) -> Name | None:
        above = name
        while above != origin:
            if zone.get_rrset(above, "NS") is not None:
                return above
            above = above.parent()
        return None

    @staticmethod
    def _delegate(answer: Message, zone: dns.zone.Zone, cut: Name) -> None:
        servers = zone.get_rrset(cut, "NS")
        assert servers is not None
        answer.flags &= ~dns.flags.AA
        answer.authority.append(servers)
        for server in servers:
            for kind in ("A", "AAAA"):
                if server.target.is_subdomain(cut) and (glue := zone.get_rrset(server.target, kind)) is not None:
                    answer.additional.append(glue)

    @staticmethod
    def _owner(zone: dns.zone.Zone, origin: Name, name: Name) -> Name | None:
        """Where the records of a name stand: there, at a wildcard, or nowhere."""
        if name in zone.nodes or any(known.is_subdomain(name) for known in zone.nodes):
            return name
        above = name
        while above != origin:
            above = above.parent()
            star = dns.name.from_text("*", above)
            if star in zone.nodes:
                return star
            if any(known == above or known.is_subdomain(above) for known in zone.nodes):
                return None
        return None

    @staticmethod
    def _alias(answer: Message, zone: dns.zone.Zone, origin: Name, name: Name, owner: Name | None) -> Name | None:
        above = name
        while above != origin:
            above = above.parent()
            whole = zone.get_rrset(above, "DNAME")
            if whole is not None:
                answer.answer.append(whole)
                return name.relativize(above).derelativize(whole[0].target)
        found = zone.get_rrset(owner, "CNAME") if owner is not None else None
        if found is None:
            return None
        answer.answer.append(_renamed(found, name))
        target: Name = found[0].target
        return target


def _renamed(found: dns.rrset.RRset, name: Name) -> dns.rrset.RRset:
    return dns.rrset.from_rdata_list(name, found.ttl, list(found))


def _type(query: Message) -> str:
    return dns.rdatatype.to_text(query.question[0].rdtype)


class Net:
    """Name servers that run in one thread; their addresses are of the loopback, their port is the same."""

    def __init__(self, addresses: Sequence[str], port: int | None = None) -> None:
        """:param port: one that is free if None.
        :ivar heard: is given who sent a datagram, as ``address port``.
        """
        self.port, sockets = _bound(addresses, port)
        self.servers: dict[str, NameServer] = {one: NameServer(one, self.port) for one in addresses}
        self.heard: Callable[[str], object] = lambda sender: None
        self._selector = selectors.DefaultSelector()
        self._wake, self._woken = socket.socketpair()
        self._selector.register(self._woken, selectors.EVENT_READ, self._stop)
        for address, (udp, tcp) in sockets.items():
            server = self.servers[address]
            self._selector.register(udp, selectors.EVENT_READ, lambda link, one=server: self._datagram(link, one))
            self._selector.register(tcp, selectors.EVENT_READ, lambda link, one=server: self._accept(link, one))
        self._running = True
        self._thread = threading.Thread(target=self._loop, daemon=True)

    def __enter__(self) -> Net:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._wake.send(b"x")
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
        self._selector.close()
        self._wake.close()

    def __getitem__(self, address: str) -> NameServer:
        return self.servers[address]

    def serve(self, origin: str, lines: str, addresses: Sequence[str]) -> None:
        """A zone on several servers."""
        for address in addresses:
            self.servers[address].serve(origin, lines)

    def close_udp(self, address: str) -> None:
        """Let an address be reached by TCP only; who sends to it by UDP is told so."""
        for key in list(self._selector.get_map().values()):
            link = key.fileobj
            if isinstance(link, socket.socket) and link.type == socket.SOCK_DGRAM and link.getsockname()[0] == address:
                self._selector.unregister(link)
                link.close()

    def _loop(self) -> None:
        while self._running:
            for key, _ in self._selector.select():
                key.data(key.fileobj)

    def _stop(self, _: socket.socket) -> None:
        self._running = False

    def _datagram(self, link: socket.socket, server: NameServer) -> None:
        with contextlib.suppress(OSError, dns.exception.DNSException):
            data, sender = link.recvfrom(65535)
            self.heard(f"{sender[0]} {sender[1]}")
            answer = server.reply(data, tcp=False)
            if answer is not None:
                link.sendto(answer, sender)

    def _accept(self, link: socket.socket, server: NameServer) -> None:
        connection, _ = link.accept()
        connection.settimeout(2)
        self._selector.register(connection, selectors.EVENT_READ, lambda one: self._stream(one, server))

    def _stream(self, link: socket.socket, server: NameServer) -> None:
        with contextlib.suppress(OSError, dns.exception.DNSException, struct.error):
            (length,) = struct.unpack("!H", link.recv(2, socket.MSG_WAITALL))
            answer = server.reply(link.recv(length, socket.MSG_WAITALL), tcp=True)
            if answer is not None:
                link.sendall(struct.pack("!H", len(answer)) + answer)
            return
        self._selector.unregister(link)
        link.close()


def _bound(addresses: Sequence[str], wanted: int | None) -> tuple[int, dict[str, tuple[socket.socket, socket.socket]]]:
    """A port that is free on all addresses, by UDP and TCP."""
    for _ in range(100):
        port = wanted or random.randrange(10000, 32000)
        found: dict[str, tuple[socket.socket, socket.socket]] = {}
        with contextlib.ExitStack() as opened:
            try:
                for address in addresses:
                    family = socket.AF_INET6 if ":" in address else socket.AF_INET
                    udp = opened.enter_context(socket.socket(family, socket.SOCK_DGRAM))
                    tcp = opened.enter_context(socket.socket(family, socket.SOCK_STREAM))
                    tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    udp.bind((address, port))
                    tcp.bind((address, port))
                    tcp.listen(64)
                    found[address] = (udp, tcp)
            except OSError:
                continue
            opened.pop_all()
            return port, found
    raise OSError("no port is free on all addresses")
