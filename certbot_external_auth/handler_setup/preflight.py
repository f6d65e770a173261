"""Checks, before Certbot makes an order, that a handler can start and that no other user can change it."""

from __future__ import annotations

import os
import shlex
import shutil
import stat
from collections.abc import Sequence

from certbot_external_auth.handler_setup import command_line
from certbot_external_auth.handler_setup.launchers import LAUNCHERS
from certbot_external_auth.handler_setup.trust import Findings, check_file

_MAX_SCRIPT_BYTES = 65536
_MAX_HEAD_BYTES = 512
"""Enough for the first line: Linux reads 256 bytes of it (execve(2))."""


HANDLER_FLAG = "--external-auth-handler"


def check_command(
    words: Sequence[str],
    search_path: str,
    caller_ids: Sequence[int],
    origin: str = HANDLER_FLAG,
    noun: str = "handler",
) -> Findings:
    """Check every file that a handler's command line names, and the interpreters of these files.

    :param words: the command line, with absolute paths of files.
    :param search_path: PATH of the handler, for ``#!/usr/bin/env``.
    :param caller_ids: user ids whose files are trusted without a warning, besides root's.
    :param origin: what to correct: the flag, or the line of a file, that has the command line.
    :param noun: what the sentences call the program.
    """
    findings = Findings()
    problem = _start_problem(words[0], search_path, origin, noun)
    if problem:
        findings.problems.append(problem)
        return findings
    found: dict[str, None] = {}
    for word in filter(is_file, words):
        findings.add(check_file(word, noun, caller_ids))
        found.update(dict.fromkeys(interpreters(word, search_path) if os.access(word, os.X_OK) else ()))
    for program in found:
        findings.add(check_file(program, "interpreter", caller_ids))
    if not _names_handler(words):
        findings.warnings.append(
            f"The {noun} that {words[0]} starts was not checked, because the command line does not name its file; "
            f"write the full path of the {noun} behind {words[0]}."
        )
    return findings


def _names_handler(words: Sequence[str]) -> bool:
    """Tell whether a command line begins with the handler, or names an executable file behind a launcher."""
    if os.path.basename(words[0]) not in LAUNCHERS:
        return True
    programs = [word for word in words[1:] if is_file(word) and os.access(word, os.X_OK)]
    return any(os.path.basename(program) not in LAUNCHERS for program in programs)


def is_file(word: str) -> bool:
    """Tell whether a word of a command line names a file, with its whole path."""
    return os.path.isabs(word) and os.path.isfile(word)


def script_text(path: str) -> str:
    """Return the beginning of a script; empty if the file is not a script."""
    text = _beginning(path)
    return text if text.startswith("#!") else ""


def _beginning(path: str) -> str:
    """Return the beginning of a text file; empty if it cannot be read, or is not text."""
    try:
        with open(path, "rb") as file:
            data = file.read(_MAX_SCRIPT_BYTES)
    except OSError:
        return ""
    return "" if b"\0" in data else data.decode("utf-8", "replace")


def handler_text(words: Sequence[str]) -> str:
    """Return the beginning of the first script in a command line, such as ``sh hook``; empty if there is none.

    A script behind its interpreter needs no first line that names it.
    """
    if not words:
        return ""
    behind = command_line.named(words)
    if behind != words[0]:
        return _beginning(behind)
    return next(filter(None, map(script_text, filter(os.path.isabs, words))), "")


def _start_problem(path: str, search_path: str, origin: str, noun: str) -> str | None:
    """Return why a program cannot start, as a sentence with the fix; None if it can."""
    named = f"The {noun} {path}"
    try:
        status = os.stat(path)
    except OSError as error:
        return _missing(named, path, error, origin)
    if stat.S_ISDIR(status.st_mode):
        return (
            f"{named} is a directory; let {origin} name the script in it (of a folder of hooks, dialect "
            "acmetool, at least one must be executable)."
        )
    if not stat.S_ISREG(status.st_mode):
        return f"{named} is not a regular file; let {origin} name a script."
    if not os.access(path, os.X_OK):
        return f"{named} is not executable; run: chmod +x {shlex.quote(path)}"
    return _head_problem(path, named, search_path)


def _missing(named: str, path: str, error: OSError, origin: str) -> str:
    folder = os.path.dirname(path)
    if isinstance(error, PermissionError):
        return f"{named} cannot be read ({error.strerror}); let the user who runs Certbot enter {folder}."
    if not os.path.isdir(folder):
        return f"{named} is missing: its folder {folder} does not exist; restore it, or correct {origin}."
    return f"{named} does not exist; correct {origin}, or put the script there."


def _head_problem(path: str, named: str, search_path: str) -> str | None:
    try:
        with open(path, "rb") as file:
            head = file.read(_MAX_HEAD_BYTES)
    except OSError:
        # A binary that can be executed but not read still starts.
        return None
    if not head:
        return f"{named} is an empty file; write the script, beginning with #!/bin/sh."
    if not head.startswith(b"#!"):
        if head.startswith(b"\x7fELF") or b"\0" in head:
            return None
        return (
            f"{named} has no first line that names its interpreter; begin it with #!/bin/sh, or name the interpreter: "
            f"sh {shlex.quote(path)}"
        )
    line = head.split(b"\n", 1)[0]
    if line.endswith(b"\r"):
        return f"{named} has Windows line ends (CRLF), so it cannot start; run: sed -i 's/\\r$//' {shlex.quote(path)}"
    return _interpreter_problem(line[2:].decode("utf-8", "replace").split(), named, search_path)


def _interpreter_problem(words: list[str], named: str, search_path: str) -> str | None:
    if not words:
        return f"{named} names no interpreter after #!; begin it with #!/bin/sh."
    program = words[0]
    if not os.path.isfile(program) or not os.access(program, os.X_OK):
        return f"{named} needs the interpreter {program}, which does not exist; install it or correct the first line."
    if os.path.basename(program) != "env":
        return None
    wanted = _program_of_env(words)
    if wanted and shutil.which(wanted, path=search_path) is None:
        return (
            f"{named} needs the interpreter {wanted}, which is not on PATH ({search_path}); install it, or write "
            f"its full path in the first line."
        )
    return None


def _program_of_env(words: Sequence[str]) -> str | None:
    return next((word for word in words[1:] if not word.startswith("-") and "=" not in word), None)


def interpreters(script: str, search_path: str) -> list[str]:
    """Return the program in the first line of a script, the one that `env` finds for it, and their interpreters."""
    interpreters: dict[str, None] = {}
    todo = [script]
    while todo:
        words = script_text(todo.pop()).split("\n", 1)[0][2:].split()
        programs = words[:1]
        if programs and os.path.basename(programs[0]) == "env":
            programs += [shutil.which(_program_of_env(words) or "", path=search_path) or ""]
        # A missing interpreter of the handler was reported before; one of another script starts nothing.
        new = [
            program for program in map(os.path.abspath, filter(os.path.isfile, programs)) if program not in interpreters
        ]
        interpreters.update(dict.fromkeys(new))
        todo += new
    return list(interpreters)
