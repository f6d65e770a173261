"""A provider in place of a handler, with an engine of these tests whose program is a real script."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from certbot_external_auth import journal
from certbot_external_auth.backends import Context, Finished
from certbot_external_auth.backends.handler.backend import HandlerBackend
from certbot_external_auth.challenges import Challenge
from certbot_external_auth.dialects import Facts
from certbot_external_auth.errors import PerformError, UsageError
from certbot_external_auth.interfaces import BackendAbilities
from certbot_external_auth.journal.entry import Entry, decode, encode
from certbot_external_auth.providers import registry
from certbot_external_auth.providers.contract import ProviderEngine
from certbot_external_auth.providers.engine import Missing, Problem, Provider, Variable
from certbot_external_auth.recovery import by_hand
from certbot_external_auth.recovery import context as recovering
from certbot_external_auth.recovery.reasons import Fix
from certbot_external_auth.settings import PROVIDER, Settings
from tests.support.challenges import LASTING

SCRIPT = """#!/bin/sh
{
    echo "$1 $2"
    cat
    echo .
} >>"$RECORD"
echo "using $API_TOKEN" >&2
[ "$1" = remove ] || echo "number-17"
[ "$1" != "$FAIL" ] || { echo "quota exceeded" >&2; exit 3; }
"""
SECRET = "a-secret-of-the-tests"
CHALLENGE = Challenge("c1", "dns-01", "a.example", "dns", "t" * 43, f"{'t' * 43}.{'k' * 43}")


class Made:
    """An engine with one provider, and a script in `folder`."""

    challenge_types = ("dns-01",)
    builds_name = False
    told_aliases = True
    persists = False
    saved: Mapping[str, str] = {}
    folder = Path()

    def __init__(self, settings: Mapping[str, str]) -> None:
        self.settings = settings

    def installed(self) -> Missing | None:
        return Missing("made", ("make made",)) if "GONE" in self.settings else None

    def providers(self) -> list[Provider]:
        return [Provider("x", variables=(Variable("API_TOKEN", "the token"),))]

    def problems(self, name: str) -> list[Problem]:
        return []

    def program(self, name: str) -> list[str]:
        return [str(self.folder / "program")]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    real = registry.engine

    def engine(name: str, settings: Mapping[str, str]) -> ProviderEngine:
        return Made(settings) if name == "made" else real(name, settings)

    monkeypatch.setattr(registry, "engine", engine)
    monkeypatch.setattr(Made, "folder", tmp_path)
    program = tmp_path / "program"
    program.write_text(SCRIPT)
    program.chmod(0o755)
    monkeypatch.setenv("RECORD", str(tmp_path / "record"))
    return tmp_path


def context(folder: Path, env: str = f"API_TOKEN={SECRET}\n") -> Context:
    env_file = folder / "env"
    env_file.write_text(env)
    env_file.chmod(0o600)
    settings = Settings("handler", provider="made:x", dialect=PROVIDER, env_file=str(env_file))
    return Context(settings, Facts(work_dir=str(folder), config_dir="/c"))


def recorded(folder: Path) -> list[list[str]]:
    """The lines of each call."""
    return [call.splitlines() for call in (folder / "record").read_text().split(".\n")[:-1]]


def test_nothing_is_kept_of_a_record_that_stays(folder: Path) -> None:
    """Guards against a file of outputs that no cleanup removes."""
    backend = HandlerBackend(context(folder))
    states = BackendAbilities.of(backend).states
    assert states is not None
    asked: list[str] = []

    def opened(challenge: str) -> int:
        asked.append(challenge)
        return os.open(folder / challenge, os.O_RDWR | os.O_CREAT)

    states(opened)
    backend.prepare(True, False)
    backend.perform([LASTING, CHALLENGE], lambda begun: None)
    assert asked == ["c1"]
    assert set(backend.kept_outputs) == {"c1"}
    assert recorded(folder)[0][:2] == ["add x.example", LASTING.validation]


def test_what_adding_writes_is_given_to_removing_and_shown_nowhere(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    backend = HandlerBackend(context(folder))
    backend.prepare(True, False)
    with caplog.at_level(logging.DEBUG):
        backend.perform([CHALLENGE], lambda begun: None)
        assert backend.cleanup([Finished(CHALLENGE, "valid")]) == []
    add, remove = recorded(folder)
    assert add[:2] == ["add _acme-challenge.a.example", CHALLENGE.validation]
    assert (add[3:], remove[3:]) == ([], ["number-17"])
    assert "number-17" not in caplog.text
    assert "using ***" in caplog.text
    assert SECRET not in caplog.text
    assert backend.kept_outputs == {"c1": "number-17"}


def test_a_secret_of_the_environment_is_masked_too(
    folder: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_TOKEN", SECRET)
    backend = HandlerBackend(context(folder, ""))
    with caplog.at_level(logging.DEBUG):
        backend.perform([CHALLENGE], lambda begun: None)
    assert "using ***" in caplog.text


def test_an_error_has_the_words_of_the_engine(folder: Path) -> None:
    backend = HandlerBackend(context(folder, f"API_TOKEN={SECRET}\nFAIL=add\n"))
    backend.prepare(True, False)
    with pytest.raises(PerformError) as caught:
        backend.perform([CHALLENGE], lambda begun: None)
    (failure,) = caught.value.failures
    assert failure.who == "The provider made:x"
    assert failure.output == ("using ***", "quota exceeded")
    assert failure.ids == ("c1",)
    # It may have added the record before it failed, so removing it gets what is known.
    assert backend.cleanup([Finished(CHALLENGE, "not_asked")]) == []
    assert recorded(folder)[1][3:] == ["number-17"]


def test_all_problems_come_before_the_order(folder: Path) -> None:
    with pytest.raises(UsageError) as caught:
        HandlerBackend(context(folder, "")).prepare(True, False)
    (problem,) = caught.value.problems
    assert "API_TOKEN (the token)" in problem
    (folder / "program").chmod(0o777)
    with pytest.raises(UsageError) as caught:
        HandlerBackend(context(folder, "")).prepare(True, False)
    assert len(caught.value.problems) == 2
    with pytest.raises(UsageError) as caught:
        HandlerBackend(context(folder, "GONE=1\n")).prepare(True, False)
    (problem,) = caught.value.problems
    assert "make made" in problem


def test_handing_over_needs_no_provider(folder: Path) -> None:
    """Guards against: a certificate that is not deployed because a token is missing."""
    HandlerBackend(context(folder, "")).prepare(False, True)


# --- after a crash ---


def entry(folder: Path) -> Entry:
    made = recovering.entry_of(context(folder), [CHALLENGE], "2026-11-24T12:35:33.825Z")
    return decode(encode(made))


def test_the_journal_has_the_provider_and_no_secret(folder: Path) -> None:
    found = entry(folder)
    assert (found.handler.provider, found.handler.dialect, found.handler.words) == ("made:x", PROVIDER, ())
    assert found.handler.env_file == str(folder / "env")
    assert found.handler.fingerprints == {}
    assert SECRET.encode() not in encode(found)


def test_what_was_written_before_a_crash_is_given_to_removing(folder: Path) -> None:
    """The program writes to the file itself, so that nothing is lost with the process that started it."""
    found, record = entry(folder), journal.Journal(str(folder))
    record.open(found)
    backend = HandlerBackend(context(folder))
    states = BackendAbilities.of(backend).states
    assert states is not None
    states(record.state)
    backend.perform([CHALLENGE], lambda begun: None)
    assert Path(journal.output_path(str(folder), found, CHALLENGE)).read_text() == "number-17\n"
    record.abandon()
    again = HandlerBackend(recovering.context_of(found, str(folder), {}))
    again.prepare(True, False)
    assert again.cleanup(recovering.finished(found, str(folder))) == []
    assert recorded(folder)[1][3:] == ["number-17"]


def test_a_person_gets_a_command_that_does_the_same(folder: Path) -> None:
    found = entry(folder)
    (command,) = by_hand.calls(found, str(folder))
    assert f"{folder}/program remove _acme-challenge.a.example ''" in command
    assert f"--env-file {folder}/env" in command
    assert by_hand.fix(found, str(folder)) is Fix.RECOVER
    context(folder, "GONE=1\n")
    assert by_hand.calls(found, str(folder)) == []
    assert by_hand.fix(found, str(folder)) is Fix.RECOVER
