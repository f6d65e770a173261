"""The two forms in which the stream writes its lines: protocol 1, and protocol 0 of the plugin of 2016-2020."""

from __future__ import annotations

import datetime
from typing import Protocol

from certbot_external_auth import text
from certbot_external_auth.protocol import lines
from certbot_external_auth.protocol.lines import Line


class Form(Protocol):
    """What differs between the protocols when a line is written."""

    def written(self, line: Line) -> Line | None:
        """Return the line as the driver gets it, None if the protocol does not have such a line."""


class Numbered:
    """Protocol 1: every line has a number, the id of the run and the time."""

    def __init__(self, run: str) -> None:
        """:param run: id of the run."""
        self._run = run
        self._sequence = 0

    def written(self, line: Line) -> Line | None:
        if line["cmd"] == "report" and not line["messages"]:
            return None
        self._sequence += 1
        now = datetime.datetime.now(datetime.timezone.utc)
        return {**line, "seq": self._sequence, "run": self._run, "ts": text.rfc3339(now)}


class Historic:
    """Protocol 0: only the lines and fields of 2016."""

    def written(self, line: Line) -> Line | None:
        return lines.historic(line) if line["cmd"] in lines.HISTORIC_COMMANDS else None
