"""What an option is: the shape of the entries in `settings.OPTIONS`. Only data."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any

MODES = ("handler", "json", "manual", "stateless")


class Kind(enum.Enum):
    """Which values an option accepts."""

    TEXT = enum.auto()
    COMMAND_LINE = enum.auto()
    WORD = enum.auto()
    YES_NO = enum.auto()
    NUMBER = enum.auto()
    SECONDS = enum.auto()
    PROVIDER = enum.auto()
    """ENGINE:NAME; ``accepted`` has the engines."""
    ENDPOINTS = enum.auto()
    """HOST[:PORT], several with commas between. In a renewal file blanks may follow the commas."""


@dataclass(frozen=True)
class Option:
    """One command line option.

    :ivar name: without the plugin's prefix.
    :ivar help: one or two sentences.
    :ivar kind: which values it accepts.
    :ivar accepted: the values of a ``WORD``.
    :ivar least: the smallest ``NUMBER`` or number of ``SECONDS``.
    :ivar default: the value if the option is not given.
    :ivar default_help: what the help says about that, if it is not simply the value.
    :ivar modes: the modes that use it.
    :ivar deploys: a deploy-handler uses it in the other modes, too.
    :ivar only_dialect: the only dialect that it works with.
    :ivar of_handler: it says which handler is called and how, so that a provider leaves no use for it.
    :ivar in_dehydrated_config: a Dehydrated configuration says it as well, so that naming one drops a kept value.
    :ivar kept: it holds for renewals; otherwise for one command.
    :ivar historic_switch: an on/off flag of the plugin of 2016-2020.
    """

    name: str
    help: str
    metavar: str = "VALUE"
    kind: Kind = Kind.TEXT
    accepted: tuple[Any, ...] = ()
    least: int = 0
    default: Any = None
    default_help: str | None = None
    modes: tuple[str, ...] = MODES
    deploys: bool = False
    only_dialect: str | None = None
    of_handler: bool = False
    in_dehydrated_config: bool = False
    kept: bool = True
    historic_switch: bool = False

    @property
    def shown_default(self) -> str:
        """The default as help and documentation show it."""
        if self.default_help is not None:
            return self.default_help
        if isinstance(self.default, float):
            return f"{self.default:g}"
        return "none" if self.default is None else "no" if self.default is False else str(self.default)

    @property
    def full_help(self) -> str:
        """The help for argparse, which takes a percent sign for the beginning of a pattern."""
        return f"{self.help} (default: {self.shown_default})".replace("%", "%%")
