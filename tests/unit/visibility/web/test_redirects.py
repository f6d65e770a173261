"""Which redirects a CA follows, and what it takes for the key authorization."""

from __future__ import annotations

import pytest

from certbot_external_auth.visibility.web import redirects
from certbot_external_auth.visibility.web.redirects import RedirectError

URL = "http://a.test/.well-known/acme-challenge/TOKEN"
FIRST = redirects.target(URL, 5002, 5003)


ODD_HOSTS = (
    *("2130706433", "017700000001", "0x7f000001", "127.1", "0177.0.0.1", "127.0.0.1.", "1.2.3.4.5", "a.test.0x7f"),
    *(
        "127.0.0.0x1",
        "%31%32%37.1",
        "-a.test",
        "a..test",
        ".test",
        "a.test..",
        "a_b",
        "x" * 64 + ".test",
        "[fe80::1%25lo]",
    ),
    "a." * 130 + "test",
)
"""Of some of them the system's resolver makes an address; no CA goes there."""


def follow(location: str | None, status: int = 301) -> redirects.Target | None:
    return redirects.next_target(FIRST, status, location, 5002, 5003)


def test_the_first_request_goes_to_the_port_named() -> None:
    assert (FIRST.scheme, FIRST.host, FIRST.port) == ("http", "a.test", 5002)
    assert (FIRST.authority, FIRST.path) == ("a.test", "/.well-known/acme-challenge/TOKEN")


def test_an_ipv6_address_keeps_its_brackets_in_the_host_header_only() -> None:
    found = redirects.target("http://[2001:db8::1]/x")
    assert (found.host, found.authority, found.port) == ("2001:db8::1", "[2001:db8::1]", 80)


@pytest.mark.parametrize(
    ("location", "host", "port", "authority", "path"),
    [
        ("https://a.test/x", "a.test", 5003, "a.test", "/x"),
        ("http://b.test", "b.test", 5002, "b.test", "/"),
        ("http://b.test:80/x", "b.test", 5002, "b.test:80", "/x"),
        ("https://b.test:443/x?y=1#z", "b.test", 5003, "b.test:443", "/x?y=1"),
        ("http://b.test:5003/x", "b.test", 5003, "b.test:5003", "/x"),
        ("/other", "a.test", 5002, "a.test", "/other"),
        ("other", "a.test", 5002, "a.test", "/.well-known/acme-challenge/other"),
        ("//b.test/x", "b.test", 5002, "b.test", "/x"),
        ("https://user@b.test/x", "b.test", 5003, "b.test", "/x"),
        ("https://[::1]/x", "::1", 5003, "[::1]", "/x"),
        ("http://192.0.2.1/x", "192.0.2.1", 5002, "192.0.2.1", "/x"),
        ("http://intranet/x", "intranet", 5002, "intranet", "/x"),
        ("http://_a.b-1.x1.test./x", "_a.b-1.x1.test.", 5002, "_a.b-1.x1.test.", "/x"),
        ('http://b.test/<"x">', "b.test", 5002, "b.test", "/%3C%22x%22%3E"),
    ],
)
def test_followed(location: str, host: str, port: int, authority: str, path: str) -> None:
    found = follow(location)
    assert found is not None
    assert (found.host, found.port, found.authority, found.path) == (host, port, authority, path)


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("ftp://a.test/x", "neither http nor https"),
        ("file:///etc/passwd", "is not a URL"),
        ("http://a.test:8080/x", "port 8080"),
        ("http://a.test:0x50/", "is not a URL"),
        ("http://a.test:99999/", "is not a URL"),
        ("http:///x", "is not a URL"),
        ("http://a.test/a b", "is not a URL"),
        ("http://a.test/\r\nX: y", "is not a URL"),
        ("http://\u0430.test/", "is not a URL"),
        ("http://a.test/" + "x" * 3000, "is not a URL"),
        ("//[", "is not a URL"),
        *((f"http://{host}/", "neither a name nor an address") for host in ODD_HOSTS),
        ("", "does not say where"),
        (None, "does not say where"),
    ],
)
def test_refused(location: str | None, reason: str) -> None:
    with pytest.raises(RedirectError, match=reason):
        follow(location)


@pytest.mark.parametrize(("status", "followed"), [(301, 1), (302, 1), (307, 1), (308, 1), (303, 0), (200, 0), (304, 0)])
def test_statuses(status: int, followed: int) -> None:
    assert bool(follow("/x", status)) is bool(followed)


@pytest.mark.parametrize(
    ("body", "same"),
    [
        (b"token.thumb", True),
        (b"token.thumb\r\n \t\n", True),
        (b" token.thumb", False),
        (b"token.thumb\nmore", False),
        (b"token.thumb\x00", False),
        (b"token.thum", False),
        (b"<p>token.thumb</p>", False),
        (b"", False),
    ],
)
def test_the_body_is_compared_whole(body: bytes, same: bool) -> None:
    assert redirects.matches(body, "token.thumb") is same
