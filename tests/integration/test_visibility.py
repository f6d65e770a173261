"""Certbot runs in which what was published comes late, somewhere else, or never."""

from __future__ import annotations

import os
import random
import secrets
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support import private_network
from tests.support.certbot import SYSTEM_PATH, Certbot, Result
from tests.support.drivers import Publisher
from tests.support.hooks import Hooks
from tests.support.json_driver import Send
from tests.support.name_servers import Net
from tests.support.purity import Line
from tests.support.testca import TestCA
from tests.support.words import RENEW_NOW, handler, names

JSON = ("-n", "-a", "external-auth", "--external-auth-mode", "json")
ISSUANCES = int(os.environ.get("ISSUANCES", "5"))
AT_A_TIME = 5
LATEST = float(os.environ.get("LATEST", "3"))
SECONDARIES = tuple(f"127.0.6.{number}" for number in range(2, 6))
DICE = "127.0.6.1"
SPOOL = """\
#!/bin/sh
# Says what to publish; somebody else lets it arrive.
case $1 in perform|cleanup) echo "$1 $cbot_txt_domain $validation" >> "$SPOOL";; esac
"""


def test_a_driver_hears_of_every_change_and_of_nothing_else(certbot: Certbot, ca: TestCA, domain: str) -> None:
    """Lost: the picture of what a batch waits for, in whatever the driver shows to people."""
    name, late = f"_acme-challenge.{domain}", threading.Event()
    values: list[str] = []

    def drive(line: Line, send: Send) -> None:
        if line["cmd"] == "perform_challenge":
            values.append(line["validation"])
        if line["cmd"] == "await":
            ca.add_txt(name, values[0])
            send(b'{"ok": true}\n')
        if line["cmd"] == "visibility" and not late.is_set():
            late.set()
            ca.add_txt(name, values[1])
        if line["cmd"] == "cleanup":
            send(b'{"id": "%s", "ok": true}\n' % line["id"].encode())

    long = ("--external-auth-verify-nameservers", ca.dns, "--external-auth-verify-timeout", "60")
    result = certbot.drive("certonly", *JSON, *long, *names(domain, f"*.{domain}"), policy=drive)
    assert result.returncode == 0, result
    asked = {"server": ca.dns.partition(":")[0], "address": ca.dns}
    told = [(line["state"], line["observations"]) for line in result.of("visibility")]
    for _, observations in told:
        assert all(0 <= one.pop("seconds") < 60 for one in observations)
    assert (
        told
        == [("waiting", [{**asked, "outcome": "other_values"}])] * 2
        + [("visible", [{**asked, "outcome": "match"}])] * 2
    )
    assert {line["id"] for line in result.of("visibility")} == {line["id"] for line in result.of("perform_challenge")}


def test_a_driver_is_told_why_not(certbot: Certbot, ca: TestCA, domain: str, tmp_path: Path) -> None:
    """Lost: which name it was, in a form that a program reads."""
    good, bad = f"good.{domain}", f"bad.{domain}"
    publisher = Publisher(ca, tmp_path)

    def careless(line: Line, send: Send) -> None:
        if not (line["cmd"] == "perform_challenge" and line["domain"] == bad):
            publisher(line, send)

    result = certbot.drive("certonly", *JSON, *names(good, bad), policy=careless)
    assert result.returncode == 1
    assert not result.validated
    domains = {line["id"]: line["domain"] for line in result.of("perform_challenge")}
    results = {domains[line["id"]]: line for line in result.of("result")}
    assert {line["status"] for line in results.values()} == {"not_asked"}
    assert results[good]["error"] is None
    assert results[bad]["error"]["type"] == "challenge.not_visible"
    assert "no record" in results[bad]["error"]["detail"]
    (error,) = result.of("error")
    assert error["code"] == "challenge.not_visible"
    assert f"_acme-challenge.{bad}\n" in error["message"]
    assert [line["state"] for line in result.of("visibility") if domains[line["id"]] == bad][-1] == "not_visible"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_waiting_at_once_and_everything_is_cleaned(
    certbot: Certbot, scripts: Hooks, domain: str, number: int
) -> None:
    """Lost: two minutes of a shutdown, and then the records too."""
    words = (*handler(scripts.native), "--external-auth-verify-nameservers", certbot.ca.dns, *names(domain))
    environment = {"FORGET": domain}
    with certbot.started(("certonly", *words), environment) as process:
        deadline = time.monotonic() + 60
        while "Look 1 " not in "".join(path.read_text() for path in certbot.logs_dir.glob("*.log")):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(number)
        # The time to look is 120 s.
        stdout, stderr = process.communicate(timeout=60)
    assert process.returncode != 0
    assert scripts.operations[-2:] == ["cleanup", "post-cleanup"]
    assert b"Traceback" not in stdout + stderr


