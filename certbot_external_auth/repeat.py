"""By which flags a certificate can be made once more, read from Certbot's configuration as it is now."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from certbot_external_auth.settings import Option

Source = Callable[[Any, str, str], str]
"""Tells where a value comes from: ``typed``, ``kept``, or ``none``."""

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
"""What a renewal file holds although it goes without saying."""


def flags(config: Any, name: str, options: Iterable[Option], source: Source) -> tuple[str, ...]:
    """Everything but the certificate's name, which Certbot takes the others from.

    :param name: the plugin's. :param options: those it has under that name.
    """
    installer = name if config.configurator == name else config.installer
    found = ["-a", name, *(["-i", str(installer)] if installer else [])]
    if config.pref_challs:
        found += ["--preferred-challenges", ",".join(map(str, config.pref_challs))]
    for option in options:
        dest = f"{name}_{option.name}".replace("-", "_")
        flag = f"--{name}-{option.name}"
        if source(config, dest, flag) != "none":
            found += [flag] if option.historic_switch else [flag, str(getattr(config, dest))]
    for dest, flag in OF_CERTBOT.items():
        value = getattr(config, dest, None)
        if value is not None and (dest, value) not in DEFAULTS and source(config, dest, flag) != "none":
            found += [flag, str(value)]
    return tuple(found)
