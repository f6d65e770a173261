"""Runs the command `certbot-external-auth check` as a person does, and reads its lines."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support import documents

LIMIT = 120.0


@dataclass(frozen=True)
class Rehearsal:
    """What came out of a run."""

    code: int
    stdout: str
    stderr: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        """All of them, in order."""
        return [documents.checked(line, "check") for line in self.stdout.splitlines()]

    @property
    def steps(self) -> dict[str, dict[str, Any]]:
        """Each step's line by its key, in order."""
        return {line["step"]: line for line in self.lines if line["kind"] == "step"}

    @property
    def summary(self) -> dict[str, Any]:
        last = self.lines[-1]
        assert last["kind"] == "summary"
        return last

    @property
    def results(self) -> dict[str, str]:
        """Steps that did not pass, and how they ended."""
        return {key: line["result"] for key, line in self.steps.items() if line["result"] != "passed"}


def started(
    *words: str, environment: Mapping[str, str] | None = None, cwd: Path | None = None
) -> subprocess.Popen[str]:
    """:param environment: added to the caller's."""
    return subprocess.Popen(
        [sys.executable, "-m", "certbot_external_auth", "check", *words],
        cwd=cwd,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def ended(process: subprocess.Popen[str]) -> Rehearsal:
    """Wait for the end."""
    try:
        stdout, stderr = process.communicate(timeout=LIMIT)
    finally:
        process.kill()
        process.wait()
    return Rehearsal(process.returncode, stdout, stderr)


def rehearse(*words: str, environment: Mapping[str, str] | None = None, cwd: Path | None = None) -> Rehearsal:
    return ended(started(*words, environment=environment, cwd=cwd))
