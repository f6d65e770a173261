"""Programs that start another program, and the folder in which that one starts.

A word behind a launcher is a file of the folder to which the launcher changes. Only `env` is known well enough to find
that folder; a folder option of any other launcher is refused.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from certbot_external_auth.errors import UsageError

LAUNCHERS = frozenset(
    "chrt doas env ionice nice nohup runuser setpriv setsid stdbuf su sudo systemd-run timeout".split()  # noqa: SIM905
)
"""Programs that start another program, which their arguments name."""
# getopt takes a long option that is shortened, and flags in one word with an option.
_FOLDER_OPTIONS = {
    "env": re.compile(r"-[0iv]*C|--c"),
    "sudo": re.compile(r"-[AbBEeHKklNnPSsVv]*[DR]|--ch[dr]"),
    "systemd-run": re.compile(r"--wo|.*\b(WorkingDirectory|RootDirectory|RootImage)="),
}
"""By launcher, how its options begin that change the folder, also by changing the root."""
_WITH_VALUE = ("--unset", "--argv0", "--split-string", "--chdir")
"""Options of `env` of which the value may be the next word."""
_ASSIGNMENT = re.compile(r"[^/=]+=")


def normal(path: str) -> str:
    """Remove ``.`` and ``..`` from a path, unless a symbolic link on the way would make that another file."""
    plain = os.path.normpath(path)
    return plain if os.path.realpath(plain) == os.path.realpath(path) else path


def in_folder(
    words: Sequence[str], flag: str, cwd: str, is_program: Callable[[str], bool]
) -> tuple[tuple[str, ...], str]:
    """Return a launcher's command line with the folder of ``env -C`` absolute, and the folder of the words behind it.

    :param words: the launcher and its arguments, as typed.
    :param flag: the option that the command line was given with, for errors.
    :param cwd: the folder in which the launcher itself starts.
    :param is_program: tells whether a word names a program.
    :raises UsageError: if another option changes the folder, or the folder does not exist.
    """
    command = list(words)
    if os.path.basename(words[0]) == "env":
        env = _Env(list(words[1:]), cwd)
        command, words = [words[0], *env.words], words[1 + env.command :]
        cwd = env.folder or cwd
        if env.folder is not None and not os.path.isdir(env.folder):
            raise UsageError([f"{flag}: {env.folder}, the folder of env -C, does not exist; create it or correct -C."])
        if env.hidden:
            raise UsageError([_refusal(flag, "env", "-S")])
    refused = _changes_folder(words, is_program)
    if refused is not None:
        raise UsageError([_refusal(flag, *refused)])
    return tuple(command), cwd


def _refusal(flag: str, launcher: str, option: str) -> str:
    return (
        f"{flag}: {option} lets {launcher} change to another folder, and which files the words behind it name depends "
        f"on that. Begin the command line with env -C FOLDER instead; if {option} is for the handler, write -- in "
        "front of the handler."
    )


def _changes_folder(words: Sequence[str], is_program: Callable[[str], bool]) -> tuple[str, str] | None:
    """Return a launcher among the words, and its first option that changes the folder; None if there is none.

    Which options have a value is not known, so a program behind an option counts as its value (``sudo -u mail``),
    unless it is a launcher (``sudo -n env``).
    """
    launcher = os.path.basename(words[0]) if words else ""
    if launcher not in LAUNCHERS:
        return None
    options = _FOLDER_OPTIONS.get(launcher)
    for number, word in enumerate(words[1:], 1):
        if options is not None and options.match(word):
            return launcher, word.partition("=")[0]
        is_value = words[number - 1][:1] == "-" and os.path.basename(word) not in LAUNCHERS
        if words[number - 1] == "--" or (_names_program(word, is_program) and not is_value):
            return _changes_folder(words[number:], is_program)
    return None


def _names_program(word: str, is_program: Callable[[str], bool]) -> bool:
    return not word.startswith("-") and not _ASSIGNMENT.match(word) and is_program(word)


@dataclass
class _Env:
    """The arguments of `env`, read as GNU's env(1) does.

    :ivar words: the arguments; `read` makes folders among them absolute.
    :ivar cwd: the folder in which env starts.
    :ivar command: number of the first word of the command.
    :ivar folder: where the command starts, if an option says so. The last one counts.
    :ivar hidden: ``-S`` has such an option in its text.
    """

    words: list[str]
    cwd: str
    command: int = field(default=0, init=False)
    folder: str | None = field(default=None, init=False)
    hidden: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        while self._word.startswith("-") and self._word != "--":
            self._option()
        self.command += self._word == "--"
        while _ASSIGNMENT.match(self._word):
            self.command += 1

    @property
    def _word(self) -> str:
        return self.words[self.command] if self.command < len(self.words) else ""

    def _option(self) -> None:
        """Read an option and its value, which stands in the same word or in the next one."""
        word = self._word
        if word.startswith("--"):
            name, equals, value = word.partition("=")
            option = next((each for each in _WITH_VALUE if len(name) > 2 and each.startswith(name)), "")
            before, attached = name + equals, bool(equals)
        else:
            flags = re.match(r"-[0iv]*", word)
            before = word[: (flags.end() if flags else 1) + 1]
            option = {"u": "--unset", "a": "--argv0", "S": "--split-string", "C": "--chdir"}.get(before[-1], "")
            value = word[len(before) :]
            attached = bool(value)
        self.command += 1
        if option and not attached:
            before, value = "", self._word
            self.command += 1
        self._take(option, before, value)

    def _take(self, option: str, before: str, value: str) -> None:
        if option == "--chdir":
            self.folder = normal(os.path.join(self.cwd, value))
            if self.command <= len(self.words):
                self.words[self.command - 1] = before + self.folder
        if option == "--split-string":
            self.hidden |= re.search(r"(^|\s)(-[0iv]*C|--c)", value) is not None
