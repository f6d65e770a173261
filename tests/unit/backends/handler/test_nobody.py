"""A certificate that nobody takes, although every call ended with success."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from certbot_external_auth import text
from certbot_external_auth.backends import Context
from certbot_external_auth.backends.handler import nobody
from certbot_external_auth.backends.handler.backend import HandlerBackend
from certbot_external_auth.dialects import Call
from certbot_external_auth.settings import Settings
from tests.support.challenges import DEPLOYMENT, FACTS

GIVEN = [Call("startup_hook", optional=True), Call("deploy_cert")]
LISTS = "case $1 in perform) x ;; esac"
PASSES_ON = 'exec other "$@"'


@pytest.mark.parametrize(
    ("declined", "script", "unknown"),
    [
        ((), LISTS, "deploy_cert"),
        ((), f"{LISTS} # deploy_cert", None),
        ((), PASSES_ON, None),
        ((), "", None),
        (("deploy_cert",), "", "deploy_cert"),
        (("startup_hook",), PASSES_ON, None),
    ],
)
def test_an_operation_is_unknown(declined: tuple[str, ...], script: str, unknown: str | None) -> None:
    assert nobody.unknown_operation(GIVEN, declined, ("deploy_cert",), script) == unknown


def test_a_handler_that_prints_something_has_done_something() -> None:
    assert nobody.unknown_operation(GIVEN, (), (), LISTS) is None


@pytest.mark.parametrize(
    ("dialect", "script", "said"),
    [
        ("native", "case $1 in perform) exit 1 ;; esac", True),
        ("native", "case $1 in perform) ;; *) echo NotImplemented; exit 1 ;; esac", True),
        ("native", "case $1 in perform) exit 1 ;; deploy_cert) ;; esac", False),
        ("dehydrated", "[ $1 != deploy_challenge ]", True),
        ("dehydrated", "handler() { :; }; deploy_challenge() { :; }; deploy_cert() { :; }", False),
        ("lego", "exit 0", True),
        ("native", "exit 0", False),
    ],
)
def test_one_warning_says_that_nobody_was_given_the_certificate(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    dialect: str,
    script: str,
    said: bool,
) -> None:
    """Also with -q, where Certbot shows errors only. Before, nothing showed that a server keeps its old certificate."""
    monkeypatch.setattr(text, "_seen", set())
    hook = tmp_path / "hook"
    hook.write_text(f"#!/bin/sh\n{script}\n")
    hook.chmod(0o755)
    backend = HandlerBackend(Context(Settings("handler", dialect=dialect), FACTS, words=("/usr/bin/env", str(hook))))
    for _ in range(2):
        backend.deploy(DEPLOYMENT)
    shown = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(shown) == said
    for message in shown:
        assert (str(hook) if dialect != "lego" else "dialect lego") in message
