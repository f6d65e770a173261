"""Which providers this machine can use, and which one to take."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from certbot_external_auth.providers import elsewhere, listing, registry
from certbot_external_auth.providers.engine import Kind, Missing, Problem, Provider, Variable
from certbot_external_auth.providers.listing import Engine, Match, Row, State

REFUSED = Problem(Kind.REFUSED, {"name": "x", "why": "it asks a person", "instead": ("acme.sh:x",)})
NEEDS = (Variable("X_TOKEN", "the token"), Variable("X_TTL", "", None))
LACKING = Missing("x", ("pip install x",))


class Here:
    """An engine that is installed."""

    challenge_types = ("dns-01",)
    builds_name = told_aliases = persists = False

    def __init__(self, settings: Mapping[str, str]) -> None:
        pass

    def installed(self) -> Missing | None:
        return None

    def providers(self) -> list[Provider]:
        return [Provider("x", "X", variables=NEEDS), Provider("y", refused=REFUSED)]

    def problems(self, name: str) -> list[Problem]:
        return []

    def program(self, name: str) -> list[str]:
        return ["/bin/true"]


class Gone(Here):
    """One that is not."""

    def installed(self) -> Missing | None:
        return LACKING

    def providers(self) -> list[Provider]:
        raise AssertionError("it is not installed")


class Broken:
    """A class of another package that is no engine."""


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    made = {"here": "Here", "gone": "Gone", "broken": "Broken"}
    monkeypatch.setattr(registry, "BUILT_IN", {name: f"{__name__}:{kind}" for name, kind in made.items()})
    monkeypatch.setattr(elsewhere, "known", lambda: {"gone": {"names": ["x"]}})
    return list(made)


def row(engine: str, name: str, state: State = State.VARIABLES_MISSING, title: str = "") -> Row:
    provider = Provider(name, title, refused=REFUSED if state is State.REFUSED else None)
    here = Engine(engine, LACKING if state is State.ENGINE_MISSING else None)
    return Row(here, provider, NEEDS[:1] if state is State.VARIABLES_MISSING else ())


@pytest.mark.parametrize(("settings", "state"), [({}, State.VARIABLES_MISSING), ({"X_TOKEN": "s"}, State.READY)])
def test_every_engine_is_asked_and_none_hides_another(
    engines: list[str], settings: dict[str, str], state: State
) -> None:
    found, rows = listing.collect(settings, engines)
    assert [(each.name, each.lacking, bool(each.problem)) for each in found] == [
        ("here", None, False),
        ("gone", LACKING, False),
        ("broken", None, True),
    ]
    assert [(each.value, each.state) for each in rows] == [
        ("here:x", state),
        ("here:y", State.REFUSED),
        ("gone:x", State.ENGINE_MISSING),
    ]
    assert [one.name for one in rows[0].lacking] == ([] if settings else ["X_TOKEN"])


@pytest.mark.parametrize(
    ("word", "name", "title", "match"),
    [
        ("hetzner", "hetzner", "", Match.NAME),
        ("Hetzner", "dns-hetzner", "", Match.NAME),
        ("1984", "1984hosting", "1984.hosting", Match.TITLE),
        ("cloudflare", "cf", "CloudFlare", Match.TITLE),
        ("digital ocean", "dgon", "DigitalOcean.com", Match.TITLE),
        ("powerdns", "pdns", "PowerDNS Server API", Match.TITLE),
        ("hetzner", "hetznercloud", "Hetzner Cloud DNS", Match.PART),
        ("hetzner cloud", "hcloud", "Hetzner Cloud DNS", Match.TITLE),
        ("hetzner", "cf", "CloudFlare", None),
        ("…", "cf", "CloudFlare", None),
    ],
)
def test_a_provider_is_known_by_its_name_and_its_title(word: str, name: str, title: str, match: Match | None) -> None:
    found = listing.matching([row("acme.sh", name, title=title)], word)
    assert [each for each, _ in found] == ([] if match is None else [match])


@pytest.mark.parametrize(
    ("variables", "settings", "state"),
    [
        ((Variable("A", "", None), Variable("B", "", None)), {}, State.VARIABLES_MISSING),
        ((Variable("A", "", None), Variable("B", "", None)), {"B": "x"}, State.READY),
        ((Variable("A", "", None), Variable("B")), {"B": "x"}, State.READY),
        ((), {}, State.READY),
    ],
)
def test_an_engine_may_not_say_which_variables_are_needed(
    variables: tuple[Variable, ...], settings: dict[str, str], state: State
) -> None:
    """Guards against: lexicon and Certbot's plugins, which say this of few, taken for ready."""
    assert listing._row(Engine("lexicon"), Provider("p", variables=variables), settings).state is state


def test_without_a_word_everything_is_listed_in_its_order() -> None:
    rows = [row("lego", "b"), row("acme.sh", "a", State.REFUSED)]
    assert [each for _, each in listing.matching(rows, "")] == rows


@pytest.mark.parametrize(
    ("rows", "taken"),
    [
        # What is ready counts before what is preferred.
        ([row("acme.sh", "x"), row("lego", "x", State.READY)], "lego:x"),
        ([row("certbot", "dns-x", State.ENGINE_MISSING), row("lexicon", "x")], "lexicon:x"),
        # Among equals, engines count.
        ([row("lexicon", "x"), row("lego", "x"), row("acme.sh", "x"), row("certbot", "dns-x")], "certbot:dns-x"),
        ([row("other", "x"), row("lexicon", "x")], "lexicon:x"),
        # Just this name counts before one that has it in it.
        ([row("acme.sh", "xcloud", State.READY), row("lego", "x", State.ENGINE_MISSING)], "lego:x"),
        ([row("acme.sh", "cf", title="X"), row("lego", "x", State.ENGINE_MISSING)], "acme.sh:cf"),
        ([row("lego", "x", State.REFUSED), row("acme.sh", "x", State.ENGINE_MISSING)], "acme.sh:x"),
        # One provider with a longer name in every engine.
        ([row("acme.sh", "xcloud"), row("lego", "xcloud", State.ENGINE_MISSING)], "acme.sh:xcloud"),
        ([row("acme.sh", "xcloud"), row("acme.sh", "xhome")], None),
        ([row("lego", "x", State.REFUSED)], None),
        ([], None),
    ],
)
def test_the_one_to_take_needs_the_least_and_is_certainly_meant(rows: list[Row], taken: str | None) -> None:
    for given in (rows, rows[::-1]):
        best = listing.best(listing.matching(given, "x"))
        assert (best and best.value) == taken


def test_one_engine_tells_what_another_one_calls_it() -> None:
    """lego has no titles."""
    rows = [row("acme.sh", "pdns", title="PowerDNS Server API"), row("lego", "pdns"), row("lego", "pdnsx")]
    assert [each.value for _, each in listing.matching(rows, "powerdns")] == ["acme.sh:pdns", "lego:pdns"]


def test_the_best_stands_first() -> None:
    rows = [row("lego", "xy"), row("lego", "x", State.REFUSED), row("lexicon", "x"), row("acme.sh", "x")]
    assert [each.value for _, each in listing.matching(rows, "x")] == ["acme.sh:x", "lexicon:x", "lego:x", "lego:xy"]


def test_one_provider_has_one_key_in_all_engines() -> None:
    keys = {listing.key(name) for name in ("dns-google_domains", "googledomains", "Google Domains", "google.domains")}
    assert keys == {"googledomains"}
