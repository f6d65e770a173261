"""A batch and a certificate with real scripts: what they get, and what is said of one that fails."""

from __future__ import annotations

import dataclasses
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from certbot_external_auth.backends import Context, Finished
from certbot_external_auth.backends.handler import call as module
from certbot_external_auth.backends.handler.backend import HandlerBackend
from certbot_external_auth.backends.handler.call import HandlerCaller
from certbot_external_auth.challenges import Challenge
from certbot_external_auth.errors import DeployError, Failure, PerformError, UsageError
from certbot_external_auth.settings import Settings
from tests.support.challenges import DEPLOYMENT, DNS, FACTS, HTTP

WILD = dataclasses.replace(DNS, id="c9", key_authorization=f"{DNS.token}.other")


@pytest.fixture(autouse=True)
def _nothing_was_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_called", set())
    monkeypatch.setattr(HandlerCaller, "_exit_later", lambda caller: None)


class Bench:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.hook = folder / "hook"
        self.heard: list[tuple[str, str]] = []

    def backend(self, script: str, context: dict[str, Any] | None = None, **settings: Any) -> HandlerBackend:
        self.hook.write_text(f"#!/bin/sh\n{script}\n")
        self.hook.chmod(0o755)
        found = Settings(**{"mode": "handler", "dialect": "lego", "verify": "off", **settings})
        facts = dataclasses.replace(FACTS, chain=found.hook_chain)
        more = {"hear": lambda label, line: self.heard.append((label, line)), **(context or {})}
        return HandlerBackend(Context(found, facts, words=(str(self.hook),), **more))

    def failure(self, script: str, *challenges: Challenge, **settings: Any) -> Failure:
        with pytest.raises(PerformError) as raised:
            self.backend(script, **settings).perform(challenges or [DNS], lambda batch: None)
        return raised.value.failures[0]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_a_failure_has_all_that_is_known_of_it(bench: Bench) -> None:
    assert bench.failure("echo one; echo two >&2; exit 3") == Failure(
        who=f"The handler {bench.hook}",
        operation="present",
        identifiers=("a.example",),
        happened="exit code 3",
        output=("one", "two"),
        mend="",
        ids=(DNS.id,),
    )
    assert sorted(bench.heard) == [("present a.example", "one"), ("present a.example", "two")]


@pytest.mark.parametrize(
    ("script", "settings", "part"),
    [
        ("exit 3", {}, "It printed nothing"),
        ("exit 3", {"dialect": "uacme"}, "This can mean: "),
        ("deploy_challenge() { :; }\necho x; exit 3", {}, "--external-auth-dialect dehydrated"),
        ("exec sleep 60", {"timeout": 0.2}, "--external-auth-timeout"),
    ],
)
def test_what_helps_is_said(bench: Bench, script: str, settings: dict[str, Any], part: str) -> None:
    assert part in bench.failure(script, **settings).mend


def test_a_value_that_looks_like_an_option_is_named(bench: Bench) -> None:
    dashed = dataclasses.replace(DNS, token="-" + DNS.token[1:])
    assert "begins with '-'" in bench.failure("echo x; exit 3", dashed).mend
    assert "begins with '-'" not in bench.failure("echo x; exit 3").mend


@pytest.mark.parametrize(
    ("dialect", "chain", "part", "absent"),
    [
        ("lego", False, "Another value of the same certificate stands at _acme-challenge.a.example", "hook-chain"),
        ("dehydrated", False, "--external-auth-hook-chain yes", "--external-auth-timeout"),
        ("dehydrated", True, "--external-auth-timeout", "Another value"),
    ],
)
def test_a_second_value_at_one_name_may_be_what_it_waits_for(
    bench: Bench, dialect: str, chain: bool, part: str, absent: str
) -> None:
    """The first one is published, and the hook waits until its own is the only one."""
    script = f'case "$1 $*" in startup_hook*) exit 0 ;; *{WILD.validation}*) exec sleep 60 ;; esac'
    fix = bench.failure(script, DNS, WILD, dialect=dialect, hook_chain=chain, timeout=0.2).mend
    assert part in fix
    assert absent not in fix


def test_a_call_that_the_system_would_not_start_is_refused_before_anything_is_published(bench: Bench) -> None:
    begun: list[object] = []
    huge = dataclasses.replace(DNS, token="t" * 200_000)
    with pytest.raises(PerformError) as raised:
        bench.backend("touch called", dialect="uacme").perform([HTTP, huge], begun.append)
    (failure,) = raised.value.failures
    assert (failure.who, failure.operation, failure.identifiers) == (
        f"The handler {bench.hook}",
        "begin",
        ("a.example",),
    )
    assert failure.mend == "Start Certbot with a smaller environment."
    assert begun == []
    fix = bench.failure("exit 0", huge, dataclasses.replace(huge, id="c8"), dialect="dehydrated", hook_chain=True).mend
    assert "ask for fewer names" in fix


