"""Reads the options in a lineage's renewal file, for the verbs at which Certbot does not read it.

Certbot reads renewal files for `renew`, but not for `install`, nor for a `run` that only installs again. Without the
options in it, these verbs would hand the certificate over in another way than each renewal does, or not at all.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from certbot_external_auth import settings
from certbot_external_auth.configuration.certbot_config import CertbotConfig, Source, evaluated_problem, source
from certbot_external_auth.configuration.resolution import kept_text, mode_of, mode_of_historic
from certbot_external_auth.errors import UsageError
from certbot_external_auth.files import regular_file
from certbot_external_auth.settings import HISTORIC_NAME, NAME, Option

OF_CERTBOT = {
    "pref_challs": "--preferred-challenges",
    "key_type": "--key-type",
    "elliptic_curve": "--elliptic-curve",
}
_WORDS = {"None": None, "True": True, "False": False}
"""Certbot gives these words these values, whatever the option is."""
_MAX_BYTES = 1_000_000
PUBLISHERS = {NAME: ("mode", *settings.PUBLISHERS), HISTORIC_NAME: ("handler", "text-mode")}
"""By plugin name, the options that choose who publishes and deploys."""


@dataclass(frozen=True)
class Kept:
    """The part ``renewalparams`` of a renewal file.

    :ivar path: of the file, for messages.
    """

    path: str
    values: Mapping[str, Any]

    def names(self, name: str) -> bool:
        """Tell whether the lineage uses the plugin under this name, as authenticator or installer."""
        return name in (self.values.get("authenticator"), self.values.get("installer"))

    def options(self, name: str, options: Iterable[Option]) -> dict[str, str | bool]:
        """Return the options of one plugin name; their names have no prefix.

        :raises UsageError: if a value is not text, or a word that Certbot evaluates.
        """
        prefix = name.replace("-", "_") + "_"
        values: dict[str, str | bool] = {}
        for option in options if self.names(name) else ():
            key = prefix + option.name.replace("-", "_")
            value = _value(self.values.get(key))
            if value is None or not option.kept:
                continue
            if isinstance(value, bool) and not option.historic_switch:
                raise UsageError([evaluated_problem(f"The renewal file {self.path}", key, value)])
            try:
                values[option.name] = value if option.historic_switch else kept_text(option, value)
            except UsageError as error:
                raise UsageError([f"{self.path}: {problem}." for problem in error.problems]) from None
        return values

    @property
    def of_certbot(self) -> dict[str, Any]:
        """The options of Certbot itself that handlers receive."""
        # Old versions of Certbot did not write down the key type that was their default.
        values = {"key_type": "rsa", **{dest: self.values[dest] for dest in OF_CERTBOT if dest in self.values}}
        if "pref_challs" in values:
            types = values["pref_challs"]
            values["pref_challs"] = [types] if isinstance(types, str) else [name for name in types if name]
        return values

    @property
    def mode(self) -> str | None:
        """The mode in which the plugin hands the certificate over; None if it does not, under either name."""
        installer = self.values.get("installer")
        if installer == HISTORIC_NAME or (installer != NAME and self.names(HISTORIC_NAME)):
            return mode_of_historic(self._raw(HISTORIC_NAME))
        return mode_of(self._raw(NAME)) if self.names(NAME) else None

    @property
    def has_deploy_handler(self) -> bool:
        """Whether a command takes the certificate, whoever publishes."""
        return self.names(NAME) and self._raw(NAME).get("deploy-handler") is not None

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

    :returns: None if there is no such file, or it has no section ``renewalparams``.
    :raises UsageError: if it cannot be read.
    """
    import configobj  # type: ignore[import-untyped]

    path = os.path.join(config_dir, "renewal", f"{lineage}.conf")
    try:
        content = regular_file.read(path, _MAX_BYTES).decode("utf-8")
        if "\0" in content:
            # No path and no URL can have one.
            raise ValueError("it has a NUL character")
        section = configobj.ConfigObj(content.splitlines(), interpolation=True).get("renewalparams")
        # Reading a value fails if it contains %(name)s for an unknown name.
        values = {key: section[key] for key in section} if isinstance(section, configobj.Section) else None
    except FileNotFoundError:
        return None
    except (OSError, ValueError, SyntaxError) as error:
        raise UsageError([f"The renewal file {path} cannot be read: {error}; correct it."]) from None
    return None if values is None else Kept(path, values)


def _needs_lines(lineage: str) -> str:
    return (
        f"The renewal file of the certificate {lineage} has mode json, but no program reads JSON lines now. Start "
        "Certbot from such a program and add --external-auth-mode json, or choose another mode."
    )


def by_hand_only(config_dir: str, lineage: str) -> bool:
    """Tell whether the renewal file has no other way to hand the certificate over than a person."""
    try:
        kept = read(config_dir, lineage)
    except UsageError:
        return False
    return kept is None or (kept.mode in (None, "manual") and not kept.has_deploy_handler)


def _to_restore(kept: Kept, config: CertbotConfig) -> dict[str, str | bool]:
    """Return the kept options that were not given now.

    If an option names the publisher now, no kept option is used: the secrets and the dialect of one handler do not fit
    another.
    """
    if config.given.intersection(PUBLISHERS[config.name]):
        return {}
    values = kept.options(config.name, config.options)
    return {option: value for option, value in values.items() if option not in config.given}


def restore(config: CertbotConfig, lineage: str) -> bool:
    """Put the options that a lineage keeps into Certbot's configuration, except those that were given now.

    :returns: whether a value has changed.
    :raises UsageError: if this process cannot hand the certificate over.
    """
    kept = read(config.config.config_dir, lineage)
    if kept is None:
        return False
    taken = _to_restore(kept, config)
    if not taken:
        return False
    if taken.get("mode") == "json" and not _lines_are_open():
        if not taken.get("deploy-handler") and "deploy-handler" not in config.given:
            raise UsageError([_needs_lines(lineage)])
        # A command takes the certificate, so no driver is needed.
        del taken["mode"]
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
