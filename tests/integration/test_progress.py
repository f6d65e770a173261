"""The line that says how far a batch is, on a real terminal."""

from __future__ import annotations

import re
import sys

from tests.support import tmux
from tests.support.certbot import Certbot
from tests.support.hooks import Hooks
from tests.support.testca import TestCA
from tests.support.words import handler, names

COLUMNS, LINES = 90, 24
LINE = re.compile(r"(Publishing|Withdrawing|Looking): \d+ of \d+ done")


def wanted(scripts: Hooks, domain: str) -> tuple[str, ...]:
    return ("certonly", *handler(scripts.path("waits-for-a-file.sh")), *names(domain, f"b.{domain}"))


def test_the_line_shows_how_far_it_is_and_leaves_nothing(certbot: Certbot, scripts: Hooks, domain: str) -> None:
    """Guards against a terminal that stays silent while a slow provider is waited for."""
    environment = certbot.environment
    with tmux.window(certbot.command(wanted(scripts, domain)), environment, certbot.cwd, COLUMNS, LINES) as window:
        shown = window.wait_for(r"Publishing: 0 of 2 done, now ")
        assert f"now {domain}, " in shown or f"now b.{domain}, " in shown
        scripts.record.with_name(f"{scripts.record.name}.go").touch()
        assert window.wait_for_end() == 0
        assert not LINE.search(window.everything())


def test_a_check_shows_what_it_waits_for(certbot: Certbot, scripts: Hooks, domain: str, ca: TestCA) -> None:
    """Guards against a person who takes a slow handler for a check that hangs."""
    words = ["check", scripts.path("waits-for-a-file.sh"), "--domain", domain, "--nameserver", ca.dns]
    command = [sys.executable, "-m", "certbot_external_auth", *words]
    with tmux.window(command, certbot.environment, certbot.cwd, COLUMNS, LINES) as window:
        shown = window.wait_for(rf"Publishing: 0 of 1 done, now {re.escape(domain)}")
        assert "examine the handler" in shown
        scripts.record.with_name(f"{scripts.record.name}.go").touch()
        assert window.wait_for_end() == 0
        assert not LINE.search(window.everything())
