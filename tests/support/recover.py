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


def recover(certbot: Certbot, *words: str, timeout: float = 60) -> Recovered:
    """Run it for this host's Certbot, from another folder than Certbot's."""
    command = [
        sys.executable,
        "-m",
        "certbot_external_auth.cli",
        "recover",
        "--work-dir",
        str(certbot.work_dir),
        *words,
    ]
    ended = subprocess.run(command, env=certbot.environment, cwd="/", capture_output=True, text=True, timeout=timeout)
    return Recovered(ended.returncode, ended.stdout, ended.stderr)


def journal(certbot: Certbot) -> list[Path]:
    """The files of batches."""
    return sorted((certbot.work_dir / "external-auth" / "journal").glob("*.json"))
