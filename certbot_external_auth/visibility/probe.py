"""The protocol of a probe: it asks every address once, and does not judge the answers.

`dns.probe`, `web.http` and `web.tls` each have a class `Probe` with this protocol. An `Observer` makes
one of each for a batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from certbot_external_auth.endpoint import Endpoint
from certbot_external_auth.visibility import Expectation, Observation

DNS_PORT = 53


@dataclass(frozen=True)
class Surroundings:
    """The settings of all probes.

    :ivar nameservers: asked instead of a zone's own, and for addresses; empty for the zone's own.
    :ivar http_port: the port that the CA uses for http-01 (``--http-01-port``).
    :ivar caches: ask also the named servers that remember answers of others, once the authorities show a value.
    :ivar https_port: the port that it uses for the TLS types, and for ``https`` after a redirect (``--https-port``).
    """

    nameservers: tuple[Endpoint, ...] = ()
    http_port: int = 80
    https_port: int = 443
    caches: bool = True


class Probe(Protocol):
    """A way to check the expectations of one kind."""

    def __init__(self, surroundings: Surroundings) -> None: ...

    def look(self, expectations: Sequence[Expectation], until: float) -> list[Observation]:
        """Return one observation for each expectation and address, all asked at the same time.

        An address that has not answered at `until` (`time.monotonic`) is `Outcome.TIMEOUT`. A place without an address
        has an observation with an empty `Observation.address`. Raises nothing for what servers answer.
        """
        ...
