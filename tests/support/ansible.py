"""Runs playbooks with the collection of this checkout, as its users do."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.processes import end_group

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".tools" / os.environ.get("ANSIBLE_OF_TESTS", "ansible") / "bin"
PATIENCE = 900.0
HERE = "localhost ansible_connection=local ansible_python_interpreter=/usr/bin/python3\n"
"""An inventory of one host, which is this machine."""


@dataclass(frozen=True)
class Play:
    """A play that has ended.

    :ivar hosts: what the last line says about each host: `ok`, `changed`, `unreachable`, `failed` and others.
    :ivar tasks: each task with the result of each host, in order.
    """

    code: int
    output: str
    hosts: dict[str, dict[str, int]]
    tasks: list[tuple[str, dict[str, Any]]]

    def count(self, key: str) -> int:
        """Return how many tasks ended so, over all hosts."""
        return sum(one[key] for one in self.hosts.values())

    def result(self, task: str) -> dict[str, Any]:
        """Return the result of the last task of this name, on one of its hosts."""
        found = [results for name, results in self.tasks if name.endswith(task) and results]
        result: dict[str, Any] = next(iter(found[-1].values()))
        return result

    @property
    def reasons(self) -> list[str]:
        """What failed tasks said."""
        every = [result for _, results in self.tasks for result in results.values()]
        return [str(one.get("msg")) for one in every if one.get("failed") or one.get("unreachable")]


class Ansible:
    """The programs of ansible-core with a folder of collections.

    :ivar environment: of every play.
    :ivar vars: what a test keeps here for its plays.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.vars: dict[str, Any] = {}
        place = folder / "collections" / "ansible_collections" / "external_auth"
        place.mkdir(parents=True)
        (place / "certbot").symlink_to(ROOT / "ansible")
        self.environment = {
            **environment,
            "ANSIBLE_COLLECTIONS_PATH": str(folder / "collections"),
            "ANSIBLE_HOME": str(folder / "home"),
            "ANSIBLE_LOCAL_TEMP": str(folder / "local"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_PIPELINING": "1",
            "ANSIBLE_LOG_PATH": str(folder / "ansible.log"),
            "ANSIBLE_CALLBACK_PLUGINS": str(ROOT / "tests" / "support" / "ansible_callback"),
            "ANSIBLE_CALLBACKS_ENABLED": "results",
            "RESULTS": str(folder / "results.json"),
            "LC_ALL": "C.UTF-8",
        }

    def play(self, text: str, *words: str, inventory: str = HERE) -> Play:
        """Run a playbook, given as text."""
        return self._ended(self.start(text, *words, inventory=inventory))

    def run(self, path: Path, *words: str, inventory: str = HERE) -> Play:
        """Run a playbook, given by its path."""
        return self._ended(self._start(path, words, inventory))

    def start(self, text: str, *words: str, inventory: str = HERE) -> subprocess.Popen[bytes]:
        """Start a playbook, given as text."""
        path = self.folder / "play.yml"
        path.write_text(text)
        return self._start(path, words, inventory)

    def _start(self, path: Path, words: Sequence[str], inventory: str) -> subprocess.Popen[bytes]:
        (self.folder / "inventory.ini").write_text(inventory)
        Path(self.environment["RESULTS"]).unlink(missing_ok=True)
        return subprocess.Popen(
            [str(FOLDER / "ansible-playbook"), "-i", "inventory.ini", str(path), *words],
            env=self.environment,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def _ended(self, process: subprocess.Popen[bytes]) -> Play:
        try:
            output, _ = process.communicate(timeout=PATIENCE)
        finally:
            end_group(process)
        path = self.environment["RESULTS"]
        found = json.loads(Path(path).read_text()) if os.path.exists(path) else {"hosts": {}, "tasks": []}
        tasks = [(name, results) for name, results in found["tasks"]]
        return Play(process.returncode, output.decode(), found["hosts"], tasks)

    def log(self) -> str:
        """What Ansible wrote into its log."""
        return Path(self.environment["ANSIBLE_LOG_PATH"]).read_text()
