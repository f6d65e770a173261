"""Many random situations, each compared with what a CA that asks any single address would see.

`SCENARIOS=500 pytest tests/integration/test_visibility_scenarios.py` runs as many as that (`make scenarios`); `SEED=…`
runs one again. The name servers are real; only the pauses between looks are not waited for: each is one step of the
scenario's time.
"""

from __future__ import annotations

import os
import random
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pytest

from certbot_external_auth.endpoint import Endpoint
from certbot_external_auth.visibility import Expectation, Outcome
from certbot_external_auth.visibility.dns import tcp, udp
from certbot_external_auth.visibility.dns.probe import Probe
from certbot_external_auth.visibility.dns.resolver import Resolver
from certbot_external_auth.visibility.dns.zone import Zones
from certbot_external_auth.visibility.observer import Observer
from certbot_external_auth.visibility.probe import Surroundings
from certbot_external_auth.visibility.verdict import State
from certbot_external_auth.visibility.watch import Policy, Round, watch
from tests.support.name_servers import Net

COUNT = int(os.environ.get("SCENARIOS", "25"))
SEED = os.environ.get("SEED")
RESOLVER, PARENT = "127.0.4.1", "127.0.4.20"
ADDRESSES = tuple(f"127.0.4.{number}" for number in range(2, 10)) + ("::1",)
STEPS = 4
NEVER = 99
ANSWERING = ("good", "truncated", "no_edns")
OTHERS = ("refused", "servfail", "lame", "rubbish", "only_tcp", "silent")


@dataclass
class Address:
    """:ivar arrives: the step from which it has each value."""

    behaviour: str
    arrives: list[int]


@dataclass
class Scenario:
    """
    :ivar other: something else stands at the name: nothing, another value, or a wildcard record.
    :ivar where: the zone of these servers: that of the identifier; one of the challenge's own, below it (``below``), of
        which the zone above knows the first server only, by one address; or another one, to which an alias leads
        (``away``).
    """

    seed: str
    wanted: list[str] = field(default_factory=list)
    servers: list[list[str]] = field(default_factory=list)
    addresses: dict[str, Address] = field(default_factory=dict)
    other: str = ""
    alias: bool = False
    where: str = ""

    @staticmethod
    def made(seed: str) -> Scenario:
        chance = random.Random(seed)
        found = Scenario(seed)
        found.wanted = [f"{seed}-{number}" for number in range(chance.choice((1, 1, 2)))]
        free = chance.sample(ADDRESSES, len(ADDRESSES))
        found.servers = [[free.pop() for _ in range(chance.randint(1, 2))] for _ in range(chance.randint(1, 4))]
        calm = chance.random() < 0.6
        for address in (one for server in found.servers for one in server):
            behaviour = "good" if calm or chance.random() < 0.6 else chance.choice((*ANSWERING[1:], *OTHERS))
            late = chance.random() < 0.4
            step = (lambda: chance.choice((0, 1, 2, 3, NEVER))) if late else (lambda: chance.choice((0, 0, 1)))
            found.addresses[address] = Address(behaviour, [step() for _ in found.wanted])
        found.other = chance.choice(("", "", "value", "wildcard"))
        found.where = chance.choice(("", "", "", "below", "away"))
        found.alias = chance.random() < 0.25 and found.where != "below"
        return found

    @property
    def identifier(self) -> str:
        return f"{self.seed}.test"

    @property
    def origin(self) -> str:
        """Of the zone that has the values."""
        return {"below": f"_acme-challenge.{self.identifier}", "away": f"away.{self.seed}"}.get(
            self.where, self.identifier
        )

    def zone_above(self) -> str:
        """Of the identifier, where it is not the one that has the values."""
        first, address = self.servers[0], self.servers[0][0]
        glue = f"ns0._acme-challenge 60 IN {'AAAA' if ':' in address else 'A'} {first[0]}"
        led = ["_acme-challenge 60 IN NS ns0._acme-challenge", glue]
        if self.where == "away":
            led = [f"_acme-challenge 60 IN CNAME _acme-challenge.{self.origin}."]
        lines = ["@ 60 IN SOA ns hostmaster 1 60 60 60 60", "@ 60 IN NS ns", f"ns 60 IN A {PARENT}", *led]
        return "\n".join(lines) + "\n"

    def zone(self, address: str, step: int) -> str:
        lines = ["@ 60 IN SOA ns hostmaster 1 60 60 60 60", *self.delegation()]
        name = "elsewhere" if self.alias else "@" if self.where == "below" else "_acme-challenge"
        if self.alias:
            lines.append("_acme-challenge 60 IN CNAME elsewhere")
        here = [value for value, at in zip(self.wanted, self.addresses[address].arrives, strict=True) if at <= step]
        here += ["something else"] if self.other == "value" else []
        lines += [f'{name} 60 IN TXT "{value}"' for value in here]
        lines += ['* 60 IN TXT "v=spf1 -all"'] if self.other == "wildcard" else []
        return "\n".join(lines) + "\n"

    def delegation(self) -> Iterator[str]:
        for number, server in enumerate(self.servers):
            yield f"@ 60 IN NS ns{number}"
            for address in server:
                yield f"ns{number} 60 IN {'AAAA' if ':' in address else 'A'} {address}"

    # --- what a CA would see: nothing here knows how the plugin looks ---

    def ca_sees(self, address: str, step: int) -> bool:
        """Whether a CA that asks this address, and no other one, finds every value."""
        one = self.addresses[address]
        return one.behaviour in (*ANSWERING, "only_tcp") and all(at <= step for at in one.arrives)

    def ca_denied(self, address: str, step: int) -> bool:
        """Whether it would be told that one is not there."""
        one = self.addresses[address]
        return one.behaviour in (*ANSWERING, "only_tcp") and any(at > step for at in one.arrives)

    def all_are_told(self) -> bool:
        """Whether anybody who is known from above tells which servers there are."""
        known = (self.addresses[address].behaviour for address in self.servers[0])
        return self.where != "below" or any(one in (*ANSWERING, "only_tcp") for one in known)


