"""The route of a name: the longest section above it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certbot_external_auth.routes.ini import Section
from certbot_external_auth.routes.table import Routes

NAMES = ("example.org", "sub.example.org", "org", "192.0.2.1", "2001:db8::1")


def routes(*names: str) -> Routes:
    return Routes("/etc/routes.ini", [Section(name, number) for number, name in enumerate(names, 1)])


@pytest.mark.parametrize(
    ("name", "section"),
    [
        ("example.org", "example.org"),
        ("*.example.org", "example.org"),
        ("WWW.Example.org", "example.org"),
        ("sub.example.org", "sub.example.org"),
        ("*.sub.example.org", "sub.example.org"),
        ("a.b.sub.example.org", "sub.example.org"),
        # Labels count, and not letters.
        ("notsub.example.org", "example.org"),
        ("myexample.org", "org"),
        ("example.com", "*"),
        ("192.0.2.1", "192.0.2.1"),
        ("192.0.2.10", "*"),
        ("2001:db8::1", "2001:db8::1"),
    ],
)
def test_the_longest_match_wins(name: str, section: str) -> None:
    found = routes(*NAMES, "*").own(name)
    assert found is not None
    assert found.name == section


def test_without_a_section_for_the_rest_a_name_has_no_route() -> None:
    assert routes("example.org").own("example.com") is None
    assert routes("*").nearest("example.com") is None
    assert (routes("*").named, routes("*", "a.example").named) == (False, True)


LABEL = st.text("ab", min_size=1, max_size=2)
NAME = st.builds(".".join, st.lists(LABEL, min_size=1, max_size=4))


@given(st.sets(NAME), NAME)
def test_no_longer_section_is_above_the_name(sections: set[str], name: str) -> None:
    found = routes(*sorted(sections)).nearest(name)
    above = [one for one in sections if f".{name}".endswith(f".{one}")]
    assert (None if found is None else found.name) == max(above, key=len, default=None)
