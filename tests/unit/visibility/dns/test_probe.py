"""Looking for TXT records as the CA will: real sockets, name servers that behave in every way."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from certbot_external_auth.endpoint import Endpoint
from certbot_external_auth.visibility import Expectation, Observation, Outcome, verdict
from certbot_external_auth.visibility.dns import pending, response, udp
from certbot_external_auth.visibility.dns.probe import Probe
from certbot_external_auth.visibility.dns.reply import Question
from certbot_external_auth.visibility.dns.resolver import Resolver
from certbot_external_auth.visibility.dns.zone import Zones
from certbot_external_auth.visibility.observer import Observer
from certbot_external_auth.visibility.probe import Surroundings
from certbot_external_auth.visibility.publisher import Publisher
from certbot_external_auth.visibility.reasons import reasons
from certbot_external_auth.visibility.record_reasons import Aliased, FromWildcard
from certbot_external_auth.visibility.verdict import State
from certbot_external_auth.visibility.watch import Policy, watch
from tests.support.name_servers import Net

RESOLVER, PARENT, NS1, NS2, OTHER = (f"127.0.3.{number}" for number in range(1, 6))
NAME = "_acme-challenge.example.org"
SOA = "@ 60 IN SOA ns1 hostmaster {serial} 60 60 60 60\n"
ZONE = SOA.format(serial=7) + (
    f"@ 60 IN NS ns1\n@ 60 IN NS ns2\nns1 60 IN A {NS1}\nns2 60 IN A {NS2}\nns1 60 IN AAAA ::1\nwww 60 IN A 127.0.0.1\n"
)
PARENT_ZONE = SOA.format(serial=1) + (
    f"@ 60 IN NS a.org.\na 60 IN A {PARENT}\n"
    "example 60 IN NS ns1.example\nexample 60 IN NS ns2.example\n"
    f"ns1.example 60 IN A {NS1}\nns2.example 60 IN A {NS2}\n"
    f"other 60 IN NS ns.other\nns.other 60 IN A {OTHER}\n"
)
OTHER_ZONE = SOA.format(serial=3) + f"@ 60 IN NS ns\nns 60 IN A {OTHER}\n"


@pytest.fixture
def net() -> Iterator[Net]:
    with Net([RESOLVER, PARENT, NS1, NS2, OTHER, "::1"]) as found:
        found.serve("org", PARENT_ZONE, [RESOLVER, PARENT])
        found.serve("example.org", ZONE, [RESOLVER, NS1, NS2, "::1"])
        found.serve("other.org", OTHER_ZONE, [RESOLVER, OTHER])
        found[RESOLVER].recursive = True
        yield found


def probe(net: Net, *named: str) -> Probe:
    zones = Zones(Resolver([Endpoint(RESOLVER, net.port)]), net.port)
    return Probe(Surroundings(tuple(Endpoint(one, net.port) for one in named)), zones)


def expectation(*values: str, name: str = NAME) -> Expectation:
    return Expectation("dns-01", name.removeprefix("_acme-challenge."), name, values, ("c1",))


def look(net: Net, *values: str, named: tuple[str, ...] = (), name: str = NAME) -> list[Observation]:
    return probe(net, *named).look([expectation(*values, name=name)], time.monotonic() + 8)


def outcomes(found: list[Observation]) -> dict[str, Outcome]:
    return {one.address.rpartition(":")[0]: one.outcome for one in found}


def test_every_address_of_every_authority_is_asked(net: Net) -> None:
    net.serve("example.org", ZONE + '_acme-challenge 60 IN TXT "one"\n', [NS1, "::1"])
    found = look(net, "one")
    assert outcomes(found) == {NS1: Outcome.MATCH, NS2: Outcome.NO_SUCH_NAME, "[::1]": Outcome.MATCH}
    assert {(one.server, one.zone) for one in found} == {
        ("ns1.example.org", "example.org"),
        ("ns2.example.org", "example.org"),
    }
    assert all(f"udp {NAME}. TXT" in net[one].asked for one in (NS1, NS2, "::1"))
    assert not any("_acme-challenge" in question for question in net[RESOLVER].asked), "a negative answer was planted"


def test_both_values_must_be_there_and_others_do_no_harm(net: Net) -> None:
    record = "_acme-challenge 60 IN TXT {}\n"
    net.serve("example.org", ZONE + record.format("one") + record.format("old"), [NS1, "::1"])
    # A string of a record holds 255 bytes.
    net.serve("example.org", ZONE + record.format("one") + record.format('"tw" "o"'), [NS2])
    found = look(net, "one", "two")
    assert outcomes(found) == {NS1: Outcome.OTHER_VALUES, NS2: Outcome.MATCH, "[::1]": Outcome.OTHER_VALUES}
    assert sorted(one.seen for one in found) == [("one", "old"), ("one", "old"), ("one", "two")]


@pytest.mark.parametrize(
    ("behaviour", "outcome"),
    [
        ("refused", Outcome.REFUSED),
        ("servfail", Outcome.SERVFAIL),
        ("rubbish", Outcome.SERVFAIL),
        ("lame", Outcome.NOT_AUTHORITATIVE),
        ("silent", Outcome.TIMEOUT),
        ("only_tcp", Outcome.MATCH),
        ("truncated", Outcome.MATCH),
        ("no_edns", Outcome.MATCH),
    ],
)
def test_what_one_address_may_do(net: Net, behaviour: str, outcome: Outcome) -> None:
    net.serve("example.org", ZONE + "_acme-challenge 60 IN TXT one\n", [NS1, NS2, "::1"])
    net[NS2].behaviour = behaviour
    assert outcomes(look(net, "one")) == {NS1: Outcome.MATCH, NS2: outcome, "[::1]": Outcome.MATCH}


def test_an_answer_that_does_not_fit_into_udp(net: Net) -> None:
    many = "".join(f"_acme-challenge 60 IN TXT {'x' * 200}{number}\n" for number in range(20))
    net.serve("example.org", ZONE + many + "_acme-challenge 60 IN TXT one\n", [NS1, NS2, "::1"])
    found = look(net, "one")
    assert set(outcomes(found).values()) == {Outcome.MATCH}
    assert found[0].seen[0] == "one"
    assert (len(found[0].seen), found[0].more) == (9, 12)


def test_nobody_listens_and_no_name_server_is_known(net: Net) -> None:
    closed = Endpoint("127.0.3.99", net.port)
    found = Probe(Surroundings((closed,))).look([expectation("one")], time.monotonic() + 8)
    assert [one.outcome for one in found] == [Outcome.CONNECTION_REFUSED]
    found = look(net, "one", name="_acme-challenge.nowhere.test")
    assert [(one.outcome, one.address) for one in found] == [(Outcome.UNREACHABLE, "")]


def test_aliases_are_followed_into_the_zones_they_lead_to(net: Net) -> None:
    net.serve("example.org", ZONE + "_acme-challenge 60 IN CNAME x.other.org.\n", [NS1, NS2, "::1"])
    net.serve("other.org", OTHER_ZONE + "x 60 IN TXT one\n", [OTHER])
    found = look(net, "one")
    assert [(one.address, one.outcome, one.asked, one.zone) for one in found] == [
        (f"{OTHER}:{net.port}", Outcome.MATCH, "x.other.org", "other.org")
    ]
    # A secondary that does not have the alias yet is no less asked by the CA.
    net.serve("example.org", ZONE, [NS2])
    assert outcomes(look(net, "one")) == {OTHER: Outcome.MATCH, NS2: Outcome.NO_SUCH_NAME}


def test_dname_and_circles(net: Net) -> None:
    # RFC 6672: every name below is renamed.
    net.serve("example.org", ZONE + "sub 60 IN DNAME away.other.org.\n", [NS1, NS2, "::1"])
    net.serve("other.org", OTHER_ZONE + "_acme-challenge.away 60 IN TXT one\n", [OTHER])
    found = look(net, "one", name="_acme-challenge.sub.example.org")
    assert [(one.outcome, one.asked) for one in found] == [(Outcome.MATCH, "_acme-challenge.away.other.org")]
    net.serve("example.org", ZONE + "_acme-challenge 60 IN CNAME x.other.org.\n", [NS1, NS2, "::1"])
    net.serve("other.org", OTHER_ZONE + f"x 60 IN CNAME {NAME}.\n", [OTHER])
    (only,) = look(net, "one")
    assert (only.outcome, only.address) == (Outcome.NO_RECORD, f"{OTHER}:{net.port}")
    assert f"{NAME} → x.other.org → {NAME}" in only.detail


def test_a_zone_of_its_own_for_the_challenge_is_found_from_the_authorities(net: Net) -> None:
    child = f"_acme-challenge 60 IN NS ns._acme-challenge\nns._acme-challenge 60 IN A {OTHER}\n"
    net.serve("example.org", ZONE + child, [NS1, NS2, "::1"])
    net.serve(NAME, SOA.format(serial=1) + f"@ 60 IN NS ns\nns 60 IN A {OTHER}\n@ 60 IN TXT one\n", [OTHER])
    found = look(net, "one")
    assert [(one.outcome, one.zone, one.server) for one in found] == [(Outcome.MATCH, NAME, f"ns.{NAME}")]


def test_a_resolver_learns_nothing_about_names_below_the_name_of_challenges(net: Net) -> None:
    """Guards against a resolver that denies, for an hour, all below `_acme-challenge` (RFC 8020)."""
    name = "_ujmmovf2vn55tgye._acme-challenge.example.org"
    net.serve("example.org", ZONE + "_ujmmovf2vn55tgye._acme-challenge 60 IN TXT one\n", [NS1, NS2, "::1"])
    assert set(outcomes(look(net, "one", name=name)).values()) == {Outcome.MATCH}
    assert not any("_acme-challenge" in question for question in net[RESOLVER].asked)


def test_named_servers_are_asked_instead(net: Net) -> None:
    net.serve("example.org", ZONE + "_acme-challenge 60 IN CNAME x.other.org.\n", [NS1])
    net.serve("other.org", OTHER_ZONE + "x 60 IN TXT one\n", [OTHER])
    found = look(net, "one", named=(NS1, OTHER))
    assert outcomes(found) == {NS1: Outcome.REFUSED, OTHER: Outcome.MATCH}
    assert net[NS2].asked == net[RESOLVER].asked == []


def test_a_named_resolver_is_asked_once_the_authorities_show_the_value(net: Net) -> None:
    """Lost: the record for as long as the zone's negative answers are remembered, in the resolver that the CA asks."""
    everywhere = [NS1, NS2, "::1", RESOLVER]
    found = look(net, "one", named=(RESOLVER,))
    assert outcomes(found) == dict.fromkeys((NS1, NS2, "[::1]"), Outcome.NO_SUCH_NAME)
    assert not any("TXT" in question for question in net[RESOLVER].asked)
    net.serve("example.org", ZONE + "_acme-challenge 60 IN CNAME x.other.org.\n", everywhere)
    net.serve("other.org", OTHER_ZONE + "x 60 IN TXT one\n", [OTHER, RESOLVER])
    found = look(net, "one", named=(RESOLVER,))
    assert [(one.server, one.outcome, one.asked, one.keeps) for one in found] == [
        ("ns.other.org", Outcome.MATCH, "x.other.org", None),
        (RESOLVER, Outcome.MATCH, "x.other.org", 60),
    ]
    # Another one that is named counts, too.
    found = look(net, "one", named=(RESOLVER, "127.0.3.99"))
    assert {one.server: one.outcome for one in found}["127.0.3.99"] is Outcome.CONNECTION_REFUSED
    # A name server that does not answer this machine does not count.
    net[NS2].behaviour = "refused"
    net.serve("example.org", ZONE, [NS1, "::1"])
    assert outcomes(look(net, "one", named=(RESOLVER,))) == dict.fromkeys((NS1, "[::1]"), Outcome.NO_SUCH_NAME)
    net.serve("example.org", ZONE + "_acme-challenge 60 IN CNAME x.other.org.\n", [NS1, "::1"])
    # Where the authorities are out of reach, it is all that can be asked.
    for address in (NS1, NS2, "::1"):
        net[address].behaviour = "refused"
    assert [(one.server, one.outcome) for one in look(net, "one", named=(RESOLVER,))] == [(RESOLVER, Outcome.MATCH)]


