"""What starts Certbot by itself on a host: systemd's timers, and cron."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from certbot_external_auth.files import regular_file

MAX_FILE_BYTES = 262_144
_UNITS = ("etc/systemd/system", "run/systemd/system", "usr/local/lib/systemd/system", "usr/lib/systemd/system")
_CRON = ("etc/crontab", "etc/cron.d/*", "etc/cron.daily/*", "etc/cron.weekly/*", "var/spool/cron/crontabs/*")
_SYSTEMD_RUNS = "run/systemd/system"
"""A directory that is there if systemd has started the host (sd_booted(3))."""
_CERTBOT = re.compile(r"(?<![\w./-])(?:/[\w./@+-]*/)?certbot(?:-auto)?(?![\w./-])[^\n;|&]*\brenew\b")


@dataclass(frozen=True)
class Schedule:
    """One entry that runs ``certbot renew``.

    :ivar place: the timer's name, or the file of cron's.
    :ivar command: the program it starts, as it is written there; without a slash if it is looked up in PATH.
    :ivar active: whether it runs on this host, as far as the files say.
    """

    place: str
    command: str
    active: bool


@dataclass(frozen=True)
class Found:
    """:ivar unreadable: files and directories that could not be read, each with the reason; more may stand there."""

    schedules: tuple[Schedule, ...] = ()
    unreadable: tuple[str, ...] = ()


def find(root: Path) -> Found:
    """Read systemd's units and cron's files. :param root: the root directory; another one than ``/`` in tests."""
    reader = _Reader(root)
    systemd = (root / _SYSTEMD_RUNS).is_dir()
    schedules = [*_timers(root, reader, systemd), *_cron(root, reader, systemd)]
    return Found(tuple(schedules), tuple(reader.unreadable))


class _Reader:
    """Reads files, and notes which it could not."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.unreadable: list[str] = []

    def read(self, path: Path) -> str:
        """Return the text of a file; empty if it is not there or cannot be read."""
        try:
            return regular_file.read(str(path), MAX_FILE_BYTES).decode("utf-8", "replace")
        except FileNotFoundError:
            return ""
        except OSError as error:
            self._note(path, error)
            return ""

    def within(self, folder: Path) -> list[Path]:
        """Return what is in a directory, in order; nothing if it is not there or cannot be read."""
        try:
            return sorted(folder.iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            self._note(folder, error)
            return []

    def _note(self, path: Path, error: OSError) -> None:
        self.unreadable.append(f"/{path.relative_to(self._root)}: {error.strerror}")


def _timers(root: Path, reader: _Reader, systemd: bool) -> Iterator[Schedule]:
    """Yield the timers whose service renews. A unit in a directory hides those of its name in later ones."""
    directories = [root / folder for folder in _UNITS]
    names = sorted({path.name for folder in directories for path in reader.within(folder) if path.suffix == ".timer"})
    for name in names:
        timer = _unit(directories, name)
        if timer is None:
            continue
        named = re.search(r"^Unit *= *(\S+)", reader.read(timer), re.MULTILINE)
        service = _unit(directories, named[1] if named else f"{name.removesuffix('.timer')}.service")
        for command in _started(reader.read(service)) if service is not None else ():
            yield Schedule(name, command, systemd and _enabled(root, name))


def _unit(directories: list[Path], name: str) -> Path | None:
    """Return the file of a unit; None if there is none, or it is masked by a link to /dev/null."""
    place = next((folder / name for folder in directories if os.path.lexists(folder / name)), None)
    return None if place is None or (place.is_symlink() and os.readlink(place) == os.devnull) else place


def _enabled(root: Path, timer: str) -> bool:
    wanted = (root / folder for folder in ("etc/systemd/system", "run/systemd/system", "usr/lib/systemd/system"))
    return any(os.path.lexists(wants / timer) for folder in wanted for wants in folder.glob("*.wants"))


def _started(unit: str) -> Iterator[str]:
    """Yield the programs of the lines ``ExecStart`` that renew."""
    for line in re.findall(r"^ExecStart *= *[-@:+!]*(.*)$", unit, re.MULTILINE):
        yield from _programs(line)


def _cron(root: Path, reader: _Reader, systemd: bool) -> Iterator[Schedule]:
    for pattern in _CRON:
        for path in reader.within((root / pattern).parent) if pattern.endswith("*") else [root / pattern]:
            lines = (line for line in reader.read(path).splitlines() if not line.lstrip().startswith("#"))
            for line in lines:
                # Debian's own line does nothing where systemd runs: the timer renews there.
                idle = systemd and re.search(r"!\s*-d\s+/run/systemd/system", line.replace("\\", ""))
                for command in _programs(line):
                    yield Schedule(f"/{path.relative_to(root)}", command, not idle)


def _programs(line: str) -> Iterator[str]:
    """Yield the Certbots that a command line starts in order to renew."""
    for match in _CERTBOT.finditer(line):
        try:
            yield shlex.split(match[0])[0]
        except ValueError:
            yield match[0].split()[0]
