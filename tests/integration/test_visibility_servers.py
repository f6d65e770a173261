"""The look before the CA is asked, against the name servers of the world: BIND, Knot, PowerDNS, on port 53.

All of them are in a network of the test's own. Kernels without the queueing discipline netem cannot delay or lose
packets there, so what is late or lost comes from servers: a secondary that is told of changes when the test wants, or
is stopped; and the small servers of `tests.support.name_servers`, which can do both as often as they are told.
"""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from certbot_external_auth.visibility import Expectation, Observation, Outcome, likely, report
from certbot_external_auth.visibility.observer import Observer
from certbot_external_auth.visibility.probe import Surroundings
from certbot_external_auth.visibility.publisher import Publisher
from certbot_external_auth.visibility.verdict import Decision, State, decision
from certbot_external_auth.visibility.watch import Policy, watch
from tests.support import private_network
from tests.support.bind import Bind
from tests.support.caches import dnsmasq
from tests.support.certbot import SYSTEM_PATH, Certbot
from tests.support.hooks import Hooks
from tests.support.knot import knot
from tests.support.name_servers import NameServer, Net
from tests.support.powerdns import powerdns
from tests.support.rehearsals import rehearse
from tests.support.testca import TestCA
from tests.support.words import handler, names

RESOLVER, PRIMARY, LATE, KNOT, POWER = "127.0.0.53", "127.0.2.1", "127.0.2.2", "127.0.2.3", "127.0.0.1"
BROKEN, HERE, ELSEWHERE = "127.0.2.4", "127.0.2.5", "127.0.2.6"
ZONE, OTHER = "example.test", "delegated.test"
NAME = f"_acme-challenge.{ZONE}"
SERVERS = f"@ NS late\n@ NS broken\n@ NS knot\nlate A {LATE}\nbroken A {BROKEN}\nknot A {KNOT}\n"
SOA = "@ 60 IN SOA ns1 hostmaster 1 60 60 60 60\n@ 60 IN NS ns1\n"
RECORDS = SOA + f"ns1 A {PRIMARY}\n" + SERVERS
ANYCAST = "@ 60 IN SOA any hostmaster 1 60 60 60 60\n@ 60 IN NS any\n" + f"any A {HERE}\nany A {ELSEWHERE}\n"
PREFER = {"/etc/resolv.conf": f"nameserver {RESOLVER}\n"}

pytestmark = pytest.mark.skipif(not private_network.possible(), reason="port 53 and a network of its own need root")


class World:
    """A primary and three secondaries: two are told of changes (Knot and `broken`), one is not (`late`)."""

    def __init__(self, resolver: NameServer, primary: Bind, late: Bind, broken: Bind) -> None:
        self.resolver, self.primary, self.late, self.broken = resolver, primary, late, broken

    def look(self, *values: str, name: str = NAME) -> list[Observation]:
        return Observer(Surroundings()).look([wanted(*values, name=name)], time.monotonic() + 10)


@pytest.fixture
def world() -> Iterator[World]:
    with contextlib.ExitStack() as stack:
        stack.enter_context(private_network.private_network(PREFER))
        add_addresses(PRIMARY, LATE, BROKEN)
        resolver = stack.enter_context(Net([RESOLVER], port=53))[RESOLVER]
        resolver.recursive = True
        resolver.serve(ZONE, RECORDS)
        resolver.serve(OTHER, SOA + f"ns1 60 IN A {POWER}\n")
        primary = Bind(ZONE, records=SERVERS, address=PRIMARY, port=53, secondaries=(f"{KNOT}:53", f"{BROKEN}:53"))
        stack.enter_context(primary)
        late = stack.enter_context(Bind(primary=primary, address=LATE, port=53))
        broken = stack.enter_context(Bind(primary=primary, address=BROKEN, port=53))
        stack.enter_context(knot(primary, KNOT, 53))
        yield World(resolver, primary, late, broken)


def add_addresses(*addresses: str) -> None:
    """BIND listens on addresses that an interface has, and nowhere else."""
    for address in addresses:
        subprocess.run(["ip", "address", "add", f"{address}/32", "dev", "lo"], check=True)


def wanted(*values: str, name: str = NAME) -> Expectation:
    return Expectation("dns-01", name.removeprefix("_acme-challenge."), name, values, ("c1",))


def outcomes(found: list[Observation]) -> dict[str, Outcome]:
    return {one.address.removesuffix(":53"): one.outcome for one in found}


