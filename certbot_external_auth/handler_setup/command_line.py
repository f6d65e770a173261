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

    A value with a slash that names an existing file is the handler; else it is split as a shell would, its first word
    looked up by `program`, and every later word that names an existing file made absolute; what `started` finds is
    looked up as the first word is.

    :raises UsageError: if the quotation is broken, if it is written for a shell, which would make something else of it,
        or if a program is not found.
    """
    if "\0" in text:
        raise UsageError([f"{flag}: there is a NUL in {text!r}, which no command line can have; remove it."])
    whole = os.path.join(cwd, os.path.expanduser(text))
    if os.sep in text and os.path.exists(whole):
        return [_normal(whole)]
    words = split(text, flag)
    if not words:
        return [text]
    _refuse_shell(text, words[0], flag)
    if os.sep not in words[0] and _on_path(words[0], search_path) is None and os.path.isfile(whole):
        raise UsageError([_only_here(text, flag, cwd)])
    # Found by what was typed: a file of that name in the current folder would be an argument made absolute.
    places, known = started(words)
    found = [program(words[0], flag, cwd, search_path)]
    for place, word in enumerate(words[1:], 1):
        if place in places or not known:
            found.append(_behind_launcher(word, flag, cwd, search_path, place in places))
        else:
            found.append(_argument(word, cwd))
    return found


def _behind_launcher(word: str, flag: str, cwd: str, search_path: str | None, starts: bool) -> str:
    """A word that sudo or the like starts, or may start, which looks for it on a PATH of its own.

    :param starts: it is started for certain.
    """
    if os.sep in word or word.startswith("-"):
        return _argument(word, cwd)
    on_path = _on_path(word, search_path)
    if on_path is not None:
        return on_path if starts else word
    here = os.path.join(cwd, word)
    if os.path.isfile(here) and (starts or os.access(here, os.X_OK)):
        raise UsageError([_only_here(word, flag, cwd)])
    return word if starts else _argument(word, cwd)


def kept_words(text: str, flag: str, search_path: str | None) -> tuple[str, ...]:
    """Words of a command as `keep` wrote it, or somebody wrote it into a renewal file by hand: a name is on PATH."""
    words = split(text, flag)
    if words and os.sep not in words[0]:
        words[0] = program(words[0], flag, os.getcwd(), search_path)
    return tuple(words)


def _refuse_shell(text: str, first: str, flag: str) -> None:
    sign = _sign(text)
    if sign is not None:
        raise UsageError(
            [
                f"{flag}: {sign} is for a shell, and the handler is started without one; put the command line into a "
                f"script and name that, or quote {sign} if it is meant as it is (dialect certbot: sh -c '…' will do)."
            ]
        )
    from certbot_external_auth.handler_setup.env_file import is_variable

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


def program(word: str, flag: str, cwd: str, search_path: str | None) -> str:
    """Make a program's name absolute: a name without a slash is looked up on PATH, and nowhere else.

    :raises UsageError: if it is not there. A file of that name in the current folder is not taken for it, since others
        may have put it there, and a folder that is moved takes it away from the renewal.
    """
    word = os.path.expanduser(word)
    if os.sep in word:
        return _normal(os.path.join(cwd, word))
    found = _on_path(word, search_path)
    if found is not None:
        return found
    if word and os.path.exists(os.path.join(cwd, word)):
        raise UsageError([_only_here(word, flag, cwd)])
    raise UsageError([f"{flag}: {word} does not exist on PATH ({search_path or SEARCH_PATH}); write its full path."])


def _only_here(word: str, flag: str, cwd: str) -> str:
    return (
        f"{flag}: {word} does not exist on PATH, but there is a file of that name in {cwd}; if you mean that one, "
        f"write ./{word}"
    )


def _on_path(word: str, search_path: str | None) -> str | None:
    """Only in folders that PATH names in full: what it names otherwise is the current folder, or lies below it."""
    folders = [one for one in (search_path or SEARCH_PATH).split(os.pathsep) if os.path.isabs(one)]
    found = None if os.sep in word else shutil.which(word, path=os.pathsep.join(folders))
    return _normal(found) if found else None


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
