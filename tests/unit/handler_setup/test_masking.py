"""Secrets that a real handler prints: neither the log nor an error shows them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from certbot_external_auth.backends import Context
from certbot_external_auth.backends.handler.backend import HandlerBackend
from certbot_external_auth.challenges import Challenge
from certbot_external_auth.dialects import Facts
from certbot_external_auth.errors import PerformError
from certbot_external_auth.processes.output import MAX_LINE_CHARACTERS
from certbot_external_auth.settings import Settings

TOKEN = "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
CHALLENGE = Challenge("c1", "dns-01", "a.test", "dns", TOKEN, f"{TOKEN}.9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI")
PEM = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIB\n  gH1Zx0PYc2hhcmVk\n-----END PRIVATE KEY-----"

Shown = Callable[..., list[str]]


@pytest.fixture
def shown(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Shown:
    """Run a failing handler with this body, and return the lines that are shown of it."""
    caplog.set_level(logging.DEBUG)

    def of(body: str, secrets: str = "", exports: Mapping[str, str] | None = None) -> list[str]:
        hook, env = tmp_path / "hook", tmp_path / "env"
        hook.write_text(f"#!/bin/sh\n{body}\nexit 1\n")
        hook.chmod(0o755)
        env.write_text(secrets)
        env.chmod(0o600)
        settings = Settings(mode="handler", dialect="dehydrated", env_file=str(env))
        facts = Facts("a", ("a.test",), "/c", str(tmp_path), exports=exports or {})
        backend = HandlerBackend(Context(settings=settings, facts=facts, words=(str(hook),)))
        backend.prepare(publishing=True, deploying=False)
        with pytest.raises(PerformError) as error:
            backend.perform([CHALLENGE], lambda batch: None)
        lines = [record.getMessage() for record in caplog.records]
        assert lines
        return [*lines, *str(error.value).splitlines()]

    return of


def test_a_value_of_many_lines(shown: Shown) -> None:
    """Guards against a private key in the log, printed by a hook that prints its environment."""
    text = "\n".join(shown("env; echo end", f'KEY="{PEM}"\n'))
    assert "end" in text
    assert [line for line in PEM.splitlines() if line.strip() in text] == []


def test_a_secret_that_begins_or_holds_another(shown: Shown) -> None:
    lines = "A=abcdef\nB=abcdefghijkl\nC=ijklmnop\n"
    text = "\n".join(shown('echo "all of $B, $A, ${B}mnop."', lines))
    assert "all of ***, ***, ***." in text
    assert "ghij" not in text


def test_a_secret_across_the_end_of_a_line_that_is_cut(shown: Shown) -> None:
    for before in (MAX_LINE_CHARACTERS - 8, MAX_LINE_CHARACTERS - 1, MAX_LINE_CHARACTERS):
        body = f'printf "%{before}s%s%s\\n" "$A" "$A" "$A" | tr " " x'
        text = "\n".join(shown(body, "A=hunter2hunter2\n"))
        assert "xxx***" in text
        assert "xh" not in text
        assert "hun" not in text


def test_a_secret_with_terminal_sequences_within(shown: Shown) -> None:
    text = "\n".join(shown('printf "hunter2\\033[1mhunter2\\n"', "A=hunter2hunter2\n"))
    assert "***" in text
    assert "hunter2" not in text


def test_exports_of_a_dehydrated_configuration(shown: Shown) -> None:
    """Users of Dehydrated keep their keys there. Folders and Dehydrated's own settings stay readable."""
    exports = {"CF_Account": "8a7b6c5d", "API_KEY": "/Zm9vYmFy", "ZONES": "/etc/zones", "CHALLENGETYPE": "dns-01"}
    text = "\n".join(shown('echo "$CF_Account $API_KEY $ZONES $CHALLENGETYPE"', "", exports))
    assert "*** *** /etc/zones dns-01" in text


def test_what_is_too_short_to_be_known(shown: Shown) -> None:
    text = "\n".join(shown('echo "it is $A, $B."', "A=12345\nB=123456\n"))
    assert "it is 12345, ***." in text
