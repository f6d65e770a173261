"""What else on this machine names Dehydrated's files, or runs Dehydrated. Reads a bounded number of files.

No link is followed: one that stays within a service's folder leads to a file that is read there, and one that leads out
of it is reported. What cannot be read is reported too, and is never taken as a file that names nothing.
"""

from __future__ import annotations

import enum
import itertools
import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

MAX_FILES = 2000
"""Most files and folders of one service that are looked at."""
MAX_BYTES = 1_000_000
"""Longest file, in bytes, that is read."""
SERVERS: Mapping[str, tuple[str, ...]] = {
    name: (f"/etc/{name}",) for name in ("nginx", "apache2", "haproxy", "postfix", "dovecot")
}
"""Services that may serve a certificate, and where their configuration lies."""
TIMERS: Mapping[str, tuple[str, ...]] = {
    "cron": (
        *("/etc/crontab", "/etc/anacrontab", "/etc/cron.d", "/etc/cron.hourly", "/etc/cron.daily", "/etc/cron.weekly"),
        *("/etc/cron.monthly", "/var/spool/cron"),
    ),
    "systemd": ("/etc/systemd/system",),
}
"""What may run Dehydrated."""
_PROGRAM = re.compile(rb"\bdehydrated\b")


class Gap(enum.Enum):
    """Why something was not looked at."""

    LEADS_ELSEWHERE = "leads_elsewhere"
    UNREADABLE = "unreadable"
    TOO_LONG = "too_long"
    TOO_MANY = "too_many"


@dataclass(frozen=True)
class Found:
    """A line that names the old folder, or runs Dehydrated.

    :ivar line: its number; 0 if it is the name of the file that does.
    :ivar alias: the certificate that it names; empty if it names none.
    """

    service: str
    path: str
    line: int
    alias: str = ""


@dataclass(frozen=True)
class Unread:
    """A place that was not looked at. :ivar detail: the system's reason, or where a link leads."""

    service: str
    path: str
    gap: Gap
    detail: str = ""


def scan(folders: Sequence[str], root: str = "/") -> list[Found | Unread]:
    """Look for lines that name one of Dehydrated's folders, and for what runs Dehydrated.

    :param folders: absolute paths of the folder with the certificates, as written and without links.
    :param root: where this machine's files begin.
    """
    named = re.compile(
        rb"(?:" + b"|".join(re.escape(os.fsencode(each)) for each in folders) + rb")(?:/([^/\s;\"']*))?(?![\w.-])"
    )
    found: list[Found | Unread] = []
    for service, places in SERVERS.items():
        found += _Look(service, root, named).through(places)
    for service, places in TIMERS.items():
        # In systemd's folder, a link with a unit's name enables that unit; where it leads says nothing more.
        found += _Look(service, root, _PROGRAM, by_name=True, links=service != "systemd").through(places)
    return found


class _Look:
    """A look at the files of one service."""

    def __init__(
        self, service: str, root: str, pattern: re.Pattern[bytes], by_name: bool = False, links: bool = True
    ) -> None:
        self._service, self._root, self._pattern = service, root, pattern
        self._by_name, self._links = by_name, links
        self._left = MAX_FILES

    def through(self, places: Sequence[str]) -> Iterator[Found | Unread]:
        """Look at the places of a service, and at all below them."""
        for place in places:
            top = os.path.join(self._root, place.lstrip("/"))
            waiting = [top]
            while waiting and self._left >= 0:
                path = waiting.pop()
                try:
                    yield from self._at(path, top, waiting)
                except FileNotFoundError:
                    continue
                except OSError as error:
                    yield self._unread(path, Gap.UNREADABLE, error.strerror or str(error))

    def _at(self, path: str, top: str, waiting: list[str]) -> Iterator[Found | Unread]:
        """Look at one place. :param waiting: gets what is in a folder."""
        status = os.lstat(path)
        self._left -= 1
        if self._left < 0:
            yield self._unread(top, Gap.TOO_MANY, str(MAX_FILES))
        elif self._by_name and _PROGRAM.search(os.fsencode(os.path.basename(path))):
            yield Found(self._service, self._shown(path), 0)
        elif stat.S_ISLNK(status.st_mode):
            yield from self._link(path, top)
        elif stat.S_ISDIR(status.st_mode):
            with os.scandir(path) as entries:
                # One more than may be looked at, so that the limit is noticed.
                names = [entry.name for entry in itertools.islice(entries, self._left + 1)]
            waiting += [os.path.join(path, name) for name in sorted(names, reverse=True)]
        elif stat.S_ISREG(status.st_mode):
            yield from self._file(path)

    def _unread(self, path: str, gap: Gap, detail: str) -> Unread:
        return Unread(self._service, self._shown(path), gap, detail)

    def _link(self, path: str, top: str) -> Iterator[Unread]:
        target = os.path.realpath(path)
        within = os.path.realpath(top)
        if self._links and target != within and not target.startswith(f"{within}/"):
            yield self._unread(path, Gap.LEADS_ELSEWHERE, self._shown(target))

    def _file(self, path: str) -> Iterator[Found | Unread]:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            yield self._unread(path, Gap.TOO_LONG, str(MAX_BYTES))
            return
        for number, line in enumerate(data.split(b"\n"), start=1):
            match = None if line.lstrip().startswith(b"#") else self._pattern.search(line)
            if match is not None:
                alias = match[1] if match.re.groups else b""
                yield Found(self._service, self._shown(path), number, os.fsdecode(alias or b""))

    def _shown(self, path: str) -> str:
        """Return a path as this machine has it, without the root."""
        return path if self._root == "/" else os.path.join("/", os.path.relpath(path, self._root))
