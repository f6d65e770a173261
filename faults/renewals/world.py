"""A small internet: a top-level domain, name servers, a resolver that checks signatures, CAs, a web server.

It is in a network namespace of its own, since the plugin asks the resolver of the system, and name servers at port 53.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dns.message
import dns.rcode

from tests.support.bind import Bind
from tests.support.name_servers import Net
from tests.support.new_ca import NewCA
from tests.support.powerdns import PowerDns, powerdns
from tests.support.private_network import private_network
from tests.support.signed_zones import signed, unbound
from tests.support.testca import TestCA
from tests.support.tls import serving
from tests.support.webroot import PREFIX, Webroot

TOP = "example"
RESOLVER, TOP_SERVER, OTHER_SERVER = "127.0.0.53", "127.0.0.2", "127.0.0.3"
SIGNED_SERVER, BOGUS_SERVER, ODD_SERVER = "127.0.0.4", "127.0.0.5", "127.0.0.6"
DNS_PORT = 53
ODD = "odd.example"
"""Its server answers every question but those about CAA records, for which it has an error."""
LAME = "lame.example"
MOVED = "moved.example"
DELEGATED = "_acme-challenge.delegated.example"
OTHERS = (LAME, MOVED, DELEGATED)
"""Zones with another key than that of the top-level domain."""
SIGNED = "signed.example"
EXPIRED, ALTERED, OTHERKEY = BOGUS = ("expired.example", "altered.example", "otherkey.example")
RECORDS = f"""\
odd NS ns.odd
ns.odd A {ODD_SERVER}
pdns NS ns1.pdns
ns1.pdns A 127.0.0.1
"""
_BEGIN, _PAST, _FAR = "20200101000000", "20200201000000", "now+31536000"
_ZONE = """\
$TTL 1
@ SOA ns hostmaster 1 3600 5 86400 1
@ NS ns
@ A 127.0.0.1
ns A {address}
_acme-challenge CNAME signed.moved.example.
"""
# A CA looks again at each renewal, and what was changed a moment ago must count at once.
_FORGETS = ("cache-max-ttl: 0", "cache-max-negative-ttl: 0", "val-bogus-ttl: 0", "infra-host-ttl: 0")


@dataclass(frozen=True)
class World:
    """What the hosts share.

    :ivar ca: it names itself in CAA records, and offers the challenges of 2026. :ivar plain_ca: it does neither.
    :ivar top: the zone of every host. :ivar other: zones with another key.
    :ivar web: the folder that the web server serves. :ivar tls: the same for certificates of tls-alpn-01.
    """

    ca: TestCA
    plain_ca: TestCA
    top: Bind
    other: Bind
    pdns: PowerDns
    web: Path
    tls: Path

    def delegate(self, zone: str, address: str) -> None:
        """Let the top-level domain name a server for a zone below it."""
        # The name of a server is one of a host, without an underscore.
        server = f"ns.{zone.removeprefix('_acme-challenge.')}"
        self.top.change(f"del {server} A", f"add {server} 1 A {address}", f"add {zone} 1 NS {server}.")


@contextlib.contextmanager
def world(folder: Path) -> Iterator[World]:
    """Within the block, what this thread starts is in that network.

    :param folder: for keys of zones, and for what the web server serves.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(private_network({"/etc/resolv.conf": f"nameserver {RESOLVER}\n"}))
        for address in (TOP_SERVER, OTHER_SERVER):
            # BIND listens only where an interface has the address.
            subprocess.run(["ip", "addr", "add", f"{address}/8", "dev", "lo"], check=True, timeout=30)
        top = stack.enter_context(Bind(TOP, records=RECORDS, address=TOP_SERVER, port=DNS_PORT))
        other = stack.enter_context(Bind(*OTHERS, address=OTHER_SERVER, port=DNS_PORT))
        pdns = stack.enter_context(powerdns("pdns.example", DNS_PORT))
        stack.enter_context(_odd_server())
        anchors = stack.enter_context(_signed(folder))
        port = {"address": RESOLVER, "port": DNS_PORT}
        resolver = stack.enter_context(unbound(top.server, anchors, *_FORGETS, above=TOP, **port))  # type: ignore[arg-type]
        ca = stack.enter_context(NewCA(dns_server=resolver))
        plain_ca = stack.enter_context(TestCA(dns_server=resolver, looks_at=(ca.http_port, ca.tls_port)))
        web = folder / "web" / PREFIX.strip("/")
        for address in ("127.0.0.1", "::1"):
            stack.enter_context(Webroot(web, ca.http_port, address))
        tls = stack.enter_context(serving(folder / "tls", ca.tls_port))
        found = World(ca, plain_ca, top, other, pdns, web, tls)
        for zone in OTHERS:
            found.delegate(zone, OTHER_SERVER)
        for zone in (SIGNED, *BOGUS):
            found.delegate(zone, SIGNED_SERVER)
        yield found


