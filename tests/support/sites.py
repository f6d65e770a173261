"""Sites of the Internet and of the network behind them, with public addresses and others, in a network of their own."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from certbot_external_auth.endpoint import Endpoint
from certbot_external_auth.visibility import Expectation, Observation
from certbot_external_auth.visibility.probe import Surroundings
from certbot_external_auth.visibility.web.http import Probe
from tests.support import private_network, web
from tests.support.name_servers import Net

SITE, OTHER_SITE = "8.8.8.8", "9.9.9.9"
INSIDE = ("127.0.0.1", "10.1.2.3", "169.254.169.254")
UNCERTAIN = ("192.0.0.9", "2001::1", "2001:20::1")
"""Of protocols, Teredo and ORCHID: not public, but not of this network either."""
RESOLVER = "127.0.0.53"
ROUTED_WITHIN = 60.0
NAMES = {
    "site.test": SITE,
    "other.test": OTHER_SITE,
    "loopback.test": "127.0.0.1",
    "private.test": "10.1.2.3",
    "metadata.test": "169.254.169.254",
    "inner.test": "10.1.2.3",
}
SOA = "@ 60 IN SOA ns hostmaster 1 60 60 60 60\n"
PATH = "/.well-known/acme-challenge/token"
SECRET = "the secret of another server"


@dataclass
class World:
    """:ivar answers: by address, or by address and path, what is sent.
    :ivar asked: address and path of each request.
    """

    port: int
    net: Net
    answers: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def look(self, name: str, named: bool = True) -> list[Observation]:
        """:param named: the resolver is, else it is the system's, which knows more ways of writing an address."""
        probe = Probe(Surroundings((Endpoint(RESOLVER, 53),) if named else (), self.port, self.port))
        return probe.look([Expectation("http-01", name, f"http://{name}{PATH}", ("value",))], time.monotonic() + 10)

    def serve(self, address: str) -> web.Answer:
        def answer(link: socket.socket, stop: threading.Event) -> None:
            path = link.recv(65536).split(b" ")[1].decode()
            self.asked.append(f"{address} {path}")
            sent = self.answers.get(f"{address} {path}", self.answers.get(address, "404 Not Found\r\n\r\n"))
            link.sendall(f"HTTP/1.1 {sent}".encode())

        return answer


@contextlib.contextmanager
def world() -> Iterator[World]:
    """Web servers and name servers at public addresses and others, in a network of the caller's own."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(private_network.private_network({"/etc/resolv.conf": f"nameserver {RESOLVER}\n"}))
        for address in (SITE, OTHER_SITE, *INSIDE[1:], *UNCERTAIN):
            # The kernel must not look for others with an address of IPv6 before it can be used.
            now = ["nodad"] if ":" in address else []
            subprocess.run(["ip", "address", "add", address, "dev", "lo", *now], check=True)
        _wait_for_routes({address for address in UNCERTAIN if ":" in address})
        net = stack.enter_context(Net([RESOLVER, SITE, OTHER_SITE, *INSIDE], port=53))
        net[RESOLVER].recursive = True
        net[RESOLVER].serve("test", SOA + "".join(f"{name}. 60 IN A {one}\n" for name, one in NAMES.items()))
        found = World(web.free_port("127.0.0.1"), net)
        for address in (SITE, OTHER_SITE, *INSIDE, *UNCERTAIN):
            stack.enter_context(web.answering(address, found.port, found.serve(address)))
        yield found


def _wait_for_routes(addresses: set[str]) -> None:
    """Wait until the kernel delivers to addresses of IPv6. It does so later than a server can be bound to them."""
    deadline = time.monotonic() + ROUTED_WITHIN
    while True:
        shown = subprocess.run(
            ["ip", "-6", "route", "show", "table", "local"], check=True, capture_output=True, text=True
        ).stdout
        if addresses <= {words[1] for words in map(str.split, shown.splitlines()) if words[:1] == ["local"]}:
            return
        assert time.monotonic() < deadline, f"no route to all of {addresses} after {ROUTED_WITHIN} seconds:\n{shown}"
        time.sleep(0.02)


def redirect(url: str) -> str:
    return f"302 Found\r\nLocation: {url}\r\n\r\n"