def test_where_an_alias_leads_is_found_without_planting_an_answer(net: Net) -> None:
    """Lost: the record for as long as the zone's negative answers are remembered, in the resolver that the CA asks."""
    net.serve("example.org", ZONE + "_acme-challenge 60 IN CNAME x.other.org.\n", [NS1, NS2, "::1", RESOLVER])
    plain = "_acme-challenge.www.example.org"
    for named in ((), (RESOLVER,), (NS1, OTHER)):
        found = probe(net, *named).follow([NAME, plain], time.monotonic() + 10)
        assert found == {NAME: ("x.other.org", "other.org")}, named
    asked = {question.split()[1].rstrip(".") for question in net[RESOLVER].asked}
    assert not {NAME, plain, "x.other.org"} & asked


@pytest.mark.parametrize("behaviour", ["good", "refused", "silent"])
def test_the_zone_of_the_end_is_found_where_the_named_server_has_only_the_zone_of_the_name(
    net: Net, behaviour: str
) -> None:
    """Lost: the handler, which is told the name and not the zone, and then at cleanup too."""
    net.serve("example.org", ZONE + "_acme-challenge 60 IN CNAME x.other.org.\n", [NS1])
    net[OTHER].behaviour = behaviour
    assert probe(net, NS1).follow([NAME], time.monotonic() + 10) == {NAME: ("x.other.org", "other.org")}


