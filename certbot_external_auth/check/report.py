"""Prints a trial as lines for a person, or as JSON for a program. `wording` has the sentences."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Mapping
from typing import Any, TextIO

from certbot_external_auth.check import verdict, wording
from certbot_external_auth.check.command_line import Setting
from certbot_external_auth.check.patience import Waiting
from certbot_external_auth.check.results import Level, Result, Stays, Summary
from certbot_external_auth.console import documents, terminal_lines
from certbot_external_auth.visibility import Observation

_MARKS = {Level.PASSED: "✓", Level.WARNING: "!", Level.FAILED: "✗", Level.SKIPPED: "-"}
_ASCII_MARKS = {Level.PASSED: "ok  ", Level.WARNING: "warn", Level.FAILED: "FAIL", Level.SKIPPED: "skip"}
MIN_WIDTH_COLUMNS, MAX_WIDTH_COLUMNS = 40, 120


class Report:
    """Writes to a file, line by line. If a line cannot be written, the trial continues without a report.

    :ivar lost: why part of the report could not be written; empty if all was, or if the reader closed the pipe.
    """

    def __init__(self, file: TextIO | None = None) -> None:
        """Write to `file`; None is stdout."""
        self._file = file or sys.stdout
        self.lost = ""

    def begin(self, setting: Setting) -> None:
        """Take what is going to be tried."""
        raise NotImplementedError

    def step(self, result: Result) -> None:
        """Take how a step ended."""
        raise NotImplementedError

    def waiting(self, waiting: Waiting) -> None:
        """Take that something takes long. The trial may call this from another thread, while it waits itself."""

    def cleaning(self, signal_name: str | None) -> None:
        """Take that everything still published is being removed.

        :param signal_name: of the signal that ended the steps, None if none did.
        """
        raise NotImplementedError

    def end(self, summary: Summary) -> None:
        """Take what the whole trial came to."""
        raise NotImplementedError

    def route(self, name: str, line: int) -> None:
        """Take which route is going to be tried. :param line: where its section begins in the file."""
        raise NotImplementedError

    def routes(self, results: Mapping[str, Level], interrupted: str | None) -> None:
        """Take what the routes came to, each by its name: passed, failed, or skipped if none of its names is known."""
        raise NotImplementedError

    def _line(self, text: str) -> None:
        encoding = self._file.encoding or "utf-8"
        try:
            print(text.encode(encoding, "replace").decode(encoding), file=self._file, flush=True)
        except OSError as error:
            documents.give_up(self._file)
            # A reader that closes the pipe wants no more; any other error is worth an exit code.
            if not isinstance(error, BrokenPipeError):
                self.lost = error.strerror or str(error)


class JsonReport(Report):
    """Prints one JSON object per line; docs/check.md describes them."""

    _route: str | None = None

    def begin(self, setting: Setting) -> None:
        """Print nothing."""

    def step(self, result: Result) -> None:
        """Print the step's line."""
        line: dict[str, Any] = {
            "kind": "step",
            "step": result.key,
            "title": wording.TITLES[result.key],
            "result": result.level.value,
            "expected": wording.EXPECTED[result.key],
            "seen": wording.seen(result),
            "reasons": list(wording.reasons(result)),
            "change": wording.change(result),
            "output": list(result.output),
            "observations": [_object(observation) for observation in result.sight.observations] if result.sight else [],
            "seconds": round(result.seconds, 3),
        }
        self._print(line)

    def cleaning(self, signal_name: str | None) -> None:
        """Print nothing."""

    def end(self, summary: Summary) -> None:
        """Print the last line."""
        line = {
            "kind": "summary",
            "ok": summary.ok,
            **{level.value: summary.count(level) for level in Level},
            "left": [challenge.description for challenge in summary.left],
            "interrupted": summary.interrupted,
            "during": None if summary.during is None else summary.during.step,
            "single": summary.works.single,
            "with_wildcard": None if summary.works.both is None else summary.works.both.value,
            "stays": None if summary.works.stays is None else summary.works.stays.value,
        }
        self._print(line)

    def route(self, name: str, line: int) -> None:
        """Name the route in each of its lines."""
        self._route = name

    def routes(self, results: Mapping[str, Level], interrupted: str | None) -> None:
        """Print the last line."""
        self._route = None
        ok = Level.FAILED not in results.values() and interrupted is None
        by_name = {name: level.value for name, level in results.items()}
        self._print({"kind": "routes", "ok": ok, "interrupted": interrupted, "routes": by_name})

    def _print(self, line: Mapping[str, Any]) -> None:
        more = {} if self._route is None else {"route": self._route}
        self._line(documents.text({**line, **more}, indent=None))