def test_secondaries_late_broken_and_back(world: World) -> None:
    """Lost: the failed validation when the CA asks the one secondary that the change has not reached."""
    observer = Observer(Surroundings())
    world.primary.change(f"add {NAME} 60 TXT one", f"add {NAME} 60 TXT two")
    world.late.wait_for(NAME, [])
    expectation = wanted("one", "two")

    def pause(_: float) -> bool:
        world.late.tell_of_change()
        world.late.wait_for(NAME, ["one", "two"])
        return False

    told: list[dict[str, Outcome]] = []
    seen = watch(
        observer.look,
        [expectation],
        Policy("strict", 60, 0),
        lambda one: told.append(outcomes(one.observations)),
        pause,
    )
    assert told[0][LATE] is Outcome.NO_SUCH_NAME
    assert told[0][PRIMARY] is Outcome.MATCH
    assert told[-1] == dict.fromkeys((PRIMARY, LATE, BROKEN, KNOT), Outcome.MATCH)
    assert list(seen.states.values()) == [State.VISIBLE]

    visible = dict.fromkeys((PRIMARY, LATE, KNOT), Outcome.MATCH)
    world.broken.freeze()
    found = world.look("one", "two")
    world.broken.thaw()
    assert outcomes(found) == {**visible, BROKEN: Outcome.TIMEOUT}
    assert (decision(found, "auto"), decision(found, "strict")) == (Decision.WARN, Decision.FAIL)
    world.broken.stop()
    found = world.look("one", "two")
    assert outcomes(found) == {**visible, BROKEN: Outcome.CONNECTION_REFUSED}
    assert (decision(found, "auto"), decision(found, "strict")) == (Decision.WARN, Decision.FAIL)
    # What it missed meanwhile it gets from the primary when it is back.
    world.primary.change(f"add {NAME} 60 TXT three")
    world.broken.start()
    world.broken.tell_of_change()
    world.broken.wait_for(NAME, ["one", "three", "two"])
    assert outcomes(world.look("one", "two", "three"))[BROKEN] is Outcome.MATCH


def test_one_name_server_at_two_addresses_that_differ() -> None:
    """Lost: half of all validations with providers whose name servers are many machines of one name."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(private_network.private_network(PREFER))
        add_addresses(HERE, ELSEWHERE)
        resolver = stack.enter_context(Net([RESOLVER], port=53))[RESOLVER]
        resolver.recursive = True
        resolver.serve(ZONE, ANYCAST)
        here, elsewhere = (stack.enter_context(Bind(ZONE, address=address, port=53)) for address in (HERE, ELSEWHERE))
        here.change(f"add {NAME} 60 TXT one")
        observer = Observer(Surroundings())
        seen = watch(observer.look, [wanted("one")], Policy("auto", 0, 0))
        assert list(seen.states.values()) == [State.NOT_VISIBLE]
        assert seen.decision("auto") is Decision.FAIL
        rows = report.table([wanted("one")], seen.observations)
        assert any(f"any.{ZONE}  {HERE}:53  visible" in row for row in rows)
        assert any(f"any.{ZONE}  {ELSEWHERE}:53  no such name" in row for row in rows)
        elsewhere.change(f"add {NAME} 60 TXT one")
        assert list(watch(observer.look, [wanted("one")], Policy("auto", 0, 0)).states.values()) == [State.VISIBLE]


def test_the_reason_is_found(world: World) -> None:
    """Lost: an hour with dig."""
    observer = Observer(Surroundings())

    def reasons(*values: str, name: str = NAME) -> str:
        expectation = wanted(*values, name=name)
        found = world.look(*values, name=name)
        clues = observer.explain([expectation], found, time.monotonic() + 10)
        return "\n".join(likely.reasons([expectation], found, clues, Publisher("The handler /hook")))

    world.primary.change(f"add {NAME} 60 TXT one")
    text = reasons("one")
    assert f"late.{ZONE} ({LATE}:53) still has the zone {ZONE} with serial 1, while " in text
    assert "has 2: the new copy of the zone has not arrived yet" in text
    world.primary.change(f"add *.w.{ZONE} 60 TXT v=spf1")
    assert f"the wildcard record *.w.{ZONE}" in reasons("x", name=f"_acme-challenge.w.{ZONE}")
    world.primary.change(f"add _acme-challenge.d.{ZONE}.{ZONE} 60 TXT twice")
    assert f"stands at _acme-challenge.d.{ZONE}.{ZONE}" in reasons("twice", name=f"_acme-challenge.d.{ZONE}")
    # The record is written where the alias stands. One server has not heard of the alias yet.
    alias = f"_acme-challenge.a.{ZONE}"
    world.primary.change(f"add {alias} 60 CNAME x.{OTHER}.")
    with powerdns(OTHER, 53):
        text = reasons("elsewhere", name=alias)
        assert f"is an alias (CNAME) of x.{OTHER}: the record must stand there, in the zone {OTHER}" in text
        # Those that told of the alias are asked for its zone, in which they are newer.
        assert f"late.{ZONE} ({LATE}:53) still has the zone {ZONE} with serial 1, while " in text
        assert observer.follow([alias, NAME], time.monotonic() + 20) == {alias: (f"x.{OTHER}", OTHER)}


def test_certbot_finds_the_servers_itself_and_waits_for_the_late_one(
    world: World, scripts: Hooks, tmp_path: Path
) -> None:
    """Lost: a certificate, whenever the CA happens to ask the late one."""
    script = "#!/bin/sh\nset -e\n" + (
        "case $1 in perform) word=add;; cleanup) word=del;; *) exit 0;; esac\n"
        f'printf "server {PRIMARY} 53\\nupdate $word $cbot_txt_domain. 60 TXT \\"$validation\\"\\nsend\\n" | '
        f"nsupdate -k {world.primary.key_file}\n"
    )
    with TestCA(dns_server=f"{LATE}:53") as ca:
        host = Certbot(tmp_path / "host", ca)
        host.environment["PATH"] = SYSTEM_PATH
        words = (*handler(scripts.write("nsupdate.sh", script)), "--external-auth-verify", "auto")
        result = host.run("certonly", *words, "--external-auth-verify-timeout", "1", *names(ZONE))
        assert result.returncode == 1
        assert not result.validated
        shown = " ".join(result.stderr.split())
        for part in (f"late.{ZONE} {LATE}:53 no such name", f"still has the zone {ZONE} with serial 1"):
            assert part in shown, result.stderr
        with host.started(host.command(("certonly", *words, *names(ZONE)))[2:]) as process:
            deadline = time.monotonic() + 60
            while world.primary.txt(NAME) == [] and time.monotonic() < deadline:
                time.sleep(0.05)
            world.late.tell_of_change()
            assert process.wait(90) == 0
    # It would go on saying that there is nothing, to whoever asks it next.
    assert world.resolver.asked
    assert not any("_acme-challenge" in question for question in world.resolver.asked)


NSUPDATE = """#!/bin/sh
set -e
case $1 in perform) word=add;; cleanup) word=del;; *) exit 0;; esac
printf "server {address} 53\\nupdate $word $cbot_txt_domain. 60 TXT \\"$cbot_validation\\"\\nsend\\n" |
    nsupdate -k {key}
