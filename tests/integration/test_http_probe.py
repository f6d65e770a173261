"""http-01 seen as the CA sees it: a real nginx at four addresses, and servers that misbehave."""

from __future__ import annotations

import math
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from certbot_external_auth import endpoint, visibility
from certbot_external_auth.challenges import Challenge
from certbot_external_auth.visibility import Expectation, Observation, Outcome
from certbot_external_auth.visibility.probe import Surroundings
from certbot_external_auth.visibility.web.http import Probe
from tests.support import web
from tests.support.testca import TestCA

TOKEN = "AAEAAQABAAEAAQABAAEAAQABAAEAAQABAAEAAQABAAE"
KEY_AUTHORIZATION = f"{TOKEN}.Sw1u0IsHN5k67_8oSzyivmp-Wg5CpJ4ZHLeV1cikuxQ"
ADDRESSES = ("127.0.0.2", "127.0.0.3", "127.0.0.4", "::1")
WITHOUT = "127.0.0.4"
"""Where the token is missing."""
PATIENCE = 20.0
SHORT = 1.0
"""For servers that never answer."""
LONGER = 4.0
"""For these, beside many that do."""


def expectation(name: str, kind: str = "dns") -> Expectation:
    challenge = Challenge("c1", "http-01", name, kind, TOKEN, KEY_AUTHORIZATION)
    return visibility.expectations([challenge])[0]


@dataclass(frozen=True)
class Place:
    """Where the servers are, and a probe that knows."""

    ca: TestCA
    http_port: int
    https_port: int

    def look(self, *names: str, patience: float = PATIENCE) -> list[Observation]:
        nameserver = endpoint.parse(self.ca.dns, 53)
        probe = Probe(Surroundings((nameserver,), self.http_port, self.https_port))
        kind = "ip" if endpoint.is_address(names[0]) else "dns"
        return probe.look([expectation(name, kind) for name in names], time.monotonic() + patience)

    def outcomes(self, *names: str, patience: float = PATIENCE) -> dict[str, Outcome]:
        found = self.look(*names, patience=patience)
        outcomes = {f"{one.server} {one.address}": one.outcome for one in found}
        assert len(outcomes) == len(found), found
        return outcomes

    def at(self, name: str, address: str, tls: bool = False) -> str:
        return f"{name} {endpoint.Endpoint(address, self.https_port if tls else self.http_port)}"


def configuration(folder: Path, ca: TestCA, http_port: int, https_port: int) -> str:
    """The site differs by address; some names redirect."""
    site = f"root {folder}/$server_addr;"
    redirecting = {
        "secure.test": "https://$host$request_uri",
        "elsewhere.test": "http://site.test$request_uri",
        "long.test": "http://site.test$request_uri",
        "around.test": "http://around.test$request_uri",
        "back.test": "https://forth.test$request_uri",
        "other-port.test": "http://site.test:8080$request_uri",
        "other-scheme.test": "ftp://site.test$request_uri",
    }
    listen = "".join(f"listen {'[::1]' if ':' in one else one}:{http_port};" for one in ADDRESSES)
    listen_tls = "".join(f"listen {'[::1]' if ':' in one else one}:{https_port} ssl;" for one in ADDRESSES)
    keys = f"ssl_certificate {ca.ca_bundle}; ssl_certificate_key {ca.folder}/server.key;"
    blocks = [f"server {{ {listen} server_name site.test; {site} }}"]
    blocks += [f"server {{ {listen} server_name {name}; return 301 {to}; }}" for name, to in redirecting.items()]
    blocks += [f"server {{ {listen_tls} {keys} server_name secure.test; {site} }}"]
    blocks += [f"server {{ {listen_tls} {keys} server_name forth.test; return 302 http://back.test$request_uri; }}"]
    return "\n".join(blocks)


@pytest.fixture(scope="module")
def place(ca: TestCA) -> Iterator[Place]:
    http_port, https_port = web.free_port(), web.free_port()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for address in ADDRESSES:
            challenges = folder / address / ".well-known" / "acme-challenge"
            challenges.mkdir(parents=True)
            if address != WITHOUT:
                (challenges / TOKEN).write_text(KEY_AUTHORIZATION + "\n")
        for site in ("site", "secure", "elsewhere", "around", "back", "forth", "other-port", "other-scheme"):
            ca.set_addresses(f"{site}.test", *ADDRESSES)
        with web.nginx(folder, configuration(folder, ca, http_port, https_port), http_port, ADDRESSES[0]):
            yield Place(ca, http_port, https_port)


