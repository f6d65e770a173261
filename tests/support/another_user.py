"""A Python that another user than root can run, wherever root's own is."""

from __future__ import annotations

import shutil
import stat
import sysconfig
from pathlib import Path

NOBODY = 65534
NAME, GROUP = "nobody", "games"
"""A user that every Debian has, and a group of another user."""
BECOME = f"import os; os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})\n"
"""What a program of a test does when it has loaded what the checkout has; others need not be able to read that."""
# Files that no program loads by itself, and archives for embedding Python: most of the size.
LEFT_OUT = ("test", "site-packages", "config-*", "idlelib", "ensurepip", "turtledemo", "tkinter", "lib2to3")


def environment(folder: Path) -> dict[str, str]:
    """Return variables with which another user's Python finds its standard library, even after a change of user.

    An interpreter of pyenv is below root's home, which no other user may enter. The variables then name a copy of the
    library. :param folder: an empty one that every user may enter.
    """
    library = Path(sysconfig.get_path("stdlib"))
    if open_to_all(library):
        return {}
    shutil.copytree(library, folder / "lib" / library.name, symlinks=True, ignore=shutil.ignore_patterns(*LEFT_OUT))
    return {"PYTHONHOME": str(folder)}


def open_to_all(folder: Path) -> bool:
    """Tell whether every user may enter a folder, by its mode and those of the folders above."""
    return all(one.stat().st_mode & stat.S_IXOTH for one in (folder, *folder.parents))
