"""Engines of other packages, found by their entry points as an installation leaves them."""

from __future__ import annotations

from pathlib import Path

import pytest

from certbot_external_auth.configuration import assembly
from certbot_external_auth.errors import UsageError
from certbot_external_auth.providers import examine, registry
from certbot_external_auth.providers.engine import Kind
from certbot_external_auth.settings import ENGINES

ENGINE = """
import sys

from certbot_external_auth.providers.engine import Provider, Variable


class Mailed:
    challenge_types = ("dns-01",)
    builds_name = False
    told_aliases = True
    persists = True

    def __init__(self, settings):
        self.settings = settings

    def installed(self):
        return None

    def providers(self):
        return [Provider("post", "By post", variables=(Variable("ADDRESS", "where to"),))]

    def problems(self, name):
        return []

    def program(self, name):
        return [sys.executable, "-c", "pass"]


class Forgetful:
    challenge_types = ()
"""


@pytest.fixture
def _installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mailed_engine.py").write_text(ENGINE)
    about = tmp_path / "mailed_engine-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: mailed-engine\nVersion: 1\n")
    points = "mailed = mailed_engine:Mailed\nforgetful = mailed_engine:Forgetful\nabsent = mailed_engine:Absent\n"
    (about / "entry_points.txt").write_text(f"[{registry.GROUP}]\n{points}")
    monkeypatch.syspath_prepend(tmp_path)


def test_our_own_engines_are_those_of_the_option() -> None:
    assert list(registry.BUILT_IN) == list(ENGINES)
    assert all(registry.engine(name, {}).challenge_types for name in ENGINES)


@pytest.mark.usefixtures("_installed")
def test_an_engine_of_another_package() -> None:
    assert registry.names()[len(ENGINES) :] == ["absent", "forgetful", "mailed"]
    checked = assembly.settings_of({"provider": "mailed:post"})
    assert checked.provider == "mailed:post"
    assert [each.kind for each in examine.problems("mailed", "post", {})] == [Kind.VARIABLE_MISSING]
    assert examine.problems("mailed", "post", {"ADDRESS": "here"}) == []
    # The others are of no use, and do no harm where all engines are asked.
    (problem,) = examine.problems("mailed", "pst", {})
    assert problem.facts == {"name": "pst", "near": ("post",), "others": ()}


@pytest.mark.usefixtures("_installed")
@pytest.mark.parametrize(
    ("name", "said"), [("forgetful", "does not keep the contract"), ("absent", "cannot be loaded"), ("x", "registered")]
)
def test_an_engine_that_cannot_be_used(name: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        registry.engine(name, {})


def test_settings_are_those_of_the_env_file_and_else_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A", "environment")
    monkeypatch.setenv("B", "environment")
    found = registry.settings_of({"A": "file"})
    assert (found["A"], found["B"]) == ("file", "environment")
