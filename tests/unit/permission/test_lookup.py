"""Which CAA records count for a name, asked over real sockets from name servers in this process."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import dns.flags
import dns.message
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import pytest

from certbot_external_auth.endpoint import Endpoint
from certbot_external_auth.permission import lookup
from certbot_external_auth.permission.caa import Record
from certbot_external_auth.permission.lookup import Standing, Told, Unanswered
from certbot_external_auth.visibility import Observation, Outcome
from certbot_external_auth.visibility.dns.probe import Probe
from certbot_external_auth.visibility.dns.reply import Question, Reply
from certbot_external_auth.visibility.dns.resolver import Resolver
from certbot_external_auth.visibility.dns.zone import Zones
from certbot_external_auth.visibility.probe import Surroundings
from tests.support.name_servers import NameServer, Net

RESOLVER, PARENT, NS1, NS2 = (f"127.0.7.{number}" for number in range(1, 5))
SOA = "@ 60 IN SOA ns1 hostmaster 1 60 60 60 60\n"
ZONE = SOA + f"@ 60 IN NS ns1\n@ 60 IN NS ns2\nns1 60 IN A {NS1}\nns2 60 IN A {NS2}\nwww 60 IN A 127.0.0.1\n"
TOP = SOA + (
    f"@ 60 IN NS a\na 60 IN A {PARENT}\nexample 60 IN NS ns1.example\nexample 60 IN NS ns2.example\n"
    f"ns1.example 60 IN A {NS1}\nns2.example 60 IN A {NS2}\n"
)
CAA = '{} 60 IN CAA 0 issue "{}"\n'


@pytest.fixture
def net() -> Iterator[Net]:
    with Net([RESOLVER, PARENT, NS1, NS2]) as found:
        found.serve("org", TOP, [RESOLVER, PARENT])
        found.serve("example.org", ZONE, [RESOLVER, NS1, NS2])
        found[RESOLVER].recursive = True
        yield found


def look(net: Net, *names: str, seconds: float = 10) -> dict[str, Told]:
    probe = Probe(Surroundings(), Zones(Resolver([Endpoint(RESOLVER, net.port)]), net.port))
    return lookup.look(names, probe.records, time.monotonic() + seconds)


def test_the_nearest_name_that_has_records_counts(net: Net) -> None:
    net.serve("org", TOP + CAA.format("@", "top.test"), [PARENT])
    assert look(net, "www.example.org") == {"www.example.org": (Standing("org", (Record(0, "issue", "top.test"),)),)}
    net.serve("example.org", ZONE + CAA.format("@", "ca.test"), [NS1, NS2])
    expected = (Standing("example.org", (Record(0, "issue", "ca.test"),)),)
    found = look(net, "www.example.org", "a.b.example.org", "other.org")
    assert found["www.example.org"] == found["a.b.example.org"] == expected
    assert found["other.org"] == (Standing("org", (Record(0, "issue", "top.test"),)),)


def test_no_records_up_to_the_root(net: Net) -> None:
    assert look(net, "www.example.org") == {"www.example.org": (Standing(),)}
    # No resolver was asked about the name itself or about its CAA records: it would remember that there are none.
    assert not [one for one in net[RESOLVER].asked if "CAA" in one]
    assert not [one for one in net[RESOLVER].asked if "_acme" in one]


def test_servers_that_differ_are_named(net: Net) -> None:
    net.serve("example.org", ZONE + CAA.format("@", "ca.test"), [NS1])
    net.serve("example.org", ZONE + CAA.format("@", "their.test"), [NS2])
    found = look(net, "example.org")["example.org"]
    assert isinstance(found, tuple)
    assert {(one.records[0].value, one.servers[0].split(" ")[0]) for one in found} == {
        ("ca.test", "ns1.example.org"),
        ("their.test", "ns2.example.org"),
    }


def _fails_at_caa(server: NameServer, code: str | None) -> None:
    """Let a server answer questions about CAA records with an error, None for silence."""
    answer = server.reply

    def reply(data: bytes, tcp: bool) -> bytes | None:
        query = dns.message.from_wire(data)
        if query.question[0].rdtype != dns.rdatatype.CAA:
            return answer(data, tcp)
        if code is None:
            return None
        made = dns.message.make_response(query)
        made.set_rcode(dns.rcode.from_text(code))
        return made.to_wire()

    server.reply = reply  # type: ignore[method-assign]


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("SERVFAIL", Outcome.SERVFAIL),
        ("NOTIMP", Outcome.SERVFAIL),
        ("REFUSED", Outcome.REFUSED),
        (None, Outcome.TIMEOUT),
    ],
)
def test_servers_that_know_no_caa_are_an_error(net: Net, code: str | None, outcome: Outcome) -> None:
    for address in (NS1, NS2):
        _fails_at_caa(net[address], code)
    found = look(net, "www.example.org")["www.example.org"]
    assert isinstance(found, Unanswered)
    assert found.owner == "www.example.org"
    assert {row.outcome for row in found.rows} == {outcome}


def test_one_server_that_answers_is_enough(net: Net) -> None:
    _fails_at_caa(net[NS1], "SERVFAIL")
    assert look(net, "www.example.org")["www.example.org"] == (Standing(),)


def test_servers_that_this_machine_cannot_reach_say_nothing(net: Net) -> None:
    net[NS1].behaviour = net[NS2].behaviour = "silent"
    assert look(net, "www.example.org", seconds=4)["www.example.org"] is None
    net[NS1].behaviour = net[NS2].behaviour = "good"
    net[RESOLVER].behaviour = "servfail"
    assert look(net, "www.example.org")["www.example.org"] is None


@pytest.mark.parametrize("by_tcp", [False, True])
def test_records_that_dnspython_cannot_read_are_not_missing(net: Net, by_tcp: bool) -> None:
    """Guards against: the records of the name above, because a tag has a dash, or the answer by TCP cannot be read."""
    net.serve("org", TOP + CAA.format("@", "top.test"), [PARENT])
    for address in (NS1, NS2):
        _answers_oddly(net[address], by_tcp)
    assert look(net, "www.example.org")["www.example.org"] is None


def _answers_oddly(server: NameServer, by_tcp: bool) -> None:
    """Let a server answer with a record whose tag dnspython refuses. :param by_tcp: only by TCP."""
    known = server.reply

    def reply(data: bytes, tcp: bool) -> bytes | None:
        query = dns.message.from_wire(data)
        if query.question[0].rdtype != dns.rdatatype.CAA:
            return known(data, tcp)
        made = dns.message.make_response(query)
        made.flags |= dns.flags.AA
        if by_tcp and not tcp:
            made.flags |= dns.flags.TC
            return made.to_wire()
        data = b"\0\6is-suex"
        record = dns.rdata.GenericRdata(dns.rdataclass.IN, dns.rdatatype.CAA, data)
        made.answer.append(dns.rrset.from_rdata_list(query.question[0].name, 60, [record]))
        return made.to_wire()

    server.reply = reply  # type: ignore[method-assign]


def test_a_silent_server_is_asked_about_all_names_together(net: Net, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards against: a wait for every name, which is minutes for some hundred names."""
    places = [Endpoint(address, net.port) for address in (NS1, NS2)]
    asked: list[tuple[Endpoint, int]] = []

    def ask(server: Endpoint, questions: Sequence[Question], until: float) -> list[Reply]:
        asked.append((server, len(questions)))
        return [Reply(failed=Outcome.TIMEOUT) for _ in questions]

    def records(names: Sequence[str], kind: str, until: float) -> list[Observation]:
        silent = Outcome.TIMEOUT
        return [Observation(name, "ns", str(one), silent, zone="example.org") for name in names for one in places]

    monkeypatch.setattr(lookup.wire, "ask", ask)
    names = [f"n{number}.example.org" for number in range(5)]
    assert lookup.look(names, records, time.monotonic() + 1) == dict.fromkeys(names)
    assert sorted(asked, key=str) == [(place, 5) for place in places]


def test_named_servers_that_are_silent_are_not_asked_again(net: Net, monkeypatch: pytest.MonkeyPatch) -> None:
    """They have no zone, so nothing would be said about their silence."""
    net[NS1].behaviour = "silent"
    probe = Probe(Surroundings((Endpoint(NS1, net.port),)))
    monkeypatch.setattr(lookup, "wire", None)
    assert lookup.look(["example.org"], probe.records, time.monotonic() + 1) == {"example.org": None}
