"""tls-alpn-01 and tls-sni-01 as the CA looks: a handshake at every address of the name."""

from __future__ import annotations

import time
from collections.abc import Sequence

from certbot_external_auth.challenges import tlsalpn01
from certbot_external_auth.endpoint import Endpoint
from certbot_external_auth.text import one_line
from certbot_external_auth.visibility import Expectation, Observation, Outcome, certificates
from certbot_external_auth.visibility.addresses import resolve
from certbot_external_auth.visibility.connection import PATIENCE, ConnectionFailedError, connect, handshake
from certbot_external_auth.visibility.parallel import each
from certbot_external_auth.visibility.probe import Surroundings


class Probe:
    """See `probe.Probe`."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._surroundings = surroundings

    def look(self, expectations: Sequence[Expectation], until: float) -> list[Observation]:
        """See `probe.Probe`."""
        known = resolve([one.identifier for one in expectations], until, self._surroundings.nameservers)
        pairs = [(one, known[one.identifier]) for one in expectations]
        unknown = [
            Observation(one.place, one.identifier, "", addresses.outcome, detail=addresses.detail)
            for one, addresses in pairs
            if addresses.outcome is not None
        ]
        asked = [(one, address) for one, addresses in pairs for address in addresses.found]
        return unknown + each(lambda pair: self._shake_hands(*pair, until), asked)

    def _shake_hands(self, one: Expectation, address: str, until: float) -> Observation:
        begun = time.monotonic()
        endpoint = Endpoint(address, self._surroundings.https_port)
        outcome, seen, detail = _seen(one, endpoint, min(until, begun + PATIENCE))
        return Observation(
            one.place, one.identifier, str(endpoint), outcome, seen, time.monotonic() - begun, one_line(detail, 200)
        )


def _seen(one: Expectation, endpoint: Endpoint, until: float) -> tuple[Outcome, tuple[str, ...], str]:
    try:
        der, protocol = _presented(one, endpoint, until)
    except ConnectionFailedError as error:
        return error.outcome, (), error.detail
    except TimeoutError:
        return Outcome.TIMEOUT, (), "connected, but the handshake did not end"
    except OSError as error:
        # The library's text begins with its own place in brackets.
        return Outcome.WRONG_CERTIFICATE, (), f"no handshake: {error.strerror or error}"
    problem = certificates.problem(one, der, protocol)
    if problem:
        return Outcome.WRONG_CERTIFICATE, (certificates.presented(der),), problem
    return Outcome.MATCH, (), ""


def _presented(one: Expectation, endpoint: Endpoint, until: float) -> tuple[bytes, str | None]:
    """The certificate, and the application protocol that was chosen.

    "The TLS handshake MUST use the 'acme-tls/1' protocol only", with the name as SNI (RFC 8737 section 3; for an
    address its reverse name, RFC 8738 section 6). For tls-sni-01 no protocol is offered.

    :raises ConnectionFailedError: if nobody was reached. :raises OSError: if there is no handshake.
    """
    protocols = (tlsalpn01.ALPN,) if one.type == tlsalpn01.TYPE else ()
    with connect(endpoint, until) as link, handshake(link, one.place, protocols, until) as connection:
        return connection.getpeercert(binary_form=True) or b"", connection.selected_alpn_protocol()
