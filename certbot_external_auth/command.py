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
LAUNCHERS = (
    *("chrt", "doas", "env", "ionice", "nice", "nohup", "runuser", "setpriv", "setsid", "stdbuf", "su", "sudo"),
    *("systemd-run", "timeout"),
)
"""Programs that start the one that is named behind them."""
# The first plain word of these is a user.
_OF_A_USER = ("runuser", "su")
_NUMBER = re.compile(r"[0-9.]+[smhd]?")
# What is quoted, and what a shell makes more of than characters: outside, and within double quotation marks.
_EXPANDED = r"\$\w+|\$[{(]|`"
_WRITTEN = re.compile(rf"""'[^']*'|\\.|"((?:[^"\\]|\\.)*)"|([|&;<>()]+|{_EXPANDED})""", re.DOTALL)


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
    up on PATH, and every later word that names an existing file made absolute; what `started` finds is looked up too.

    :raises UsageError: if the quotation is broken, or it is written for a shell, which would make something else of it.
    """
    if "\0" in text:
        raise UsageError([f"{flag}: there is a NUL in {text!r}, which no command line can have; remove it."])
    whole = os.path.join(cwd, os.path.expanduser(text))
    if os.path.exists(whole):
        return [_normal(whole)]
    words = split(text, flag)
    if not words:
        return [text]
    _refuse_shell(text, words[0], flag)
    words = [program(words[0], cwd, search_path), *(_argument(word, cwd) for word in words[1:])]
    for place in started(words)[0][1:]:
        words[place] = _on_path(words[place], cwd, search_path) or words[place]
    return words


def _refuse_shell(text: str, first: str, flag: str) -> None:
    sign = _sign(text)
    if sign is not None:
        raise UsageError(
            [
                f"{flag}: {sign} is for a shell, and the handler is started without one; put the command line into a "
                f"script and name that, or quote {sign} if it is meant as it is (dialect certbot: sh -c '…' will do)."
            ]
        )
    from certbot_external_auth.text import is_variable

    name, equals, _ = first.partition("=")
    if equals and is_variable(name):
        raise UsageError(
            [
                f"{flag}: only a shell takes {name}=… in front for a variable; put it into a file for "
                "--external-auth-env-file, or, if it is no secret, write env in front of it."
            ]
        )


def _sign(text: str) -> str | None:
    """What only a shell takes for more than characters; the rest of a command line may hold secrets."""
    for found in _WRITTEN.finditer(text):
        inside = re.search(rf"(?<!\\)(?:{_EXPANDED})", found[1]) if found[1] else None
        if found[2] or inside:
            return found[2] or (inside[0] if inside else None)
    return None


def started(words: Sequence[str]) -> tuple[list[int], bool]:
    """Places of the programs that a command line starts one behind the other: sudo, nice, the handler.

    A plain word behind an option may be the option's value, which only each program knows; so the program is then only
    a file that is named with its full path.

    :returns: the places, and whether the last one is the handler's own; it is not known else.
    """
    places = [0]
    while os.path.basename(words[places[-1]]) in LAUNCHERS:
        behind = _behind(words, places[-1])
        if behind is None:
            return places, False
        places.append(behind)
    return places, True


def _behind(words: Sequence[str], launcher: int) -> int | None:
    """The place of the word that a launcher starts; None if that is open."""
    open_, option = os.path.basename(words[launcher]) in _OF_A_USER, ""
    for place, word in enumerate(words[launcher + 1 :], launcher + 1):
        if word.startswith("-"):
            # Those that end in a number, or have a "=", have their value with them.
            option = "" if word == "--" or "=" in word or word[-1].isdigit() else word
        elif word.startswith("PATH="):
            open_ = True
        elif "=" in word or _NUMBER.fullmatch(word):
            option = ""
        elif os.path.isabs(word) and os.access(word, os.X_OK) and os.path.isfile(word):
            if option not in ("-s", "--shell"):
                return place
            option = ""
        elif option or open_:
            open_, option = True, ""
        else:
            return place
    return None


def program(word: str, cwd: str, search_path: str | None) -> str:
    """A program's name made absolute: looked up on PATH, or from a folder if it has a slash."""
    word = os.path.expanduser(word)
    return _on_path(word, cwd, search_path) or _normal(os.path.join(cwd, word))


def _on_path(word: str, cwd: str, search_path: str | None) -> str | None:
    found = None if os.sep in word else shutil.which(word, path=search_path or SEARCH_PATH)
    return _normal(os.path.join(cwd, found)) if found else None


def _argument(word: str, cwd: str) -> str:
    path = os.path.join(cwd, word)
    return _normal(path) if word and os.path.isfile(path) else word


def _normal(path: str) -> str:
    """Without ``.`` and ``..``, unless a link on the way makes that another file."""
    plain = os.path.normpath(path)
    return plain if os.path.realpath(plain) == os.path.realpath(path) else path


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
