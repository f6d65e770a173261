"""Certbot's configuration as the plugin reads it: what the value of an option is, and where it comes from."""

from __future__ import annotations

import enum
import os
import sys
from collections.abc import Collection
from typing import Any

from certbot_external_auth.errors import UsageError
from certbot_external_auth.handler_setup import command_line
from certbot_external_auth.settings import HISTORIC_NAME, Option


class Source(enum.Enum):
    """Where a value comes from."""

    COMMAND_LINE = enum.auto()
    CLI_INI = enum.auto()
    RENEWAL_FILE = enum.auto()
    DEFAULT = enum.auto()

    @property
    def given(self) -> bool:
        """Whether the value was given for this command, and not kept from an earlier one."""
        return self in (Source.COMMAND_LINE, Source.CLI_INI)


_NAMES_IN_CERTBOT = {
    "COMMAND_LINE": Source.COMMAND_LINE,
    "CONFIG_FILE": Source.CLI_INI,
    "ENV_VAR": Source.CLI_INI,
    "RUNTIME": Source.RENEWAL_FILE,
}
"""Members of ``certbot.configuration.ArgumentSource``. A value that a program sets counts as RUNTIME."""


def source(config: Any, dest: str, flag: str) -> Source:
    """Return where Certbot has a value from.

    :param config: Certbot's configuration.
    :param dest: name of the value in it.
    :param flag: the flag as it is typed.
    """
    sources = getattr(config, "argument_sources", None)
    if sources is not None:
        return _NAMES_IN_CERTBOT.get(getattr(sources.get(dest), "name", ""), Source.DEFAULT)
    # Certbot below 2.7 does not record the source.
    if any(word == flag or word.startswith(f"{flag}=") for word in sys.argv[1:]):
        return Source.COMMAND_LINE
    if getattr(config, dest, None) in (None, False):
        return Source.DEFAULT
    return Source.RENEWAL_FILE if config.verb in ("renew", "reconfigure") else Source.CLI_INI


class CertbotConfig:
    """The options of one plugin name in Certbot's configuration.

    Options are named without the plugin's prefix.

    :ivar config: Certbot's own object.
    :ivar name: the plugin's name.
    :ivar options: the options that the plugin has under this name.
    :ivar given: options of this command line or of cli.ini.
    :ivar restored: options that the plugin itself has read from the renewal file.
    """

    def __init__(self, config: Any, name: str, options: Collection[Option]) -> None:
        self.config = config
        self.name = name
        self.options = options
        self.restored: set[str] = set()
        self._switches = {option.name for option in options if option.historic_switch}
        self._texts = [option.name for option in options if not option.historic_switch]
        # Read before the plugin changes a value: Certbot notes another source for that then.
        self.given = frozenset(option.name for option in options if self.source(option.name).given)

    @property
    def historic(self) -> bool:
        """Whether this is the name of 2016-2020."""
        return self.name == HISTORIC_NAME

    def flag(self, option: str) -> str:
        """Return an option's flag."""
        return f"--{self.name}-{option}"

    def dest(self, option: str) -> str:
        """Return an option's name in Certbot's configuration."""
        return f"{self.name}-{option}".replace("-", "_")

    def value(self, option: str) -> Any:
        """Return an option's value: text, True or False for a historic switch, or None."""
        value = getattr(self.config, self.dest(option))
        # Certbot makes True and False of these words in a renewal file, even if the option is a text.
        return str(value) if isinstance(value, bool) and option not in self._switches else value

    def evaluated(self) -> dict[str, bool]:
        """Return the options, other than switches, of which the renewal file has a word that Certbot evaluates."""
        values = {option: getattr(self.config, self.dest(option)) for option in self._texts}
        return {option: value for option, value in values.items() if isinstance(value, bool)}

    def values(self) -> dict[str, Any]:
        """Return the values of all options."""
        return {option.name: self.value(option.name) for option in self.options}

    def set(self, option: str, value: Any) -> None:
        """Change a value, so that Certbot keeps it for renewal."""
        setattr(self.config, self.dest(option), value)

    def source(self, option: str) -> Source:
        """Return where an option's value comes from."""
        if option in self.restored:
            return Source.RENEWAL_FILE
        return source(self.config, self.dest(option), self.flag(option))

    @property
    def named_types(self) -> tuple[str, ...]:
        """Challenge types of ``--preferred-challenges``."""
        return tuple(map(str, self.config.pref_challs or ()))

    def words(self, option: str, text: str) -> tuple[str, ...]:
        """Return the words of a command line, files absolute. What was given now is kept like this for renewal.

        :raises UsageError: if the command line cannot be used.
        """
        search_path = os.environ.get("PATH")
        if self.source(option) is Source.RENEWAL_FILE and not self.historic:
            return command_line.kept_words(text, self.flag(option), search_path)
        words = command_line.resolve_typed(text, self.flag(option), os.getcwd(), search_path)
        self.set(option, command_line.keep(words))
        return tuple(words)

    def path(self, option: str, text: str) -> str:
        """Return a path made absolute, and keep it like this for renewal.

        :raises UsageError: if it cannot be a path, or Certbot's renewal file cannot hold it.
        """
        path = absolute_path(text, self.flag(option))
        if command_line.unkeepable(path):
            raise UsageError([f"{self.flag(option)}: {path!r} cannot be kept in a renewal file; use a symbolic link."])
        self.set(option, path)
        return path


def evaluated_problem(file: str, key: str, value: bool) -> str:
    """Return a sentence about an option that is ``True`` or ``False`` in a renewal file, though it is not a switch.

    :param file: names the renewal file.
    :param key: the option's key in the file.
    """
    return f"{file} has the line {key} = {value}, but this option is neither on nor off; correct or remove the line."


def absolute_path(text: str, flag: str) -> str:
    """Return a typed path made absolute.

    :raises UsageError: if it cannot be a path.
    """
    if not text.strip() or "\0" in text:
        # An empty one would be the folder that a timer starts Certbot in.
        raise UsageError([f"{flag}: {text!r} is not a path; name one, or leave it out."])
    return os.path.abspath(os.path.expanduser(text))
