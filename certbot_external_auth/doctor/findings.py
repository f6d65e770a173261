"""What does not fit together on a host: pure conclusions from what was found."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from certbot_external_auth.doctor.entries import Schedule
from certbot_external_auth.doctor.installations import Installation


class Kind(enum.Enum):
    """What is wrong."""

    NO_CERTBOT = enum.auto()
    NO_PLUGIN = enum.auto()
    ONLY_STRANGE_PLUGIN = enum.auto()
    """Another user can change every Certbot that has the plugin, and no schedule starts one of them."""
    SCHEDULE_WITHOUT_PLUGIN = enum.auto()
    SCHEDULE_UNKNOWN = enum.auto()
    SCHEDULE_GONE = enum.auto()
    NO_SCHEDULE = enum.auto()
    TWO_SCHEDULES = enum.auto()
    TWO_CERTBOTS = enum.auto()


BROKEN = frozenset(
    {
        Kind.NO_CERTBOT,
        Kind.NO_PLUGIN,
        Kind.ONLY_STRANGE_PLUGIN,
        Kind.SCHEDULE_WITHOUT_PLUGIN,
        Kind.SCHEDULE_GONE,
        Kind.NO_SCHEDULE,
    }
)
"""With one of these, certificates of this plugin are not renewed."""


@dataclass(frozen=True)
class Finding:
    """:ivar schedules: the entries that it is about.
    :ivar installation: the Certbot that it is about.
    :ivar better: a Certbot that has the plugin.
    :ivar lineages: the certificates that are not renewed because of it.
    """

    kind: Kind
    schedules: tuple[Schedule, ...] = ()
    installation: Installation | None = None
    better: Installation | None = None
    lineages: tuple[str, ...] = ()


def conclude(
    installations: Sequence[Installation], schedules: Sequence[Schedule], lineages: Sequence[str]
) -> list[Finding]:
    """Return what is wrong, the worst first.

    :param installations: in the order of PATH.
    :param lineages: the certificates whose renewal files name this plugin.
    """
    if not installations:
        return [Finding(Kind.NO_CERTBOT)]
    active = [schedule for schedule in schedules if schedule.active]
    started = {started_by(schedule, installations) for schedule in active}
    # Root must not be told to start what another user can change, unless a schedule does so already.
    own = [each for each in installations if not each.strange or each in started]
    better = next((each for each in own if each.plugin is not None), None)
    first = next(iter(own), None)
    missing = Kind.ONLY_STRANGE_PLUGIN if any(each.plugin for each in installations) else Kind.NO_PLUGIN
    found = [] if better else [Finding(missing, installation=first, lineages=tuple(lineages))]
    for schedule in active:
        found += _of_schedule(schedule, installations, better, lineages)
    if not active:
        best = better or first
        resting = tuple(each for each in schedules if best and started_by(each, installations) is best)
        found.append(Finding(Kind.NO_SCHEDULE, resting, better=best, lineages=tuple(lineages)))
    if len(started) > 1:
        found.append(Finding(Kind.TWO_SCHEDULES, tuple(active), better=better))
    elif len(installations) > 1:
        found.append(Finding(Kind.TWO_CERTBOTS, installation=installations[0], better=better))
    return sorted(found, key=lambda finding: finding.kind.value)


def started_by(schedule: Schedule, installations: Iterable[Installation]) -> Installation | None:
    """Return the Certbot that an entry starts; None if it is not there."""
    return next((each for path in schedule.paths() for each in installations if each.is_started_by(path)), None)


def _of_schedule(
    schedule: Schedule, installations: Sequence[Installation], better: Installation | None, lineages: Sequence[str]
) -> Iterator[Finding]:
    started = started_by(schedule, installations)
    if started is None:
        yield Finding(Kind.SCHEDULE_GONE, (schedule,), better=better, lineages=tuple(lineages))
    elif not started.readable:
        yield Finding(Kind.SCHEDULE_UNKNOWN, (schedule,), started, better)
    elif started.plugin is None and any(each.plugin for each in installations):
        yield Finding(Kind.SCHEDULE_WITHOUT_PLUGIN, (schedule,), started, better, tuple(lineages))
