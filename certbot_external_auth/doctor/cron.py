"""The files of cron and anacron that start Certbot."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from certbot_external_auth.doctor.entries import SEARCHED, Schedule, programs
from certbot_external_auth.doctor.reader import Reader

_FILES = ("etc/crontab", "etc/anacrontab")
_TABLES = "etc/cron.d"
_USERS = ("var/spool/cron/crontabs", "var/spool/cron")
_SCRIPTS = ("etc/cron.hourly", "etc/cron.daily", "etc/cron.weekly", "etc/cron.monthly")
_PROGRAMS = (
    "usr/sbin/cron",
    "usr/sbin/crond",
    "usr/bin/crond",
    "usr/sbin/fcron",
    "usr/sbin/anacron",
    "usr/lib/systemd/system-generators/systemd-crontab-generator",
)
"""One of these reads the tables."""
_SET = re.compile(r"""\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(["']?)(.*?)\2\s*$""")


def find(reader: Reader, systemd: bool) -> Iterator[Schedule]:
    """Yield the entries that renew. :param systemd: whether systemd has started the host."""
    installed = any(os.path.lexists(reader.root / program) for program in _PROGRAMS)
    for path in _files(reader):
        used = installed and _used(reader.root, path)
        variables = {"PATH": os.pathsep.join(SEARCHED)}
        for line in reader.text(path).replace("\\\n", " ").splitlines():
            if line.lstrip().startswith("#"):
                continue
            if setting := _SET.match(line):
                variables[setting[1]] = _expanded(setting[3], variables)
                continue
            runs = used and not _idle(line, systemd)
            for command in programs(_expanded(line, variables).replace(r"\%", "%")):
                yield Schedule(f"/{path.relative_to(reader.root)}", command, runs, _searched(variables))


def _files(reader: Reader) -> Iterator[Path]:
    yield from (reader.root / name for name in _FILES)
    for folder in (_TABLES, *_SCRIPTS, *_USERS):
        yield from (path for path in reader.inside(reader.root / folder) if not os.path.isdir(path))


def _used(root: Path, path: Path) -> bool:
    """Tell whether cron uses a file of this name and mode."""
    folder = str(path.parent.relative_to(root))
    if folder in _SCRIPTS and not os.access(path, os.X_OK):
        return False
    if folder not in (_TABLES, *_SCRIPTS):
        return True
    if os.path.exists(root / "etc/debian_version"):
        # cron(8) and run-parts(8) of Debian pass over every other name.
        return re.fullmatch(r"[A-Za-z0-9_-]+", path.name) is not None
    return re.search(r"^[.#]|~$|\.rpm(save|new|orig)$|\.(bak|disabled)$", path.name) is None


def _idle(line: str, systemd: bool) -> bool:
    """Tell whether a line does nothing here, or nothing in time."""
    if line.lstrip().startswith("@reboot"):
        return True
    # Debian's own line does nothing where systemd runs: the timer renews there.
    return systemd and re.search(r"!\s*-d\s+/run/systemd/system", line.replace("\\", "")) is not None


def _expanded(line: str, variables: Mapping[str, str]) -> str:
    """Replace the variables that were set before. One that is not known stays."""
    return re.sub(r"\$(?:\{(\w+)\}|(\w+))", lambda found: variables.get(found[1] or found[2], found[0]), line)


def _searched(variables: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(folder for folder in variables["PATH"].split(os.pathsep) if folder.startswith("/"))
