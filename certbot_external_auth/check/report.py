"""A rehearsal as lines for a person, or as JSON for a machine."""

from __future__ import annotations

import dataclasses
import os
import shutil
import sys
import textwrap
from dataclasses import dataclass
from typing import Any, TextIO

from certbot_external_auth import documents
from certbot_external_auth.check.results import Level, Result, passed
from certbot_external_auth.check.setting import Setting

_MARKS = {Level.PASSED: "✓", Level.WARNING: "!", Level.FAILED: "✗", Level.SKIPPED: "-"}
_ASCII_MARKS = {Level.PASSED: "ok  ", Level.WARNING: "warn", Level.FAILED: "FAIL", Level.SKIPPED: "skip"}


@dataclass(frozen=True)
class Summary:
    """:ivar left: what may still be published. :ivar interrupted: the signal that ended it, or None."""

    results: tuple[Result, ...]
    left: tuple[str, ...] = ()
    interrupted: str | None = None

    @property
    def ok(self) -> bool:
        return passed(self.results) and not self.left and self.interrupted is None

    def count(self, level: Level) -> int:
        return sum(one.level is level for one in self.results)


class Report:
    """Writes to a file, line by line; if nobody reads any more, the rehearsal goes on to its end.

    :ivar lost: why a part of it could not be written, if somebody would have read it.
    """

    def __init__(self, file: TextIO | None = None) -> None:
        self._file = file or sys.stdout
        self.lost = ""

    def begin(self, setting: Setting) -> None:
        raise NotImplementedError

    def step(self, result: Result) -> None:
        raise NotImplementedError

    def note(self, text: str) -> None:
        raise NotImplementedError

    def end(self, summary: Summary) -> None:
        raise NotImplementedError

    def _line(self, text: str) -> None:
        encoding = self._file.encoding or "utf-8"
        try:
            print(text.encode(encoding, "replace").decode(encoding), file=self._file, flush=True)
        except OSError as error:
            documents.give_up(self._file)
            # Who closes a pipe has seen enough.
            if not isinstance(error, BrokenPipeError):
                self.lost = error.strerror or str(error)


class JsonReport(Report):
    """One object a line; see docs/check.md."""

    def begin(self, setting: Setting) -> None:
        pass

    def step(self, result: Result) -> None:
        line: dict[str, Any] = {
            "kind": "step",
            "step": result.key,
            "title": result.title,
            "result": result.level.value,
            "expected": result.expected,
            "seen": result.seen,
            "reasons": list(result.reasons),
            "change": result.change,
            "output": list(result.output),
            "observations": [
                {**dataclasses.asdict(one), "outcome": one.outcome.value, "seconds": round(one.seconds, 3)}
                for one in result.observations
            ],
            "seconds": round(result.seconds, 3),
        }
        self._line(documents.text(line, indent=None))

    def note(self, text: str) -> None:
        pass

    def end(self, summary: Summary) -> None:
        counts = {level.value: summary.count(level) for level in Level}
        line = {"kind": "summary", "ok": summary.ok, **counts, "left": summary.left, "interrupted": summary.interrupted}
        self._line(documents.text(line, indent=None))


class TextReport(Report):
    """A mark and a line for each step; what is not as it should be has some more."""

    def __init__(self, file: TextIO | None = None) -> None:
        super().__init__(file)
        self._marks = _MARKS if _can_show(self._file, "".join(_MARKS.values())) else _ASCII_MARKS
        self._width = max(40, min(120, shutil.get_terminal_size((100, 24)).columns))

    def begin(self, setting: Setting) -> None:
        dialect = setting.context.settings.dialect
        chain = ", with chains" if setting.context.settings.hook_chain else ""
        handler = " ".join(setting.context.words)
        self._line(f"{handler}, dialect {dialect}{chain}: {setting.challenge_type} at {setting.place}")

    def step(self, result: Result) -> None:
        mark = self._marks[result.level]
        if result.level is Level.SKIPPED:
            return self._line(f"{mark} {result.title}: not tried")
        if result.level is Level.PASSED:
            return self._line(f"{mark} {result.title}: {result.expected}{_where(result)}")
        self._line(f"{mark} {result.title}")
        reasons = " ".join(result.reasons)
        for name, text in (
            ("expected", result.expected),
            ("seen", result.seen),
            ("reason", reasons),
            ("change", result.change),
        ):
            if text:
                self._paragraph(f"{name}:", text)
        for line in result.output:
            self._line(f"      | {line}")
        return None

    def note(self, text: str) -> None:
        self._line(text)

    def end(self, summary: Summary) -> None:
        counts = ", ".join(_counted(summary.count(level), level) for level in Level if summary.count(level))
        judged = "this handler can be used" if summary.ok else "not yet"
        self._line(f"{counts}: {judged}." if counts else "Nothing was tried.")
        for one in summary.left:
            self._line(f"This may still be there, remove it by hand: {one}")

    def _paragraph(self, name: str, text: str) -> None:
        self._line(
            "\n".join(
                textwrap.wrap(
                    text,
                    self._width,
                    initial_indent=f"    {name:<10}",
                    subsequent_indent=" " * 14,
                    break_long_words=False,
                    break_on_hyphens=False,
                )
            )
        )


def _counted(count: int, level: Level) -> str:
    plural = "s" if level is Level.WARNING and count > 1 else ""
    return f"{count} {level.value}{plural}"


def _where(result: Result) -> str:
    places = {one.address for one in result.observations if one.address}
    return (
        f" (asked {', '.join(sorted(places))})"
        if 0 < len(places) < 3
        else f" (asked {len(places)} addresses)" * bool(places)
    )


def _can_show(file: TextIO, text: str) -> bool:
    if os.environ.get("TERM") == "dumb":
        return False
    try:
        text.encode(file.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True
