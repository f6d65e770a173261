"""Look up the addresses of each host once in a look, however many threads ask for them."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from certbot_external_auth.endpoint import Endpoint
from certbot_external_auth.visibility.this_host import Addresses
from certbot_external_auth.visibility.web.addresses import resolve


class AddressCache:
    """The addresses of hosts, for one look.

    :param nameservers: see `addresses.resolve`.
    :param until: see `addresses.resolve`.
    """

    def __init__(self, nameservers: Sequence[Endpoint], until: float) -> None:
        self._nameservers = nameservers
        self._until = until
        self._known: dict[str, Addresses] = {}
        self._lock = threading.Lock()
        self._gates: dict[str, threading.Lock] = {}

    def learn(self, hosts: Sequence[str]) -> None:
        """Look up all hosts together, if there are named servers. This machine's resolver takes one host at a time."""
        if self._nameservers:
            self._known.update(resolve(hosts, self._until, self._nameservers))

    def of(self, host: str) -> Addresses:
        """Return the addresses of a host. A thread that asks while another one looks them up waits for that one."""
        with self._lock:
            gate = self._gates.setdefault(host, threading.Lock())
        with gate:
            if host not in self._known:
                self._known.update(resolve([host], self._until, self._nameservers))
            return self._known[host]
