"""A site that is asked as the CA will ask it leads into the network of this machine.

Public addresses are there in a network of the test's own alone.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from certbot_external_auth.endpoint import Endpoint
from certbot_external_auth.visibility import Expectation, Outcome, Says
from certbot_external_auth.visibility.dns import probe
from certbot_external_auth.visibility.dns.resolver import Resolver
from certbot_external_auth.visibility.dns.zone import Zones
from certbot_external_auth.visibility.probe import Surroundings
from certbot_external_auth.visibility.reasons import Help, advice
from tests.support import private_network, sites
from tests.support.sites import (
    INSIDE,
    NAMES,
    OTHER_SITE,
    PATH,
    RESOLVER,
    SECRET,
    SITE,
    SOA,
    UNCERTAIN,
    World,
    redirect,
)

pytestmark = pytest.mark.skipif(not private_network.possible(), reason="public addresses and port 53 need root")


@pytest.fixture
def world() -> Iterator[World]:
    with sites.world() as found:
        yield found


@pytest.mark.parametrize("host", ["loopback.test", "private.test", "metadata.test", *INSIDE, "[::ffff:127.0.0.1]"])
def test_no_redirect_leads_into_the_network_of_this_machine(world: World, host: str) -> None:
    """Lost: whatever a service of this network does for whoever asks it from here, and 100 characters of its answer."""
    world.answers = {SITE: redirect(f"http://{host}/latest?x=y"), **dict.fromkeys(INSIDE, f"200 OK\r\n\r\n{SECRET}")}
    (found,) = world.look("site.test")
    assert (found.outcome, found.outcome.says) == (Outcome.NOT_ASKED, Says.UNCLEAR)
    assert "not public" in found.detail
    assert world.asked == [f"{SITE} {PATH}"]
    assert Help.DNS_CLOSED not in [each.kind for each in advice([found], 1, named=False)]


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "127.0.0.1.", "[fe80::1%25lo]"])
def test_what_the_system_takes_for_an_address_and_no_ca_does_is_not_asked(world: World, host: str) -> None:
    world.answers = {SITE: redirect(f"http://{host}/")}
    (found,) = world.look("site.test")
    assert found.outcome is Outcome.WRONG_CONTENT
    assert world.asked == [f"{SITE} {PATH}"]


def test_a_chain_of_redirects_ends_where_it_leads_inside(world: World) -> None:
    world.answers = {SITE: redirect("http://other.test/"), OTHER_SITE: redirect("http://private.test/")}
    (found,) = world.look("site.test")
    assert found.outcome is Outcome.NOT_ASKED
    assert world.asked == [f"{SITE} {PATH}", f"{OTHER_SITE} /"]


def test_a_name_with_an_address_inside_too_leads_nowhere_else_there(world: World) -> None:
    """The first request goes to each address, always with the same path; what a site adds goes to public ones alone."""
    world.net[RESOLVER].serve("test", SOA + f"site 60 IN A {SITE}\nsite 60 IN A 10.1.2.3\n")
    world.answers = {f"{SITE} {PATH}": redirect("http://site.test/admin?x=y"), SITE: "200 OK\r\n\r\nvalue"}
    found = {one.address.partition(":")[0]: one.outcome for one in world.look("site.test")}
    assert found == {SITE: Outcome.MATCH, "10.1.2.3": Outcome.WRONG_CONTENT}
    assert sorted(world.asked) == [f"10.1.2.3 {PATH}", f"{SITE} {PATH}", f"{SITE} /admin?x=y"]


def test_a_way_that_was_public_once_does_not_lead_inside(world: World) -> None:
    """A server inside that redirects everybody to another scheme or name is nothing special."""
    world.net[RESOLVER].serve("test", SOA + f"site 60 IN A {SITE}\nsite 60 IN A 10.1.2.3\nloop 60 IN A 127.0.0.1\n")
    world.answers = {"10.1.2.3": redirect("http://site.test/x"), f"{SITE} /x": redirect("http://loop.test/y")}
    world.look("site.test")
    assert not any(one.startswith("127.0.0.1") for one in world.asked)


def test_a_name_that_redirects_at_all_its_addresses_is_asked_once_at_each(world: World) -> None:
    world.net[RESOLVER].serve("test", SOA + f"site 60 IN A {SITE}\nsite 60 IN A 10.1.2.3\n")
    for one in (SITE, "10.1.2.3"):
        world.answers.update({f"{one} {PATH}": redirect("http://site.test/x"), one: "200 OK\r\n\r\nvalue"})
    found = [(one.address.partition(":")[0], one.outcome) for one in world.look("site.test")]
    assert sorted(found) == [("10.1.2.3", Outcome.MATCH), (SITE, Outcome.MATCH)]


def test_a_private_network_goes_on_working(world: World) -> None:
    world.answers = {"10.1.2.3": redirect("http://loopback.test/x"), "127.0.0.1": "200 OK\r\n\r\nvalue"}
    assert [one.outcome for one in world.look("inner.test")] == [Outcome.MATCH]


@pytest.mark.parametrize("address", UNCERTAIN)
def test_who_is_not_certainly_inside_leads_nobody_there(world: World, address: str) -> None:
    """Guards against a path of somebody else's at the metadata service, by an address that is not public to Python."""
    family = "AAAA" if ":" in address else "A"
    world.net[RESOLVER].serve("test", SOA + f"odd 60 IN {family} {address}\nmetadata 60 IN A 169.254.169.254\n")
    world.answers = {
        address: redirect("http://metadata.test/latest?x=y"),
        "169.254.169.254": f"200 OK\r\n\r\n{SECRET}",
    }
    assert [one.outcome for one in world.look("odd.test")] == [Outcome.NOT_ASKED]
    assert world.asked == [f"{address} {PATH}"]


