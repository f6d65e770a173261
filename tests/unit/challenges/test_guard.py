"""A CA cannot make the plugin publish what was not requested."""

from __future__ import annotations

import dataclasses
import ipaddress
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from certbot_external_auth.challenges import TYPES, Challenge, choice, guard
from certbot_external_auth.errors import GuardError
from faults.hostile_answers import ANSWERS
from tests.support.front import Answer

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
    passed = guard.check([challenge(identifier, kind, typ="http-01" if kind == "ip" else "dns-01")], asked)
    assert [one.identifier for one in passed] == [identifier.lower()]


@pytest.mark.parametrize(
    ("typ", "label"),
    [
        ("dns-account-01", None),
        ("dns-account-01", ""),
        ("dns-account-01", "_UJMMOVF2VN55TGYE"),
        ("dns-account-01", "_ujmmovf2vn55tgy"),
        ("dns-account-01", "_ujmmovf2vn55tgye."),
        ("dns-account-01", "www._ujmmovf2vn55tgye"),
        ("dns-01", "_ujmmovf2vn55tgye"),
    ],
)
def test_a_label_of_an_account_has_its_form_and_its_type(typ: str, label: str | None) -> None:
    """Guards against a file of the journal that has records removed at other names."""
    wrong = dataclasses.replace(challenge(typ=typ), account_label=label)
    with pytest.raises(GuardError, match="the label of the account"):
        guard.check([wrong], ["example.org"])
    right = dataclasses.replace(challenge(typ="dns-account-01"), account_label="_ujmmovf2vn55tgye")
    assert guard.check([right], ["example.org"]) == [right]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (challenge("victim.example"), "was not requested"),
        (challenge("org"), "was not requested"),
        (challenge("www.example.org"), "was not requested"),
        (challenge("192.0.2.1"), "is not a 'dns' identifier"),
        (challenge("192.0.2.1", "ip"), "was not requested"),
        (challenge("bücher.example"), "is not a 'dns' identifier"),
        (challenge("*.example.org"), "is not a 'dns' identifier"),
        (challenge("example.org."), "is not a 'dns' identifier"),
        (challenge("a." * 127 + "org"), "is not a 'dns' identifier"),
        (challenge("example.org; touch x"), "is not a 'dns' identifier"),
        (challenge("example.org\n"), "is not a 'dns' identifier"),
        (challenge("-x.example.org"), "is not a 'dns' identifier"),
        (challenge("a..example.org"), "is not a 'dns' identifier"),
        (challenge("a" * 64 + ".example.org"), "is not a 'dns' identifier"),
        (challenge("192.0.2.01", "ip"), "is not a 'ip' identifier"),
        (challenge("2001:DB8::1", "ip"), "is not a 'ip' identifier"),
        (challenge("fe80::1%eth0", "ip", typ="http-01"), "is not a 'ip' identifier"),
        (challenge("fe80::1%\x1b[31m\n; $(id)", "ip", typ="http-01"), "is not a 'ip' identifier"),
        (challenge("example.or\u212a"), "is not a 'dns' identifier"),
        (challenge("x@example.org", "email"), "is not a 'email' identifier"),
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
    """Guards against: a CA that fills a zone, or a provider's quota."""
    good = [numbered(number, identifier, kind) for number in range(most)]
    guard.check(good, asked)
    more = [*good, numbered(most, identifier.upper(), kind)]
    with pytest.raises(GuardError, match=f"sent {most + 1} challenges for .*, for which there can be {most}"):
        guard.check(more, asked)


def test_the_same_challenge_twice_is_refused() -> None:
    with pytest.raises(GuardError, match=r"the same challenge for 'example\.org' 2 times"):
        guard.check([numbered(1), numbered(1)], ["example.org", "*.example.org"])


def test_a_flood_is_refused_in_a_few_lines() -> None:
    """Where the names are unknown the number is all there is to judge by."""
    with pytest.raises(GuardError, match="1001 challenges"):
        guard.check([numbered(number, f"n{number}.test") for number in range(1001)], None)
    with pytest.raises(GuardError) as caught:
        guard.check([numbered(number, f"n{number}.test") for number in range(900)], ["example.org"])
    assert len(str(caught.value)) < 2000
    assert "890 more" in str(caught.value)