def test_flags_are_remembered_and_an_alias_is_told(certbot: Certbot, scripts: Hooks, ca: TestCA, domain: str) -> None:
    """Lost: every renewal of a name whose servers must be named; the record, where the handler cannot know the zone."""
    name, target = f"_acme-challenge.{domain}", f"x.{domain}.elsewhere"
    ca.manage("set-cname", {"host": f"{name}.", "target": f"{target}."})
    hook = scripts.write(
        "alias.sh",
        "#!/bin/sh\n"
        'case $1 in perform|cleanup) echo "$1 $cbot_txt_domain $cbot_txt_target" >> "$RECORD.alias";; esac\n'
        '[ "$1" = perform ] || exit 0\n'
        'curl -sf "$CHALLTESTSRV/set-txt" -d "{\\"host\\": \\"$cbot_txt_target.\\", \\"value\\": \\"$validation\\"}"\n',
    )
    words = (*handler(hook), "--external-auth-verify", "strict", "--external-auth-verify-settle", "1")
    looking = ("--external-auth-verify-nameservers", ca.dns, "--external-auth-verify-timeout", "7")
    result = certbot.run("certonly", *words, *looking, *names(domain))
    assert result.returncode == 0, result
    assert Path(f"{scripts.record}.alias").read_text() == f"perform {name} {target}\ncleanup {name} {target}\n"
    for line in ("verify = strict", "verify_settle = 1", "verify_timeout = 7", f"verify_nameservers = {ca.dns}"):
        assert f"external_auth_{line}\n" in certbot.renewal(domain)
    assert certbot.run(*RENEW_NOW).returncode == 0
    lego = handler(scripts.path("speaks-all.py"), "--external-auth-dialect", "lego")
    certbot.run("certonly", "--force-renewal", *lego, *names(domain))
    # Where to publish is the same whether the plugin looks afterwards or not.
    certbot.run("certonly", "--force-renewal", *lego, *looking, "--external-auth-verify", "off", *names(domain))
    assert [call.argv[1] for call in scripts.calls("present", "cleanup")] == [f"{target}."] * 4
    ca.manage("clear-cname", {"host": f"{name}."})


@pytest.mark.skipif(not private_network.possible(), reason="a machine without a network is made by root")
def test_without_any_network_auto_asks_the_ca_at_once(scripts: Hooks, tmp_path: Path) -> None:
    """Lost: two minutes of every renewal behind a firewall; strict says no instead."""
    with private_network.private_network({"/etc/resolv.conf": "nameserver 192.0.2.53\n"}), TestCA() as ca:
        host = Certbot(tmp_path / "host", ca)
        host.environment.update({"RECORD": str(scripts.record), "PATH": f"{host.environment['PATH']}:{SYSTEM_PATH}"})
        words = (*handler(scripts.native), *names("nowhere.test"))
        result = host.run("certonly", *words, "--external-auth-verify", "auto")
        assert result.returncode == 0, result
        assert "No server answered" in result.stderr
        assert "--external-auth-verify-nameservers" in result.stderr
        assert "Look 2 " not in result.log
        strict = host.run(
            "certonly",
            "--force-renewal",
            *words,
            "--external-auth-verify",
            "strict",
            "--external-auth-verify-timeout",
            "0",
        )
        assert strict.returncode == 1
        assert not strict.validated


class Late:
    """Lets values arrive at each secondary at another moment; the CA asks one of them by chance."""

    def __init__(self, net: Net, spool: Path, seed: str) -> None:
        self._net = net
        self._spool = spool
        self._chance = random.Random(seed)
        self._arrivals: dict[str, dict[tuple[str, str], float]] = {address: {} for address in SECONDARIES}
        self._shown: dict[str, list[tuple[str, str]]] = {}
        self._read = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        net[DICE].behaviour = "good"
        net[DICE].reply = self._by_chance  # type: ignore[method-assign]

    def __enter__(self) -> Late:
        self._show()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _by_chance(self, data: bytes, tcp: bool) -> bytes | None:
        return self._net[self._chance.choice(SECONDARIES)].reply(data, tcp)

    def _run(self) -> None:
        while not self._over.wait(0.02):
            lines = self._spool.read_text().splitlines() if self._spool.exists() else []
            for line in lines[self._read :]:
                operation, name, value = line.split()
                for arrivals in self._arrivals.values():
                    if operation == "perform":
                        arrivals[name, value] = time.monotonic() + self._chance.uniform(0, LATEST)
                    else:
                        arrivals.pop((name, value), None)
            self._read = len(lines)
            self._show()

    def _show(self) -> None:
        for address, arrivals in self._arrivals.items():
            here = sorted(pair for pair, moment in arrivals.items() if moment <= time.monotonic())
            if self._shown.get(address) != here:
                self._shown[address] = here
                records = "".join(f'{name}. 60 IN TXT "{value}"\n' for name, value in here)
                self._net.serve(
                    "test", f"@ 60 IN SOA ns hostmaster 1 60 60 60 60\n* 60 IN A 127.0.0.1\n{records}", [address]
                )


@pytest.fixture
def seed() -> str:
    return os.environ.get("SEED") or secrets.token_hex(4)


def test_no_validation_fails_when_values_come_late_to_some(scripts: Hooks, tmp_path: Path, seed: str) -> None:
    """The long form, `ISSUANCES=100 LATEST=20`, is in `make scenarios`. The CA's resolver asks any one secondary."""
    spool = tmp_path / "spool"
    hook = handler(scripts.write("spool.sh", SPOOL))
    with Net([DICE, *SECONDARIES]) as net, Late(net, spool, seed), TestCA(dns_server=f"{DICE}:{net.port}") as ca:
        servers = ",".join(f"{address}:{net.port}" for address in SECONDARIES)
        looking = ("--external-auth-verify-nameservers", servers, "--external-auth-verify", "strict")

        def issue(number: int) -> Result:
            host = Certbot(tmp_path / f"host{number}", ca)
            host.environment["SPOOL"] = str(spool)
            return host.run("certonly", *hook, *looking, *names(f"n{number}.{seed}.test"), timeout=180)

        with ThreadPoolExecutor(AT_A_TIME) as pool:
            results = list(pool.map(issue, range(ISSUANCES)))
    failed = [result for result in results if result.returncode or not result.validated]
    assert not failed, f"SEED={seed} {failed[0]}"