@pytest.mark.parametrize(("name", "address", "to"), [("site.test", OTHER_SITE, "other"), ("inner.test", SITE, "site")])
def test_nothing_but_the_status_of_another_host_is_shown(world: World, name: str, address: str, to: str) -> None:
    for sent in (f"200 {SECRET}\r\n\r\n{SECRET}", f"403 {SECRET}\r\n\r\n{SECRET}", f"{SECRET}", f"2 0\r\n{SECRET}"):
        world.answers = {NAMES[name]: redirect(f"http://{to}.test/x"), address: sent}
        (found,) = world.look(name)
        assert found.outcome is Outcome.WRONG_CONTENT
        assert "secret" not in repr(found)
        assert f"redirected to http://{to}.test/x" in found.detail
    world.answers[address] = "200 OK\r\n\r\nvalue"
    assert [one.outcome for one in world.look(name)] == [Outcome.MATCH]


def test_the_status_of_another_host_is_shown_and_the_body_of_the_site_itself(world: World) -> None:
    world.answers = {SITE: redirect("http://other.test/x"), OTHER_SITE: "503 x\r\n\r\n"}
    assert world.look("site.test")[0].seen == ("503 Service Unavailable",)
    world.answers = {f"{SITE} {PATH}": redirect("/x"), SITE: "200 OK\r\n\r\nwelcome"}
    assert world.look("site.test")[0].seen == ("welcome",)


def test_the_address_that_was_looked_at_is_the_one_that_is_asked(world: World) -> None:
    """A name that is another address at each question: it is asked about once for a look."""
    told = iter([OTHER_SITE, *["127.0.0.1"] * 100])
    world.answers = {SITE: redirect("http://other.test/x")}
    reply = world.net[RESOLVER].reply

    def turning(data: bytes, tcp: bool) -> bytes | None:
        if b"\x05other" in data and b"\x00\x01\x00\x01" in data[12:]:
            world.net[RESOLVER].serve("test", SOA + f"site 60 IN A {SITE}\nother 60 IN A {next(told)}\n")
        return reply(data, tcp)

    world.net[RESOLVER].reply = turning  # type: ignore[method-assign]
    world.look("site.test")
    assert world.asked == [f"{SITE} {PATH}", f"{OTHER_SITE} /x"]


NAME = "_acme-challenge.zone.test"
TXT = "_acme-challenge 60 IN TXT one\n"


def servers(*addresses: str) -> str:
    return SOA + "".join(f"@ 60 IN NS ns{n}\nns{n} 60 IN A {one}\n" for n, one in enumerate(addresses))


def looked_for(world: World, *named: str) -> dict[str, Outcome]:
    zones = Zones(Resolver([Endpoint(RESOLVER, 53)]))
    looking = probe.Probe(Surroundings(tuple(Endpoint(one, 53) for one in named)), zones)
    found = looking.look([Expectation("dns-01", "zone.test", NAME, ("one",))], time.monotonic() + 8)
    return {one.address.partition(":")[0] or one.detail.partition(" ")[0]: one.outcome for one in found}


def test_name_servers_inside_are_asked_of_a_zone_that_has_no_others(world: World) -> None:
    zone = servers(*INSIDE)
    for one in (RESOLVER, *INSIDE):
        world.net.serve("zone.test", zone + TXT, [one])
    assert looked_for(world) == dict.fromkeys(INSIDE, Outcome.MATCH)


def test_name_servers_inside_are_not_asked_of_a_public_zone(world: World) -> None:
    """Lost: a look around this network, by whoever has a zone."""
    for one in (RESOLVER, SITE, *INSIDE):
        world.net.serve("zone.test", servers(SITE, *INSIDE) + TXT, [one])
    assert looked_for(world) == {SITE: Outcome.MATCH, **dict.fromkeys(INSIDE, Outcome.UNREACHABLE)}
    assert not any(world.net[one].asked for one in INSIDE)
    # Whoever names one wants it to be asked.
    assert looked_for(world, INSIDE[1]) == {INSIDE[1]: Outcome.MATCH}


@pytest.mark.parametrize(("above", "outcome"), [(SITE, Outcome.NOT_ASKED), ("127.0.0.1", Outcome.MATCH)])
def test_a_public_zone_delegates_to_no_server_inside(world: World, above: str, outcome: Outcome) -> None:
    delegation = "_acme-challenge 60 IN NS ns._acme-challenge\nns._acme-challenge 60 IN A 10.1.2.3\n"
    for one in (RESOLVER, above):
        world.net.serve("zone.test", servers(above) + delegation, [one])
    world.net.serve(NAME, SOA + "@ 60 IN NS ns\nns 60 IN A 10.1.2.3\n@ 60 IN TXT one\n", ["10.1.2.3"])
    assert looked_for(world) == {"10.1.2.3": outcome}
    assert bool(world.net["10.1.2.3"].asked) is (outcome is Outcome.MATCH)
