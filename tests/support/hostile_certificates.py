"""Certificates that no honest server presents: names of every kind, and octets that were changed by chance."""

from __future__ import annotations

import ipaddress
import random

from cryptography import x509

ODD: tuple[x509.GeneralName, ...] = (
    x509.RFC822Name("a@b.test"),
    x509.UniformResourceIdentifier("http://a.test/"),
    x509.RegisteredID(x509.ObjectIdentifier("1.2.3")),
    x509.OtherName(x509.ObjectIdentifier("1.2.3"), b"\x04\x00"),
    x509.IPAddress(ipaddress.ip_address("::1")),
    x509.DirectoryName(
        x509.Name(
            [x509.NameAttribute(x509.NameOID.COUNTRY_NAME, "DE"), x509.NameAttribute(x509.NameOID.COMMON_NAME, "x")]
        )
    ),
)
"""One name of each other kind than a host's."""


def mutated_octets(data: bytes, chance: random.Random) -> bytes:
    """The same with one to three octets changed."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 3))):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)
