"""The handler's command line: from what was typed to absolute words, and to the text kept for renewal."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Sequence

from certbot_external_auth.errors import UsageError

SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""PATH of last resort: cron and systemd start Certbot with little or none."""


def split(text: str, flag: str) -> list[str]:
    """Split as a POSIX shell would, expanding nothing.

    :raises UsageError: if a quotation mark is not closed.
    """
    try:
        return shlex.split(text)
    except ValueError as error:
        raise UsageError([f"{flag}: {text!r} cannot be split into words ({error}); close the quotation."]) from None


def resolve_typed(text: str, flag: str, cwd: str, search_path: str | None) -> list[str]:
    """Words of a command as somebody typed it, every file among them absolute.

    A value that names an existing file is the handler; else it is split as a shell would, its first word looked
    up on PATH, and every later word that names an existing file made absolute.

    :raises UsageError: if the quotation is broken.
    """
    if "\0" in text:
        raise UsageError([f"{flag}: there is a NUL in {text!r}, which no command line can have; remove it."])
    whole = os.path.join(cwd, os.path.expanduser(text))
    if os.path.exists(whole):
        return [os.path.normpath(whole)]
    words = split(text, flag)
    if not words:
        return [text]
    return [program(words[0], cwd, search_path), *(_argument(word, cwd) for word in words[1:])]


def program(word: str, cwd: str, search_path: str | None) -> str:
    """A program's name made absolute: looked up on PATH, or from a folder if it has a slash."""
    word = os.path.expanduser(word)
    if os.sep not in word:
        found = shutil.which(word, path=search_path or SEARCH_PATH)
        if found:
            return os.path.normpath(os.path.join(cwd, found))
    return os.path.normpath(os.path.join(cwd, word))


def _argument(word: str, cwd: str) -> str:
    path = os.path.join(cwd, word)
    return os.path.normpath(path) if word and os.path.isfile(path) else word


def keep(words: Sequence[str]) -> str:
    """The text for the renewal file; `shlex.split` gives the words back.

    Certbot's renewal file expands ``%(name)s`` when it is read, and takes three quotation marks in a row for the end of
    a value, so both are broken up by quotation marks, which splitting removes again.
    """
    # A word with a parenthesis or a quotation mark is always quoted, so this closes the quotation and opens it again;
    # and what shlex writes never holds three single quotation marks in a row.
    return re.sub(r'""(?=")', "\"\"''", shlex.join(words).replace("%(", "%''("))


def unkeepable(text: str) -> bool:
    """Whether a plain value (a path) would not come back from Certbot's renewal file as it was."""
    return "%(" in text or "'''" in text or '"""' in text or "\n" in text or text != text.strip()
