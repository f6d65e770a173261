"""All addresses of a name, from name servers that behave and others that do not: over real sockets, in this process."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

import dns.message
import dns.rdatatype
import pytest

from certbot_external_auth.endpoint import Endpoint
from certbot_external_auth.visibility import Outcome
from certbot_external_auth.visibility.dns import wire
from certbot_external_auth.visibility.dns.reply import Question, Reply
from certbot_external_auth.visibility.this_host import Addresses
from certbot_external_auth.visibility.web.addresses import has_route, resolve
from tests.support.name_servers import NameServer, Net

ONE, TWO = "127.0.7.1", "127.0.7.2"
SOA = "@ 60 IN SOA ns hostmaster 1 60 60 60 60\n"
ZONE = SOA + (
    "two 60 IN A 192.0.2.2\ntwo 60 IN A 192.0.2.1\ntwo 60 IN AAAA 2001:db8::1\n"
    "six 60 IN AAAA 2001:db8::6\nmail 60 IN MX 10 two\n"
    "alias 60 IN CNAME middle\nmiddle 60 IN CNAME six\nround 60 IN CNAME round\n"
    + "".join(f"far{number} 60 IN CNAME far{number + 1}\n" for number in range(40))
)
PATIENCE = 20.0
SHORT = 0.6


@pytest.fixture
def net() -> Iterator[Net]:
    with Net([ONE, TWO]) as found:
        found.serve("test", ZONE, [ONE])
        yield found


def resolved(net: Net, *hosts: str, servers: tuple[str, ...] = (ONE,), patience: float = PATIENCE) -> list[Addresses]:
    found = resolve(hosts, time.monotonic() + patience, [Endpoint(one, net.port) for one in servers])
    return [found[host] for host in hosts]


def after(server: NameServer, condition: Callable[[], bool]) -> None:
    """Let a server be silent as long as a condition does not hold."""
    reply = server.reply

    def patient(data: bytes, tcp: bool) -> bytes | None:
        answer = reply(data, tcp)
        return answer if condition() else None

    server.reply = patient  # type: ignore[method-assign]


ADDRESSES = {
    "two.test": ("192.0.2.1", "192.0.2.2", "2001:db8::1"),
    "TWO.test.": ("192.0.2.1", "192.0.2.2", "2001:db8::1"),
    "six.test": ("2001:db8::6",),
    "alias.test": ("2001:db8::6",),
    "192.0.2.7": ("192.0.2.7",),
    "2001:db8::7": ("2001:db8::7",),
}


@pytest.mark.parametrize("behaviour", ["good", "terse"])
def test_both_families_and_aliases(net: Net, behaviour: str) -> None:
    net[ONE].behaviour = behaviour
    assert {host: one.found for host, one in zip(ADDRESSES, resolved(net, *ADDRESSES), strict=True)} == ADDRESSES


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("nowhere.test", Outcome.NO_SUCH_NAME),
        ("mail.test", Outcome.NO_RECORD),
        ("outside.example", Outcome.REFUSED),
        ("round.test", Outcome.NO_RECORD),
        ("label.that-is-longer-than-what-a-name-may-have-" + "x" * 63 + ".test", Outcome.SERVFAIL),
    ],
)
def test_why_there_is_none(net: Net, name: str, outcome: Outcome) -> None:
    (found,) = resolved(net, name)
    assert (found.found, found.outcome) == ((), outcome)
    assert found.detail


def test_aliases_without_end_are_followed_no_further_than_others_do(net: Net) -> None:
    net[ONE].behaviour = "terse"
    assert resolved(net, "far0.test")[0].outcome is Outcome.NO_RECORD
    assert len(net[ONE].asked) < 40


def test_one_lost_datagram_is_no_answer_lost(net: Net) -> None:
    net[ONE].lost = 1
    assert resolved(net, "six.test")[0].found == ("2001:db8::6",)


def test_every_server_is_asked(net: Net) -> None:
    """A CA may ask any of them."""
    net.serve("test", SOA + "* 60 IN A 192.0.2.99\n", [TWO])
    two, nowhere = resolved(net, "two.test", "nowhere.test", servers=(ONE, TWO))
    assert two.found == ("192.0.2.1", "192.0.2.2", "192.0.2.99", "2001:db8::1")
    assert nowhere.found == ("192.0.2.99",)


def test_all_servers_are_asked_at_once(net: Net) -> None:
    """The first answers no sooner than the other one has been asked too."""
    net.serve("test", SOA + "two 60 IN A 192.0.2.99\n", [TWO])
    after(net[ONE], lambda: bool(net[TWO].asked))
    assert len(resolved(net, "two.test", servers=(ONE, TWO))[0].found) == 4


def test_both_families_are_asked_at_once(net: Net) -> None:
    after(net[ONE], lambda: any(one.endswith(" AAAA") for one in net[ONE].asked))
    assert resolved(net, "two.test")[0].found == ("192.0.2.1", "192.0.2.2", "2001:db8::1")


@pytest.mark.parametrize("silent", [ONE, TWO])
def test_one_that_is_silent_hides_no_other(net: Net, silent: str) -> None:
    net.serve("test", ZONE, [TWO])
    net[silent].behaviour = "silent"
    six, nowhere = resolved(net, "six.test", "nowhere.test", servers=(ONE, TWO), patience=SHORT)
    assert six.found == ("2001:db8::6",)
    # Who says that there is none weighs more than who does not answer.
    assert nowhere.outcome is Outcome.NO_SUCH_NAME


def test_time_is_left_for_asking_the_addresses(net: Net, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lost: the whole look, for a name server that is silent."""
    limits: list[float] = []
    ask = wire.ask

    def noted(server: Endpoint, questions: Sequence[Question], until: float) -> list[Reply]:
        limits.append(until)
        return ask(server, questions, until)

    monkeypatch.setattr(wire, "ask", noted)
    until = time.monotonic() + PATIENCE
    resolve(["six.test"], until, [Endpoint(one, net.port) for one in (ONE, TWO)])
    assert [until - limit > PATIENCE / 3 for limit in limits] == [True, True]


