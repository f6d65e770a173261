"""The handler's command line: from what a user typed to absolute words, and to the text in the renewal file."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Sequence

from certbot_external_auth.errors import UsageError
from certbot_external_auth.handler_setup import launchers
from certbot_external_auth.handler_setup.launchers import normal

SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""PATH if the caller has none, as cron and systemd may start Certbot."""
_INTERPRETER = re.compile(r"(?:a|ba|da|k|z)?sh|python[\d.]*|perl[\d.]*|ruby[\d.]*|php[\d.]*|node|busybox")
# Quoted text, and what a shell expands or acts on: outside quotation marks, and within double ones.
_EXPANDED = r"\$\w+|\$[{(]|`"
_WRITTEN = re.compile(rf"""'[^']*'|\\.|"((?:[^"\\]|\\.)*)"|([|&;<>()]+|{_EXPANDED})""", re.DOTALL)


def split(text: str, flag: str) -> list[str]:
    """Split a text into words as a POSIX shell does, without expanding anything.

    :raises UsageError: if a quotation mark is not closed.
    """
    try:
        return shlex.split(text)
    except ValueError as error:
        raise UsageError([f"{flag}: {text!r} cannot be split into words ({error}); close the quotation."]) from None


def resolve_typed(text: str, flag: str, cwd: str, search_path: str | None) -> list[str]:
    """Return the words of a command as a user typed it, with every file among them absolute.

    A text with a slash that names an existing file is the whole command. Any other text is split into words: `program`
    looks up the first one, and every later word that names an existing file becomes absolute. Only the launchers know
    which of their arguments is a program, so behind one the name of a program is left alone. Behind ``env -C`` files
    are those of its folder.

    :param flag: the option that the text was given with, for errors.
    :raises UsageError: if the text has an open quotation mark, needs a shell, or names a program that does not exist.
    """
    if "\0" in text:
        raise UsageError([f"{flag}: there is a NUL in {text!r}, which no command line can contain; remove it."])
    whole = os.path.join(cwd, os.path.expanduser(text))
    if os.sep in text and os.path.exists(whole):
        return [normal(whole)]
    words = split(text, flag)
    if not words:
        return [text]
    _refuse_shell(text, words[0], flag)
    if os.sep not in words[0] and _on_path(words[0], search_path) is None and os.path.isfile(whole):
        raise UsageError([_only_here(text, flag, cwd)])
    first = program(words[0], flag, cwd, search_path)
    if os.path.basename(words[0]) not in launchers.LAUNCHERS:
        return [first, *(_argument(word, cwd) for word in words[1:])]
    moved, folder = launchers.in_folder(words, flag, cwd, lambda word: _may_be_program(word, cwd, search_path))
    return [first, *(_behind_launcher(word, flag, folder, search_path) for word in moved[1:])]


def _may_be_program(word: str, cwd: str, search_path: str | None) -> bool:
    return os.sep in word or _on_path(word, search_path) is not None or os.path.isfile(os.path.join(cwd, word))


def _behind_launcher(word: str, flag: str, cwd: str, search_path: str | None) -> str:
    """Make a word absolute that a launcher may start, if it names a file; a launcher has a PATH of its own.

    :raises UsageError: if it is the name of a program in the current folder, and of none on PATH.
    """
    if os.sep in word:
        return _argument(word, cwd)
    if _on_path(word, search_path) is not None:
        return word
    here = os.path.join(cwd, word)
    if os.path.isfile(here) and os.access(here, os.X_OK):
        raise UsageError([_only_here(word, flag, cwd)])
    return _argument(word, cwd)


def kept_words(text: str, flag: str, search_path: str | None) -> tuple[str, ...]:
    """Return the words of a command in a renewal file, which users may edit; the first may be a name on PATH."""
    words = split(text, flag)
    if words and os.sep not in words[0]:
        words[0] = program(words[0], flag, os.getcwd(), search_path)
    return tuple(words)


def named(words: Sequence[str]) -> str:
    """Return the file by which messages name a handler: not the launcher or the interpreter that starts it.

    That is the first word itself if no other word names a file, as in ``sh -c '…'``.
    """
    for word in words:
        program = os.path.basename(word)
        if word == "-c":
            break
        starts_another = program in launchers.LAUNCHERS or _INTERPRETER.fullmatch(program)
        if os.path.isabs(word) and not starts_another and not os.path.isdir(word):
            return word
    return words[0]


def _refuse_shell(text: str, first: str, flag: str) -> None:
    sign = _shell_sign(text)
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


def _shell_sign(text: str) -> str | None:
    """Return the first characters that only a shell understands. Never more of the text: it can hold secrets."""
    for match in _WRITTEN.finditer(text):
        if match[2]:
            return match[2]
        if expansion := re.search(rf"(?<!\\)(?:{_EXPANDED})", match[1] or ""):
            return expansion[0]
    return None


def program(word: str, flag: str, cwd: str, search_path: str | None) -> str:
    """Make the name of a program absolute. A name without a slash is looked up only on PATH.

    A file of that name in the current folder is not used: another user may have put it there, and renewals would not
    find it in a folder that has moved.

    :raises UsageError: if no program of that name is on PATH.
    """
    word = os.path.expanduser(word)
    if os.sep in word:
        return normal(os.path.join(cwd, word))
    path = _on_path(word, search_path)
    if path is not None:
        return path
    if word and os.path.exists(os.path.join(cwd, word)):
        raise UsageError([_only_here(word, flag, cwd)])
    raise UsageError([f"{flag}: {word} does not exist on PATH ({search_path or SEARCH_PATH}); write its full path."])


def _only_here(word: str, flag: str, cwd: str) -> str:
    return (
        f"{flag}: {word} does not exist on PATH, but there is a file of that name in {cwd}; if you mean that one, "
        f"write ./{word}"
    )


def _on_path(word: str, search_path: str | None) -> str | None:
    """Look up a name on PATH. Relative entries of PATH are skipped: they are the current folder, or folders in it."""
    folders = os.pathsep.join(filter(os.path.isabs, (search_path or SEARCH_PATH).split(os.pathsep)))
    path = None if os.sep in word else shutil.which(word, path=folders)
    return normal(path) if path else None


def _argument(word: str, cwd: str) -> str:
    path = os.path.join(cwd, word)
    return normal(path) if word and os.path.isfile(path) else word


def keep(words: Sequence[str]) -> str:
    """Return the text for the renewal file, from which `shlex.split` makes the same words again.

    ConfigObj, which reads the renewal file, expands ``%(name)s`` and ends a value at three quotation marks in a row. So
    this puts quotation marks into both, which splitting removes.
    """
    # shlex quotes each word with a parenthesis or quotation mark, so these close and reopen the quotation. It never
    # writes three single quotation marks in a row.
    return re.sub(r'""(?=")', "\"\"''", shlex.join(words).replace("%(", "%''("))


def unkeepable(text: str) -> bool:
    """Tell whether Certbot's renewal file would change a plain value, such as a path."""
    return "%(" in text or "'''" in text or '"""' in text or "\n" in text or text != text.strip()
