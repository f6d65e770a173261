"""The flags by which a certificate can be issued or installed again, read from Certbot's present configuration."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from certbot_external_auth.configuration import kept_options
from certbot_external_auth.settings import Option

Source = Callable[[Any, str, str], str]
"""Takes the configuration, an option's name there, and its flag. Tells where its value comes from: ``typed`` (on the
command line), ``kept`` (in the renewal file) or ``none`` (a default)."""

OF_CERTBOT = {
    "config_dir": "--config-dir",
    "work_dir": "--work-dir",
    "logs_dir": "--logs-dir",
    "server": "--server",
    "key_type": "--key-type",
    "rsa_key_size": "--rsa-key-size",
    "elliptic_curve": "--elliptic-curve",
    "http01_port": "--http-01-port",
    "https_port": "--https-port",
}
DEFAULTS = {("server", "https://acme-v02.api.letsencrypt.org/directory"), ("key_type", "ecdsa")}
"""Values that a renewal file has although they are Certbot's defaults."""


def flags(config: Any, name: str, options: Iterable[Option], source: Source) -> tuple[str, ...]:
    """Return all flags of a certificate except its name.

    :param config: Certbot's configuration.
    :param name: the plugin's name.
    :param options: those that the plugin has under that name.
    """
    installer = name if config.configurator == name else config.installer
    words = ["-a", name, *(["-i", str(installer)] if installer else [])]
    if config.pref_challs:
        words += ["--preferred-challenges", ",".join(map(str, config.pref_challs))]
    for option in options:
        dest = f"{name}_{option.name}".replace("-", "_")
        flag = f"--{name}-{option.name}"
        if source(config, dest, flag) != "none":
            words += [flag] if option.historic_switch else [flag, str(getattr(config, dest))]
    for dest, flag in OF_CERTBOT.items():
        value = getattr(config, dest, None)
        if value is not None and (dest, value) not in DEFAULTS and source(config, dest, flag) != "none":
            words += [flag, str(value)]
    return tuple(words)


FOLDERS = ("config_dir", "work_dir", "logs_dir")


def install_flags(
    config: Any, name: str, options: Iterable[Option], typed: Collection[str], source: Source
) -> tuple[str, ...]:
    """What `certbot install` needs besides a lineage's name and its renewal file.

    :param typed: names of the options that were typed, and so may be missing in the renewal file.
    """
    values = {option.name: getattr(config, f"{name}_{option.name}".replace("-", "_")) for option in options}
    # Standard output is taken over while arguments are parsed, so mode json is named even where it is kept. Whoever
    # names the publisher has to name everything, since nothing is taken from the renewal file then.
    everything = values.get("mode") == "json" or bool(set(kept_options.PUBLISHERS[name]) & set(typed))
    found = ["-i", name]
    for option in options:
        value = values[option.name]
        if (
            value not in (None, False)
            and option.name not in kept_options.NOT_KEPT
            and (everything or option.name in typed)
        ):
            flag = f"--{name}-{option.name}"
            found += [flag] if option.historic_switch else [flag, str(value)]
    for dest in FOLDERS:
        if source(config, dest, OF_CERTBOT[dest]) != "none":
            found += [OF_CERTBOT[dest], str(getattr(config, dest))]
    return tuple(found)


def install_command(lineage: str, flags: Sequence[str]) -> str:
    """The command that hands a certificate over again, to be pasted into a shell."""
    return shlex.join([_certbot(), "install", "--cert-name", lineage, *flags])


def _certbot() -> str:
    """How a shell finds the Certbot that runs: by its name if it can, else by its path."""
    started = os.path.abspath(sys.argv[0])
    if os.path.basename(started) != "certbot" or "SNAP" in os.environ or not os.access(started, os.X_OK):
        return "certbot"
    found = shutil.which("certbot")
    return "certbot" if found and os.path.realpath(found) == os.path.realpath(started) else started
