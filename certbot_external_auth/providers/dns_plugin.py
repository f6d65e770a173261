"""Makes a DNS plugin of Certbot outside a run of Certbot."""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import json
import logging
import os
import re
import sys
from collections.abc import Mapping
from typing import Any, NoReturn

MAX_CHARACTERS = 1_000_000
_ASSIGNMENT = re.compile(r"""^\s*([\w-]+)\s*=\s*["']?(.*?)["']?\s*$""", re.MULTILINE)


class NotGivenError(Exception):
    """Certbot would ask the person at the terminal for this option."""


class Options(argparse.Namespace):
    """Certbot's configuration. What a DNS plugin asks for besides its own options is not given."""

    def __getattr__(self, name: str) -> None:
        if name.startswith("__"):
            raise AttributeError(name)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ValueError(message)


def parser(name: str, kind: Any) -> argparse.ArgumentParser:
    """Return a parser of the plugin's options."""
    found = _Parser(add_help=False, allow_abbrev=False)
    kind.inject_parser_options(found, name)
    return found


def made(name: str) -> Any:
    """Make the plugin, with its options from the environment, and let it read its credentials."""
    from certbot import configuration
    from certbot._internal.display import obj
    from certbot.compat import misc

    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    obj.set_display(obj.NoninteractiveDisplay(sys.stderr))
    point = next(iter(importlib.metadata.entry_points(group="certbot.plugins", name=name)))
    kind = point.load()

    class Asking(kind):  # type: ignore[misc, valid-type]
        def _configure(self, key: str, label: str) -> None:
            self._given(key, label)
            super()._configure(key, label)

        def _configure_file(self, key: str, label: str, *more: Any, **others: Any) -> None:
            self._given(key, label)
            super()._configure_file(key, label, *more, **others)

        def _given(self, key: str, label: str) -> None:
            if not self.conf(key):
                raise NotGivenError(self.dest(key).upper(), label)

    options, words = parser(name, kind), []
    for one in options._actions:
        if value := os.environ.get(one.dest.upper()):
            words += [one.option_strings[-1] if one.nargs == 0 else f"{one.option_strings[-1]}={value}"]
    folders = {f"{each}_dir": misc.get_default_folder(each) for each in ("config", "work", "logs")}
    given = Options(**vars(options.parse_args(words)), http01_port=80, https_port=443, domains=[], **folders)
    plugin = Asking(configuration.NamespaceConfig(given), name)
    plugin.prepare()
    plugin._setup_credentials()
    plugin._attempt_cleanup = True
    return plugin


def check(name: str) -> list[tuple[str, dict[str, str]]]:
    """Return what keeps a plugin from being used, as pairs of kind and facts."""
    from certbot.compat import filesystem
    from certbot.plugins import dns_common

    read: list[str] = []
    # Certbot only warns.
    dns_common.validate_file_permissions = lambda path: [dns_common.validate_file(path), read.append(path)]  # type: ignore
    try:
        made(name)
    except NotGivenError as error:
        return [("VARIABLE_MISSING", dict(zip(("name", "description"), error.args, strict=True)))]
    return [("SECRETS_READABLE", {"path": path}) for path in set(read) if filesystem.has_world_permissions(path)]


def data(plugin: Any) -> dict[str, str]:
    """Return what the plugin keeps in its object, as JSON by attribute."""
    found = {}
    for name, value in vars(plugin).items():
        try:
            found[name] = json.dumps(value)
        except (TypeError, ValueError):
            if isinstance(value, (dict, list, set, tuple)) and value:
                logging.warning("What the plugin keeps in %s does not reach the process that removes.", name)
    return found


def credentials(settings: Mapping[str, str]) -> dict[str, str]:
    """Return what stands in the credentials files that the settings name."""
    found: dict[str, str] = {}
    for variable, path in settings.items():
        if variable.endswith("_CREDENTIALS"):
            with contextlib.suppress(OSError, UnicodeDecodeError), open(path, encoding="utf-8") as file:
                found.update(_ASSIGNMENT.findall(file.read(MAX_CHARACTERS)))
    return found
