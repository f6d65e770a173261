"""The host and port of a server, as people type and read them."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

_HOST = re.compile(
    r"(?=.{1,253}$)(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.)*[A-Za-z0-9_][A-Za-z0-9_-]{0,62}\.?"
)
_TYPED = re.compile(r"(?:\[(?P<v6>[^\[\]]*)\]|(?P<host>[^:\[\]]*))(?::(?P<port>[0-9]{1,5}))?")


class EndpointError(ValueError):
    """Text that is not an endpoint. The message says what is accepted."""


@dataclass(frozen=True, order=True)
class Endpoint:
    """A host and a port.

    :ivar host: a host name or an address; IPv6 without brackets.
    :ivar port: from 1 to 65535.
    """

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_address(self) -> bool:
        """Whether the host is an IP address."""
        return is_address(self.host)


def is_address(text: str) -> bool:
    """Tell whether a text is an IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def parse(text: str, port: int) -> Endpoint:
    """Read ``host``, ``host:port``, ``192.0.2.1:port``, ``2001:db8::1`` or ``[2001:db8::1]:port``.

    :param port: used if the text has none.
    :raises EndpointError: for anything else.
    """
    text = text.strip()
    if ":" in text and is_address(text):
        return Endpoint(text, port)
    match = _TYPED.fullmatch(text)
    if match is None:
        raise EndpointError(_advice(text))
    number = int(match["port"]) if match["port"] else port
    bracketed = match["v6"] is not None
    host = match["v6"] if bracketed else match["host"]
    plausible = (":" in host and is_address(host)) if bracketed else _is_host(host)
    if not plausible or not 1 <= number <= 65535:
        raise EndpointError(_advice(text))
    return Endpoint(host, number)


def parse_list(text: str, port: int) -> tuple[Endpoint, ...]:
    """Read endpoints separated by commas; each is returned once.

    :param port: used for endpoints without one.
    :raises EndpointError: if one is wrong, or the text is empty.
    """
    return tuple(dict.fromkeys(parse(part, port) for part in text.split(",")))


def _is_host(host: str) -> bool:
    if is_address(host):
        return True
    # Only digits and dots: a mistyped address, not a host name.
    return _HOST.fullmatch(host) is not None and not re.fullmatch(r"[0-9.]+", host)


def _advice(text: str) -> str:
    if text.count(":") > 1 and "[" not in text:
        address, _, port = text.rpartition(":")
        if is_address(address) and port.isdigit():
            return f"{text!r} is not accepted; did you mean [{address}]:{port}?"
    return f"{text!r} is not accepted; give host, host:port, an IPv4 address, or [IPv6 address]:port"
