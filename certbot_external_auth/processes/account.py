"""A user of this machine as whom a program can run, with its groups."""

from __future__ import annotations

import difflib
import enum
import grp
import os
import pwd
from dataclasses import dataclass


@dataclass(frozen=True)
class Account:
    """A user, as the system knows it.

    :ivar gid: the group of the program: the user's own, or the one that was named.
    :ivar groups: all groups of the program. Never empty, since some versions of Python 3.12 keep the caller's groups if
        they get an empty list (CVE-2023-6507).
    """

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]
    home: str

    @property
    def variables(self) -> dict[str, str]:
        """The variables that name the user, as at a login (environ(7))."""
        return {"HOME": self.home, "USER": self.name, "LOGNAME": self.name}

    def become(self) -> None:
        """Make this process one of the user's, for good.

        :raises OSError: if the system does not permit it.
        """
        os.setgroups(self.groups)
        os.setgid(self.gid)
        os.setuid(self.uid)


class Missing(enum.Enum):
    """What a name does not lead to."""

    FORM = enum.auto()
    USER = enum.auto()
    GROUP = enum.auto()


class UnknownAccountError(Exception):
    """There is no such user or group.

    :ivar missing: which of the two, or that the text does not have the form.
    :ivar name: the name that is not known.
    :ivar near: a name like it that is known; empty if there is none.
    """

    def __init__(self, missing: Missing, name: str, near: str = "") -> None:
        self.missing, self.name, self.near = missing, name, near
        super().__init__(name)


def find(text: str) -> Account:
    """Find the user of a text of the form ``USER[:GROUP]``, in which each may be a number that has a name.

    :raises UnknownAccountError: if there is no such user or group.
    """
    name, colon, group = text.partition(":")
    if not name or (colon and not group) or "\0" in text:
        raise UnknownAccountError(Missing.FORM, text)
    user = _user(name)
    gid = _group(group) if group else user.pw_gid
    groups = tuple(dict.fromkeys((gid, *os.getgrouplist(user.pw_name, gid))))
    return Account(user.pw_name, user.pw_uid, gid, groups, user.pw_dir)


def _user(name: str) -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        pass
    try:
        return pwd.getpwuid(_number(name))
    except KeyError:
        raise UnknownAccountError(Missing.USER, name, _near(name, [each.pw_name for each in pwd.getpwall()])) from None


def _group(name: str) -> int:
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        pass
    try:
        return grp.getgrgid(_number(name)).gr_gid
    except KeyError:
        raise UnknownAccountError(Missing.GROUP, name, _near(name, [each.gr_name for each in grp.getgrall()])) from None


def _number(text: str) -> int:
    """:raises KeyError: if it is no number that an id can be."""
    if text.isascii() and text.isdigit() and len(text) <= 10 and int(text) < 2**32 - 1:
        return int(text)
    raise KeyError(text)


def _near(name: str, known: list[str]) -> str:
    return next(iter(difflib.get_close_matches(name, known, n=1)), "")