@contextlib.contextmanager
def _odd_server() -> Iterator[None]:
    with Net([ODD_SERVER], DNS_PORT) as net:
        net.serve(ODD, f"@ 1 SOA ns h 1 60 60 60 1\n@ 1 NS ns\nns 1 A {ODD_SERVER}\n@ 1 A 127.0.0.1\n", [ODD_SERVER])
        server = net[ODD_SERVER]
        reply = server.reply

        def answer(data: bytes, tcp: bool) -> bytes | None:
            query = dns.message.from_wire(data)
            if query.question[0].rdtype.name != "CAA":
                return reply(data, tcp)
            failed = dns.message.make_response(query)
            failed.set_rcode(dns.rcode.SERVFAIL)
            return failed.to_wire()

        server.reply = answer  # type: ignore[method-assign]
        yield


@contextlib.contextmanager
def _signed(folder: Path) -> Iterator[dict[str, str]]:
    """Two servers of signed zones, of which the second has them with a fault. Yields the keys to trust, by zone."""
    right, wrong = {}, {}
    for zone in (SIGNED, *BOGUS):
        place = folder / zone
        place.mkdir(parents=True)
        key = _key(place, zone)
        right[zone] = _signed_zone(place, zone, key, SIGNED_SERVER)
        until = _PAST if zone == EXPIRED else _FAR
        used = _key(place, zone) if zone == OTHERKEY else key
        wrong[zone] = _signed_zone(place, zone, used, BOGUS_SERVER, until)
    # As a person edits a zone: with a new serial number, and without a new signature.
    edited = wrong[ALTERED].replace("127.0.0.1", "127.0.0.9")
    wrong[ALTERED] = re.sub(r"^(\s+)1( +; serial)", r"\g<1>2\2", edited, flags=re.MULTILINE)
    with (
        signed({}, right, SIGNED_SERVER, DNS_PORT) as good,
        signed({}, wrong, BOGUS_SERVER, DNS_PORT),
    ):
        yield dict(good.anchors)


def _key(place: Path, zone: str) -> str:
    made = _run(place, "dnssec-keygen", "-q", "-K", str(place), "-a", "ECDSAP256SHA256", "-f", "KSK", zone)
    return made.strip()


def _signed_zone(place: Path, zone: str, key: str, server: str, until: str = _FAR) -> str:
    """Sign a zone with one key for everything. :param server: its address. :param until: the end of the signatures."""
    record = (place / f"{key}.key").read_text()
    (place / "plain").write_text(_ZONE.format(address=server) + record)
    words = ["dnssec-signzone", "-q", "-z", "-P", "-o", zone, "-s", _BEGIN, "-e", until, "-f", "signed", "plain", key]
    _run(place, *words)
    return (place / "signed").read_text()


def _run(place: Path, *words: str) -> str:
    return subprocess.run(words, cwd=place, check=True, capture_output=True, text=True, timeout=60).stdout
