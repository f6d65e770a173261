"""The verb `doctor`: list every Certbot, plugin and schedule of the host, and what does not fit. It changes nothing."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from certbot_external_auth.console import certbot_folders, documents
from certbot_external_auth.doctor import entries, findings, installations, renewals, schedules, wording
from certbot_external_auth.text import clean, printable

EPILOG = "Exit code: 0 if certificates of this plugin will be renewed, 1 if not, 2 for wrong use."


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's flags."""
    parser.epilog = EPILOG
    certbot_folders.arguments(parser, "config-dir")


def main(given: argparse.Namespace) -> int:
    """Look, print, and return the exit code.

    :raises UsageError: if the directory that is given does not exist.
    """
    config_dir, _ = certbot_folders.existing({"config-dir": given.config_dir})
    # The Certbot of the environment that this command belongs to may be on nobody's PATH.
    searched = [*os.environ.get("PATH", os.defpath).split(os.pathsep), os.path.dirname(sys.executable)]
    report = look(Path("/"), searched, Path(config_dir))
    documents.put("\n".join(clean(printable(line)) for line in report.lines()), "The report")
    return 1 if any(finding.kind in findings.BROKEN for finding in report.findings) else 0


@dataclass(frozen=True)
class Report:
    """What was found on a host."""

    installations: Sequence[installations.Installation]
    schedules: schedules.Found
    renewals: renewals.Renewals
    config_dir: Path
    closed: Sequence[str] = ()

    @property
    def findings(self) -> list[findings.Finding]:
        """What does not fit."""
        return findings.conclude(self.installations, self.schedules.schedules, self.renewals.names)

    def lines(self) -> Iterator[str]:
        """Yield the lines of the report."""
        yield "Certbots:"
        yield from self._listed(wording.described(each) for each in self.installations)
        yield "What renews:"
        yield from self._listed(_scheduled(each) for each in self.schedules.schedules)
        yield f"Certificates in {self.config_dir} that need the plugin:"
        yield from self._listed(self.renewals.names)
        unreadable = (*self.closed, *self.schedules.unreadable, *self.renewals.unreadable)
        if unreadable:
            yield "Could not be read, so there may be more:"
            yield from self._listed(unreadable)
        yield ""
        for finding in self.findings:
            yield from f"- {wording.sentence(finding)}".replace("\n", "\n  ").split("\n")
        if not self.findings:
            yield "Everything fits: one Certbot, with the plugin, and a schedule that renews with it."

    @staticmethod
    def _listed(lines: Sequence[str] | Iterator[str]) -> Iterator[str]:
        return (f"  {line}" for line in (list(lines) or ["none"]))


def look(root: Path, search_path: Sequence[str], config_dir: Path) -> Report:
    """Read what a host has. :param root: the root directory; another one than ``/`` in tests."""
    found = schedules.find(root)
    started = [path for schedule in found.schedules for path in schedule.paths()]
    return Report(
        installations.find(root, search_path, started),
        found,
        renewals.find(config_dir),
        config_dir,
        installations.closed(root),
    )


def _scheduled(each: entries.Schedule) -> str:
    resting = "" if each.active else " (does not run: not enabled, no cron, or the other one does)"
    return f"{each.place}: {each.command}{resting}"
