"""Another user as whom the plugin starts a handler: which user, and what that user can read and start.

The system is asked, by a program that runs as that user. The bits of a file's mode do not tell: an access list, a
security module or a mount option can decide otherwise.
"""

from __future__ import annotations

import contextlib
import grp
import os
import shlex
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from certbot_external_auth.challenges import tlsalpn01, tlssni01
from certbot_external_auth.errors import UsageError
from certbot_external_auth.handler_setup import preflight, trust
from certbot_external_auth.processes import account, runner
from certbot_external_auth.processes.account import Account, Missing, UnknownAccountError

FLAG = "--external-auth-run-as"
TLS_TYPES = (tlsalpn01.TYPE, tlssni01.TYPE)
"""Types with a private key, which only the caller can read."""
_ASK = """
number=0
for each; do
    case $each in
        x:*) [ -x "${each#x:}" ] ;;
        r:*) [ -r "${each#r:}" ] ;;
    esac || echo "$number"
    number=$((number + 1))
done
"""
"""Prints the numbers of the arguments that the user cannot have: `x:` and a program or folder, `r:` and a file."""
_MAX_SECONDS = 30.0
_OF_THE_CALLER = ("MAIL", "TMPDIR", "TMP", "TEMP")
"""Variables that name folders and files which only the caller may use. PAM may set them (pam_tmpdir, pam_mail)."""


def environment(caller: dict[str, str], user: Account) -> dict[str, str]:
    """Return the caller's variables as another user's: with its HOME, and without the caller's own folders."""
    kept = {name: value for name, value in caller.items() if name not in _OF_THE_CALLER and not name.startswith("XDG_")}
    return {**kept, **user.variables}


def carried(types: Sequence[str], run_as: str | None) -> tuple[str, ...]:
    """Return the challenge types that a handler can carry out as another user."""
    return tuple(kind for kind in types if run_as is None or kind not in TLS_TYPES)


def user(text: str) -> Account:
    """Find the user that was named.

    :raises UsageError: if there is no such user or group, or this process cannot become another user.
    """
    if os.geteuid() != 0:
        raise UsageError(
            [
                f"{FLAG} {text}: only root can start a handler as another user; run Certbot as root, or leave {FLAG} "
                "out, and the handler runs as you."
            ]
        )
    try:
        return account.find(text)
    except UnknownAccountError as error:
        raise UsageError([_unknown(text, error)]) from None


def _unknown(text: str, error: UnknownAccountError) -> str:
    near = f"did you mean {error.near}? Otherwise create it" if error.near else "correct the name, or create it"
    if error.missing is Missing.USER:
        return (
            f"{FLAG} {text}: there is no user {error.name!r} on this machine; {near}: "
            "useradd --system --no-create-home NAME"
        )
    if error.missing is Missing.GROUP:
        return f"{FLAG} {text}: there is no group {error.name!r} on this machine; {near}: groupadd --system NAME"
    return f"{FLAG}: {text!r} is not accepted; give USER, or USER:GROUP."


@dataclass(frozen=True)
class Trial:
    """What a user can do.

    :ivar problems: a sentence with a fix for everything that it cannot read or start.
    :ivar enters: it can enter the folder in which the handler would start.
    """

    problems: tuple[str, ...]
    enters: bool


@dataclass(frozen=True)
class _Wish:
    """What a user must be able to do with one place. :ivar file: the file that is needed, which may lie behind it."""

    right: str
    place: str
    file: str
    noun: str
    folder: bool

    @property
    def asked(self) -> str:
        return f"{self.right}:{self.place}"


def attempt(who: Account, commands: Sequence[Sequence[str]], search_path: str, folder: str | None) -> Trial:
    """Let a program of the user try what a handler needs.

    :param commands: every command line that may be started, with absolute paths of files.
    :param search_path: PATH of the handler.
    :param folder: where it would start; None for this process's folder.
    """
    wishes = list(dict.fromkeys(wish for words in commands for wish in _wishes(words, search_path)))
    denied: list[str] = []
    ended = runner.run(
        ["/bin/sh", "-c", _ASK, "sh", *(wish.asked for wish in wishes), f"x:{_started_in(folder)}"],
        environment={"PATH": search_path},
        say=denied.append,
        folder="/",
        limit=_MAX_SECONDS,
        account=who,
    )
    if not ended.ok:
        return Trial((f"{FLAG}: no program can be started as the user {who.name}: {ended}.",), False)
    numbers = {int(line) for line in denied if line.isdigit()}
    refused = [wish for number, wish in enumerate(wishes) if number in numbers]
    return Trial(tuple(_sentence(wish, who) for wish in _first(refused)), len(wishes) not in numbers)


def _first(refused: Sequence[_Wish]) -> list[_Wish]:
    """Return the first thing on the way to each file, and each place once: what lies behind it is not known."""
    of_files = {wish.file: wish for wish in reversed(refused)}
    of_places = {wish.place: wish for wish in of_files.values()}
    return [wish for wish in refused if wish is of_places.get(wish.place)]


def _started_in(folder: str | None) -> str:
    with contextlib.suppress(FileNotFoundError):
        return folder or os.getcwd()
    return "/"


def _wishes(words: Sequence[str], search_path: str) -> Iterator[_Wish]:
    for word in dict.fromkeys((words[0], *filter(preflight.is_file, words))):
        yield from _of_file(word, "handler" if word == words[0] else "file")
        for program in preflight.interpreters(word, search_path):
            yield from _of_file(program, "interpreter")


def _of_file(path: str, noun: str) -> Iterator[_Wish]:
    """Return what is needed of a file: every folder on the way, then the file. A script must be readable, too."""
    with contextlib.suppress(OSError):
        for place, status in trust.places(path):
            if stat.S_ISDIR(status.st_mode):
                yield _Wish("x", place, path, noun, folder=True)
    starts = os.access(path, os.X_OK)
    if starts:
        yield _Wish("x", path, path, noun, folder=False)
    if not starts or preflight.script_text(path):
        yield _Wish("r", path, path, noun, folder=False)


def _sentence(wish: _Wish, who: Account) -> str:
    begin = f"{FLAG}: the user {who.name} cannot"
    if wish.folder:
        return (
            f"{begin} enter {wish.place}, and the {wish.noun} {wish.file} lies behind it; move it to a folder that "
            f"{who.name} can enter, for example /usr/local/lib."
        )
    verb = "start" if wish.right == "x" else "read"
    return f"{begin} {verb} the {wish.noun} {wish.place}; run: {_grant(wish.place, who)}"


def _grant(path: str, who: Account) -> str:
    """Return a command that lets a user read and start a file, and nobody else."""
    quoted = shlex.quote(path)
    if os.stat(path).st_uid == who.uid:
        return f"chmod u+rx {quoted}"
    with contextlib.suppress(KeyError):
        return f"chgrp {shlex.quote(grp.getgrgid(who.gid).gr_name)} {quoted} && chmod g+rx {quoted}"
    return f"chgrp {who.gid} {quoted} && chmod g+rx {quoted}"
