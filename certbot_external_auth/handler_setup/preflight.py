"""What can be known about a handler before the CA is asked for anything: it exists, may run, and may be trusted."""

from __future__ import annotations

import errno
import os
import pwd
import shlex
import shutil
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from certbot_external_auth.handler_setup import command_line

_LINKS = 40
"""Links on the way at most, as Linux has it (path_resolution(7))."""


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
    """Look at every file a handler command names, and at the interpreters that start them.

    :param words: the command, its files absolute.
    :param search_path: PATH as the handler will see it, for ``#!/usr/bin/env``.
    :param caller_ids: user ids whose files are trusted without a warning, besides root's.
    """
    findings = Findings()
    problem = _runnable(words[0], search_path)
    if problem:
        findings.problems.append(problem)
        return findings
    interpreters: dict[str, None] = {}
    for word in words:
        if os.path.isabs(word) and os.path.isfile(word):
            _trust(word, "handler", caller_ids, findings)
            interpreters.update(dict.fromkeys(_interpreters(word, search_path) if os.access(word, os.X_OK) else ()))
    for program in interpreters:
        _trust(program, "interpreter", caller_ids, findings)
    findings.warnings += _not_looked_at(words)
    return findings


def _not_looked_at(words: Sequence[str]) -> list[str]:
    """That env, sudo or the like starts something whose file is not known."""
    places, known = command_line.started(words)
    last = words[places[-1]]
    if known and (len(places) == 1 or (os.path.isabs(last) and os.path.isfile(last))):
        return []
    launcher = words[places[-2 if known else -1]]
    return [
        f"What {launcher} starts as the handler is not looked at, because which file it is cannot be told; write its "
        f"full path behind {launcher}."
    ]


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


def handler_text(words: Sequence[str]) -> str:
    """The beginning of the script in a command line, which may stand behind its interpreter; empty if there is none."""
    return next(filter(None, map(script_text, filter(os.path.isabs, words))), "")


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
        return (
            f"{named} is a directory; give --external-auth-handler the script in it (of a folder of hooks, dialect "
            "acmetool, at least one must be executable)."
        )
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
    wanted = _asked_of_env(words)
    if wanted and shutil.which(wanted, path=search_path) is None:
        return (
            f"{named} needs the interpreter {wanted}, which is not on PATH ({search_path}); install it, or write "
            f"its full path in the first line."
        )
    return None


def _asked_of_env(words: Sequence[str]) -> str | None:
    return next((word for word in words[1:] if not word.startswith("-") and "=" not in word), None)


def _interpreters(script: str, search_path: str) -> list[str]:
    """The program of a script's first line, what `env` finds for it, and the interpreters of these."""
    found: dict[str, None] = {}
    todo = [script]
    while todo:
        words = script_text(todo.pop()).split("\n", 1)[0][2:].split()
        programs = words[:1]
        if programs and os.path.basename(programs[0]) == "env":
            programs += [shutil.which(_asked_of_env(words) or "", path=search_path) or ""]
        # What is missing has been said of the handler itself, and cannot start anything elsewhere.
        new = [program for program in map(os.path.abspath, filter(os.path.isfile, programs)) if program not in found]
        found.update(dict.fromkeys(new))
        todo += new
    return list(found)


def _trust(path: str, noun: str, caller_ids: Sequence[int], findings: Findings) -> None:
    try:
        places = dict(_places(path))
    except OSError as error:
        findings.problems.append(
            f"The {noun} {path} cannot be followed to its file, so who may change it is not known: "
            f"{error.filename}: {error.strerror}; restore it, or let the user running Certbot enter its folder."
        )
        return
    for place, status in places.items():
        # A link has no mode of its own; who may exchange it is a question of its folder.
        others = 0 if stat.S_ISLNK(status.st_mode) else status.st_mode
        folder = stat.S_ISDIR(status.st_mode)
        sticky = folder and bool(status.st_mode & stat.S_ISVTX)
        by_group = bool(others & stat.S_IWGRP) and not sticky
        subject = f"The folder {place} of the {noun} {path}" if folder else f"The {noun} file {place}"
        if others & stat.S_IWOTH and not sticky:
            findings.problems.append(
                f"{subject} may be changed by every user of this machine; run: chmod o-w {shlex.quote(place)}"
            )
        elif by_group and _has_access_list(place):
            # The group's bits are its mask then, whatever the group.
            findings.warnings.append(
                f"{subject} may be changed by whom its access list names (setfacl -b {shlex.quote(place)} ends that)."
            )
        elif by_group and status.st_gid != 0:
            findings.warnings.append(
                f"{subject} may be changed by its group (chmod g-w {shlex.quote(place)} ends that)."
            )
        elif status.st_uid != 0 and status.st_uid not in caller_ids:
            findings.warnings.append(f"{subject} belongs to {_user(status.st_uid)}, who can change what is run.")


def _has_access_list(place: str) -> bool:
    try:
        return bool(os.getxattr(place, "system.posix_acl_access", follow_symlinks=False))
    except OSError:
        # It has none, or its file system knows none.
        return False


def _places(path: str) -> Iterator[tuple[str, os.stat_result]]:
    """Every folder and link on the way to a file, as the system goes it, and the file itself.

    :raises OSError: where the way ends.
    """
    yield "/", os.lstat("/")
    ahead, folder, links = path.split("/"), "/", 0
    while ahead:
        name = ahead.pop(0)
        if name in ("", "."):
            continue
        if name == "..":
            # There is no link in it, so what is above it is what its text says.
            folder = os.path.dirname(folder)
            continue
        place = os.path.join(folder, name)
        status = os.lstat(place)
        yield place, status
        if not stat.S_ISLNK(status.st_mode):
            folder = place
            continue
        links += 1
        if links > _LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), place)
        target = os.readlink(place)
        folder = "/" if target.startswith("/") else folder
        ahead = target.split("/") + ahead


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user id {uid}"
