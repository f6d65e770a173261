"""What is found wrong with a provider before the order, as kinds and facts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from certbot_external_auth.providers import examine, registry, wording
from certbot_external_auth.providers.contract import ProviderEngine
from certbot_external_auth.providers.engine import Kind, Missing, Problem, Provider, Variable
from certbot_external_auth.settings import PROVIDER, Settings

REFUSED = Problem(Kind.REFUSED, {"name": "old", "why": "it keeps ids in memory", "instead": ("made-up:new",)})


class MadeUp:
    """An engine of three providers."""

    challenge_types = ("dns-01",)
    builds_name = False
    told_aliases = True
    persists = False

    def __init__(self, settings: Mapping[str, str]) -> None:
        self.settings = settings

    def installed(self) -> Missing | None:
        return Missing("made-up", ("apt-get install made-up",)) if "GONE" in self.settings else None

    def providers(self) -> list[Provider]:
        token = Variable("CLOUD_TOKEN", "the token"), Variable("CLOUD_ZONE", "the zone"), Variable("TTL", "", None)
        return [Provider("cloudns", variables=token), Provider("clouddns"), Provider("old", refused=REFUSED)]

    def problems(self, name: str) -> list[Problem]:
        return [Problem(Kind.SECRETS_READABLE, {"path": "/etc/secrets"})] if "OPEN" in self.settings else []

    def program(self, name: str) -> list[str]:
        return ["/bin/true"]


class Second(MadeUp):
    """Another engine, with another provider."""

    def providers(self) -> list[Provider]:
        return [Provider("only-there"), Provider("old-there", refused=REFUSED)]


@pytest.fixture(autouse=True)
def _engine(monkeypatch: pytest.MonkeyPatch) -> None:
    real = registry.engine

    def engine(name: str, settings: Mapping[str, str]) -> ProviderEngine:
        own = {"made-up": MadeUp, "second": Second}
        return own[name](settings) if name in own else real(name, settings)

    monkeypatch.setattr(registry, "names", lambda: ["httpreq", "made-up", "second"])
    monkeypatch.setattr(registry, "engine", engine)


def found(name: str, engine: str = "made-up", **settings: str) -> list[Problem]:
    return examine.problems(engine, name, settings)


ALL_SET = {"CLOUD_TOKEN": "t", "CLOUD_ZONE": "z"}


def test_a_provider_that_can_be_used() -> None:
    assert found("cloudns", **ALL_SET) == []
    assert found("clouddns") == []


def test_an_engine_that_is_missing_hides_the_rest() -> None:
    (problem,) = found("cloudns", GONE="1")
    assert problem.kind is Kind.ENGINE_MISSING
    assert problem.facts == {"what": "made-up", "commands": ("apt-get install made-up",), "why": ""}


def test_every_missing_variable_and_every_other_problem_at_once() -> None:
    first, second, third = found("cloudns", OPEN="1")
    assert (first.kind, first.facts) == (Kind.VARIABLE_MISSING, {"name": "CLOUD_TOKEN", "description": "the token"})
    assert (second.kind, second.facts["name"]) == (Kind.VARIABLE_MISSING, "CLOUD_ZONE")
    assert third.kind is Kind.SECRETS_READABLE


def test_a_name_that_is_nearly_right() -> None:
    (problem,) = found("cloudn")
    assert problem.kind is Kind.UNKNOWN_PROVIDER
    assert problem.facts == {"name": "cloudn", "near": ("cloudns", "clouddns"), "others": ()}


def test_a_plugin_of_certbots_that_is_gone_has_a_package() -> None:
    """Guards against: an update of Certbot that leaves its plugins behind, and a message without what to do."""
    problem = Problem(Kind.UNKNOWN_PROVIDER, {"name": "dns-rfc2136", "near": (), "others": ()})
    assert "certbot-dns-rfc2136" in wording.sentence("certbot:dns-rfc2136", problem)
    assert "certbot-" not in wording.sentence("lego:dns-rfc2136", problem)


def test_another_engine_that_knows_the_name() -> None:
    (problem,) = found("only-there")
    assert problem.facts["others"] == ("second:only-there",)
    (problem,) = found("only-there", GONE="1")
    assert problem.kind is Kind.ENGINE_MISSING


def test_a_refused_provider() -> None:
    assert found("old") == [REFUSED]


def test_an_engine_with_one_provider_has_no_names() -> None:
    assert [each.kind for each in found("", "httpreq", HTTPREQ_ENDPOINT="http://x")] == []
    assert [each.kind for each in found("x", "httpreq")] == [Kind.NAME_NOT_NEEDED]
    assert [each.kind for each in found("")] == [Kind.NAME_MISSING]


def settings(env_file: Path | None = None) -> Settings:
    return Settings("handler", provider="made-up:cloudns", dialect=PROVIDER, env_file=env_file and str(env_file))


def test_settings_of_the_env_file_count(tmp_path: Path) -> None:
    path = tmp_path / "env"
    path.write_text("CLOUD_TOKEN=t\nCLOUD_ZONE=z\n")
    path.chmod(0o600)
    assert examine.sentences(settings(path)) == []
    assert len(examine.sentences(settings())) == 2


def test_a_variable_that_may_be_in_an_unreadable_file_is_not_missing(tmp_path: Path) -> None:
    """Guards against: two sentences about one mistake."""
    assert examine.sentences(settings(tmp_path / "nowhere")) == []


def test_a_handler_has_no_provider() -> None:
    assert examine.sentences(Settings("handler", handler="/bin/true")) == []


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_has_its_words(kind: Kind) -> None:
    facts: dict[str, str | tuple[str, ...]] = dict.fromkeys(("what", "why", "name", "path", "text", "description"), "X")
    facts |= {"commands": ("do this", "or that"), "near": ("a", "b"), "others": ("lego:a",), "instead": ("lego:a",)}
    facts["names"] = ("A", "B")
    said = wording.sentence("made-up:a", Problem(kind, facts))
    assert said.startswith("--external-auth-provider made-up:a: ")
    assert "None" not in said
    assert not said.endswith(("..", "?."))
