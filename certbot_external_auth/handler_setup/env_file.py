"""Reads the handler's variables from a file as systemd reads an EnvironmentFile: without a shell or any expansion."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import stat
from collections.abc import Iterator

from certbot_external_auth.errors import UsageError
from certbot_external_auth.handler_setup import trust

MAX_FILE_BYTES = 65536
# systemd.exec(5): in double quotes a backslash escapes only these characters.
_ESCAPED = '"\\`$'
_BLANKS = " \t"
# States of the parser in a value. In quotes, its state is the quotation mark.
_BEFORE, _PLAIN = "before", "plain"


class EnvFileError(ValueError):
    """A file that cannot be used, or a line that is not an assignment. The message never shows a value."""


def is_variable(name: str) -> bool:
    """Tell whether a shell variable can have this name. bash exports functions under other names."""
    return re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) is not None


def parse(text: str) -> dict[str, str]:
    """Return the assignments in the text of a file.

    Empty lines and lines that begin with ``#`` or ``;`` are comments. A value can be in single or double quotes, and
    a quoted value can contain newlines. A backslash at the end of a line continues the line.

    :raises EnvFileError: naming the first line that is wrong.
    """
    assignments: dict[str, str] = {}
    for number, name, value in _assignments(text):
        if name.startswith("export "):
            raise EnvFileError(f"line {number} begins with export, a word for shells; remove that word")
        if not is_variable(name):
            raise EnvFileError(f"line {number} is not NAME=VALUE")
        if "\0" in value:
            raise EnvFileError(f"line {number} has a NUL character in its value")
        assignments[name] = value
    return assignments


def _assignments(text: str) -> Iterator[tuple[int, str, str]]:
    """Yield the number of the first line, the name and the value of each assignment."""
    lines = text.replace("\r\n", "\n").split("\n")
    place = 0
    while place < len(lines):
        number, line = place + 1, lines[place].lstrip(" \t")
        place += 1
        if not line or line[0] in "#;":
            continue
        name, equals, rest = line.partition("=")
        if not equals:
            raise EnvFileError(f"line {number} is not NAME=VALUE")
        value = _value(rest)
        while value is None:
            if place == len(lines):
                raise EnvFileError(f"line {number} has a quotation mark that is never closed")
            rest = f"{rest}\n{lines[place]}"
            place += 1
            value = _value(rest)
        yield number, name.rstrip(" \t"), value


def _value(text: str) -> str | None:
    """Return the value that a text stands for; None if the value continues in the next line.

    The rules are those of systemd's parse_env_file_internal: quotes can open at the beginning of the value or after
    the end of other quotes, and blanks between quotes are dropped. After the first other character, quotation marks
    are ordinary characters.
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
    """Return what a backslash and a character stand for; a backslash at the end of a line stands for nothing."""
    if character == "\n":
        return ""
    return character if not quoted or character in _ESCAPED else f"\\{character}"


def problem(path: str) -> str | None:
    """Return why a file cannot be used, as a sentence with the fix; None if it can."""
    try:
        read(path)
    except OSError as error:
        flag = f"--external-auth-env-file: {path}"
        return f"{flag} cannot be read ({error.strerror}); correct the path, or create the file."
    except EnvFileError as error:
        return str(error)
    return None


def trusted(path: str) -> dict[str, str]:
    """Return the assignments in a file that no other user can change.

    :raises UsageError: if there is a problem with the file.
    """
    findings = trust.Findings()
    if os.path.isfile(path):
        findings = trust.check_file(path, "env file", trust.trusted_ids())
    if findings.problems:
        raise UsageError(findings.problems)
    try:
        return read(path)
    except (OSError, EnvFileError):
        # Also where the file has become better since: nothing is done with what was not read.
        raise UsageError([problem(path) or f"--external-auth-env-file: {path} has just changed; try again."]) from None


def readable(path: str | None) -> dict[str, str]:
    """Return the assignments for settings that count before a call; none if the file cannot be used, see `problem`."""
    with contextlib.suppress(OSError, EnvFileError):
        return {} if path is None else read(path)
    return {}


def read(path: str) -> dict[str, str]:
    """Return the assignments in a file. It is opened only once, so that the file examined is the file read.

    :raises OSError: if it cannot be read.
    :raises EnvFileError: if every user can read or change it, or its content is wrong; a sentence with the fix.
    """
    flag = f"--external-auth-env-file: {path}"
    # Without O_NONBLOCK, opening a named pipe would block until another process writes to it.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise EnvFileError(f"{flag} is not a regular file; name a file with NAME=VALUE lines.")
        if status.st_mode & (stat.S_IROTH | stat.S_IWOTH):
            fix = f"run: chmod 600 {shlex.quote(path)}"
            raise EnvFileError(f"{flag} can be read or changed by every user of this machine; {fix}")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data = file.read(MAX_FILE_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(data) > MAX_FILE_BYTES:
        raise EnvFileError(f"{flag} cannot be used: it is longer than {MAX_FILE_BYTES} bytes.")
    try:
        return parse(data.decode("utf-8"))
    except UnicodeDecodeError:
        raise EnvFileError(f"{flag} cannot be used: it is not UTF-8 text.") from None
    except EnvFileError as error:
        raise EnvFileError(f"{flag} cannot be used: {error}.") from None
