"""The certificates to rehearse, each with the `Context` that its next renewal would have."""

from __future__ import annotations

import errno
import os
import re
import shlex
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from certbot_external_auth import dialects, settings
from certbot_external_auth.backends import Context
from certbot_external_auth.configuration import assembly, resolution
from certbot_external_auth.configuration.certbot_config import absolute_path
from certbot_external_auth.configuration.kept_options import Kept
from certbot_external_auth.console import certbot_folders
from certbot_external_auth.dialects import Facts
from certbot_external_auth.errors import UsageError
from certbot_external_auth.handler_setup import command_line
from certbot_external_auth.lineages import certificate

FOLDER, SUFFIX = "renewal", ".conf"
_PORT = re.compile(r"[0-9]{1,5}")


@dataclass(frozen=True)
class Host:
    """Certbot's folders, as absolute paths. :ivar logs_dir: empty if it is not looked at."""

    config_dir: str
    work_dir: str
    logs_dir: str = ""


@dataclass(frozen=True)
class Subject:
    """One certificate.

    :ivar facts: of the live certificate.
    """

    lineage: str
    kept: Kept
    facts: certificate.Facts

    @property
    def publishes(self) -> bool:
        """Whether the plugin proves control of its names."""
        return self.kept.values.get("authenticator") in (settings.NAME, settings.HISTORIC_NAME)

    @property
    def deploys(self) -> bool:
        """Whether the plugin hands it over."""
        return self.kept.values.get("installer") in (settings.NAME, settings.HISTORIC_NAME)

    @property
    def server(self) -> str:
        """The URL of the CA's directory. Old versions of Certbot did not write down their default."""
        return self.text("server") or certbot_folders.server()

    def text(self, key: str) -> str:
        """Return a value of Certbot's own in the renewal file; empty if there is none."""
        value = self.kept.values.get(key)
        return value if isinstance(value, str) and value != "None" else ""


def lineages(config_dir: str) -> list[str]:
    """Return the names of all lineages.

    :raises UsageError: if the folder cannot be read, or Certbot cannot be run by this user.
    """
    folder = os.path.join(config_dir, FOLDER)
    try:
        _check_user(folder)
        files = [name for name in os.listdir(folder) if name.endswith(SUFFIX)]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UsageError(
            [f"{folder} cannot be used: {error.strerror}. Run this as the user who runs Certbot, or name --config-dir."]
        ) from None
    # Certbot does not read hidden files, such as those of editors.
    return sorted(name.removesuffix(SUFFIX) for name in files if not name.startswith("."))


def _check_user(folder: str) -> None:
    """Check that this may be the user who runs Certbot: what another user cannot read or write is not wrong.

    :raises PermissionError: if it is not.
    """
    owner = os.stat(folder).st_uid
    if os.geteuid() not in (0, owner) and not os.access(folder, os.W_OK | os.X_OK, effective_ids=True):
        raise PermissionError(errno.EPERM, f"it belongs to another user (uid {owner})", folder)


def chosen(config_dir: str, named: Collection[str]) -> list[str]:
    """Return the lineages to look at.

    :param named: of the command line; all if it is empty.
    :raises UsageError: if one of them is not there.
    """
    found = lineages(config_dir)
    missing = [shlex.quote(name) for name in named if name not in found]
    if missing:
        raise UsageError([f"{config_dir} has no certificate {', '.join(missing)}. 'certbot certificates' lists them."])
    return [name for name in found if not named or name in named]


class KeptOrigin:
    """The options that a renewal file keeps, as an `assembly.Origin`."""

    def __init__(self, kept: Kept) -> None:
        """:raises UsageError: if the file has a value that no option takes."""
        self.historic = not kept.names(settings.NAME)
        self.name = settings.HISTORIC_NAME if self.historic else settings.NAME
        options = settings.HISTORIC_OPTIONS if self.historic else settings.OPTIONS
        self._values: dict[str, Any] = {option.name: None for option in options}
        self._values |= kept.options(self.name, options)
        self.named_types = tuple(map(str, kept.of_certbot.get("pref_challs", ())))

    def values(self) -> Mapping[str, Any]:
        return self._values

    def words(self, option: str, text: str) -> tuple[str, ...]:
        search_path = os.environ.get("PATH")
        if self.historic:
            return tuple(command_line.resolve_typed(text, self._flag(option), os.getcwd(), search_path))
        return command_line.kept_words(text, self._flag(option), search_path)

    def path(self, option: str, text: str) -> str:
        return absolute_path(text, self._flag(option))

    def _flag(self, option: str) -> str:
        return f"--{self.name}-{option}"


def handler_of(kept: Kept) -> assembly.Handler:
    """Return what publishes or deploys, as the next renewal would have it.

    :raises UsageError: with a sentence for each thing that cannot be used.
    """
    origin = KeptOrigin(kept)
    values = origin.values()
    checked = resolution.resolve_historic(values) if origin.historic else assembly.settings_of(values)
    return assembly.handler_of(checked, origin)


def context_of(subject: Subject, handler: assembly.Handler, host: Host) -> Context:
    """Return the `Context` of a renewal."""
    about = Facts(
        alias=subject.lineage,
        names=subject.facts.names,
        config_dir=host.config_dir,
        work_dir=host.work_dir,
        key_algorithm=dialects.key_algorithm(subject.text("key_type") or "rsa", subject.text("elliptic_curve")),
        challenge_type=next(iter(handler.types), "dns-01"),
    )
    return assembly.context_of(
        handler,
        about,
        unattended=True,
        renewing=True,
        silent=True,
        preferred=handler.types,
        server=subject.server,
        http_port=_port(subject.text("http01_port"), 80),
        tls_port=_port(subject.text("https_port"), 443),
    )


def _port(text: str, default: int) -> int:
    return int(text) if _PORT.fullmatch(text) else default
