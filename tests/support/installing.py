"""One certificate as Certbot would have left it, for verbs that ask no CA, and handlers that note their calls."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from certbot_external_auth.lineages import handed_over
from tests.support import lineages

NAME = lineages.name(0)
BOTH = ("authenticator = external-auth", "installer = external-auth")
CERTBOT = Path(sys.executable).parent / "certbot"
"""Its console script, which stands on PATH."""
PATIENCE = 90.0


class Host:
    """:ivar handler: a script that notes its name, its first word, how many words there were, and some variables."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.record = folder / "record"
        self.environment = {"PATH": f"{CERTBOT.parent}:/usr/bin:/bin", "HOME": str(folder)}
        self.handler = self.script("hook")
        # As if the plugin had been there before the certificate: nothing counts as deployed because it is old.
        self._state.begin("other")

    @property
    def _state(self) -> handed_over.HandedOver:
        return handed_over.HandedOver(str(self.folder / "config"), str(self.folder / "work"))

    def script(self, name: str) -> str:
        """A handler; it fails while there is a file ``fails``."""
        path = self.folder / name
        note = f'echo "{name} $1 $# $SECRET $KEY_ALGO" >>{self.record}'
        path.write_text(f"#!/bin/sh\n{note}\ntest ! -e {self.folder}/fails\n")
        path.chmod(0o755)
        return str(path)

    def keeps(self, *options: str) -> None:
        """Write the certificate, and its renewal file with these lines."""
        lineages.make(self.folder / "config", 1, "http://127.0.0.1:1/", options)

    def certbot(self, *words: str) -> subprocess.CompletedProcess[str]:
        folders = [f"--{kind}-dir={self.folder / kind}" for kind in ("config", "work", "logs")]
        return self._run([sys.executable, str(CERTBOT), *words, *folders])

    def install(self, *words: str, name: str = "external-auth") -> subprocess.CompletedProcess[str]:
        return self.certbot("install", "-n", "-i", name, "--cert-name", NAME, *words)

    def shell(self, command: str) -> subprocess.CompletedProcess[str]:
        """Return the command that a person pastes."""
        return self._run(["sh", "-c", command])

    def _run(self, words: list[str]) -> subprocess.CompletedProcess[str]:
        self.record.unlink(missing_ok=True)
        return subprocess.run(
            words,
            env=self.environment,
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )

    @property
    def called(self) -> list[str]:
        return self.record.read_text().splitlines() if self.record.exists() else []

    @property
    def deployed(self) -> bool:
        return self._state.deployed(NAME) is not None
