"""Connect to one address, with limits for the time and for the number of bytes that are read."""

from __future__ import annotations

import io
import socket
import ssl
import time
from typing import TYPE_CHECKING

from certbot_external_auth.endpoint import Endpoint
from certbot_external_auth.text import one_line
from certbot_external_auth.visibility import Outcome
from certbot_external_auth.visibility.parallel import seconds_left
from certbot_external_auth.visibility.web.addresses import family, has_route

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MAX_CONNECTION_SECONDS = 10.0
"""The time for one connection and its answer. A CA does not wait longer."""


class ConnectionFailedError(Exception):
    """There is no connection; `outcome` and `detail` say why."""

    def __init__(self, outcome: Outcome, detail: str) -> None:
        self.outcome = outcome
        self.detail = one_line(detail, 200)
        super().__init__(self.detail)


def connect(endpoint: Endpoint, until: float) -> socket.socket:
    """Return a connection to an address.

    :param until: when to give up, by the monotonic clock.
    :raises ConnectionFailedError: if there is no connection in time.
    """
    if not has_route(endpoint.host, endpoint.port):
        raise ConnectionFailedError(Outcome.UNREACHABLE, "no route from this machine")
    link = socket.socket(family(endpoint.host), socket.SOCK_STREAM)
    try:
        link.settimeout(seconds_left(until))
        link.connect((endpoint.host, endpoint.port))
    except ConnectionRefusedError as error:
        link.close()
        raise ConnectionFailedError(Outcome.CONNECTION_REFUSED, "") from error
    except OSError as error:
        # There is a route, so the host, or a router on the way, does not answer.
        link.close()
        detail = "" if isinstance(error, TimeoutError) else error.strerror or str(error)
        raise ConnectionFailedError(Outcome.TIMEOUT, detail) from error
    except BaseException:
        link.close()
        raise
    return link


def handshake(link: socket.socket, server_name: str | None, protocols: tuple[str, ...], until: float) -> ssl.SSLSocket:
    """Return TLS over a connection, without checking the certificate.

    :param server_name: sent as SNI; None to send none.
    :param protocols: offered by ALPN.
    :raises OSError: if there is no handshake in time. `ssl.SSLError` is an `OSError`.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if protocols:
        context.set_alpn_protocols(list(protocols))
    # Bytes are sent as they are, also if they are not a host name. OpenSSL takes 255 at most.
    name = server_name.encode("ascii")[:255] if server_name else None
    link.settimeout(seconds_left(until))
    wrapped = context.wrap_socket(link, server_hostname=name, do_handshake_on_connect=False)
    try:
        wrapped.do_handshake()
    except BaseException:
        wrapped.close()
        raise
    return wrapped


class BoundedReader(io.RawIOBase):
    """A stream of what a connection sends, which ends after a number of bytes, and fails after a moment."""

    def __init__(self, link: socket.socket, until: float, budget: int) -> None:
        super().__init__()
        self._link = link
        self._until = until
        self._budget = budget

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        if time.monotonic() >= self._until:
            raise TimeoutError("the answer takes too long")
        if not self._budget:
            return 0
        self._link.settimeout(seconds_left(self._until))
        count = self._link.recv_into(memoryview(buffer)[: self._budget])
        self._budget -= count
        return count

    def makefile(self, mode: str = "rb") -> io.BufferedReader:
        """Return a file, as `http.client` expects from a socket."""
        return io.BufferedReader(self)
