"""Which addresses are of the Internet, in every way of writing them."""

from __future__ import annotations

import pytest

from certbot_external_auth.visibility import reach

INSIDE = (
    *("127.0.0.1", "127.255.0.9", "10.0.0.1", "172.16.0.1", "172.31.0.1", "192.168.1.1", "169.254.169.254"),
    *("100.64.0.1", "100.127.0.1", "::1", "fe80::1", "fe80::1%lo", "fc00::1", "fd12::1"),
    *("::ffff:127.0.0.1", "::ffff:10.1.2.3", "::ffff:a9fe:a9fe"),
)
OTHER = (
    *("0.0.0.1", "0.1.2.3", "192.0.2.1", "198.18.0.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255"),
    *("192.0.0.8", "192.0.0.9", "192.0.0.170", "203.0.113.1"),
    *("::", "fec0::1", "ff02::1", "2001:db8::1", "100::1"),
    # Teredo, ORCHID, 6to4 and NAT64 of an address inside.
    *("2001:0:808:808::1", "2001::1", "2001:20::1", "2002:7f00:1::1", "64:ff9b::10.1.2.3", "64:ff9b:1::10.1.2.3"),
)
WITHIN = ("::ffff:{}", "::ffff:0:{}", "::{}", "64:ff9b::{}", "64:ff9b:1::{}")
"""Mapped, translated, compatible, NAT64, and NAT64 of one network; of all of them only these two can be public."""
CAN_BE = {"::ffff:{}", "64:ff9b::{}"}


@pytest.mark.parametrize("address", INSIDE)
def test_inside(address: str) -> None:
    assert reach.kind(address) is reach.Kind.INSIDE


@pytest.mark.parametrize("address", OTHER)
def test_neither_public_nor_certainly_inside(address: str) -> None:
    """Guards against an attacker's server at such an address, which a redirect into this network would count for."""
    assert reach.kind(address) is reach.Kind.OTHER


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "2a00:1450:4001::1", "2002:808:808::1"]
)
def test_public(address: str) -> None:
    assert reach.kind(address) is reach.Kind.PUBLIC


@pytest.mark.parametrize("form", WITHIN)
def test_an_address_within_another_counts(form: str) -> None:
    assert reach.is_public(form.format("8.8.8.8")) is (form in CAN_BE)
    for inner in ("127.0.0.1", "10.1.2.3", "169.254.169.254"):
        assert not reach.is_public(form.format(inner))
    assert not reach.is_public("2002:7f00:1::1")
    # Teredo.
    assert not reach.is_public("2001:0:808:808::1")


@pytest.mark.parametrize(
    "text", ["", "2130706433", "0x7f.1", "127.1", "010.0.0.1", "a.test", "8.8.8.8/32", "8.8.8.8%1"]
)
def test_what_is_not_an_address_is_neither(text: str) -> None:
    assert reach.kind(text) is reach.Kind.OTHER