def expected(place: Place, name: str, tls: bool = False) -> dict[str, Outcome]:
    return {
        place.at(name, address, tls): Outcome.WRONG_CONTENT if address == WITHOUT else Outcome.MATCH
        for address in ADDRESSES
    }


def test_the_one_of_four_without_the_token_is_named(place: Place) -> None:
    """Lost: a validation in four, by chance."""
    found = place.look("site.test")
    assert place.outcomes("site.test") == expected(place, "site.test")
    (wrong,) = (one for one in found if one.outcome is Outcome.WRONG_CONTENT)
    assert wrong.seen == ("404 Not Found",)
    assert wrong.place == f"http://site.test/.well-known/acme-challenge/{TOKEN}"
    assert all(one.seconds > 0 for one in found)


def test_each_address_is_asked_once(ca: TestCA) -> None:
    """Lost: requests of our own, in the logs of whoever looks there for the CA's."""
    asked: list[bytes] = []

    def answer(link: socket.socket, stop: threading.Event) -> None:
        asked.append(link.recv(65536).partition(b"\r\n")[0])
        link.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + RIGHT)

    ca.set_addresses("once.test", "127.0.0.5", "127.0.0.6")
    port = web.free_port("127.0.0.5")
    with web.answering("127.0.0.5", port, answer), web.answering("127.0.0.6", port, answer):
        found = Place(ca, port, 1).look("once.test")
    assert [one.outcome for one in found] == [Outcome.MATCH] * 2
    assert asked == [f"GET /.well-known/acme-challenge/{TOKEN} HTTP/1.1".encode()] * 2


def test_redirects_are_followed_at_every_address(place: Place) -> None:
    """Lost: sites that send everybody to https, or all challenges to one machine."""
    assert place.outcomes("secure.test") == expected(place, "secure.test", tls=True)
    found = place.look("elsewhere.test")
    assert place.outcomes("elsewhere.test") == expected(place, "site.test")
    assert all("redirected to http://site.test/" in one.detail for one in found)


@pytest.mark.parametrize("name", ["around.test", "back.test"])
def test_redirects_without_end(place: Place, name: str) -> None:
    """Lost: the end of the look."""
    found = place.look(name)
    assert {one.outcome for one in found} == {Outcome.WRONG_CONTENT}
    assert all("more than 10 times" in one.detail for one in found)


@pytest.mark.parametrize(("name", "reason"), [("other-port.test", "port 8080"), ("other-scheme.test", "neither http")])
def test_redirects_to_where_no_ca_goes(place: Place, name: str, reason: str) -> None:
    """Lost: the difference between a browser and the CA."""
    found = place.look(name)
    assert [one.outcome for one in found] == [Outcome.WRONG_CONTENT] * len(ADDRESSES)
    assert all(reason in one.detail for one in found)


def test_addresses_are_asked_as_they_are(place: Place) -> None:
    """Lost: certificates for addresses; nginx finds no server of that name, and takes the first."""
    found = place.outcomes("127.0.0.2", "::1", "127.0.0.4", "127.0.0.9")
    assert found == {
        place.at("127.0.0.2", "127.0.0.2"): Outcome.MATCH,
        place.at("::1", "::1"): Outcome.MATCH,
        place.at("127.0.0.4", "127.0.0.4"): Outcome.WRONG_CONTENT,
        place.at("127.0.0.9", "127.0.0.9"): Outcome.CONNECTION_REFUSED,
    }


def test_many_names_at_once_and_none_forgotten(place: Place) -> None:
    """Lost: names of a large batch."""
    wanted = [f"n{number}.site.test" for number in range(60)]
    for name in wanted:
        place.ca.set_addresses(name, "127.0.0.2", "127.0.0.4")
    found = place.outcomes(*wanted)
    assert len(found) == 120
    assert list(found.values()).count(Outcome.MATCH) == 60


