"""The handler's own variables, read from a file as systemd reads an EnvironmentFile: no shell, nothing expanded."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterator

from certbot_external_auth.text import is_variable

LIMIT = 65536
"""Bytes of a file at most."""
# systemd.exec(5): within double quotes a backslash keeps its meaning before these only.
_ESCAPED = '"\\`$'
_BLANKS = " \t"
# Where in a value one is, besides within one of the two quotation marks.
_BEFORE, _PLAIN = "before", "plain"


class EnvFileError(ValueError):
    """A line that is no assignment, or a file that is none; the message never shows a value."""


def parse(text: str) -> dict[str, str]:
    """The assignments of a file's text.

    Empty lines and lines beginning with ``#`` or ``;`` are comments. A value may be in single or double quotes, which
    may hold newlines; a backslash at the end of a line continues it.

    :raises EnvFileError: naming the first line that is wrong.
    """
    found: dict[str, str] = {}
    for number, name, value in _assignments(text):
        if name.startswith("export "):
            raise EnvFileError(f"line {number} begins with export, which is for a shell; leave that word out")
        if not is_variable(name):
            raise EnvFileError(f"line {number} is no NAME=VALUE")
        if "\0" in value:
            raise EnvFileError(f"line {number} has a NUL in its value")
        found[name] = value
    return found


def _assignments(text: str) -> Iterator[tuple[int, str, str]]:
    lines = text.replace("\r\n", "\n").split("\n")
    place = 0
    while place < len(lines):
        number, line = place + 1, lines[place].lstrip(" \t")
        place += 1
        if not line or line[0] in "#;":
            continue
        name, equals, rest = line.partition("=")
        if not equals:
            raise EnvFileError(f"line {number} is no NAME=VALUE")
        value = _value(rest)
        while value is None:
            if place == len(lines):
                raise EnvFileError(f"line {number} has a quotation that is never closed")
            rest = f"{rest}\n{lines[place]}"
            place += 1
            value = _value(rest)
        yield number, name.rstrip(" \t"), value


def _value(text: str) -> str | None:
    """The value written in a text, None if it goes on in the next line.

    As systemd's parse_env_file_internal: a quotation begins where the value does or another one ended, blanks between
    are dropped, and from the first other character on quotation marks are characters like any other.
    """
    out: list[str] = []
    kept, state = 0, _BEFORE
    characters = iter(text)
    for character in characters:
        if character == "\\" and state != "'":
            following = next(characters, None)
            if following is None:
                return None
            out += _escaped(following, quoted=state == '"')
            state = state if state == '"' else _PLAIN
        elif character == state:
            state = _BEFORE
        elif state == _BEFORE and character in "\"'":
            state = character
        elif state != _BEFORE or character not in _BLANKS:
            state = _PLAIN if state == _BEFORE else state
            out.append(character)
            if state == _PLAIN and character in _BLANKS:
                continue
        kept = len(out)
    return None if state in "\"'" else "".join(out[:kept])


def _escaped(character: str, quoted: bool) -> str:
    """What a backslash and a character stand for; together with the end of a line for nothing."""
    if character == "\n":
        return ""
    return character if not quoted or character in _ESCAPED else f"\\{character}"


def problem(path: str) -> str | None:
    """Why a file may not be used, as a sentence with the mend; None if it may."""
    try:
        read(path)
    except OSError as error:
        flag = f"--external-auth-env-file: {path}"
        return f"{flag} cannot be read ({error.strerror}); correct the path, or write the file."
    except EnvFileError as error:
        return str(error)
    return None


def read(path: str) -> dict[str, str]:
    """The assignments of a file, which is opened once: what is looked at is what is read.

    :raises OSError: if it cannot be read.
    :raises EnvFileError: if it is none, or others may read it; a sentence with the mend.
    """
    flag = f"--external-auth-env-file: {path}"
    # Without O_NONBLOCK a named pipe would be waited for.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise EnvFileError(f"{flag} is no regular file; name a file with NAME=VALUE lines.")
        if status.st_mode & (stat.S_IROTH | stat.S_IWOTH):
            mend = f"run: chmod 600 {shlex.quote(path)}"
            raise EnvFileError(f"{flag} may be read or changed by every user of this machine; {mend}")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data = file.read(LIMIT + 1)
    finally:
        os.close(descriptor)
    if len(data) > LIMIT:
        raise EnvFileError(f"{flag} cannot be used: it is longer than {LIMIT} bytes.")
    try:
        return parse(data.decode("utf-8"))
    except UnicodeDecodeError:
        raise EnvFileError(f"{flag} cannot be used: it is no UTF-8 text.") from None
    except EnvFileError as error:
        raise EnvFileError(f"{flag} cannot be used: {error}.") from None
