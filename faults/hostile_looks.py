"""Runs the visibility check against name servers, web servers and certificates that disturb or mislead it."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import random
import socket
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import dns.exception
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from certbot_external_auth.challenges import tlsalpn01, tlssni01
from certbot_external_auth.endpoint import Endpoint, is_address
from certbot_external_auth.visibility import Expectation, Outcome
from certbot_external_auth.visibility.dns import reply
from certbot_external_auth.visibility.dns.probe import Probe
from certbot_external_auth.visibility.dns.resolver import Resolver
from certbot_external_auth.visibility.dns.zone import Zones
from certbot_external_auth.visibility.probe import Surroundings
from certbot_external_auth.visibility.web import certificates, redirects
from faults.table import Row, Table
from tests.support import hostile_dns, private_network, sites
from tests.support.hostile_certificates import ODD, mutated_octets
from tests.support.name_servers import Net

MANY, FEW = 200_000, 1_000
"""How many messages, certificates and redirects are tried."""
LOOKS, FEW_LOOKS = 300, 4
"""How many batches are checked over sockets."""
RESOLVER, GOOD, EVIL = "127.0.6.1", "127.0.6.2", "127.0.6.3"
SOA = "@ 60 IN SOA ns hostmaster 1 60 60 60 60\n"
HOSTS = (
    *("127.0.0.1", "10.1.2.3", "169.254.169.254", "loopback.test", "private.test", "metadata.test", "localhost"),
    *("2130706433", "2130708746", "0x7f000001", "0x7f.1", "017700000001", "0177.0.0.1", "127.1", "127.0.0.1."),
    *("[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::1]", "[fe80::1%25lo]"),
    *("0.0.0.0", "127.0.0.1%2f.site.test", "site.test@127.0.0.1", "127.0.0.1%00.site.test"),  # noqa: S104
)


def table(folder: Path, quick: bool, seed: int) -> Table:
    chance = random.Random(seed)
    many = FEW if quick else MANY
    with warnings.catch_warnings():
        # The library warns about odd certificates.
        warnings.simplefilter("ignore")
        rows = [
            _tried("DNS messages, octets changed", many, _messages(chance)),
            _tried("certificates, octets changed", many, _certificates(chance)),
            _tried("redirects, text changed", many, _locations(chance)),
        ]
    looks = FEW_LOOKS if quick else LOOKS
    rows += [
        _tried("a batch of which one name's server changes octets", looks, _batches(chance, EVIL)),
        _tried("a batch of which the resolver changes octets, about one name", looks, _batches(chance, RESOLVER)),
    ]
    rows += _led_inside(HOSTS)
    return Table(
        "Hostile servers in the visibility check",
        "The first three rows are inputs: the plugin must judge each example one way or the other. Where an "
        "example is parsed, only an error of the library is allowed. The plugin must not accept a redirect to a "
        "host that a system takes for another address. The next two rows are whole checks of two names over "
        "sockets. Whatever the server of one name sends, the plugin must still report the other name correctly: "
        "what it found, where its alias leads, and why another value is missing. The last rows are sites at a "
        "public address that redirect to the host in the row, with a path of their choice. Web servers at "
        "127.0.0.1, 10.1.2.3 and 169.254.169.254 answer with a secret. The plugin must ask none of them, and show "
        "nothing of it.",
        ("what", "tried", "result"),
        rows,
        (
            "Certbot's `--manual` and Dehydrated do not check anything before they ask the CA, so there is nothing "
            "to compare.",
        ),
    )


def _tried(what: str, count: int, check: Callable[[], object]) -> Row:
    for number in range(1, count + 1):
        try:
            check()
        except Exception as error:
            return Row(False, (what, number, f"{type(error).__name__}: {error}"[:300]))
    return Row(True, (what, count, "no error"))


# --- inputs ---


def _messages(chance: random.Random) -> Callable[[], None]:
    honest = hostile_dns.honest()

    def one() -> None:
        query, data = chance.choice(honest)
        try:
            message = reply.parsed(query, hostile_dns.mutated(data, chance))
        except (dns.exception.DNSException, ValueError):
            return
        for name in hostile_dns.read(message) if message is not None else ():
            hostile_dns.ask_about(name)

    return one


def _certificates(chance: random.Random) -> Callable[[], None]:
    name = "www.example.org"
    wanted = (
        (Expectation(tlsalpn01.TYPE, name, name, ("00" * 32,)), tlsalpn01.ALPN),
        (Expectation(tlssni01.TYPE, name, "a.b.acme.invalid", ("a.b.acme.invalid",)), None),
    )
    honest = [_certificate(x509.DNSName(name)), _certificate(x509.DNSName(name), *ODD)]

    def one() -> None:
        der = mutated_octets(chance.choice(honest), chance)
        for expectation, protocol in wanted:
            assert certificates.problem(expectation, der, protocol)
        assert "certificate" in certificates.presented(der)

    return one


def _certificate(*names: x509.GeneralName) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.timezone.utc)
    oids = (x509.NameOID.COMMON_NAME, x509.NameOID.ORGANIZATION_NAME, x509.NameOID.COUNTRY_NAME)
    subject = x509.Name([x509.NameAttribute(oid, "DE") for oid in oids])
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    extension = x509.UnrecognizedExtension(x509.ObjectIdentifier(tlsalpn01.OID), bytes(34))
    builder = builder.add_extension(extension, critical=True)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def _locations(chance: random.Random) -> Callable[[], None]:
    first = redirects.target("http://site.test/.well-known/acme-challenge/token")
    letters = "0123456789abcdefx.:[]@%/\\?#-_ \t\r\n\0é٣。"

    def one() -> None:
        text = list(
            chance.choice((f"http://{chance.choice(HOSTS)}/x?y=z", f"//{chance.choice(HOSTS)}", "https://a.test:443/"))
        )
        for _ in range(chance.randrange(6)):
            place = chance.randrange(len(text) + 1)
            text[place : place + chance.randrange(3)] = chance.choice(letters)
        with contextlib.suppress(redirects.RedirectError):
            target = redirects.next_target(first, 301, "".join(text), 80, 443)
            assert target is not None
            assert target.port in (80, 443)
            assert is_address(target.host) or not _an_address_to_some(target.host), target.host
            assert target.path.isascii()
            assert target.path.isprintable()
            assert " " not in target.path

    return one


def _an_address_to_some(host: str) -> bool:
    """Tell whether the C library takes a text for an IPv4 address, in whatever form."""
    try:
        socket.inet_aton(host)
    except OSError:
        return False
    return True


# --- whole checks ---


def _batches(chance: random.Random, server: str) -> Callable[[], None]:
    """:param server: whose answers about one of two names are changed."""

    def one() -> None:
        with Net([RESOLVER, GOOD, EVIL]) as net:
            net[RESOLVER].recursive = True
            for zone, address in (("good.test", GOOD), ("evil.test", EVIL)):
                records = "_acme-challenge 60 IN CNAME x\nx 60 IN TXT one\nnot 60 IN TXT x\nnot.@ 60 IN TXT x\n"
                net.serve(zone, SOA + f"@ 60 IN NS ns\nns 60 IN A {address}\n" + records, [RESOLVER, address])
            honest = net[server].reply

            def changed(data: bytes, tcp: bool) -> bytes | None:
                reply = honest(data, tcp)
                return hostile_dns.mutated(reply, chance) if reply and b"\x04evil" in data else reply

            net[server].reply = changed  # type: ignore[method-assign]
            _look(net)

    return one


def _look(net: Net) -> None:
    probe = Probe(Surroundings(), Zones(Resolver([Endpoint(RESOLVER, net.port)]), net.port))
    names = [f"_acme-challenge.{zone}" for zone in ("evil.test", "good.test")]
    wanted = [Expectation("dns-01", name[16:], name, ("one",)) for name in names]
    wanted.append(Expectation("dns-01", "not.good.test", "not.good.test", ("two",)))
    assert probe.follow(names, time.monotonic() + 5)[names[1]] == ("x.good.test", "good.test")
    observations = probe.look(wanted, time.monotonic() + 10)
    told = {one.place: one.outcome for one in observations}
    assert told[names[1]] is Outcome.MATCH
    assert told["not.good.test"] is Outcome.OTHER_VALUES
    assert Outcome.FAULT not in told.values(), observations
    clues = probe.explain(wanted, observations, time.monotonic() + 5)
    assert any(clue.place == "not.good.test" for clue in clues)


def _led_inside(hosts: tuple[str, ...]) -> list[Row]:
    if not private_network.possible():
        return []
    with sites.world() as world:
        return [_redirected(world, host) for host in hosts]


def _redirected(world: sites.World, host: str) -> Row:
    world.asked.clear()
    world.answers = {
        sites.SITE: sites.redirect(f"http://{host}/latest/meta-data?x=y"),
        **dict.fromkeys(sites.INSIDE, f"200 OK\r\n\r\n{sites.SECRET}"),
    }
    observations = world.look("site.test", named=False)
    shown = sites.SECRET in repr(observations)
    inside = [one for one in world.asked if not ipaddress.ip_address(one.split()[0]).is_global]
    outcomes = ", ".join(dict.fromkeys(one.outcome.value.replace("_", " ") for one in observations))
    what = "asked inside" if inside else "shown" if shown else outcomes
    return Row(bool(observations) and not inside and not shown, (f"a redirect to `{host}`", 1, what))
