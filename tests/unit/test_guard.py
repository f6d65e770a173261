"""A CA that sends what was not asked for gets nowhere."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certbot_external_auth.challenges import Challenge, guard
from certbot_external_auth.errors import GuardError

TOKEN = "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
THUMBPRINT = "9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"


def challenge(identifier: str = "example.org", kind: str = "dns", token: str = TOKEN, typ: str = "dns-01") -> Challenge:
    return Challenge("c1", typ, identifier, kind, token, f"{token}.{THUMBPRINT}")


@pytest.mark.parametrize(
    ("identifier", "kind", "asked"),
    [
        ("example.org", "dns", ["*.example.org"]),
        ("EXAMPLE.org", "dns", ["example.org"]),
        ("_x.example.org", "dns", ["_x.example.org"]),
        ("xn--bcher-kva.example", "dns", ["xn--bcher-kva.example"]),
        ("192.0.2.1", "ip", ["192.0.2.1"]),
        ("2001:db8::1", "ip", ["2001:db8::1"]),
        ("2001:db8::1", "ip", ["2001:0DB8:0::1"]),
        ("example.org", "dns", ["www.example.org", "Example.ORG."]),
        ("anything.example", "dns", None),
    ],
)
def test_what_was_asked_for_passes(identifier: str, kind: str, asked: list[str] | None) -> None:
    guard.check([challenge(identifier, kind)], asked)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (challenge("victim.example"), "was not asked for"),
        (challenge("org"), "was not asked for"),
        (challenge("www.example.org"), "was not asked for"),
        (challenge("192.0.2.1"), "is no 'dns' identifier"),
        (challenge("192.0.2.1", "ip"), "was not asked for"),
        (challenge("bücher.example"), "is no 'dns' identifier"),
        (challenge("*.example.org"), "is no 'dns' identifier"),
        (challenge("example.org."), "is no 'dns' identifier"),
        (challenge("a." * 127 + "org"), "is no 'dns' identifier"),
        (challenge("example.org; touch x"), "is no 'dns' identifier"),
        (challenge("example.org\n"), "is no 'dns' identifier"),
        (challenge("-x.example.org"), "is no 'dns' identifier"),
        (challenge("a..example.org"), "is no 'dns' identifier"),
        (challenge("a" * 64 + ".example.org"), "is no 'dns' identifier"),
        (challenge("192.0.2.01", "ip"), "is no 'ip' identifier"),
        (challenge("2001:DB8::1", "ip"), "is no 'ip' identifier"),
        (challenge("x@example.org", "email"), "is no 'email' identifier"),
        (challenge(token="../../etc/passwd/xxxxxxxxxx"), "not 22 to 200 characters"),
        (challenge(token="short"), "not 22 to 200 characters"),
        (challenge(token="a" * 201), "not 22 to 200 characters"),
        (challenge(typ="dns-99"), "type 'dns-99'"),
        (Challenge("c", "dns-01", "example.org", "dns", TOKEN, "other." + THUMBPRINT), "does not belong to its token"),
    ],
)
def test_what_was_not_is_refused_with_what_was_sent(wrong: Challenge, said: str) -> None:
    with pytest.raises(GuardError) as caught:
        guard.check([challenge(), wrong], ["example.org"])
    assert said in str(caught.value)
    assert "no handler, driver or person was asked" in str(caught.value)


def numbered(number: int, identifier: str = "example.org", kind: str = "dns") -> Challenge:
    token = f"{number:04}{TOKEN[4:]}"
    return Challenge(
        f"c{number}", "dns-01" if kind == "dns" else "http-01", identifier, kind, token, f"{token}.{THUMBPRINT}"
    )


@pytest.mark.parametrize(
    ("identifier", "kind", "asked", "most"),
    [
        ("example.org", "dns", ["example.org"], 1),
        ("example.org", "dns", ["*.example.org"], 1),
        ("example.org", "dns", ["example.org", "*.EXAMPLE.org", "EXAMPLE.org"], 2),
        ("192.0.2.1", "ip", ["192.0.2.1"], 1),
        ("example.org", "dns", None, 2),
        ("192.0.2.1", "ip", None, 1),
    ],
)
def test_there_are_no_more_challenges_than_names(
    identifier: str, kind: str, asked: list[str] | None, most: int
) -> None:
    """Else a CA could fill somebody's zone, or a provider's quota."""
    good = [numbered(number, identifier, kind) for number in range(most)]
    guard.check(good, asked)
    more = [*good, numbered(most, identifier.upper(), kind)]
    with pytest.raises(GuardError, match=f"sent {most + 1} challenges for .*, for which there can be {most}"):
        guard.check(more, asked)


def test_the_same_challenge_twice_is_refused() -> None:
    with pytest.raises(GuardError, match=r"the same challenge for 'example\.org' twice"):
        guard.check([numbered(1), numbered(1)], ["example.org", "*.example.org"])


def test_a_flood_is_refused_in_a_few_lines() -> None:
    """Where the names are unknown the number is all there is to judge by."""
    with pytest.raises(GuardError, match="1001 challenges"):
        guard.check([numbered(number, f"n{number}.test") for number in range(1001)], None)
    with pytest.raises(GuardError) as caught:
        guard.check([numbered(number, f"n{number}.test") for number in range(900)], ["example.org"])
    assert len(str(caught.value)) < 2000
    assert "890 more" in str(caught.value)


@given(st.text(), st.text())
def test_nothing_odd_passes_even_where_the_names_are_unknown(identifier: str, token: str) -> None:
    """The last line of defence: whatever passes is harmless in a shell, a path and a zone file."""
    try:
        guard.check([challenge(identifier, "dns", token)], None)
    except GuardError:
        return
    assert re.fullmatch(r"[A-Za-z0-9._-]+", identifier)
    assert re.fullmatch(r"[A-Za-z0-9_-]+", token)