"""


@pytest.fixture
def behind_dnsmasq(scripts: Hooks, tmp_path: Path) -> Iterator[tuple[Bind, Path]]:
    """A host whose resolver is a dnsmasq, which the CA asks too; and a right handler."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(private_network.private_network(PREFER))
        add_addresses(PRIMARY)
        authority = stack.enter_context(
            Bind(ZONE, records="here TXT ready\n", address=PRIMARY, port=53, negative_ttl=3600)
        )
        stack.enter_context(dnsmasq(authority.server, f"here.{ZONE}", RESOLVER, 53))
        yield authority, scripts.write("nsupdate.sh", NSUPDATE.format(address=PRIMARY, key=authority.key_file))


@pytest.mark.parametrize("mode", ["auto", "off"])
def test_a_resolver_that_the_ca_asks_too_learns_nothing_wrong(
    behind_dnsmasq: tuple[Bind, Path], tmp_path: Path, mode: str
) -> None:
    """Lost: every certificate of a host whose administrator names the CA's resolver, for an hour each."""
    _, hook = behind_dnsmasq
    with TestCA(dns_server=f"{RESOLVER}:53") as ca:
        host = Certbot(tmp_path / "host", ca)
        host.environment["PATH"] = SYSTEM_PATH
        words = ("--external-auth-verify", mode, "--external-auth-verify-nameservers", RESOLVER)
        result = host.run("certonly", *handler(hook), *words, *names(ZONE, f"*.{ZONE}"))
        assert result.returncode == 0, result
        assert result.validated


def test_a_right_handler_is_not_blamed_for_what_a_resolver_remembers(
    behind_dnsmasq: tuple[Bind, Path], tmp_path: Path
) -> None:
    """Lost: a handler that works, rewritten for nothing."""
    _, hook = behind_dnsmasq
    words = ("--nameserver", RESOLVER, "--verify-timeout", "5", "--json", "--domain", ZONE)
    found = rehearse(str(hook), "--dialect", "native", *words, environment={"PATH": SYSTEM_PATH})
    assert (found.code, found.results) == (0, {}), found
    addresses = {row["address"] for step in found.steps.values() for row in step["observations"]}
    assert addresses == {f"{PRIMARY}:53"}
