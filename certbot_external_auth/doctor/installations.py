"""Every Certbot of a host, and whether this plugin is installed beside it."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from certbot_external_auth.doctor import modules

PLUGIN, CERTBOT = "certbot_external_auth", "certbot"
_FOLDERS = (
    "usr/bin",
    "usr/local/bin",
    "opt/*/bin",
    "root/.local/bin",
    "home/*/.local/bin",
    "root/.local/share/pipx/venvs/certbot/bin",
    "root/.local/pipx/venvs/certbot/bin",
    "opt/pipx/venvs/certbot/bin",
    "snap/bin",
    "var/lib/snapd/snap/bin",
)
_SNAPS = ("snap", "var/lib/snapd/snap")
"""Where snapd mounts snaps; it depends on the distribution."""
_SNAP = "usr/bin/snap"
"""What every program of a snap is a link to, whichever snap it is."""


@dataclass(frozen=True)
class Installation:
    """One Certbot.

    :ivar command: the path by which it is started.
    :ivar same: other paths that start the same Certbot.
    :ivar certbot: its version; None if it cannot be told.
    :ivar plugin: the version of this plugin beside it; None if it is not there.
    :ivar kind: how it was installed: ``package``, ``venv``, ``pipx``, ``snap``, or ``other``.
    :ivar readable: whether the place of its Python modules could be found and read. If not, nothing is known.
    :ivar strange: another user than root, or than the one who looks, can change it.
    """

    command: str
    same: tuple[str, ...] = ()
    certbot: str | None = None
    plugin: str | None = None
    kind: str = "other"
    readable: bool = True
    strange: bool = False

    def is_started_by(self, path: str) -> bool:
        """Tell whether a path starts this Certbot."""
        return path == self.command or path in self.same


def find(root: Path, search_path: Sequence[str], started: Sequence[str] = ()) -> list[Installation]:
    """Return every Certbot, those of the search path first.

    :param root: the root directory; another one than ``/`` in tests.
    :param search_path: the directories of PATH.
    :param started: paths that a schedule starts, wherever they are.
    """
    found: dict[Path, list[str]] = {}
    for command in dict.fromkeys(_commands(root, search_path, started)):
        place = modules.below(root, command)
        same_file = _file(root, place)
        if _may_be_there(same_file):
            found.setdefault(same_file, []).append(command)
    return [_installation(root, paths, script) for script, paths in found.items()]


def closed(root: Path) -> list[str]:
    """Return the home directories that this user may not enter, each with the reason; a Certbot may be there."""
    homes = [root / "root", *sorted(root.glob("home/*"))]
    return [f"/{each.relative_to(root)}: {os.strerror(errno.EACCES)}" for each in homes if _is_closed(each)]


def _is_closed(folder: Path) -> bool:
    return os.path.isdir(folder) and not os.access(folder, os.X_OK)


def _commands(root: Path, search_path: Sequence[str], started: Sequence[str]) -> Iterator[str]:
    yield from (f"{directory.rstrip('/')}/certbot" for directory in search_path if directory.startswith("/"))
    for pattern in _FOLDERS:
        yield from (f"/{folder.relative_to(root)}/certbot" for folder in sorted(root.glob(pattern)))
    yield from started


def _file(root: Path, place: Path) -> Path:
    """Return what tells one Certbot from another. :returns: the program snap, for each path of Certbot's snap."""
    file = modules.resolved(root, place)
    inside = any((root / snaps / CERTBOT) in file.parents for snaps in _SNAPS)
    return root / _SNAP if inside else file


def _may_be_there(place: Path) -> bool:
    """Tell whether a file is there, or cannot be looked for. A link that leads nowhere is not one."""
    try:
        place.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def _installation(root: Path, commands: Sequence[str], script: Path) -> Installation:
    first, *others = commands
    if script == root / _SNAP:
        places = _of_snaps(root, CERTBOT)
        # A plugin of a snap is a snap of its own.
        plugins = _of_snaps(root, "*")
        kind = "snap"
    else:
        kind, places = modules.of_script(root, script)
        plugins = places
    return Installation(
        command=first,
        same=tuple(others),
        certbot=_version(CERTBOT, places),
        plugin=_version(PLUGIN, plugins),
        kind=kind,
        readable=any(os.access(place, os.R_OK | os.X_OK) for place in places),
        strange=any(_strange(root, place) for place in (script, *places)),
    )


def _strange(root: Path, place: Path) -> bool:
    """Tell whether another user can change a file, or replace a part of its path."""
    known = {0, os.geteuid()}
    for part in (place, *place.parents):
        if part == root:
            break
        try:
            status = os.stat(part)
        except OSError:
            continue
        sticky = stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX
        if status.st_uid not in known or (status.st_mode & stat.S_IWOTH and not sticky):
            return True
    return False


def _of_snaps(root: Path, name: str) -> list[Path]:
    patterns = (f"{snaps}/{name}/current/lib/python3*/site-packages" for snaps in _SNAPS)
    return [place for pattern in patterns for place in sorted(root.glob(pattern))]


def _version(name: str, places: Iterable[Path]) -> str | None:
    """Return the version of a distribution, from the name of its metadata's directory."""
    for place in places:
        for path in sorted(place.glob(f"{name}-*.*-info")):
            # Another user may have made the directory, and the version is shown on a terminal.
            if match := re.fullmatch(rf"{name}-([\w.+!]+?)(?:-py3.*)?\.(?:dist|egg)-info", path.name):
                return match[1]
    return None
