"""The verb `persist`: print the records of dns-persist-01, or say whether they stand. It makes no order."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

from certbot_external_auth.console import documents, terminal_lines
from certbot_external_auth.persist import command_line, formats, looking, making, renewals, report


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's flags."""
    command_line.arguments(parser)


def main(given: argparse.Namespace) -> int:
    """Print, and return the exit code.

    :raises UsageError: for wrong use.
    """
    now = int(time.time())
    try:
        setting = command_line.read(given, now)
        return _told(setting, making.entries(setting), now)
    except renewals.NotMadeError as error:
        terminal_lines.complain(str(error))
        return 1
    except KeyboardInterrupt:
        return 130


def _told(setting: command_line.Setting, entries: Sequence[making.Entry], now: int) -> int:
    """Print what was asked for."""
    found = None
    if setting.look:
        found = looking.look(entries, setting.nameservers, now, making.others(setting.config_dir))
    if setting.shape == "json":
        documents.tell(report.document(entries, found, now))
    elif found is not None:
        documents.put("\n".join(report.lines(found, now)), "The report")
    else:
        write = formats.FORMATS[setting.shape]
        assert write is not None
        documents.put("\n".join(write(report.grouped(entries), setting.zones)), "The records")
    return _code([] if found is None else [each.state for each in found])


def _code(states: Sequence[looking.State]) -> int:
    """Return the exit code: a record that is wrong counts more than one that is not known."""
    if looking.State.WRONG in states:
        return 1
    return 3 if looking.State.UNKNOWN in states else 0