class TextReport(Report):
    """Prints a mark and a line for each step, and a few more lines for each that did not pass."""

    def __init__(self, file: TextIO | None = None) -> None:
        """Write to `file`; None is stdout."""
        super().__init__(file)
        self._marks = _MARKS if _can_show(self._file, "".join(_MARKS.values())) else _ASCII_MARKS
        self._provider = False
        self._width = max(MIN_WIDTH_COLUMNS, min(MAX_WIDTH_COLUMNS, shutil.get_terminal_size((100, 24)).columns))

    def begin(self, setting: Setting) -> None:
        """Print the heading."""
        settings = setting.context.settings
        self._provider = settings.provider is not None
        chain = ", with chains" if settings.hook_chain else ""
        handler = f"{' '.join(setting.context.words)}, dialect {settings.dialect}{chain}"
        if settings.provider is not None:
            handler = f"provider {settings.provider}"
        first = f" (the first of {setting.others + 1} names)" if setting.others else ""
        self._said(f"{handler}: {setting.challenge_type} at {setting.place}{first}")

    def step(self, result: Result) -> None:
        """Print the step."""
        mark, title, expected = self._marks[result.level], wording.TITLES[result.key], wording.EXPECTED[result.key]
        if result.level is Level.SKIPPED:
            self._said(f"{mark} {title}: not tried")
        elif result.level is Level.PASSED:
            self._said(f"{mark} {title}: {expected}{wording.asked(result)}")
        else:
            self._said(f"{mark} {title}")
            self._paragraph("expected", expected)
            self._paragraph("seen", wording.seen(result))
            self._paragraph("reason", " ".join(wording.reasons(result)))
            self._paragraph("change", wording.change(result))
            for line in result.output:
                self._line(f"      | {line}")

    def waiting(self, waiting: Waiting) -> None:
        """Print what is waited for."""
        self._wrapped("  … ", wording.waiting(waiting))

    def cleaning(self, signal_name: str | None) -> None:
        """Print why the report pauses."""
        self._said(f"{f'{signal_name}: removing' if signal_name else 'Removing'} everything that is still published …")

    def end(self, summary: Summary) -> None:
        """Print the verdict, and what may be left."""
        self._wrapped("", verdict.verdict(summary))
        for line in verdict.works(summary):
            self._wrapped("    ", line)
        for challenge in summary.left:
            self._said(verdict.left(challenge, summary.works.stays is Stays.MAKES_ROOM))

    def route(self, name: str, line: int) -> None:
        """Print a heading."""
        self._line(f"== [{name}], line {line}")

    def routes(self, results: Mapping[str, Level], interrupted: str | None) -> None:
        """Print a line for each route."""
        self._line("== all routes")
        for name, level in results.items():
            self._said(f"{self._marks[level]} [{name}]{verdict.ROUTE[level]}")

    def _said(self, text: str) -> None:
        self._line(terminal_lines.for_stream(self._named(text), self._file))

    def _named(self, text: str) -> str:
        """Say provider in place of handler, if one is tried: to a trial both are the same."""
        return text.replace("handler", "provider") if self._provider else text

    def _paragraph(self, label: str, text: str) -> None:
        if text:
            self._wrapped(f"    {label + ':':<10}", self._named(text))

    def _wrapped(self, first: str, text: str) -> None:
        """Print a text in lines, behind each other. :param first: what is in front of it."""
        lines = textwrap.wrap(
            text,
            self._width,
            initial_indent=first,
            subsequent_indent=" " * len(first),
            break_long_words=False,
            break_on_hyphens=False,
        )
        self._line("\n".join(lines))


def _object(observation: Observation) -> dict[str, Any]:
    return {
        "place": observation.place,
        "server": observation.server,
        "address": observation.address,
        "outcome": observation.outcome.value,
        "seen": observation.seen,
        "seconds": round(observation.seconds, 3),
        "detail": observation.detail,
        "asked": observation.asked,
        "zone": observation.zone,
    }


def _can_show(file: TextIO, text: str) -> bool:
    if os.environ.get("TERM") == "dumb":
        return False
    try:
        text.encode(file.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True