def test_the_zone_and_servers_of_a_record_are_found_along_its_alias(net: Net) -> None:
    """Lost: the zone for a program that is told it, and a name server that lego may ask without planting an answer."""
    net.serve("example.org", ZONE + "_acme-challenge 60 IN CNAME x.other.org.\n", [NS1])
    plain, at = "_acme-challenge.www.example.org", [f"{address}:{net.port}" for address in (NS1, NS2, "[::1]", OTHER)]
    found = probe(net).whereabouts([NAME, plain], time.monotonic() + 10)
    assert {name: zone for name, (zone, _) in found.items()} == {NAME: "example.org", plain: "example.org"}
    # The last one is asked for what the others do not know; which of them answers first is chance.
    *first, last = found[NAME][1]
    assert first
    assert set(first) <= set(at[:3])
    assert last == at[3]
    assert set(found[plain][1]) <= set(at[:3])
    assert found[plain][1]
    asked = {question.split()[1].rstrip(".") for question in net[RESOLVER].asked}
    assert not {NAME, plain, "x.other.org"} & asked
    assert probe(net).whereabouts(["_acme-challenge.x.nowhere"], time.monotonic() + 5)["_acme-challenge.x.nowhere"] == (
        "",
        (),
    )


WY = "three 60 IN CNAME three.wy\n*.wy 60 IN CNAME host.other.org.\ndname 60 IN DNAME wy\nhost 60 IN A 127.0.0.1\n"


