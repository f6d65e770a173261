"""Runs the command `certbot-external-auth persist` as a person does."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.support import documents

LIMIT = 60.0


@dataclass(frozen=True)
class Printed:
    """What came out of a run."""

    code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> dict[str, Any]:
        """What ``--format json`` printed."""
        return documents.checked(self.stdout, "persist")


def persist(*words: str, environment: Mapping[str, str] | None = None) -> Printed:
    """Run it. :param environment: the whole environment, if it is not that of the tests."""
    command = [sys.executable, "-m", "certbot_external_auth", "persist", *words]
    ended = subprocess.run(
        command, env=environment or dict(os.environ), capture_output=True, text=True, timeout=LIMIT, cwd="/"
    )
    return Printed(ended.returncode, ended.stdout, ended.stderr)
