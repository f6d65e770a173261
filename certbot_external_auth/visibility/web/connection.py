"""Connections to one address, with a time limit for everything and a size limit for what is read."""

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
"""Seconds for one connection; a CA does not wait longer either."""


class ConnectionFailedError(Exception):
    """Nobody was reached: `outcome` and `detail` say how."""

    def __init__(self, outcome: Outcome, detail: str) -> None:
        self.outcome = outcome
        self.detail = one_line(detail, 200)
        super().__init__(self.detail)


def connect(endpoint: Endpoint, until: float) -> socket.socket:
    """A connection to an address.

    :param until: when to give up, on the monotonic clock.
    :raises ConnectionFailedError: if there is none in time.
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
        # There is a route, so that a host or a router on the way is what does not answer.
        link.close()
        detail = "" if isinstance(error, TimeoutError) else error.strerror or str(error)
        raise ConnectionFailedError(Outcome.TIMEOUT, detail) from error
    except BaseException:
        link.close()
        raise
    return link


def handshake(link: socket.socket, server_name: str | None, protocols: tuple[str, ...], until: float) -> ssl.SSLSocket:
    """TLS over a connection, whatever the certificate says.

    :param server_name: sent as SNI. :param protocols: offered by ALPN.
    :raises OSError: if there is no handshake in time; `ssl.SSLError` is one.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if protocols:
        context.set_alpn_protocols(list(protocols))
    # As bytes it is sent as it is, also what is no host name; OpenSSL has no room for more than 255.
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
    """What comes over a connection, up to a moment and a number of bytes; then it is at its end."""

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
        """What `http.client` takes a socket for."""
        return io.BufferedReader(self)
