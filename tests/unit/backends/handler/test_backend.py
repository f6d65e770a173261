"""The calls of a batch, as the schedule sees them and as handlers do; nothing is started."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from certbot_external_auth.backends import Context, Finished
from certbot_external_auth.backends.handler import backend as module
from certbot_external_auth.backends.handler.backend import HandlerBackend
from certbot_external_auth.backends.handler.schedule import places
from certbot_external_auth.challenges import Challenge
from certbot_external_auth.dialects import BUILT_IN, Call, Facts
from certbot_external_auth.errors import Failure
from certbot_external_auth.journal import Entry
from certbot_external_auth.journal.entry import decode, encode
from certbot_external_auth.recovery import context as recovering
from certbot_external_auth.settings import Settings

TOLD = ("native", "lego")
PLAIN = [
    Challenge(f"c{number}", "dns-01", f"{number}.example", "dns", "t" * 43, f"{'t' * 43}.{'k' * 43}")
    for number in (1, 2)
]
ALIASES = [dataclasses.replace(one, txt_target="x.acme.example", txt_zone="acme.example") for one in PLAIN]
FACTS = Facts(alias="1.example", names=("1.example", "2.example"), config_dir="/c", cleanup_words=("/bin/true",))


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[list[Call]]:
    """All batches of calls that were to be carried out."""
    batches: list[list[Call]] = []

    def note(calls: Sequence[Call], steps: Callable[[Call], object], **how: object) -> list[Failure]:
        batches.append(list(calls))
        return []

    monkeypatch.setattr(module, "carry_out", note)
    return batches


def context(dialect: str, jobs: int) -> Context:
    return Context(Settings(mode="handler", dialect=dialect, jobs=jobs), FACTS, words=("/bin/true",))


def batches(backend: HandlerBackend, challenges: Sequence[Challenge], made: list[list[Call]]) -> list[list[Call]]:
    """The calls that publish them, and those that withdraw them."""
    made.clear()
    backend.perform(challenges, lambda begun: None)
    backend.cleanup([Finished(one, "valid") for one in challenges])
    return list(made)


def shared(calls: Sequence[Call]) -> list[bool]:
    return ["x.acme.example" in places(call) for call in calls if call.challenges]


@pytest.mark.parametrize("dialect", BUILT_IN)
def test_where_aliases_lead_is_known_to_the_schedule_and_told_only_where_there_is_a_place_for_it(
    dialect: str, made: list[list[Call]]
) -> None:
    """Guards against: two calls that write at one name, and calls that differ from the client's own."""
    backend = HandlerBackend(context(dialect, 2))
    assert backend.told_aliases
    assert HandlerBackend(context(dialect, 1)).told_aliases == (dialect in TOLD)
    plain, aliases = batches(backend, PLAIN, made), batches(backend, ALIASES, made)
    for before, after in zip(plain, aliases, strict=True):
        assert shared(after) == [True] * len(shared(after)) != []
        assert not any(shared(before))
        bare = [dataclasses.replace(call, challenges=()) for call in after]
        same = bare == [dataclasses.replace(call, challenges=()) for call in before]
        assert same == (dialect not in TOLD)


def test_an_interpreter_is_looked_for_on_the_path_of_the_env_file(tmp_path: Path) -> None:
    """Lost: a handler that would start, for a program that only its own PATH has."""
    hook, env, program = tmp_path / "hook", tmp_path / "env", tmp_path / "own" / "a-language-of-its-own"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    hook.write_text(f"#!/usr/bin/env {program.name}\n")
    env.touch(0o600)
    env.write_text(f"PATH={program.parent}:/usr/bin:/bin\n")
    for path in (hook, program):
        path.chmod(0o755)
    settings = Settings(mode="handler", env_file=str(env))
    assert HandlerBackend(Context(settings, FACTS, words=(str(hook),))).examine().problems == []
    without = dataclasses.replace(settings, env_file=None)
    assert len(HandlerBackend(Context(without, FACTS, words=(str(hook),))).examine().problems) == 1


def test_the_env_file_can_tell_lego_not_to_follow_aliases(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: list[list[Call]]
) -> None:
    """Guards against: a setting of the hook that counts only where the hook itself reads it."""
    monkeypatch.setenv("LEGO_DISABLE_CNAME_SUPPORT", "false")
    env = tmp_path / "env"
    env.touch(0o600)
    env.write_text("LEGO_DISABLE_CNAME_SUPPORT=true\n")
    followed = context("lego", 1)
    untold = dataclasses.replace(followed, settings=dataclasses.replace(followed.settings, env_file=str(env)))
    assert [HandlerBackend(each).told_aliases for each in (followed, untold)] == [True, False]


def test_lego_can_be_told_not_to_follow_aliases(monkeypatch: pytest.MonkeyPatch, made: list[list[Call]]) -> None:
    """Guards against: a failure of hooks whose provider follows aliases by itself."""
    monkeypatch.setenv("LEGO_DISABLE_CNAME_SUPPORT", "true")
    backend = HandlerBackend(context("lego", 1))
    assert not backend.told_aliases
    for call in [one for batch in batches(backend, ALIASES, made) for one in batch]:
        assert call.arguments[1] in ("_acme-challenge.1.example.", "_acme-challenge.2.example.")


@pytest.mark.parametrize("dialect", BUILT_IN)
def test_who_withdraws_after_a_crash_knows_it_too(dialect: str, made: list[list[Call]]) -> None:
    entry: Entry = decode(encode(recovering.entry_of(context(dialect, 2), ALIASES, "2026-01-02T03:04:05.000Z")))
    backend = HandlerBackend(recovering.context_of(entry, "/w", {}))
    backend.cleanup(recovering.finished(entry, "/w"))
    (calls,) = made
    assert shared(calls) == [True, True]


@pytest.mark.parametrize(
    ("flag", "config", "origins"),
    [
        (None, "/etc/config", ["HOOK in /etc/config", "--external-auth-cleanup-handler"]),
        ("/bin/gone", "/etc/config", ["--external-auth-handler", "--external-auth-cleanup-handler"]),
        ("/bin/gone", None, ["--external-auth-handler", "--external-auth-cleanup-handler"]),
    ],
)
def test_a_handler_that_is_gone_is_named_by_what_names_it(
    flag: str | None, config: str | None, origins: list[str]
) -> None:
    """Guards against: advice to correct a flag that was not given."""
    facts = dataclasses.replace(FACTS, config=config, cleanup_words=("/bin/gone-too",))
    settings = Settings(mode="handler", handler=flag, dialect="dehydrated")
    problems = HandlerBackend(Context(settings, facts, words=("/bin/gone",))).examine().problems
    assert [origin in problem for origin, problem in zip(origins, problems, strict=True)] == [True, True]


def test_of_a_provider_that_is_not_known_only_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards against: a traceback, since an engine has no program for it."""
    (tmp_path / "acme.sh").write_text("#!/bin/sh\n_initpath() { :; }\n")
    monkeypatch.setenv("LE_WORKING_DIR", str(tmp_path))
    settings = Settings("handler", provider="acme.sh:cff", dialect="provider", env_file=str(tmp_path / "missing"))
    findings = HandlerBackend(Context(settings, FACTS)).examine()
    assert [problem.split(":")[0] for problem in findings.problems] == [
        "--external-auth-provider acme.sh",
        "--external-auth-env-file",
    ]
    assert "acme.sh knows no provider cff" in findings.problems[0]
