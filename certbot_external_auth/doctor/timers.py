"""Systemd's timers that start Certbot."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from certbot_external_auth.doctor.entries import Schedule, programs
from certbot_external_auth.doctor.reader import Reader

_UNITS = (
    "etc/systemd/system",
    "run/systemd/system",
    "usr/local/lib/systemd/system",
    "usr/lib/systemd/system",
    "lib/systemd/system",
)
"""A unit in one of these hides those of its name in later ones, see systemd.unit(5)."""


def find(reader: Reader, systemd: bool) -> Iterator[Schedule]:
    """Yield the timers whose service renews. :param systemd: whether systemd has started the host."""
    names = {path.name for folder in _UNITS for path in reader.inside(reader.root / folder)}
    for name in sorted(name for name in names if name.endswith(".timer")):
        timer = _unit(reader, name)
        if timer is None:
            continue
        units = re.findall(r"^Unit *= *(\S+)", timer, re.MULTILINE)
        service = _unit(reader, units[-1] if units else f"{name.removesuffix('.timer')}.service")
        enabled = _enabled(reader, name)
        for command in _started(service or ""):
            yield Schedule(name, command, systemd and enabled, can_be_enabled=systemd and not enabled)


def _unit(reader: Reader, name: str) -> str | None:
    """Return the text of a unit with its drop-ins; None if there is none, or it is masked by a link to /dev/null."""
    places = (reader.root / folder / name for folder in _UNITS)
    place = next((place for place in places if os.path.lexists(place)), None)
    if place is None or _masked(place):
        return None
    return "\n".join(reader.text(path) for path in (place, *_drop_ins(reader, name)))


def _drop_ins(reader: Reader, name: str) -> list[Path]:
    """Return the files that add to a unit, in the order in which they are read."""
    found: dict[str, Path] = {}
    for folder in _UNITS:
        for path in reader.inside(reader.root / folder / f"{name}.d"):
            if path.suffix == ".conf":
                found.setdefault(path.name, path)
    return [path for _, path in sorted(found.items()) if not _masked(path)]


def _masked(path: Path) -> bool:
    return os.path.islink(path) and os.readlink(path) == os.devnull


def _enabled(reader: Reader, timer: str) -> bool:
    folders = (folder for units in _UNITS for folder in reader.inside(reader.root / units))
    return any(os.path.lexists(folder / timer) for folder in folders if folder.suffix in (".wants", ".requires"))


def _started(unit: str) -> Iterator[str]:
    """Yield the programs of the lines ``ExecStart`` that renew. An empty one takes back those before it."""
    lines: list[str] = []
    for line in re.findall(r"^ExecStart *= *[-@:+!]*(.*)$", unit.replace("\\\n", " "), re.MULTILINE):
        lines = [*lines, line] if line.strip() else []
    for line in lines:
        yield from programs(line)
