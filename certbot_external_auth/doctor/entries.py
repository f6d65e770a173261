"""One entry that renews: what a command line starts, and where a program without a directory is looked for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

SEARCHED = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/snap/bin")
"""Where systemd and cron look for a program that is named without its directory."""
_DIRECTORY = r"(?:/[\w./@+%-]*/)?"
_BEFORE, _AFTER = r"(?<![\w./%-])", r"(?![\w./-])"
_CERTBOT = re.compile(rf"{_BEFORE}(?P<program>{_DIRECTORY}certbot(?:-auto)?){_AFTER}[^\n;|&]*\brenew\b([^\n;|&]*)")
_QUOTED = re.compile(r"""(["'])(?P<program>/[^"'\n]*/certbot(?:-auto)?)\1[^\n;|&]*\brenew\b([^\n;|&]*)""")
"""A path with a blank."""
_PYTHON = re.compile(rf"{_BEFORE}({_DIRECTORY})python[\d.]*(?: +-[A-Za-z]+)* +-m +certbot{_AFTER}")
"""A Python that runs the module: pip puts the program beside it."""
_SNAP = re.compile(rf"{_BEFORE}{_DIRECTORY}snap +run(?: +-\S+)* +certbot(?:\.(?=renew\b)|(?= ))")
"""What snapd's own timer starts."""


@dataclass(frozen=True)
class Schedule:
    """One entry that runs ``certbot renew``.

    :ivar place: the timer's name, or the file of cron's.
    :ivar command: the program it starts, as it is written there; without a slash if it is looked up in PATH.
    :ivar active: whether it runs on this host, as far as the files say.
    :ivar can_be_enabled: whether it is a timer that systemd would run, if an administrator enabled it.
    :ivar searched: the directories in which it is looked up.
    """

    place: str
    command: str
    active: bool
    searched: tuple[str, ...] = SEARCHED
    can_be_enabled: bool = False

    def paths(self) -> tuple[str, ...]:
        """Return where the program may be, in the order in which it is looked for."""
        if "/" in self.command:
            return (self.command,)
        return tuple(f"{folder.rstrip('/')}/{self.command}" for folder in self.searched)


def programs(line: str) -> Iterator[str]:
    """Yield the Certbots that a command line starts in order to renew."""
    plain = _SNAP.sub("/snap/bin/certbot ", _PYTHON.sub(r"\1certbot", _QUOTED.sub("", line)))
    for match in (*_QUOTED.finditer(line), *_CERTBOT.finditer(plain)):
        if "--dry-run" not in match[0]:
            yield match["program"]
