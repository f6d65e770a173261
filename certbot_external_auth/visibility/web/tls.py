"""Check tls-alpn-01 and tls-sni-01 as the CA does: with a handshake at every address of the name."""

from __future__ import annotations

import time
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

from certbot_external_auth.challenges import tlsalpn01
from certbot_external_auth.endpoint import Endpoint
from certbot_external_auth.text import one_line
from certbot_external_auth.visibility import Expectation, Observation, Outcome, TlsFault
from certbot_external_auth.visibility.probe import Surroundings
from certbot_external_auth.visibility.this_host import Addresses
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
class _Errand:
    """One handshake for an expectation.

    :ivar address: the address to ask; None if the addresses of the name are to be looked up first.
    """

    expectation: Expectation
    address: str | None = None


class Probe:
    """See `visibility.probe.Probe`."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._surroundings = surroundings
        self._memory: Memory[_Errand] = Memory()

    def look(self, expectations: Sequence[Expectation], until: float) -> list[Observation]:
        """See `visibility.probe.Probe`."""
        cache = AddressCache(self._surroundings.nameservers, until)
        cache.learn([one.identifier for one in expectations])

        def step(errand: _Errand) -> Step[_Errand, Observation]:
            if errand.address is None:
                return self._spread(errand, cache.of(errand.expectation.identifier))
            return self._shake_hands(errand, Endpoint(errand.address, self._surroundings.https_port), until)

        look = fair_queue.Look(self._where, step, self._observed, until, self._memory)
        order = {one.place: index for index, one in enumerate(expectations)}
        found = [one for _, one in look.run([_Errand(one) for one in expectations])]
        return sorted(found, key=lambda one: (order[one.place], one.address.startswith("["), one.address))

    def _where(self, errand: _Errand) -> Hashable:
        """Return the place for `fair_queue`: an address, or a name whose addresses are to be looked up."""
        if errand.address is None:
            return errand.expectation.identifier
        return Endpoint(errand.address, self._surroundings.https_port)

    def _observed(self, errand: _Errand, outcome: Outcome, detail: str) -> Observation:
        where = "" if errand.address is None else str(self._where(errand))
        one = errand.expectation
        return Observation(one.place, one.identifier, where, outcome, detail=one_line(detail, 200))

    def _spread(self, errand: _Errand, addresses: Addresses) -> Step[_Errand, Observation]:
        if addresses.outcome is not None:
            silent = addresses.outcome is Outcome.TIMEOUT
            return Step((self._observed(errand, addresses.outcome, addresses.detail),), silent=silent)
        return Step(further=tuple(replace(errand, address=address) for address in addresses.found))

    def _shake_hands(self, errand: _Errand, endpoint: Endpoint, until: float) -> Step[_Errand, Observation]:
        begun = time.monotonic()
        seen = _seen(errand.expectation, endpoint, min(until, begun + MAX_CONNECTION_SECONDS))
        found = self._observed(errand, seen.outcome, seen.detail)
        found = replace(found, seen=seen.names, fact=seen.fault, seconds=time.monotonic() - begun)
        return Step((found,), silent=seen.outcome is Outcome.TIMEOUT)


@dataclass(frozen=True)
class _Seen:
    """How a handshake ended; the names are those of the certificate, in words."""

    outcome: Outcome
    detail: str = ""
    names: tuple[str, ...] = ()
    fault: TlsFault | None = None


def _seen(one: Expectation, endpoint: Endpoint, until: float) -> _Seen:
    try:
        der, protocol = _presented(one, endpoint, until)
    except ConnectionFailedError as error:
        return _Seen(error.outcome, error.detail)
    except TimeoutError:
        return _Seen(Outcome.TIMEOUT, "connected, but the handshake did not end")
    except (OSError, ValueError) as error:
        # ValueError: the name of the selected protocol is not text.
        # The text of an SSLError begins with a place in the library, so strerror is better.
        words = f"no handshake: {getattr(error, 'strerror', '') or error}"
        return _Seen(Outcome.WRONG_CERTIFICATE, words, fault=_fault(error))
    problem = certificates.problem(one, der, protocol)
    if problem is None:
        return _Seen(Outcome.MATCH)
    return _Seen(Outcome.WRONG_CERTIFICATE, problem.words, (certificates.presented(der),), problem.fault)


_FAULTS = {
    "no application protocol": TlsFault.NO_PROTOCOL,
    "unrecognized name": TlsFault.UNKNOWN_NAME,
    "wrong version number": TlsFault.NO_TLS,
    "http request": TlsFault.NO_TLS,
    "record layer failure": TlsFault.NO_TLS,
}
"""By a part of OpenSSL's text, since Python has no name for some of its reasons. The alerts are those of RFC 7301
section 3.2 and RFC 6066 section 3."""


def _fault(error: Exception) -> TlsFault:
    text = str(error).lower().replace("_", " ")
    return next((fault for part, fault in _FAULTS.items() if part in text), TlsFault.NO_HANDSHAKE)


def _presented(one: Expectation, endpoint: Endpoint, until: float) -> tuple[bytes, str | None]:
    """Return the certificate, and the application protocol that the server selected.

    "The TLS handshake MUST use the 'acme-tls/1' protocol only", with the name as SNI (RFC 8737 section 3; for an
    address its reverse name, RFC 8738 section 6). For tls-sni-01 no protocol is offered.

    :raises ConnectionFailedError: if there is no connection.
    :raises OSError: if there is no handshake.
    :raises ValueError: if the name of the protocol is not text.
    """
    protocols = (tlsalpn01.ALPN,) if one.type == tlsalpn01.TYPE else ()
    with connect(endpoint, until) as link, handshake(link, one.place, protocols, until) as connection:
        return connection.getpeercert(binary_form=True) or b"", connection.selected_alpn_protocol()
