"""Which certificate each address of a name serves to an ordinary client."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

from certbot_external_auth.challenges import choice
from certbot_external_auth.endpoint import Endpoint
from certbot_external_auth.text import one_line
from certbot_external_auth.visibility.observation import Outcome
from certbot_external_auth.visibility.web import certificates, fair_queue
from certbot_external_auth.visibility.web.address_cache import AddressCache
from certbot_external_auth.visibility.web.connection import (
    MAX_CONNECTION_SECONDS,
    ConnectionFailedError,
    connect,
    handshake,
)
from certbot_external_auth.visibility.web.fair_queue import Memory, Step


@dataclass(frozen=True)
class Served:
    """What one address of a name serves.

    :ivar address: HOST:PORT; empty if the name has no address, or none that could be looked up.
    :ivar sha256: fingerprint of the certificate, lower-case hex; empty if there is none.
    :ivar shown: the certificate in words, or why none was seen.
    """

    name: str
    address: str
    sha256: str = ""
    shown: str = ""


@dataclass(frozen=True)
class _Errand:
    name: str
    address: str | None = None


def look(names: Sequence[str], port: int, nameservers: Sequence[Endpoint], until: float) -> list[Served]:
    """Ask every address of every name.

    :param names: without wildcards.
    :param nameservers: to ask for the addresses; the system's own if there are none.
    :param until: monotonic time in seconds.
    """
    cache = AddressCache(tuple(nameservers), until)
    cache.learn(list(names))

    def where(errand: _Errand) -> Hashable:
        return errand.name if errand.address is None else Endpoint(errand.address, port)

    def step(errand: _Errand) -> Step[_Errand, Served]:
        if errand.address is not None:
            return _asked(errand.name, Endpoint(errand.address, port), until)
        found = cache.of(errand.name)
        if found.outcome is not None:
            return Step((Served(errand.name, "", shown=one_line(found.detail or found.outcome.value)),))
        return Step(further=tuple(replace(errand, address=address) for address in found.found))

    def late(errand: _Errand, outcome: Outcome, detail: str) -> Served:
        return Served(errand.name, "" if errand.address is None else str(where(errand)), shown=one_line(detail))

    memory: Memory[_Errand] = Memory()
    found = fair_queue.Look(where, step, late, until, memory).run([_Errand(name) for name in dict.fromkeys(names)])
    return sorted((one for _, one in found), key=lambda one: (one.name, one.address))


def _asked(name: str, endpoint: Endpoint, until: float) -> Step[_Errand, Served]:
    until = min(until, time.monotonic() + MAX_CONNECTION_SECONDS)
    # A client sends no server name for an address (RFC 6066 section 3).
    server_name = None if choice.is_address(name) else name
    try:
        with connect(endpoint, until) as link, handshake(link, server_name, (), until) as connection:
            der = connection.getpeercert(binary_form=True) or b""
    except ConnectionFailedError as error:
        silent = error.outcome is Outcome.TIMEOUT
        return Step((Served(name, str(endpoint), shown=one_line(error.detail or error.outcome.value)),), silent=silent)
    except (OSError, ValueError) as error:
        words = one_line(f"no handshake: {getattr(error, 'strerror', '') or error}")
        return Step((Served(name, str(endpoint), shown=words),), silent=isinstance(error, TimeoutError))
    return Step((Served(name, str(endpoint), hashlib.sha256(der).hexdigest(), certificates.presented(der)),))
