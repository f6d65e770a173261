"""What runs and rehearsals note about certificates: the content of the state file. Pure functions."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

VERSION = 1
OK = "ok"
"""The code of an attempt that succeeded."""


@dataclass(frozen=True)
class Entry:
    """What is noted about one certificate. Times are in seconds since 1970.

    :ivar config_dir: Certbot's configuration directory.
    :ivar attempt: when Certbot last tried to issue or renew it.
    :ivar code: how that ended: `OK`, or a code of `error_codes.CODES`.
    :ivar visibility: after how many seconds of that attempt everything was visible.
    :ivar rehearsal: when its renewal was last rehearsed.
    :ivar rehearsed: whether that found nothing that would make it fail.
    :ivar persist_until: when its first record of dns-persist-01 ends.
    """

    config_dir: str
    attempt: float | None = None
    code: str = ""
    visibility: float | None = None
    rehearsal: float | None = None
    rehearsed: bool | None = None
    persist_until: float | None = None


_FIELDS = {field.name: field for field in dataclasses.fields(Entry)}
_MAX_NUMBER = 2**53
"""A greater one is not a time, and Prometheus does not have each of them."""
_NUMBERS = ("attempt", "visibility", "rehearsal", "persist_until")


@dataclass(frozen=True)
class Change:
    """New values for a certificate; the others stay.

    :ivar values: by the name of a field of `Entry`.
    """

    lineage: str
    config_dir: str
    values: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def changed(entries: Mapping[str, Entry], changes: Sequence[Change]) -> dict[str, Entry]:
    """Return the entries with new values."""
    found = dict(entries)
    for change in changes:
        before = found.get(change.lineage)
        if before is None or before.config_dir != change.config_dir:
            before = Entry(change.config_dir)
        found[change.lineage] = dataclasses.replace(before, **change.values)
    return found


def content(entries: Mapping[str, Entry]) -> dict[str, Any]:
    """Return what the state file has."""
    return {"version": VERSION, "lineages": {name: dataclasses.asdict(one) for name, one in sorted(entries.items())}}


def entries(value: object) -> dict[str, Entry]:
    """Return the entries of a state file; none where it is damaged, since the next attempts note all again."""
    lineages = value.get("lineages") if isinstance(value, dict) and value.get("version") == VERSION else None
    found = lineages.items() if isinstance(lineages, dict) else ()
    return {name: entry for name, one in found if (entry := _entry(one)) is not None}


def _entry(value: object) -> Entry | None:
    if not isinstance(value, dict) or not isinstance(value.get("config_dir"), str):
        return None
    known = {name: one for name, one in value.items() if name in _FIELDS and one is not None}
    return Entry(**known) if all(_fits(name, one) for name, one in known.items()) else None


def _fits(name: str, value: object) -> bool:
    if name in _NUMBERS:
        # Not NaN either, which is neither more nor less than any number.
        return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < _MAX_NUMBER
    return isinstance(value, bool) if name == "rehearsed" else isinstance(value, str)