@pytest.fixture(scope="module")
def net() -> Iterator[Net]:
    with Net([RESOLVER, PARENT, *ADDRESSES]) as found:
        found[RESOLVER].recursive = True
        yield found


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the loopback nothing is far away; a server that is too slow for this only makes a scenario say less."""
    monkeypatch.setattr(udp, "REPEAT_SECONDS", 0.1)
    monkeypatch.setattr(udp, "UDP_SECONDS", 0.25)
    monkeypatch.setattr(tcp, "TCP_SECONDS", 0.25)


def played(net: Net, scenario: Scenario) -> tuple[Round, int]:
    """The last round of a watch, and the step of the scenario's time at which it looked."""
    step = 0

    def set_step(number: int) -> None:
        for address, one in scenario.addresses.items():
            net[address].zones.clear()
            net[address].serve(scenario.origin, scenario.zone(address, number))
            net[address].behaviour = one.behaviour

    def pause(_: float) -> bool:
        nonlocal step
        step += 1
        set_step(step)
        return False

    net[RESOLVER].zones.clear()
    net[PARENT].zones.clear()
    if scenario.where:
        net.serve(scenario.identifier, scenario.zone_above(), [RESOLVER, PARENT])
    soa = "@ 60 IN SOA ns hostmaster 1 60 60 60 60"
    net[RESOLVER].serve(scenario.origin, "\n".join([soa, *scenario.delegation()]) + "\n")
    set_step(0)
    observer = Observer(Surroundings())
    observer.dns = Probe(Surroundings(), Zones(Resolver([Endpoint(RESOLVER, net.port)]), net.port))
    place = f"_acme-challenge.{scenario.identifier}"
    wanted = Expectation("dns-01", scenario.identifier, place, tuple(scenario.wanted), ("c1",))

    def told(found: Round) -> None:
        # The deadline is a number of looks here, not of seconds.
        if found.number > STEPS:
            raise TimeoutError(found)

    try:
        return watch(observer.look, [wanted], Policy("auto", 3600, 0), told, pause), step
    except TimeoutError as error:
        (last,) = error.args
        return Round(last.number, last.seconds, last.seen, over=True), step


def seeds() -> Sequence[str]:
    return [SEED] if SEED else [f"s{secrets.token_hex(4)}" for _ in range(COUNT)]


def test_no_verdict_differs_from_what_a_ca_would_see(net: Net) -> None:
    """Lost: a failed validation because one address of one server was not asked, or only whether there is a record."""
    visible = 0
    for seed in seeds():
        scenario = Scenario.made(seed)
        last, step = played(net, scenario)
        (state,) = last.states.values()
        shown = f"SEED={seed} step {step}: {state}\n{scenario}\n" + "\n".join(map(str, last.observations))
        sees = {address: scenario.ca_sees(address, step) for address in scenario.addresses}
        if state is State.VISIBLE:
            visible += 1
            assert all(sees.values()), f"a CA could have seen otherwise; {shown}"
        if state is State.NOT_VISIBLE:
            assert any(scenario.ca_denied(address, step) for address in scenario.addresses), f"nobody denies; {shown}"
        slow = any(
            one.outcome is Outcome.TIMEOUT
            and scenario.addresses[one.address.rpartition(":")[0].strip("[]")].behaviour != "silent"
            for one in last.observations
        )
        if all(sees.values()) and not slow:
            assert state is State.VISIBLE, f"everybody shows it; {shown}"
        asked = {one.address.rpartition(":")[0].strip("[]") for one in last.observations}
        everybody = set(scenario.addresses) if scenario.all_are_told() else set(scenario.servers[0])
        assert asked == everybody, f"not everybody was asked; {shown}"
    assert SEED or visible > COUNT / 10
