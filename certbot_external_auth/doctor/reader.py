"""Reads the files and directories of a host, and notes which it could not."""

from __future__ import annotations

import os
from pathlib import Path

from certbot_external_auth.files import regular_file

MAX_FILE_BYTES = 262_144


class Reader:
    """:ivar root: the root directory.
    :ivar unreadable: what could not be read, each with the reason; another schedule may stand there.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.unreadable: list[str] = []

    def text(self, path: Path) -> str:
        """Return the text of a file; empty if it is not there or cannot be read."""
        try:
            return regular_file.read(str(path), MAX_FILE_BYTES).decode("utf-8", "replace")
        except FileNotFoundError:
            return ""
        except OSError as error:
            self._note(path, error)
            return ""

    def inside(self, folder: Path) -> list[Path]:
        """Return what lies in a directory; nothing if it is not there or cannot be listed."""
        try:
            return [folder / name for name in sorted(os.listdir(folder))]
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            self._note(folder, error)
            return []

    def _note(self, path: Path, error: OSError) -> None:
        self.unreadable.append(f"/{path.relative_to(self.root)}: {error.strerror}")