def test_a_proxy_of_the_environment_has_no_part_in_it(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lost: the CA's point of view, on hosts that reach the world by a proxy."""
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.9:9")
    assert place.outcomes("site.test") == expected(place, "site.test")


# --- servers that misbehave ---


def say(data: bytes) -> web.Answer:
    def answer(link: socket.socket, stop: threading.Event) -> None:
        link.recv(65536)
        link.sendall(data)

    return answer


def hang(link: socket.socket, stop: threading.Event) -> None:
    stop.wait(PATIENCE)


def drip(link: socket.socket, stop: threading.Event) -> None:
    """Always another byte before anybody's patience with a single one ends."""
    link.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    while not stop.wait(0.05):
        link.sendall(b"x")


def flood(link: socket.socket, stop: threading.Event) -> None:
    link.recv(65536)
    link.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while not stop.is_set():
        link.sendall(b"x" * 65536)


def headers(link: socket.socket, stop: threading.Event) -> None:
    link.recv(65536)
    link.sendall(b"HTTP/1.1 200 OK\r\n")
    while not stop.is_set():
        link.sendall(b"X: " + b"x" * 60 + b"\r\n")


RIGHT = KEY_AUTHORIZATION.encode()


@pytest.mark.parametrize(
    ("answer", "patience", "outcome", "said"),
    [
        (hang, SHORT, Outcome.TIMEOUT, "did not come"),
        (drip, SHORT, Outcome.TIMEOUT, "did not come"),
        (flood, PATIENCE, Outcome.WRONG_CONTENT, "xxx"),
        (headers, PATIENCE, Outcome.WRONG_CONTENT, "headers"),
        (say(b"SSH-2.0-x\r\n"), PATIENCE, Outcome.WRONG_CONTENT, "SSH-2.0-x"),
        (say(b""), PATIENCE, Outcome.WRONG_CONTENT, "without response"),
        (say(b"HTTP/1.1 200 OK\r\n\r\n" + RIGHT + b"!"), PATIENCE, Outcome.WRONG_CONTENT, "!"),
        (say(b"HTTP/1.1 200 OK\r\n\r\n\x1b[31mred\x07"), PATIENCE, Outcome.WRONG_CONTENT, "red"),
        (say(b"HTTP/1.1 200 OK\r\n\r\n"), PATIENCE, Outcome.WRONG_CONTENT, "nothing"),
        (say(b"HTTP/1.1 500 No\x1b[2J\r\n\r\n" + RIGHT), PATIENCE, Outcome.WRONG_CONTENT, "500 No"),
        (say(b"HTTP/1.1 301 Moved\r\n\r\n" + RIGHT), PATIENCE, Outcome.WRONG_CONTENT, "does not say where"),
        (say(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + RIGHT), PATIENCE, Outcome.WRONG_CONTENT, "more"),
        (say(b"HTTP/1.1 200 OK\r\n\r\n" + RIGHT + b" " * 937 + b"more"), PATIENCE, Outcome.WRONG_CONTENT, "1024 bytes"),
        (say(b"HTTP/1.1 200 OK\r\n\r\n" + RIGHT + b" " * 937), PATIENCE, Outcome.MATCH, ""),
        (
            say(b"HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n" + RIGHT),
            PATIENCE,
            Outcome.WRONG_CONTENT,
            "non-negative",
        ),
        (say(b"HTTP/1.0 200 OK\r\n\r\n" + RIGHT + b"\n"), PATIENCE, Outcome.MATCH, ""),
        (
            say(b"HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n58\r\n" + RIGHT + b"\n\r\n0\r\n\r\n"),
            9,
            Outcome.MATCH,
            "",
        ),
    ],
)
def test_a_server_that_misbehaves(ca: TestCA, answer: web.Answer, patience: float, outcome: Outcome, said: str) -> None:
    """Lost: the end of the look, the memory of this machine, or the state of somebody's terminal."""
    port = web.free_port("127.0.0.5")
    with web.answering("127.0.0.5", port, answer):
        (found,) = Place(ca, port, 1).look("127.0.0.5", patience=patience)
    assert found.outcome is outcome, found
    shown = " ".join([*found.seen, found.detail])
    assert said in shown
    assert len(shown) < 400
    assert not any(character in shown for character in "\x1b\x07")


def test_a_server_that_hangs_holds_up_nobody_else(place: Place) -> None:
    """Lost: what all the others say, for the one that does not."""
    place.ca.set_addresses("held.test", "127.0.0.2", "127.0.0.6")
    with web.answering("127.0.0.6", place.http_port, hang):
        found = place.outcomes("held.test", patience=SHORT)
    assert found == {
        place.at("held.test", "127.0.0.2"): Outcome.MATCH,
        place.at("held.test", "127.0.0.6"): Outcome.TIMEOUT,
    }


def test_a_server_that_hangs_keeps_no_name_from_the_others(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards against a look in which every thread waits for the server that hangs.

    That server lets go when the other one has answered for every name, so no thread comes free before, and a slow
    machine only takes longer. No connection is given up before the look ends.
    """
    monkeypatch.setattr("certbot_external_auth.visibility.web.http.MAX_CONNECTION_SECONDS", math.inf)
    hanging, good = "127.0.0.6", "127.0.0.7"
    wanted = [f"h{number}.site.test" for number in range(150)]
    for name in wanted:
        place.ca.set_addresses(name, hanging, good)
    answered: list[None] = []
    all_answered = threading.Event()

    def answer(link: socket.socket, stop: threading.Event) -> None:
        say(b"HTTP/1.1 200 OK\r\n\r\n" + RIGHT)(link, stop)
        answered.append(None)
        if len(answered) == len(wanted):
            all_answered.set()

    def hang_meanwhile(link: socket.socket, stop: threading.Event) -> None:
        while not all_answered.is_set() and not stop.wait(0.05):
            pass

    with web.answering(good, place.http_port, answer), web.answering(hanging, place.http_port, hang_meanwhile):
        found = place.outcomes(*wanted, patience=60.0)
    assert {found[place.at(name, good)] for name in wanted} == {Outcome.MATCH}
    assert Outcome.MATCH not in {found[place.at(name, hanging)] for name in wanted}


def test_redirects_are_followed_though_another_server_hangs(place: Place) -> None:
    """Lost: every site that sends everybody to https, for one server that is down."""
    place.ca.set_addresses("hung.test", "127.0.0.6")
    with web.answering("127.0.0.6", place.http_port, hang):
        found = place.outcomes("hung.test", "secure.test", patience=LONGER)
    assert found == {
        place.at("hung.test", "127.0.0.6"): Outcome.TIMEOUT,
        **expected(place, "secure.test", tls=True),
    }


# --- names and networks ---


def test_what_has_no_address(place: Place) -> None:
    """Lost: the reason, where the name itself is the trouble."""
    place.ca.manage("set-servfail", {"host": "broken.test."})
    (found,) = place.look("broken.test")
    assert found.outcome is Outcome.SERVFAIL
    assert (found.server, found.address) == ("broken.test", "")
    assert found.detail == f"{place.ca.dns}: SERVFAIL"


def test_names_of_the_hosts_file_count(place: Place) -> None:
    """Lost: /etc/hosts, where no name servers are named."""
    probe = Probe(Surroundings((), place.http_port, place.https_port))
    found = probe.look([expectation("localhost")], time.monotonic() + PATIENCE)
    outcomes = {one.address: one.outcome for one in found}
    assert outcomes[f"127.0.0.1:{place.http_port}"] is Outcome.CONNECTION_REFUSED
    assert set(outcomes.values()) <= {Outcome.CONNECTION_REFUSED, Outcome.MATCH}


IN_A_NETWORK_OF_ITS_OWN = """
import time
from certbot_external_auth.visibility import Expectation
from certbot_external_auth.visibility.web.http import Probe
from certbot_external_auth.visibility.probe import Surroundings
wanted = [Expectation("http-01", one, f"http://{one}/x", ("value",)) for one in ("127.0.0.1", "198.51.100.1")]
wanted.append(Expectation("http-01", "2001:db8::1", "http://[2001:db8::1]/x", ("value",)))
for one in Probe(Surroundings()).look(wanted, time.monotonic() + 20):
    print(one.server, one.outcome.value)
"""


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("ip"), reason="a network of its own needs root and iproute2")
def test_no_route_is_told_apart_from_no_answer() -> None:
    """Lost: hosts that have IPv4 only, for which every IPv6 address would be a silent one."""
    words = ["unshare", "--net", "sh", "-euc", 'ip link set lo up; exec "$0" -c "$1"', sys.executable]
    ended = subprocess.run([*words, IN_A_NETWORK_OF_ITS_OWN], capture_output=True, text=True, timeout=60)
    assert sorted(ended.stdout.splitlines()) == [
        "127.0.0.1 connection_refused",
        "198.51.100.1 unreachable",
        "2001:db8::1 unreachable",
    ], ended.stderr