@pytest.mark.parametrize("asked", [None, ["book.test"]])
def test_a_letter_that_is_ascii_in_lower_case_only_is_refused(asked: list[str] | None) -> None:
    with pytest.raises(GuardError, match=r"boo\\u212a\.test"):
        guard.check([challenge("boo\u212a.test")], asked)


@pytest.mark.parametrize(
    ("identifier", "typ", "asked"),
    [
        ("192.0.2.1", "dns-01", ["192.0.2.1"]),
        ("192.0.2.1", "dns-01", None),
        ("192.0.2.1", "tls-sni-01", None),
        ("a.test", "http-01", ["*.a.test"]),
        ("a.test", "tls-alpn-01", ["*.a.test", "b.test"]),
        ("a.test", "tls-sni-01", ["a.test"]),
        ("a.test", "tls-sni-01", None),
    ],
)
def test_a_type_that_was_not_offered_for_it_is_refused(identifier: str, typ: str, asked: list[str] | None) -> None:
    """Whether the CA chose it or Certbot: what proves another thing is not published."""
    wrong = challenge(identifier, "ip" if choice.is_address(identifier) else "dns", typ=typ)
    with pytest.raises(GuardError, match=f"type '{typ}', which the plugin did not offer"):
        guard.check([wrong], asked, lambda name: choice.usable(name, TYPES, ()))


def test_a_name_and_its_wildcard_may_be_proven_by_different_types() -> None:
    both = [challenge("a.test", token="h" * 43, typ="http-01"), challenge("a.test")]
    guard.check(both, ["*.a.test", "a.test"])


def identifiers() -> dict[str, tuple[str, str]]:
    """Those a hostile CA sends, by what they are; without those that are as good as any where no name is known."""
    answers = {}
    for one in ANSWERS:
        sent = {"identifier": {"type": "dns", "value": "example.org"}, "challenges": []}
        one.change("authZ", sent, Answer(200, [], b""), "example.org")
        identifier = sent["identifier"]
        if one.what.startswith("identifier: ") and isinstance(identifier, dict):
            kind, value = identifier["type"], identifier.get("value")
            plain = kind == "dns" and re.fullmatch(r"[a-z.]+\.(org|example)|test", str(value).lower())
            if isinstance(value, str) and not plain and (kind, value) != ("ip", "192.0.2.1"):
                answers[one.what] = (value, kind)
    return answers


@pytest.mark.parametrize("what", sorted(identifiers()))
def test_what_a_hostile_ca_sends_is_refused_also_where_the_names_are_unknown(what: str) -> None:
    value, kind = identifiers()[what]
    with pytest.raises(GuardError, match="identifier"):
        guard.check([challenge(value, kind, typ="http-01")], None)


VALID = ("example.org", "a-b._x.example.org", "192.0.2.1", "2001:db8::1", "fe80::1", "::")
nearly = st.builds(
    lambda text, place, odd: text[:place] + odd + text[place:],
    st.sampled_from(VALID),
    st.integers(0, 20),
    st.text(max_size=8) | st.builds("%{}".format, st.text()) | st.sampled_from("\u212a\u017f\n\0"),
)


@given(nearly | st.text(), st.sampled_from(["dns", "ip"]), st.just(TOKEN) | st.text())
@example("fe80::1%\x1b[31m\n; $(id)", "ip", TOKEN)
@example("boo\u212a.test", "dns", TOKEN)
def test_nothing_odd_passes_even_where_the_names_are_unknown(identifier: str, kind: str, token: str) -> None:
    """The last line of defence: whatever passes is harmless in a shell, a path and a zone file."""
    try:
        (passed,) = guard.check([challenge(identifier, kind, token, "http-01")], None)
    except GuardError:
        return
    for text in (identifier, passed.identifier):
        assert set(text) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-:")
        assert text[0] not in "-."
        assert kind == "dns" or ipaddress.ip_address(text).packed
        assert kind == "ip" or ":" not in text
    assert set(token) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
