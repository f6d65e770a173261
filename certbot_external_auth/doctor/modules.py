"""Which directories of Python modules a script uses."""

from __future__ import annotations

import os
import re
from pathlib import Path

from certbot_external_auth.doctor.entries import SEARCHED
from certbot_external_auth.files import regular_file

MAX_SCRIPT_BYTES = 65_536
_LINKS = 40
"""As many as the kernel follows in one path."""
_PATTERNS = (
    "local/lib/python3*/dist-packages",
    "local/lib/python3*/site-packages",
    "lib/python3*/dist-packages",
    "lib/python3*/site-packages",
    "lib64/python3*/site-packages",
)


def of_script(root: Path, script: Path) -> tuple[str, list[Path]]:
    """Return how a Certbot was installed, and the directories of its Python's modules.

    :param root: the root directory; another one than ``/`` in tests.
    :returns: no directory if the script does not say which Python runs it. A wrapper starts any Certbot.
    """
    interpreter = _interpreter(root, script)
    if interpreter is None:
        return "other", []
    python = below(root, interpreter)
    prefix = resolved(root, python.parent).parent
    configuration = prefix / "pyvenv.cfg"
    version = re.fullmatch(r"python(3\.\d+)", resolved(root, python).name)
    if os.path.isfile(configuration):
        places = sorted(prefix.glob("lib/python3*/site-packages"))
        if re.search(r"^include-system-site-packages *= *true", _read(configuration), re.MULTILINE | re.IGNORECASE):
            places += _global(root / "usr")
        kind = "pipx" if "pipx" in prefix.parts else "venv"
    else:
        own = script.parent.parent
        places = [*([] if own == prefix else _global(own)), *_global(prefix)]
        kind = "package" if (own, prefix) == (root / "usr", root / "usr") else "other"
    return kind, [place for place in places if version is None or place.parent.name in ("python3", version[0])]


def below(root: Path, path: str) -> Path:
    """Return where a path of the host lies below the root that is looked at."""
    return root / path.lstrip("/")


def resolved(root: Path, place: Path) -> Path:
    """Follow every link in a path below the root; one in a circle stays as it is."""
    left, done, links = list(reversed(place.relative_to(root).parts)), root, 0
    while left:
        part = left.pop()
        step = done / part
        if part == "..":
            done = root if done == root else done.parent
        elif links < _LINKS and os.path.islink(step):
            links += 1
            target = Path(os.readlink(step))
            done = root if target.is_absolute() else done
            left += [part for part in reversed(target.parts) if part != "/"]
        else:
            done = step
    return done


def _global(prefix: Path) -> list[Path]:
    """Return the directories of modules of a Python that is not a virtual environment's."""
    return [place for pattern in _PATTERNS for place in sorted(prefix.glob(pattern))]


def _interpreter(root: Path, script: Path) -> str | None:
    """Return the Python that a script names in its first line."""
    text = _read(script)
    first = text.partition("\n")[0]
    words = first[2:].split() if first.startswith("#!") else []
    if words[:1] == ["/bin/sh"]:
        # pip writes this where the path is too long, or has a blank: the interpreter stands on the next line.
        named = re.search(r"""^'''exec' "?(/[^"\n]*?)"? "\$0\"""", text, re.MULTILINE)
        return named[1] if named else None
    pythons = [word for word in words if re.fullmatch(r"(/.*/)?(python|pypy)[\d.]*", word)]
    if words[:1] == ["/usr/bin/env"] and pythons:
        names = [f"{folder}/{pythons[0]}" for folder in SEARCHED]
        return next((name for name in names if os.path.lexists(below(root, name))), f"/usr/bin/{pythons[0]}")
    return words[0] if words and pythons[:1] == words[:1] and words[0].startswith("/") else None


def _read(path: Path) -> str:
    try:
        return regular_file.read(str(path), MAX_SCRIPT_BYTES).decode("utf-8", "replace")
    except (OSError, ValueError):
        return ""
