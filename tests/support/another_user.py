"""Python for somebody else than root, wherever root's own lies."""

from __future__ import annotations

import shutil
import stat
import sysconfig
from pathlib import Path

NOBODY = 65534
BECOME = f"import os; os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})\n"
"""What a program of a test does when it has loaded what the checkout has; others need not be able to read that."""
# What no program loads by itself, and the archives for whoever embeds Python: most of the size.
LEFT_OUT = ("test", "site-packages", "config-*", "idlelib", "ensurepip", "turtledemo", "tkinter", "lib2to3")


def environment(folder: Path) -> dict[str, str]:
    """What lets another user's Python load its standard library, also after it became somebody else.

    An interpreter made by pyenv lies below root's home, which nobody else enters; then this is about a copy of the
    library. :param folder: one that everybody may enter, empty.
    """
    library = Path(sysconfig.get_path("stdlib"))
    if open_to_all(library):
        return {}
    shutil.copytree(library, folder / "lib" / library.name, symlinks=True, ignore=shutil.ignore_patterns(*LEFT_OUT))
    return {"PYTHONHOME": str(folder)}


def open_to_all(folder: Path) -> bool:
    """Whether everybody may enter it, by what its mode and those of the folders above say."""
    return all(one.stat().st_mode & stat.S_IXOTH for one in (folder, *folder.parents))
