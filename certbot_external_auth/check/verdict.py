"""What the whole trial came to, in words. Pure functions."""

from __future__ import annotations

from certbot_external_auth.challenges import Challenge
from certbot_external_auth.check.patience import Wanted
from certbot_external_auth.check.results import Both, Level, Stays, Summary
from certbot_external_auth.check.steps import TWO_VALUES
from certbot_external_auth.check.wording import TITLES
from certbot_external_auth.text import counted, one_line


def verdict(summary: Summary) -> str:
    """Say how many steps ended how, and whether the handler can be used."""
    counts = [_counted(summary.count(level), level) for level in Level if summary.count(level)]
    if summary.interrupted is not None:
        return _interrupted(summary, ", ".join(counts))
    if not counts:
        return "No step was tried."
    return f"{', '.join(counts)}: {_use(summary)}."


def _interrupted(summary: Summary, counts: str) -> str:
    during = summary.during
    what = "the check" if during is None else f"the step '{TITLES[during.step]}', {_WHILE[during.wanted]}"
    before = f" Before it: {counts}." if counts else ""
    return f"{summary.interrupted} interrupted {what}.{before} Whether this handler can be used is not known."


_WHILE = {
    Wanted.HANDLER: "while the handler was working",
    Wanted.SERVERS: "while the check waited for the servers to show the change",
}


def _use(summary: Summary) -> str:
    one_only = summary.works.both is Both.NO
    if summary.ok:
        return "this handler can be used" + (", but not for a name together with its wildcard" if one_only else "")
    if summary.only_two_values_fail:
        return "this handler can be used for one name, but not together with its wildcard"
    if summary.uncalled:
        return "the handler was not called, so whether it can be used is not known"
    return "this handler cannot be used yet"


def works(summary: Summary) -> tuple[str, ...]:
    """Say what works and what does not, unless everything does."""
    found = summary.works
    if found.both in (None, Both.YES) and found.stays in (None, Stays.NOTHING):
        return ()
    lines = [f"one name, or one wildcard: {'yes' if found.single else 'no'}"]
    if found.both is not None:
        lines.append(f"a name together with its wildcard: {_BOTH[found.both].format(_why(summary))}")
    if found.stays is not None:
        lines.append(f"what stays afterwards: {_STAYS[found.stays].format(_shown(summary))}")
    return tuple(lines)


ROUTE = {
    Level.PASSED: " can be used",
    Level.FAILED: " cannot be used yet",
    Level.SKIPPED: " was not tried: give --domain a name that it is for",
}
"""What is said of a route."""
_BOTH = {
    Both.YES: "yes",
    Both.CHAIN: "only with --external-auth-hook-chain yes",
    Both.NO: "no, because {}; two certificates work, and so does delegation (CNAME) to a zone that can have both",
}
_STAYS = {
    Stays.NOTHING: "nothing",
    Stays.PLACEHOLDER: "the text {}, which the CA ignores",
    Stays.MAKES_ROOM: "the last values, until the next ones take their place",
    Stays.COLLECTS: "more with every certificate",
}


def _why(summary: Summary) -> str:
    failed = any(result.failures for result in summary.results if result.key in TWO_VALUES)
    return "the handler fails at the second value" if failed else "only one of two values stood at the name"


def _shown(summary: Summary) -> str:
    return ", ".join(f'"{one_line(value)}"' for value in summary.placeholders)


def left(challenge: Challenge, makes_room: bool = False) -> str:
    """Say what may still be published. :param makes_room: until the next value takes its place."""
    if makes_room:
        return f"This stays until the next value takes its place: {challenge.description}"
    return f"This may still be published; remove it by hand: {challenge.description}"


def _counted(count: int, level: Level) -> str:
    return counted(count, level.value) if level is Level.WARNING else f"{count} {level.value}"
