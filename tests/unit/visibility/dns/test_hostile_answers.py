"""What a server answers stays with it: the other names and servers of a batch go on, whatever the libraries raise."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator

import dns.message
import pytest
from dns.message import Message

from certbot_external_auth.endpoint import Endpoint
from certbot_external_auth.visibility import Expectation, Observation, Outcome
from certbot_external_auth.visibility.dns import reply, response
from certbot_external_auth.visibility.dns.probe import Probe
from certbot_external_auth.visibility.dns.resolver import Resolver
from certbot_external_auth.visibility.dns.zone import Zones
from certbot_external_auth.visibility.probe import Surroundings
from certbot_external_auth.visibility.reasons import Help, advice
from tests.support.hostile_dns import CLASSES, SHAKEN, disturb, in_class, mutated
from tests.support.name_servers import Net

RESOLVER, GOOD, EVIL, ABOVE = (f"127.0.5.{number}" for number in range(1, 5))
SOA = "@ 60 IN SOA ns hostmaster 1 60 60 60 60\n"
TXT = "_acme-challenge 60 IN TXT one\n"
GOOD_NAME, EVIL_NAME = "_acme-challenge.good.test", "_acme-challenge.evil.test"
ALIAS = "_acme-challenge 60 IN CNAME x.good.test.\n"


def zone(address: str, more: str = TXT) -> str:
    return SOA + f"@ 60 IN NS ns\nns 60 IN A {address}\nx 60 IN TXT one\n" + more


@pytest.fixture
def net() -> Iterator[Net]:
    with Net([RESOLVER, GOOD, EVIL, ABOVE]) as found:
        found.serve("good.test", zone(GOOD), [RESOLVER, GOOD])
        found.serve("evil.test", zone(EVIL), [RESOLVER, EVIL])
        found[RESOLVER].recursive = True
        yield found


def probe(net: Net) -> Probe:
    return Probe(Surroundings(), Zones(Resolver([Endpoint(RESOLVER, net.port)]), net.port))


def look(net: Net, *names: str) -> list[Observation]:
    wanted = [Expectation("dns-01", one.removeprefix("_acme-challenge."), one, ("one",)) for one in names]
    return probe(net).look(wanted, time.monotonic() + 8)


def both(net: Net) -> dict[str, list[Observation]]:
    found: dict[str, list[Observation]] = {GOOD_NAME: [], EVIL_NAME: []}
    for one in look(net, EVIL_NAME, GOOD_NAME):
        found[one.place].append(one)
    return found


def only(name: str, change: Callable[[Message], object]) -> Callable[[Message], object]:
    """Change answers to questions about this name and those below alone."""
    below = dns.name.from_text(name)
    return lambda message: change(message) if message.question[0].name.is_subdomain(below) else None


def shaken(*kinds: str) -> Callable[[Message], None]:
    return lambda message: in_class(message, SHAKEN, kinds)


@pytest.mark.parametrize("server", [RESOLVER, EVIL])
@pytest.mark.parametrize("kinds", [("A",), ("NS",), ("SOA",), ("TXT",), ()])
def test_records_of_another_class_spoil_no_other_name(net: Net, server: str, kinds: tuple[str, ...]) -> None:
    """Lost: the look for all names of a certificate, for what one of them is answered."""
    disturb(net[server], only("evil.test", shaken(*kinds)))
    found = both(net)
    assert [one.outcome for one in found[GOOD_NAME]] == [Outcome.MATCH]
    assert found[EVIL_NAME]


def test_a_value_of_another_class_is_none(net: Net) -> None:
    """The library reads TXT in any class; a CA asks for class IN."""
    for number in CLASSES:
        net[EVIL].serve("evil.test", zone(EVIL))
        disturb(net[EVIL], lambda message, number=number: in_class(message, number, ("TXT",)))  # type: ignore[misc]
        assert [one.outcome for one in look(net, EVIL_NAME)] == [Outcome.NO_RECORD]
        del net[EVIL].reply


def test_glue_of_another_class(net: Net) -> None:
    net.serve(
        "deep.test",
        SOA + f"@ 60 IN NS ns\nns 60 IN A {ABOVE}\n_acme-challenge 60 IN NS ns._acme-challenge\n"
        f"ns._acme-challenge 60 IN A {EVIL}\n",
        [RESOLVER, ABOVE],
    )
    net.serve("_acme-challenge.deep.test", SOA + f"@ 60 IN NS ns\nns 60 IN A {EVIL}\n@ 60 IN TXT one\n", [EVIL])
    assert [one.outcome for one in look(net, "_acme-challenge.deep.test")] == [Outcome.MATCH]
    disturb(net[ABOVE], shaken("A"))
    found = look(net, "_acme-challenge.deep.test", GOOD_NAME)
    assert [one.outcome for one in found if one.place == GOOD_NAME] == [Outcome.MATCH]


@pytest.mark.parametrize("server", [RESOLVER, EVIL])
def test_aliases_of_the_other_names_are_found_before_anything_is_published(net: Net, server: str) -> None:
    """Lost: where to publish, for every name."""
    net.serve("good.test", zone(GOOD, "_acme-challenge 60 IN CNAME x.good.test.\n"), [GOOD])
    net.serve("evil.test", zone(EVIL, ALIAS), [EVIL])
    disturb(net[server], only("evil.test", shaken()))
    followed = probe(net).follow([EVIL_NAME, GOOD_NAME], time.monotonic() + 5)
    assert followed[GOOD_NAME] == ("x.good.test", "good.test")


@pytest.mark.parametrize("target", [".", "test.", "evil."])
def test_an_alias_to_the_top_of_the_tree_spoils_no_other(net: Net, target: str) -> None:
    """A name beside one at the top has no other label, and the root has none at all."""
    net.serve("good.test", zone(GOOD, "_acme-challenge 60 IN CNAME x.good.test.\n"), [GOOD])
    net.serve("evil.test", zone(EVIL, f"_acme-challenge 60 IN CNAME {target}\n"), [EVIL])
    for name in (".", "test", "evil"):
        net.serve(name, SOA + f"@ 60 IN NS ns\nns 60 IN A {EVIL}\n@ 60 IN TXT two\n", [EVIL, RESOLVER])
    one = probe(net)
    assert one.follow([EVIL_NAME, GOOD_NAME], time.monotonic() + 5)[GOOD_NAME] == ("x.good.test", "good.test")
    wanted = [Expectation("dns-01", name[16:], name, ("one",)) for name in (EVIL_NAME, GOOD_NAME)]
    rows = one.look(wanted, time.monotonic() + 8)
    assert [row.outcome for row in rows if row.place == GOOD_NAME] == [Outcome.MATCH]
    one.explain(wanted, rows, time.monotonic() + 5)
    named = Probe(Surroundings((Endpoint(EVIL, net.port),)))
    rows = named.look(wanted[:1], time.monotonic() + 8)
    assert [row.asked for row in rows] == [target.rstrip(".") or "."]
    assert named.explain(wanted, rows, time.monotonic() + 5)


def test_the_reason_is_found_for_one_where_another_says_that_its_zone_is_the_root(net: Net) -> None:
    for name, address in (("good.test", GOOD), ("evil.test", EVIL)):
        net.serve(name, zone(address, f"_acme-challenge.{name.split('.')[0]}.test 60 IN TXT x\n"), [address])
    net[GOOD].serve("good.test", zone(GOOD, "_acme-challenge.good.test 60 IN TXT one\n"))

    def rooted(message: Message) -> None:
        for section in (message.answer, message.authority):
            for one in section:
                if one.rdtype == dns.rdatatype.SOA:
                    one.name = dns.name.root

    disturb(net[EVIL], rooted)
    wanted = [Expectation("dns-01", name[16:], name, ("one",)) for name in (EVIL_NAME, GOOD_NAME)]
    one = probe(net)
    rows = one.look(wanted, time.monotonic() + 8)
    clues = one.explain(wanted, rows, time.monotonic() + 5)
    assert (GOOD_NAME, "doubled") in [(clue.place, clue.found.value) for clue in clues]


def test_what_reading_one_answer_raises_is_that_answers_fault(net: Net, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it is: a library's next mistake is not known yet."""
    read = response.read

    def failing(message: Message, asked: str, *more: object) -> response.Said:
        if "evil" in asked:
            raise RuntimeError("a library's fault")
        return read(message, asked, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(response, "read", failing)
    found = both(net)
    assert [one.outcome for one in found[GOOD_NAME]] == [Outcome.MATCH]
    (evil,) = found[EVIL_NAME]
    assert (evil.outcome, evil.address) == (Outcome.FAULT, f"{EVIL}:{net.port}")
    assert "RuntimeError" in evil.detail
    assert Help.DNS_CLOSED not in [each.kind for each in advice([evil], 1, named=False)]


def test_a_server_without_a_usable_address_is_no_closed_port(net: Net) -> None:
    disturb(net[RESOLVER], only("evil.test", shaken("A")))
    found = look(net, EVIL_NAME)
    assert [(one.outcome, one.server) for one in found] == [(Outcome.UNREACHABLE, "ns.evil.test")]
    assert Help.DNS_CLOSED not in [each.kind for each in advice(found, 1, named=False)]


def test_mutated_answers_spoil_no_other_name(net: Net) -> None:
    """A cheap number of them; `make faults` has many."""
    chance = random.Random(6)
    honest = net[EVIL].reply

    def mutating(data: bytes, tcp: bool) -> bytes | None:
        found = honest(data, tcp)
        return mutated(found, chance) if found else None

    net[EVIL].reply = mutating  # type: ignore[method-assign]
    monkey = look(net, *[f"_acme-challenge.x{number}.evil.test" for number in range(40)], GOOD_NAME)
    assert [one.outcome for one in monkey if one.place == GOOD_NAME] == [Outcome.MATCH]
    assert not [one for one in monkey if one.outcome is Outcome.FAULT]


def test_records_of_other_classes_do_not_leave_the_wire() -> None:
    query = dns.message.make_query(EVIL_NAME, "TXT")
    made = dns.message.make_response(query)
    made.answer.append(dns.rrset.from_text(EVIL_NAME + ".", 60, "IN", "TXT", "one"))
    in_class(made, SHAKEN)
    message = reply.parsed(query, made.to_wire())
    assert message is not None
    assert message.answer == []