@pytest.mark.parametrize(("name", "found"), [("six.test", ()), ("two.test", ("192.0.2.1", "192.0.2.2"))])
def test_a_family_that_is_not_told_is_not_taken_for_none(net: Net, name: str, found: tuple[str, ...]) -> None:
    answer = net[ONE].reply

    def only_ipv4(data: bytes, tcp: bool) -> bytes | None:
        about = dns.message.from_wire(data).question[0].rdtype
        return answer(data, tcp) if about == dns.rdatatype.A else None

    net[ONE].reply = only_ipv4  # type: ignore[method-assign]
    (told,) = resolved(net, name, patience=SHORT)
    assert (told.found, told.outcome) == (found, None if found else Outcome.TIMEOUT)


def test_all_hosts_are_asked_over_one_socket_for_each_server(net: Net) -> None:
    """Lost: the limit of open files, with 100 names and a dozen servers."""
    senders: set[str] = set()
    hosts = [f"n{number}.test" for number in range(60)]
    net.serve("test", SOA + "* 60 IN A 192.0.2.99\n", [ONE])
    net.heard = senders.add
    assert {one.found for one in resolved(net, *hosts)} == {("192.0.2.99",)}
    assert len(senders) == 1
    # On a machine that is busy, some are asked for again.
    assert len(set(net[ONE].asked)) == 2 * len(hosts)


def test_without_name_servers_the_hosts_file_counts() -> None:
    assert "127.0.0.1" in resolve(["localhost"], time.monotonic() + PATIENCE)["localhost"].found


def test_a_name_server_that_has_no_address_itself(net: Net) -> None:
    found = resolve(["six.test"], time.monotonic() + PATIENCE, [Endpoint("no such host", net.port)])
    assert found["six.test"].outcome is Outcome.TIMEOUT
    assert "no such host" in found["six.test"].detail


def test_a_route_to_this_machine() -> None:
    assert has_route("127.0.0.1", 80)
