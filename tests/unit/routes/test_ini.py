"""Reading a file of routes: what a line is, and what is wrong with it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certbot_external_auth.routes import ini
from certbot_external_auth.routes.ini import Section, Value
from certbot_external_auth.routes.keys import KEYS
from certbot_external_auth.routes.problem import Kind, RoutesError

GOOD = "[example.org]\nhandler = /bin/x\n"


def wrong(text: str) -> list[tuple[Kind, int]]:
    return [(one.kind, one.line) for one in sorted(ini.parse(text)[1], key=lambda one: one.line)]


def facts(text: str) -> dict[str, str]:
    (found,) = ini.parse(text)[1]
    return dict(found.facts)


def test_a_section_has_its_values_with_their_lines() -> None:
    text = "# all of it\r\n\r\n[Example.ORG.]\r\n  handler = /bin/x --zone a=b  \r\n; more\r\njobs=4\r\n[*]\nhandler=y"
    sections, problems = ini.parse(text)
    assert problems == []
    assert sections == [
        Section("example.org", 3, {"handler": Value(4, "/bin/x --zone a=b"), "jobs": Value(6, "4")}),
        Section("*", 7, {"handler": Value(8, "y")}),
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", [(Kind.NO_SECTION, 0)]),
        ("# nothing\n", [(Kind.NO_SECTION, 0)]),
        ("handler = x\n" + GOOD, [(Kind.BEFORE_SECTION, 1)]),
        (GOOD + "just words\n", [(Kind.NO_LINE, 3)]),
        (GOOD + "= x\n", [(Kind.NO_LINE, 3)]),
        (GOOD + "[example.com\n", [(Kind.NO_LINE, 3)]),
        (GOOD + "jobs = 1\0\n", [(Kind.NO_LINE, 3)]),
        (GOOD + "jobs =\n", [(Kind.NO_VALUE, 3)]),
        (GOOD + "challenge = ,\n", [(Kind.NO_VALUE, 3)]),
        (GOOD + "jobs = 1\njobs = 2\n", [(Kind.KEY_TWICE, 4)]),
        (GOOD + "mode = json\n", [(Kind.UNKNOWN_KEY, 3)]),
        (GOOD + "[EXAMPLE.org]\nhandler = y\n", [(Kind.SECTION_TWICE, 3)]),
        (GOOD + "[*]\nhandler = y\n[*]\nhandler = z\n", [(Kind.SECTION_TWICE, 5)]),
        ("[example.org]\n", [(Kind.NO_PUBLISHER, 1)]),
        ("[bücher.example]\nhandler = x\n", [(Kind.NO_DOMAIN, 1)]),
        ("[]\nhandler = x\n", [(Kind.NO_DOMAIN, 1)]),
        ("[a b]\nhandler = x\n", [(Kind.NO_DOMAIN, 1)]),
        ("[2001:db8::1%eth0]\nhandler = x\n", [(Kind.NO_DOMAIN, 1)]),
        # The Kelvin sign is a k in lower case.
        ("[\u212aernel.example]\nhandler = x\n", [(Kind.NO_DOMAIN, 1)]),
        # Everything at once, in the order of the lines.
        (
            "x\n[-]\nhnadler = x\n" + GOOD + "nope\n",
            [(Kind.NO_LINE, 1), (Kind.NO_DOMAIN, 2), (Kind.UNKNOWN_KEY, 3), (Kind.NO_LINE, 6)],
        ),
    ],
)
def test_what_is_wrong_has_its_line(text: str, found: list[tuple[Kind, int]]) -> None:
    assert wrong(text) == found


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("example.org", "example.org"),
        ("_tcp.example.org", "_tcp.example.org"),
        ("org", "org"),
        ("192.0.2.1", "192.0.2.1"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("*", "*"),
    ],
)
def test_a_section_is_named_as_identifiers_are(written: str, name: str) -> None:
    ((section,), problems) = ini.parse(f"[ {written} ]\nhandler = x\n")
    assert (section.name, problems) == (name, [])


@pytest.mark.parametrize(
    ("text", "nearest"),
    [
        (GOOD + "hnadler = x\n", "handler"),
        (GOOD + "env_file = x\n", "env-file"),
        (GOOD + "Verify-Timeout = 3\n", "verify-timeout"),
        (GOOD + "zzz = 3\n", ""),
        ("[*.example.org]\nhandler = x\n", "example.org"),
        ("[.example.org]\nhandler = x\n", "example.org"),
        ("[a_b!]\nhandler = x\n", ""),
    ],
)
def test_the_nearest_is_named(text: str, nearest: str) -> None:
    assert facts(text)["text"] == nearest


def test_types_are_in_their_order() -> None:
    ((section,), _) = ini.parse(GOOD + "challenge = http-01, dns-01,http-01\n")
    assert section.types == ("http-01", "dns-01")
    assert Section("x", 1).types == ()


LINES = st.lists(
    st.one_of(
        st.text(),
        st.sampled_from(["[example.org]", "[*]", "[", "[]", "]", "=", "#", "\ufeff", "[*.a.example]"]),
        st.builds("{} = {}".format, st.sampled_from(KEYS), st.text()),
    )
)


@given(LINES)
def test_any_text_is_read(lines: list[str]) -> None:
    """Guards against: an exception of another kind, from a file that an editor has damaged."""
    text = "\n".join(lines)
    sections, problems = ini.parse(text)
    count = text.count("\n") + 1
    assert all(0 <= one.line <= count for one in problems)
    assert sections or problems
    error = RoutesError("/etc/routes.ini", problems)
    assert len(error.problems) == len(problems)
    assert all(one.startswith("/etc/routes.ini:") for one in error.problems)
    assert all("\n" not in one for one in error.problems)
