"""Hosts and ports as people type them."""

from __future__ import annotations

import pytest

from certbot_external_auth.endpoint import Endpoint, EndpointError, parse, parse_list


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("ns1.example.org", "ns1.example.org", 53),
        ("ns1.example.org:5353", "ns1.example.org", 5353),
        ("localhost:1", "localhost", 1),
        ("192.0.2.1", "192.0.2.1", 53),
        ("192.0.2.1:65535", "192.0.2.1", 65535),
        ("2001:db8::1", "2001:db8::1", 53),
        ("[2001:db8::1]", "2001:db8::1", 53),
        (" [2001:db8::1]:853 ", "2001:db8::1", 853),
    ],
)
def test_what_is_accepted(text: str, host: str, port: int) -> None:
    assert parse(text, 53) == Endpoint(host, port)
    assert parse(str(Endpoint(host, port)), 1) == Endpoint(host, port)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":53",
        "a b",
        "ns1:0",
        "ns1:65536",
        "ns1:x",
        "1.2.3",
        "300.1.1.1",
        "[192.0.2.1]:53",
        "[::1",
        "-a.b",
        "http://a",
    ],
)
def test_what_is_not(text: str) -> None:
    with pytest.raises(EndpointError, match="is not accepted"):
        parse(text, 53)


def test_a_port_behind_a_bare_ipv6_address_is_guessed_and_refused() -> None:
    with pytest.raises(EndpointError, match=r"did you mean \[2001:db8:0:0:0:0:0:1\]:5353"):
        parse("2001:db8:0:0:0:0:0:1:5353", 53)


def test_a_list_has_each_once() -> None:
    assert parse_list("a, b:53,a:53", 53) == (Endpoint("a", 53), Endpoint("b", 53))
    with pytest.raises(EndpointError):
        parse_list("a,,b", 53)
