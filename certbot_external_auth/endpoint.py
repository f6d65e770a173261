"""Where a server is asked: a host and a port, read from what people type and written as they read it."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

_HOST = re.compile(
    r"(?=.{1,253}$)(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.)*[A-Za-z0-9_][A-Za-z0-9_-]{0,62}\.?"
)
_TYPED = re.compile(r"(?:\[(?P<v6>[^\[\]]*)\]|(?P<host>[^:\[\]]*))(?::(?P<port>[0-9]{1,5}))?")


class EndpointError(ValueError):
    """Text that names no endpoint; the message says what is accepted instead."""


@dataclass(frozen=True, order=True)
class Endpoint:
    """:ivar host: a host name or an address, IPv6 without brackets. :ivar port: 1 to 65535."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_address(self) -> bool:
        return is_address(self.host)


def is_address(text: str) -> bool:
    """Whether it is an IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def parse(text: str, port: int) -> Endpoint:
    """``host``, ``host:port``, ``192.0.2.1:port``, ``2001:db8::1`` or ``[2001:db8::1]:port``.

    :param port: where none is given.
    :raises EndpointError: for anything else.
    """
    text = text.strip()
    if ":" in text and is_address(text):
        return Endpoint(text, port)
    found = _TYPED.fullmatch(text)
    if found is None:
        raise EndpointError(_advice(text))
    number = int(found["port"]) if found["port"] else port
    host = found["host"] if found["v6"] is None else found["v6"]
    plausible = (":" in host and is_address(host)) if found["v6"] is not None else _is_host(host)
    if not plausible or not 1 <= number <= 65535:
        raise EndpointError(_advice(text))
    return Endpoint(host, number)


def parse_list(text: str, port: int) -> tuple[Endpoint, ...]:
    """Endpoints separated by commas, each once.

    :raises EndpointError: if one is wrong, or none is there.
    """
    return tuple(dict.fromkeys(parse(one, port) for one in text.split(",")))


def _is_host(host: str) -> bool:
    if is_address(host):
        return True
    # What consists of digits and dots only was meant to be an address.
    return _HOST.fullmatch(host) is not None and not re.fullmatch(r"[0-9.]+", host)


def _advice(text: str) -> str:
    if text.count(":") > 1 and "[" not in text:
        address, _, port = text.rpartition(":")
        if is_address(address) and port.isdigit():
            return f"{text!r} is not accepted; did you mean [{address}]:{port}?"
    return f"{text!r} is not accepted, only host, host:port, an IPv4 address, or [IPv6 address]:port"
