"""The command `certbot-external-auth recover`, and the journal's files."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support import documents
from tests.support.certbot import Certbot


@dataclass(frozen=True)
class Recovered:
    """:ivar document: what ``--json`` printed."""

    returncode: int
    stdout: str
    stderr: str

    @property
    def document(self) -> dict[str, Any]:
        return documents.checked(self.stdout, "recover")


def command(certbot: Certbot, *words: str) -> list[str]:
    """The command line for this host's Certbot."""
    start = [*certbot.before, sys.executable, "-m", "certbot_external_auth", "recover"]
    return [*start, "--work-dir", str(certbot.work_dir), *words]


def recover(certbot: Certbot, *words: str, timeout: float = 60) -> Recovered:
    """Run it for this host's Certbot, from another folder than Certbot's."""
    ended = subprocess.run(
        command(certbot, *words), env=certbot.environment, cwd="/", capture_output=True, text=True, timeout=timeout
    )
    return Recovered(ended.returncode, ended.stdout, ended.stderr)


def journal(certbot: Certbot) -> list[Path]:
    """The files of batches."""
    return sorted((certbot.work_dir / "external-auth" / "journal").glob("*.json"))
