"""The scripts of `tests/hooks`, copied where a test may call and spoil them, and what they were called with."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent / "hooks"


@dataclass(frozen=True)
class Call:
    """One call of a hook; see `begin` in `tests/hooks/recording.py`."""

    argv: list[str]
    env: dict[str, str]
    stdin: str
    stdin_is_null: bool
    cwd: str
    umask: int
    descriptors: list[int]
    session: bool
    wellknown: dict[str, str]
    alpncertdir: dict[str, str]

    @property
    def operation(self) -> str:
        return self.argv[0]


class Hooks:
    """:ivar folder: where the copies are. :ivar record: where they note their calls."""

    def __init__(self, folder: Path, record: Path) -> None:
        self.folder = folder
        self.record = record
        shutil.copytree(SOURCE, folder, ignore=shutil.ignore_patterns("__pycache__"))
        # The checkout's modes depend on whose it is and how it came there.
        folder.chmod(0o755)
        for path in folder.iterdir():
            path.chmod(0o644 if path.name == "recording.py" else 0o755)

    @property
    def native(self) -> str:
        return str(self.folder / "publishes.py")

    @property
    def dehydrated(self) -> str:
        return str(self.folder / "publishes-as-dehydrated.py")

    def path(self, name: str) -> str:
        return str(self.folder / name)

    def write(self, name: str, content: str | bytes, mode: int = 0o755) -> str:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        path.chmod(mode)
        return str(path)

    def calls(self, *operations: str) -> list[Call]:
        """What the hooks were called with, oldest first."""
        if not self.record.exists():
            return []
        calls = [Call(**json.loads(line)) for line in self.record.read_text().splitlines()]
        return [call for call in calls if not operations or call.operation in operations]

    @property
    def operations(self) -> list[str]:
        return [call.operation for call in self.calls()]

    def forget(self) -> None:
        self.record.unlink(missing_ok=True)
