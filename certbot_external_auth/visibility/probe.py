"""What a probe is: it looks once, at every address there is, and knows no rule.

A module of this package that looks (`dns`, `http`, `tls`; see `visibility.KINDS`) has a class `Probe` that keeps the
protocol below; it is made once for a batch with the `Surroundings`.
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
    """What all probes are told.

    :ivar nameservers: asked instead of a zone's own, and for addresses; empty for the zone's own.
    :ivar http_port: where the CA will look for http-01 (``--http-01-port``).
    :ivar https_port: where it will look for the TLS types, and where ``https`` is after a redirect (``--https-port``).
    """

    nameservers: tuple[Endpoint, ...] = ()
    http_port: int = 80
    https_port: int = 443


class Probe(Protocol):
    """Looks for the expectations of its kind."""

    def __init__(self, surroundings: Surroundings) -> None: ...

    def look(self, expectations: Sequence[Expectation], until: float) -> list[Observation]:
        """One observation for each expectation and address, side by side (`parallel.each`).

        What was not answered at `until` (`time.monotonic`) is an observation too (`Outcome.TIMEOUT`), so is a place
        without an address (`Observation.address` is empty then). Raises nothing for what others do or do not answer.
        """
        ...
