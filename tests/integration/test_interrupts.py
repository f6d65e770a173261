"""Ctrl-C, once and more often, and signals: nothing goes on, and what is left is known."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.certbot import Certbot
from tests.support.hooks import Hooks
from tests.support.recover import journal
from tests.support.testca import TestCA
from tests.support.words import handler, names

WITHIN = 60.0
STUBBORN = """#!/bin/sh
[ "$1" != "$HANGS_AT" ] || [ "$1" = perform ] || HANGS=now
[ -n "$HANGS" ] || "${0%/*}/publishes.py" "$@" || exit
[ "$1" = "$HANGS_AT" ] || exit 0
trap 'touch "$RECORD.told"' TERM INT
echo $$ >"$RECORD.pid"
while :; do sleep 600 & wait; done
"""


def wait_for(ready: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WITHIN
    while not ready():
        assert time.monotonic() < deadline, f"{what} has not happened"
        time.sleep(0.02)


class Interrupted:
    """A run whose handler hangs at an operation, and is told nothing but by us."""

    def __init__(self, certbot: Certbot, scripts: Hooks, domain: str) -> None:
        self._certbot, self._record = certbot, scripts.record
        self.words = ["certonly", *handler(scripts.write("stubborn.sh", STUBBORN)), *names(domain)]

    def run(self, operation: str, *numbers: int) -> subprocess.Popen[bytes]:
        """Each signal is sent when the handler has seen what came before it."""
        marks = [Path(f"{self._record}.pid"), Path(f"{self._record}.told")]
        with self._certbot.started(self.words, {"HANGS_AT": operation}) as process:
            for number, mark in zip(numbers, marks, strict=False):
                wait_for(lambda mark=mark: mark.exists() and (mark == marks[1] or mark.read_text() != ""), mark.name)
                process.send_signal(number)
            self.stderr = process.communicate(timeout=WITHIN)[1].decode()
        return process

    def handler_ended(self) -> bool:
        return not Path(f"/proc/{Path(f'{self._record}.pid').read_text().strip()}").exists()


@pytest.fixture
def interrupted(certbot: Certbot, scripts: Hooks, domain: str) -> Interrupted:
    return Interrupted(certbot, scripts, domain)


def test_second_ctrl_c_ends_a_stubborn_handler_at_once_and_still_withdraws(
    interrupted: Interrupted, certbot: Certbot, ca: TestCA, domain: str
) -> None:
    """Guards against: a person who runs kill -9 out of impatience, and so leaves the record."""
    process = interrupted.run("perform", signal.SIGINT, signal.SIGINT)
    assert process.returncode == 1, interrupted.stderr
    assert interrupted.handler_ended()
    assert ca.txt(f"_acme-challenge.{domain}") == []
    assert journal(certbot) == []


def test_ctrl_c_in_cleanup_leaves_what_is_not_withdrawn_to_the_next_run(
    interrupted: Interrupted, certbot: Certbot, ca: TestCA, domain: str
) -> None:
    """Guards against: a forgotten record, if a person interrupts the cleanup."""
    interrupted.run("cleanup", signal.SIGINT, signal.SIGINT)
    assert interrupted.handler_ended()
    assert len(ca.txt(f"_acme-challenge.{domain}")) == 1
    assert len(journal(certbot)) == 1
    other = certbot.run(*interrupted.words[:-1], f"other.{domain}")
    assert other.returncode == 0, other
    assert ca.txt(f"_acme-challenge.{domain}") == []
    assert journal(certbot) == []
