"""What a lineage keeps in its renewal file, for the verbs at which Certbot does not read it.

`certbot install`, and `run` where it only installs again, know nothing of the options that a certificate was made with.
Without them it would be handed over by nobody, or by another way than at each renewal.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from certbot_external_auth.configuration.certbot_config import CertbotConfig, Source, source
from certbot_external_auth.configuration.resolution import kept_text, mode_of, mode_of_historic
from certbot_external_auth.errors import UsageError
from certbot_external_auth.settings import HISTORIC_NAME, NAME, Option

OF_CERTBOT = {
    "pref_challs": "--preferred-challenges",
    "key_type": "--key-type",
    "elliptic_curve": "--elliptic-curve",
}
_WORDS = {"None": None, "True": True, "False": False}
"""What Certbot makes of these words, whatever the option is."""
_SIZE = 1_000_000
PUBLISHERS = {NAME: ("mode", "handler", "dehydrated-config"), HISTORIC_NAME: ("handler", "text-mode")}
"""By plugin name, the options that say who does the work."""


@dataclass(frozen=True)
class Kept:
    """The part ``renewalparams`` of a renewal file.

    :ivar path: of the file, for messages.
    """

    path: str
    values: Mapping[str, Any]

    def names(self, name: str) -> bool:
        """Whether the lineage was made with a plugin of that name, as authenticator or installer."""
        return name in (self.values.get("authenticator"), self.values.get("installer"))

    def options(self, name: str, options: Iterable[Option]) -> dict[str, str | bool]:
        """The options of a plugin, by their names without prefix.

        :raises UsageError: for a value that is not a text.
        """
        prefix = name.replace("-", "_") + "_"
        found = {}
        for option in options if self.names(name) else ():
            value = _value(self.values.get(prefix + option.name.replace("-", "_")))
            if value is None or not option.kept:
                continue
            try:
                found[option.name] = value if option.historic_switch else kept_text(option, value)
            except UsageError as error:
                raise UsageError([f"{self.path}: {problem}" for problem in error.problems]) from None
        return found

    @property
    def of_certbot(self) -> dict[str, Any]:
        """Options of Certbot's that handlers are told of."""
        # An old Certbot did not note the type that was its default.
        found = {"key_type": "rsa", **{dest: self.values[dest] for dest in OF_CERTBOT if dest in self.values}}
        if "pref_challs" in found:
            types = found["pref_challs"]
            found["pref_challs"] = [types] if isinstance(types, str) else [one for one in types if one]
        return found

    @property
    def mode(self) -> str | None:
        """The mode in which it is handed over; None if this plugin does not do that under any of its names."""
        installer = self.values.get("installer")
        if installer == HISTORIC_NAME or (installer != NAME and self.names(HISTORIC_NAME)):
            return mode_of_historic(self._raw(HISTORIC_NAME))
        return mode_of(self._raw(NAME)) if self.names(NAME) else None

    def _raw(self, name: str) -> Mapping[str, Any]:
        prefix = name.replace("-", "_") + "_"
        return {
            key.removeprefix(prefix).replace("_", "-"): _value(value)
            for key, value in self.values.items()
            if key.startswith(prefix)
        }


def _value(value: Any) -> Any:
    return _WORDS.get(value, value) if isinstance(value, str) else value


def read(config_dir: str, lineage: str) -> Kept | None:
    """Read a lineage's renewal file, by Certbot's rules.

    :returns: None if there is no such file, or nothing of this kind in it.
    :raises UsageError: if it cannot be read.
    """
    import configobj  # type: ignore[import-untyped]

    path = os.path.join(config_dir, "renewal", f"{lineage}.conf")
    try:
        with open(path, encoding="utf-8") as file:
            content = file.read(_SIZE)
        section = configobj.ConfigObj(content.splitlines(), interpolation=True).get("renewalparams")
        # Reading a value may fail by itself, where %(name)s stands in it.
        values = {key: section[key] for key in section} if isinstance(section, configobj.Section) else None
    except FileNotFoundError:
        return None
    except (OSError, ValueError, SyntaxError) as error:
        raise UsageError([f"The renewal file {path} cannot be read: {error}; correct it."]) from None
    return None if values is None else Kept(path, values)


def _needs_lines(lineage: str) -> str:
    """Why a lineage of mode json cannot be handed over when that was not typed."""
    return (
        f"The certificate {lineage} is handed over by a program that reads JSON lines (mode json), but nobody can read "
        "them now: start Certbot from that program and add --external-auth-mode json, or choose another mode."
    )


def by_hand_only(config_dir: str, lineage: str) -> bool:
    """Whether what a person does is all that there is to hand a lineage over."""
    try:
        found = read(config_dir, lineage)
    except UsageError:
        return False
    return found is None or found.mode in (None, "manual")


def missing(found: Kept, name: str, options: Iterable[Option], typed: Collection[str]) -> dict[str, str | bool]:
    """The kept options that are to be taken; those that were typed are not replaced.

    :param typed: names of the options that were typed. One that names another publisher leaves no place for any other:
        the secrets and the conventions of a handler are not another handler's.
    """
    if set(PUBLISHERS[name]) & set(typed):
        return {}
    return {option: value for option, value in found.options(name, options).items() if option not in typed}


def restore(config: CertbotConfig, lineage: str) -> bool:
    """Put into Certbot's configuration what a lineage keeps, unless it was given now.

    :returns: whether a value has changed.
    :raises UsageError: if the lineage cannot be handed over by this process.
    """
    kept = read(config.config.config_dir, lineage)
    taken = missing(kept, config.name, config.options, config.given) if kept is not None else {}
    if kept is None or not taken:
        return False
    if taken.get("mode") == "json" and not _lines_are_open():
        raise UsageError([_needs_lines(lineage)])
    values: dict[str, Any] = {config.dest(option): value for option, value in taken.items()}
    values.update(_not_typed(config.config, kept.of_certbot))
    changed = False
    for dest, value in values.items():
        changed |= getattr(config.config, dest) != value
        setattr(config.config, dest, value)
    config.restored.update(taken)
    return changed


def _lines_are_open() -> bool:
    from certbot_external_auth.protocol import stream

    return stream.current() is not None


def _not_typed(config: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        dest: value
        for dest, value in values.items()
        if hasattr(config, dest) and source(config, dest, OF_CERTBOT[dest]) is not Source.COMMAND_LINE
    }