@pytest.mark.parametrize("named", [(), (NS1,), (RESOLVER,)], ids=["own", "authority", "resolver"])
@pytest.mark.parametrize(
    ("records", "name", "end"),
    [
        ("_acme-challenge.three 60 IN CNAME three.wy\n", "_acme-challenge.three", "three.wy"),
        ("", "_acme-challenge.dname", "_acme-challenge.wy"),
        ("a.b 60 IN CNAME c.d\n*.d 60 IN CNAME e.wy\n", "a.b", "c.d"),
        ("a.b 60 IN CNAME c.d\nc.d 60 IN CNAME e.wy\n", "a.b", "e.wy"),
        ("*.b 60 IN CNAME c.d\nc.d 60 IN CNAME e.wy\n", "a.b", None),
    ],
    ids=["a wildcard at the second hop", "DNAME", "at the first of two", "at the third hop", "at the name"],
)
def test_an_alias_ends_where_a_wildcard_record_goes_on(
    net: Net, named: tuple[str, ...], records: str, name: str, end: str | None
) -> None:
    """Lost: the record, written to where every unknown name leads."""
    net.serve("example.org", ZONE + WY + records, [NS1, NS2, "::1", RESOLVER])
    found = probe(net, *named).follow([f"{name}.example.org"], time.monotonic() + 10)
    assert found == ({f"{name}.example.org": (f"{end}.example.org", "example.org")} if end else {})


