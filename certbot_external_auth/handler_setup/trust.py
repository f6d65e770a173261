"""Checks who, besides the user who runs Certbot, can change a file that it runs or reads as a program."""

from __future__ import annotations

import errno
import os
import pwd
import shlex
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

_MAX_LINKS = 40
"""Longest chain of links, as in Linux (path_resolution(7))."""


@dataclass
class Findings:
    """What was found out about a handler.

    :ivar problems: sentences with a fix. Each of them ends the run.
    :ivar warnings: sentences to log once.
    """

    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def add(self, others: Findings) -> None:
        """Add the findings of another check."""
        self.problems += others.problems
        self.warnings += others.warnings


def trusted_ids() -> tuple[int, ...]:
    """Return the user ids whose files are trusted without a warning: the caller's, and that of the user behind sudo."""
    sudo = os.environ.get("SUDO_UID", "")
    return (os.getuid(), *([int(sudo)] if sudo.isascii() and sudo.isdigit() else []))


def check_file(path: str, noun: str, caller_ids: Sequence[int]) -> Findings:
    """Check who can change a file, or replace a part of its path.

    :param path: absolute.
    :param noun: what the sentences call the file.
    :param caller_ids: the user ids that are trusted besides root's.
    """
    findings = Findings()
    try:
        on_the_way = dict(places(path))
    except OSError as error:
        findings.problems.append(
            f"The {noun} {path} cannot be followed to its file, so it is not known who can change it: "
            f"{error.filename}: {error.strerror}; restore it, or let the user who runs Certbot enter its folder."
        )
        return findings
    for place, status in on_the_way.items():
        folder = stat.S_ISDIR(status.st_mode)
        subject = f"The folder {place} of the {noun} {path}" if folder else f"The {noun} file {place}"
        _check_place(place, status, subject, caller_ids, findings)
    return findings


def _check_place(
    place: str, status: os.stat_result, subject: str, caller_ids: Sequence[int], findings: Findings
) -> None:
    sticky = stat.S_ISDIR(status.st_mode) and bool(status.st_mode & stat.S_ISVTX)
    # The mode of a link means nothing: who can replace the link depends on its folder.
    mode = 0 if stat.S_ISLNK(status.st_mode) or sticky else status.st_mode
    if mode & stat.S_IWOTH:
        findings.problems.append(
            f"{subject} can be changed by every user of this machine; run: chmod o-w {shlex.quote(place)}"
        )
    elif mode & stat.S_IWGRP and _has_access_list(place):
        # With an access list, the bits of the group are the mask of the list, whatever the group is.
        findings.warnings.append(
            f"{subject} can be changed by the users in its access list (setfacl -b {shlex.quote(place)} ends that)."
        )
    elif mode & stat.S_IWGRP and status.st_gid != 0:
        findings.warnings.append(f"{subject} can be changed by its group (chmod g-w {shlex.quote(place)} ends that).")
    elif status.st_uid != 0 and status.st_uid not in caller_ids:
        findings.warnings.append(f"{subject} belongs to {_user(status.st_uid)}, who can change what is run.")


def _has_access_list(place: str) -> bool:
    try:
        return bool(os.getxattr(place, "system.posix_acl_access", follow_symlinks=False))
    except OSError:
        # The file has no access list, or the file system does not support them.
        return False


def places(path: str) -> Iterator[tuple[str, os.stat_result]]:
    """Yield every folder and link on the way to a file, in the order in which Linux follows them, then the file.

    :raises OSError: if a part of the path does not exist or cannot be read.
    """
    yield "/", os.lstat("/")
    ahead, folder, links = path.split("/"), "/", 0
    while ahead:
        name = ahead.pop(0)
        if name in ("", "."):
            continue
        if name == "..":
            # `folder` has no link in it, so the text of its path says which folder is above.
            folder = os.path.dirname(folder)
            continue
        place = os.path.join(folder, name)
        status = os.lstat(place)
        yield place, status
        if not stat.S_ISLNK(status.st_mode):
            folder = place
            continue
        links += 1
        if links > _MAX_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), place)
        target = os.readlink(place)
        folder = "/" if target.startswith("/") else folder
        ahead = target.split("/") + ahead


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user id {uid}"
