"""The flags by which a certificate can be issued or installed again, read from Certbot's present configuration."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Iterable, Sequence

from certbot_external_auth.configuration import kept_options
from certbot_external_auth.configuration.certbot_config import CertbotConfig, Source, source
from certbot_external_auth.settings import Option
from certbot_external_auth.text import flag_words

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
"""Values that Certbot writes into a renewal file although they are its defaults."""


def flags(config: CertbotConfig) -> tuple[str, ...]:
    """Return all flags of a certificate except its name."""
    name, certbot = config.name, config.config
    installer = name if certbot.configurator == name else certbot.installer
    words = ["-a", name]
    if installer:
        words += ["-i", str(installer)]
    if config.named_types:
        words += ["--preferred-challenges", ",".join(config.named_types)]
    for option in config.options:
        if config.source(option.name) is not Source.DEFAULT:
            words += _words(config, option)
    return (*words, *_of_certbot(config, OF_CERTBOT))


FOLDERS = ("config_dir", "work_dir", "logs_dir")


def install_flags(config: CertbotConfig) -> tuple[str, ...]:
    """Return what `certbot install` needs besides a lineage's name and its renewal file."""
    # Certbot reads the mode in a renewal file too late to take over standard output, so mode json is always named. If
    # a flag names the publisher, nothing is taken from the renewal file, so the command needs all options.
    publisher_given = bool(config.given.intersection(kept_options.PUBLISHERS[config.name]))
    values = config.values()
    driven = values.get("mode") == "json"
    # A command that takes the certificate needs no driver.
    alone = driven and values.get("deploy-handler") is not None
    everything = publisher_given or (driven and not alone)
    words = ["-i", config.name]
    for option in config.options:
        if alone and option.name == "mode":
            continue
        unset = config.value(option.name) in (None, False)
        if not unset and option.kept and (everything or option.name in config.given):
            words += _words(config, option)
    return (*words, *_of_certbot(config, FOLDERS))


def _words(config: CertbotConfig, option: Option) -> list[str]:
    flag = config.flag(option.name)
    return [flag] if option.historic_switch else [flag, str(config.value(option.name))]


def _of_certbot(config: CertbotConfig, names: Iterable[str]) -> list[str]:
    """Return the flags of Certbot's own options that are not defaults."""
    words: list[str] = []
    for dest in names:
        value, flag = getattr(config.config, dest, None), OF_CERTBOT[dest]
        is_default = value is None or (dest, value) in DEFAULTS
        if not is_default and source(config.config, dest, flag) is not Source.DEFAULT:
            words += [flag, str(value)]
    return words


def install_command(lineage: str, flags: Sequence[str]) -> str:
    """Return the command that hands a certificate over again, quoted for a shell."""
    return shlex.join([_certbot(), "install", *flag_words(lineage), *flags])


def _certbot() -> str:
    """Return the word by which a shell finds this Certbot: its name if that leads to it, otherwise its path."""
    started = os.path.abspath(sys.argv[0])
    if os.path.basename(started) != "certbot" or "SNAP" in os.environ or not os.access(started, os.X_OK):
        return "certbot"
    on_path = shutil.which("certbot")
    return "certbot" if on_path and os.path.realpath(on_path) == os.path.realpath(started) else started