def test_all_that_is_there_is_seen_in_one_round_by_one_question_for_each_name_and_address(
    net: Net, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lost: the 100 ms that the look may cost where nothing is late."""
    for name in ("REPEAT_SECONDS", "UDP_SECONDS"):
        # Nobody loses a datagram here, however slow the machine is.
        monkeypatch.setattr(udp, name, 20.0)
    names = [f"_acme-challenge.n{number}.example.org" for number in range(5)]
    net.serve("example.org", ZONE + "".join(f"{name}. 60 IN TXT one\n" for name in names), [NS1, NS2, "::1"])
    observer = Observer(Surroundings())
    observer.dns = probe(net)
    pauses: list[float] = []

    def pause(seconds: float) -> bool:
        pauses.append(seconds)
        return False

    wanted = [expectation("one", name=name) for name in names]
    seen = watch(observer.look, wanted, Policy("strict", 60, 0), pause=pause)
    assert set(seen.states.values()) == {State.VISIBLE}
    assert (seen.number, pauses) == (1, [])
    for address in (NS1, NS2, "::1"):
        assert sorted(net[address].asked) == [f"udp {name}. TXT" for name in names]
    # Which zone, and where its servers are: each once, and nothing about the records.
    asked = net[RESOLVER].asked
    assert len(asked) == len(set(asked))
    assert not any("_acme-challenge" in question for question in asked)
    assert net[PARENT].asked == net[OTHER].asked == []


def test_an_alias_of_a_wildcard_record_is_none_of_the_name(net: Net) -> None:
    """Lost: the record, written to where every unknown name leads."""
    net.serve("example.org", ZONE + "* 60 IN CNAME x.other.org.\n", [NS1, NS2, "::1"])
    assert probe(net).follow([NAME], time.monotonic() + 10) == {}


def test_the_reason_knows_where_an_alias_really_ends(net: Net) -> None:
    """Lost: the record, written to where every unknown name leads, as the message said."""
    net.serve("example.org", ZONE + WY + "_acme-challenge 60 IN CNAME three.wy\n", [NS1, NS2, "::1"])
    looking, batch = probe(net), [expectation("one")]
    rows = looking.look(batch, time.monotonic() + 8)
    assert {(row.outcome, row.asked) for row in rows} == {(Outcome.NO_SUCH_NAME, "host.other.org")}
    told = reasons(batch, rows, looking.explain(batch, rows, time.monotonic() + 8), Publisher())
    assert told == [FromWildcard(NAME, "*.wy.example.org"), Aliased(NAME, "three.wy.example.org", "example.org")]


def test_all_wanted_values_are_seen_however_many_others_there_are(net: Net) -> None:
    """Lost: what a killed run left, since a value that is not shown counts as gone."""
    values = [f"v{number}" for number in range(12)]
    records = "".join(f"_acme-challenge 60 IN TXT {value}\n" for value in [*values[:-1], *map(str, range(20))])
    net.serve("example.org", ZONE + records, [NS1, NS2, "::1"])
    for row in look(net, *values):
        assert (row.outcome, row.more) == (Outcome.OTHER_VALUES, 12)
        assert set(values) - set(row.seen) == {values[-1]}


def test_records_that_a_function_judges_are_kept_as_they_are(net: Net) -> None:
    """Guards against: a long record that is cut, or one of many that is left out, before the rule has seen it."""
    long, odd = '"' + "x" * 255 + '" "' + "y" * 45 + '"', '"a\\009b\\226\\128\\139c"'
    many = "".join(f"_acme-challenge 60 IN TXT {number}\n" for number in range(20))
    net.serve(
        "example.org", ZONE + f"_acme-challenge 60 IN TXT {long}\n_acme-challenge 60 IN TXT {odd}\n" + many, [NS1]
    )
    wanted = {"x" * 255 + "y" * 45, "a\tb\u200bc"}
    judged = replace(expectation(), accepts=lambda values: wanted <= set(values))
    found = probe(net).look([judged], time.monotonic() + 8)
    assert outcomes(found) == {NS1: Outcome.MATCH, NS2: Outcome.NO_SUCH_NAME, "[::1]": Outcome.NO_SUCH_NAME}
    rows = {row.outcome: row.whole for row in found}
    assert len(rows[Outcome.MATCH]) == 22
    assert wanted <= set(rows[Outcome.MATCH])


CHILD = SOA.format(serial=1) + f"@ 60 IN NS ns\n@ 60 IN NS ns2\nns 60 IN A {OTHER}\nns2 60 IN A {PARENT}\n"


def test_servers_that_only_the_zone_below_knows_are_asked_too(net: Net) -> None:
    """Lost: the validation, at the server that the zone above does not name, or at the address that it does not."""
    child = f"_acme-challenge 60 IN NS ns._acme-challenge\nns._acme-challenge 60 IN A {OTHER}\n"
    net.serve("example.org", ZONE + child, [NS1, NS2, "::1"])
    net.serve(NAME, CHILD + "ns 60 IN AAAA ::1\n", [RESOLVER, PARENT])
    net.serve(NAME, CHILD + "ns 60 IN AAAA ::1\n@ 60 IN TXT one\n", [OTHER])
    found = outcomes(look(net, "one"))
    assert found == {OTHER: Outcome.MATCH, PARENT: Outcome.NO_RECORD, "[::1]": Outcome.NOT_AUTHORITATIVE}


def test_many_zones_below_are_looked_up_together(net: Net) -> None:
    """Lost: the run, since looking them up one by one takes longer than a look may."""
    names = [f"_acme-challenge.n{number}.example.org" for number in range(40)]
    net.serve("example.org", ZONE + "".join(f"{name}. 60 IN NS ns.other.org.\n" for name in names), [NS1, NS2, "::1"])
    for name in names:
        net.serve(name, SOA.format(serial=1) + "@ 60 IN NS ns.other.org.\n@ 60 IN TXT one\n", [OTHER])
    found = probe(net).look([expectation("one", name=name) for name in names], time.monotonic() + 20)
    assert [one.outcome for one in found] == [Outcome.MATCH] * len(names)
    # Once for its addresses, however many zones it has.
    assert net[RESOLVER].asked.count("udp ns.other.org. A") <= 2


def test_a_named_server_that_refers_to_others_is_followed(net: Net) -> None:
    """Lost: a zone of its own for the challenge, below one whose hidden primary is named."""
    net.serve("example.org", ZONE + "_acme-challenge 60 IN NS ns.other.org.\n", [NS1])
    net.serve(NAME, SOA.format(serial=1) + "@ 60 IN NS ns.other.org.\n@ 60 IN TXT one\n", [OTHER])
    assert outcomes(look(net, "one", named=(NS1, OTHER))) == {OTHER: Outcome.MATCH}


def test_an_alias_to_a_zone_that_nobody_knows_is_not_as_if_it_were_not_there(net: Net) -> None:
    """Lost: the validation, whenever the CA asks the server that sends it elsewhere."""
    net.serve("example.org", ZONE + "_acme-challenge 60 IN TXT one\n", [NS1, "::1"])
    net.serve("example.org", ZONE + "_acme-challenge 60 IN CNAME x.nowhere.invalid.\n", [NS2])
    assert verdict.state(look(net, "one"), True) is State.UNKNOWN


@pytest.mark.parametrize("label", [r"foo\.", r"\.", r"a\.b"])
def test_a_dot_within_a_label(net: Net, label: str) -> None:
    """Lost: the whole batch, by one customer's odd alias."""
    net.serve("example.org", ZONE + f"_acme-challenge 60 IN CNAME {label}\n", [NS1, NS2, "::1"])
    for address in (NS1, NS2, "::1"):
        net[address].behaviour = "terse"
    assert set(outcomes(look(net, "one")).values()) == {Outcome.NO_SUCH_NAME}
    assert response.parent(f"{label}.example.org") == "example.org"


def test_tcp_has_time_where_udp_is_silent_however_many_names_there_are(net: Net) -> None:
    """Lost: the look, behind a firewall that lets TCP through only."""
    names = [f"_acme-challenge.n{number}.example.org" for number in range(120)]
    net.serve("example.org", ZONE + "".join(f"{name}. 60 IN TXT one\n" for name in names), [NS1, NS2, "::1"])
    net[NS1].behaviour = "only_tcp"
    found = probe(net).look([expectation("one", name=name) for name in names], time.monotonic() + 30)
    assert {one.outcome for one in found} == {Outcome.MATCH}
    # Each of the first questions by UDP, and again, and no more.
    assert sum(question.startswith("udp") for question in net[NS1].asked) <= 2 * pending.MAX_OPEN_QUESTIONS


def test_an_answer_that_is_cut_within_a_record_and_a_closed_udp_port_leave_tcp(net: Net) -> None:
    net.serve("example.org", ZONE + "_acme-challenge 60 IN TXT one\n", [NS1, NS2, "::1"])
    net[NS1].behaviour = "cut"
    net.close_udp(NS2)
    assert outcomes(look(net, "one")) == dict.fromkeys((NS1, NS2, "[::1]"), Outcome.MATCH)


def test_a_dead_resolver_is_not_waited_for(net: Net) -> None:
    """Lost: where an alias leads, whenever the first line of resolv.conf is out of date."""
    net[OTHER].behaviour = "silent"
    resolver = Resolver([Endpoint(one, net.port) for one in (OTHER, RESOLVER)])
    (reply,) = resolver.ask([Question("example.org", "NS", recursive=True)], time.monotonic() + 30)
    assert reply.message is not None
    # The dead one is not given up yet: TCP comes after UDP.
    assert not any(question.startswith("tcp") for question in net[OTHER].asked)


def test_dead_addresses_do_not_keep_others_waiting(net: Net, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lost: the look at a hundred zones, each with servers that cannot be reached."""
    monkeypatch.setattr("certbot_external_auth.visibility.dns.walk.MAX_ADDRESSES", 1)
    net.serve("example.org", ZONE + "_acme-challenge 60 IN TXT one\n", [NS1, NS2, "::1"])
    net[NS1].behaviour = net[NS2].behaviour = "silent"
    looking = probe(net)
    looks = [outcomes(looking.look([expectation("one")], time.monotonic() + 1))["[::1]"] for _ in range(6)]
    # Each of the first two may be spent on a dead one.
    assert looks[2:] == [Outcome.MATCH] * 4


def test_a_batch_uses_one_socket_for_each_address(net: Net) -> None:
    names = [f"_acme-challenge.n{number}.example.org" for number in range(120)]
    records = "".join(f"{name}. 60 IN TXT v{number}\n" for number, name in enumerate(names))
    net.serve("example.org", ZONE + records, [NS1, NS2, "::1"])
    wanted = [expectation(f"v{number}", name=name) for number, name in enumerate(names)]
    found = probe(net).look(wanted, time.monotonic() + 20)
    assert len(found) == 3 * len(names)
    assert {one.outcome for one in found} == {Outcome.MATCH}
