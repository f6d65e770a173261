"""Every Certbot of a host, and whether this plugin is installed beside it."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from certbot_external_auth.files import regular_file

PLUGIN, CERTBOT = "certbot_external_auth", "certbot"
MAX_SCRIPT_BYTES = 65_536
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
)
_SNAP = "snap/bin/certbot"


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
    :param started: the programs that schedules start.
    """
    found: dict[Path, list[str]] = {}
    for command in _commands(root, search_path, started):
        place = _below(root, command)
        # What a snap is started by is a link to the program snap, whichever snap it is.
        same_file = place if command.strip("/") == _SNAP else _resolved(root, place)
        found.setdefault(same_file, []).append(command)
    return [_installation(root, paths, script) for script, paths in found.items()]


def closed(root: Path) -> list[str]:
    """Return the home directories that this user may not enter, each with the reason; a Certbot may be there."""
    homes = [root / "root", *sorted(root.glob("home/*"))]
    return [f"/{each.relative_to(root)}: {os.strerror(errno.EACCES)}" for each in homes if _is_closed(each)]


def _is_closed(folder: Path) -> bool:
    return os.path.isdir(folder) and not os.access(folder, os.X_OK)


def _commands(root: Path, search_path: Sequence[str], started: Sequence[str]) -> Iterator[str]:
    seen = set()
    listed = [f"{directory.rstrip('/')}/certbot" for directory in search_path if directory.startswith("/")]
    fixed = (f"/{folder.relative_to(root)}/certbot" for pattern in _FOLDERS for folder in sorted(root.glob(pattern)))
    for command in (*listed, *fixed, *(path for path in started if path.startswith("/"))):
        if command not in seen and os.path.lexists(_below(root, command)):
            seen.add(command)
            yield command


def _below(root: Path, path: str) -> Path:
    return root / path.lstrip("/")


def _resolved(root: Path, place: Path) -> Path:
    """Follow the links of a file. A link names a path below the root that is looked at."""
    for _ in range(40):
        if not place.is_symlink():
            return place
        target = os.readlink(place)
        place = _below(root, target) if target.startswith("/") else Path(os.path.normpath(place.parent / target))
    return place


def _installation(root: Path, commands: Sequence[str], script: Path) -> Installation:
    first, *others = commands
    if script == root / _SNAP:
        places = sorted(root.glob("snap/certbot/current/lib/python3*/site-packages"))
        # A plugin of a snap is a snap of its own.
        plugins = sorted(root.glob("snap/*/current/lib/python3*/site-packages"))
        kind = "snap"
    else:
        kind, places = _modules(root, script)
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


def _modules(root: Path, script: Path) -> tuple[str, list[Path]]:
    """Return how a Certbot was installed, and the directories of its Python's modules."""
    interpreter = _interpreter(script)
    if interpreter is None:
        return "other", []
    prefix = _below(root, interpreter).parent.parent
    configuration = prefix / "pyvenv.cfg"
    if not configuration.is_file():
        return ("package" if prefix == root / "usr" else "other"), _global(prefix)
    places = sorted(prefix.glob("lib/python3*/site-packages"))
    if re.search(r"^include-system-site-packages *= *true", _read(configuration), re.MULTILINE | re.IGNORECASE):
        places += _global(root / "usr")
    return ("pipx" if "pipx" in prefix.parts else "venv"), places


def _global(prefix: Path) -> list[Path]:
    """Return the directories of modules of a Python that is not a virtual environment's."""
    patterns = ("local/lib/python3*/dist-packages", "lib/python3*/dist-packages", "lib/python3*/site-packages")
    return [place for pattern in patterns for place in sorted(prefix.glob(pattern))]


def _interpreter(script: Path) -> str | None:
    """Return the interpreter that a script names in its first line."""
    first = _read(script).partition("\n")[0]
    if not first.startswith("#!"):
        return None
    words = first[2:].split()
    if words[:1] == ["/bin/sh"]:
        # pip writes this where the path is too long, or has a blank: the interpreter stands on the next line.
        named = re.search(r"""^'''exec' "?(/[^"\n]*?)"? "\$0\"""", _read(script), re.MULTILINE)
        return named[1] if named else None
    if words[:1] == ["/usr/bin/env"]:
        return f"/usr/bin/{words[-1]}"
    return words[0] if words and words[0].startswith("/") else None


def _read(path: Path) -> str:
    try:
        return regular_file.read(str(path), MAX_SCRIPT_BYTES).decode("utf-8", "replace")
    except (OSError, ValueError):
        return ""


def _version(name: str, places: Iterable[Path]) -> str | None:
    """Return the version of a distribution, from the name of its metadata's directory."""
    for place in places:
        for path in sorted(place.glob(f"{name}-*.*-info")):
            # Another user may have made the directory, and the version is shown on a terminal.
            if match := re.fullmatch(rf"{name}-([\w.+!]+?)(?:-py3.*)?\.(?:dist|egg)-info", path.name):
                return match[1]
    return None
