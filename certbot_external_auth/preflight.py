"""What can be known about a handler before the CA is asked for anything: it exists, may run, and may be trusted."""

from __future__ import annotations

import contextlib
import os
import pwd
import shlex
import shutil
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class Findings:
    """:ivar problems: sentences that end the run. :ivar warnings: sentences to be said once."""

    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def add(self, others: Findings) -> None:
        """Take in what was found elsewhere."""
        self.problems += others.problems
        self.warnings += others.warnings


def check_command(words: Sequence[str], search_path: str, caller_ids: Sequence[int]) -> Findings:
    """Look at every file a handler command names.

    :param words: the command, its files absolute.
    :param search_path: PATH as the handler will see it, for ``#!/usr/bin/env``.
    :param caller_ids: user ids whose files are trusted without a warning, besides root's.
    """
    findings = Findings()
    problem = _runnable(words[0], search_path)
    if problem:
        findings.problems.append(problem)
        return findings
    for word in words:
        if os.path.isabs(word) and os.path.isfile(word):
            _trust(word, "handler", caller_ids, findings)
    return findings


def check_file(path: str, noun: str, caller_ids: Sequence[int]) -> Findings:
    """Look at who may change a file that is read as a program.

    :param noun: what it is called in sentences.
    """
    findings = Findings()
    _trust(path, noun, caller_ids, findings)
    return findings


def script_text(path: str) -> str:
    """The beginning of a script, empty for what is none."""
    try:
        with open(path, "rb") as file:
            data = file.read(65536)
    except OSError:
        return ""
    return data.decode("utf-8", "replace") if data.startswith(b"#!") else ""


def trusted_ids() -> tuple[int, ...]:
    """The caller, and the user behind sudo."""
    sudo = os.environ.get("SUDO_UID", "")
    return (os.getuid(), *([int(sudo)] if sudo.isascii() and sudo.isdigit() else []))


def _runnable(path: str, search_path: str) -> str | None:
    named = f"The handler {path}"
    try:
        status = os.stat(path)
    except OSError as error:
        return _missing(path, error)
    if stat.S_ISDIR(status.st_mode):
        return f"{named} is a directory; give --external-auth-handler the script in it."
    if not stat.S_ISREG(status.st_mode):
        return f"{named} is not a regular file; give --external-auth-handler a script."
    # Root's access() succeeds without any x bit being needed for reading, so the bits are asked as well.
    if not (status.st_mode & 0o111) or not os.access(path, os.X_OK):
        return f"{named} is not executable; run: chmod +x {shlex.quote(path)}"
    return _unstartable(path, named, search_path)


def _missing(path: str, error: OSError) -> str:
    folder = os.path.dirname(path)
    if isinstance(error, PermissionError):
        return (
            f"The handler {path} cannot be looked at ({error.strerror}); let the user running Certbot enter {folder}."
        )
    if not os.path.isdir(folder):
        return (
            f"The handler {path} is gone with its folder: {folder} does not exist; restore it, or name the new "
            f"place with --external-auth-handler."
        )
    return f"The handler {path} does not exist; correct --external-auth-handler, or put the script there."


def _unstartable(path: str, named: str, search_path: str) -> str | None:
    try:
        with open(path, "rb") as file:
            head = file.read(512)
    except OSError:
        # Executable but not readable: a binary can still be started.
        return None
    if not head:
        return f"{named} is an empty file; write the script, beginning with #!/bin/sh."
    if not head.startswith(b"#!"):
        binary = head.startswith(b"\x7fELF") or b"\0" in head
        return None if binary else f"{named} has no first line that names its interpreter; begin it with #!/bin/sh."
    line = head.split(b"\n", 1)[0]
    if line.endswith(b"\r"):
        return f"{named} has Windows line ends (CRLF), so it cannot start; run: sed -i 's/\\r$//' {shlex.quote(path)}"
    return _interpreter(line[2:].decode("utf-8", "replace").split(), named, search_path)


def _interpreter(words: list[str], named: str, search_path: str) -> str | None:
    if not words:
        return f"{named} names no interpreter after #!; begin it with #!/bin/sh."
    program = words[0]
    if not os.path.isfile(program) or not os.access(program, os.X_OK):
        return f"{named} needs the interpreter {program}, which is not there; install it or correct the first line."
    if os.path.basename(program) != "env":
        return None
    rest = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
    if rest and shutil.which(rest[0], path=search_path) is None:
        return (
            f"{named} needs the interpreter {rest[0]}, which is not on PATH ({search_path}); install it, or write "
            f"its full path in the first line."
        )
    return None


def _trust(path: str, noun: str, caller_ids: Sequence[int], findings: Findings) -> None:
    for place in _places(path):
        try:
            status = os.lstat(place)
        except OSError:
            continue
        # A link has no mode of its own; who may exchange it is a question of its folder.
        others = 0 if stat.S_ISLNK(status.st_mode) else status.st_mode
        folder = stat.S_ISDIR(status.st_mode)
        sticky = folder and bool(status.st_mode & stat.S_ISVTX)
        subject = f"The folder {place} of the {noun} {path}" if folder else f"The {noun} file {place}"
        if others & stat.S_IWOTH and not sticky:
            findings.problems.append(
                f"{subject} may be changed by every user of this machine; run: chmod o-w {shlex.quote(place)}"
            )
        elif others & stat.S_IWGRP and not sticky and status.st_gid != 0:
            findings.warnings.append(
                f"{subject} may be changed by its group (chmod g-w {shlex.quote(place)} ends that)."
            )
        elif status.st_uid != 0 and status.st_uid not in caller_ids:
            findings.warnings.append(f"{subject} belongs to {_user(status.st_uid)}, who can change what is run.")


def _places(path: str) -> list[str]:
    """The file, every link on the way to it, what each leads to, and every folder above all of these."""
    found: dict[str, None] = {}
    todo = [path]
    while todo:
        place = todo.pop()
        # A ring of links ends here.
        if place in found:
            continue
        found[place] = None
        folder = os.path.dirname(place)
        todo.append(folder)
        with contextlib.suppress(OSError):
            todo.append(os.path.normpath(os.path.join(os.path.realpath(folder), os.readlink(place))))
    return list(found)


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user id {uid}"