def test_files_are_there_before_the_handler_and_go_before_it_withdraws(bench: Bench) -> None:
    root = bench.folder / "www"
    root.mkdir()
    record = bench.folder / "record"
    backend = bench.backend(f'echo "$1 $(cat {root}/*)" >>{record}', dialect="certbot", wellknown=str(root))
    backend.perform([HTTP], lambda batch: None)
    file = root / HTTP.token
    assert file.read_text() == HTTP.key_authorization
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert record.read_text() == f" {HTTP.key_authorization}\n"
    assert backend.cleanup([Finished(HTTP, "valid")]) == []
    assert list(root.iterdir()) == []


def test_a_folder_that_is_not_there_is_the_plugins_failure_and_the_handler_is_not_called(bench: Bench) -> None:
    missing, called = str(bench.folder / "none"), bench.folder / "called"
    failure = bench.failure(f"touch {called}", HTTP, dialect="certbot", wellknown=missing)
    assert (failure.who, failure.identifiers, failure.ids) == ("The plugin", (HTTP.identifier,), (HTTP.id,))
    assert missing in failure.operation
    assert failure.happened == os.strerror(2)
    assert "--external-auth-wellknown" in failure.mend
    assert not called.exists()


def test_secrets_of_an_env_file_reach_the_handler_and_nobody_else(bench: Bench) -> None:
    file = bench.folder / "env"
    file.write_text("API_KEY=xyzzy-secret\n")
    file.chmod(0o600)
    backend = bench.backend('echo "key $API_KEY"; test "$API_KEY" = xyzzy-secret', env_file=str(file))
    backend.prepare(publishing=True, deploying=False)
    backend.perform([DNS], lambda batch: None)
    ((_, line),) = bench.heard
    assert line.startswith("key ")
    assert "xyzzy" not in line
    file.chmod(0o644)
    with pytest.raises(UsageError, match=str(file)):
        backend.prepare(publishing=True, deploying=False)


@pytest.mark.parametrize("wrong", ["#!/bin/sh\n", None])
def test_a_handler_that_cannot_start_is_said_before_there_is_an_order(bench: Bench, wrong: str | None) -> None:
    backend = bench.backend("exit 0")
    backend.prepare(publishing=True, deploying=False)
    bench.hook.chmod(0o644) if wrong else bench.hook.unlink()
    with pytest.raises(UsageError, match=str(bench.hook)):
        backend.prepare(publishing=True, deploying=False)


def test_a_deployment_that_fails_is_an_error_and_an_unchanged_certificate_a_warning(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    backend = bench.backend('echo "$1"; case $1 in deploy_cert|unchanged_cert) exit 4 ;; esac', dialect="native")
    with pytest.raises(DeployError) as raised:
        backend.deploy(DEPLOYMENT)
    assert (raised.value.lineage, raised.value.failure.operation) == (DEPLOYMENT.lineage, "deploy_cert")
    assert raised.value.failure.happened == "exit code 4"
    backend.unchanged(DEPLOYMENT)
    assert [one.levelname for one in caplog.records if "unchanged_cert" in one.getMessage()] == ["WARNING"]


def test_a_cleanup_goes_on_after_a_failure(bench: Bench) -> None:
    other = dataclasses.replace(DNS, id="c7", identifier="z.example")
    backend = bench.backend("echo x; exit 3")
    failures = backend.cleanup([Finished(DNS, "valid"), Finished(other, "valid")])
    assert [(one.identifiers, one.ids) for one in failures] == [(("a.example",), (DNS.id,)), (("z.example",), ("c7",))]


def test_a_dialect_without_a_cleanup_handler_removes_the_plugins_own_files(bench: Bench) -> None:
    root = bench.folder / "www"
    root.mkdir()
    context = {"facts": dataclasses.replace(FACTS, cleanup_words=None)}
    found = Settings(mode="handler", dialect="certbot", wellknown=str(root))
    bench.backend("exit 0")
    backend = HandlerBackend(Context(found, context["facts"], words=(str(bench.hook),)))
    backend.perform([HTTP], lambda batch: None)
    assert backend.cleanup([Finished(HTTP, "valid")]) == []
    assert list(root.iterdir()) == []


def test_the_end_of_the_process_is_told_once_with_what_ended_it(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    record = bench.folder / "record"
    backend = bench.backend(f'echo "$@" >>{record}', dialect="dehydrated")
    monkeypatch.setattr("sys.last_value", ValueError("no room"), raising=False)
    backend._handler.exit()
    assert record.read_text() == "exit_hook no room\n"
    monkeypatch.delattr("sys.last_value")
    backend._handler.exit()
    assert record.read_text().count("\n") == 1
