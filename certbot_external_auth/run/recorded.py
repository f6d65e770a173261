"""Lets the figures of a certificate be written, if a file was named for them."""

from __future__ import annotations

import os

from certbot_external_auth.configuration import assembly, lineage_name
from certbot_external_auth.configuration.certbot_config import CertbotConfig
from certbot_external_auth.errors import UsageError
from certbot_external_auth.metrics import text
from certbot_external_auth.metrics.recorder import Recorded
from certbot_external_auth.metrics.recorder import record as record_certificate
from certbot_external_auth.run import attended

OPTION = "metrics"


def record(config: CertbotConfig, lineage: str | None, attempted: bool) -> None:
    """Record the certificate of a run that has a file for figures, unless it is a trial.

    :param lineage: its name, if Certbot has told.
    :param attempted: Certbot may issue or renew it now.
    :raises UsageError: see `attended.prepared`.
    """

    def prepare(value: str) -> str:
        path = config.path(OPTION, value)
        check(path, config.flag(OPTION))
        return path

    path = attended.prepared(config, OPTION, prepare, "The plugin cannot write figures.")
    if path is None:
        return
    certbot = config.config
    names = tuple(assembly.names_asked_for(certbot) or ())
    name = lineage_name.expected(certbot, names, lineage)
    folders = os.path.abspath(certbot.config_dir), os.path.abspath(certbot.work_dir)
    record_certificate(Recorded(name, *folders, path, certbot.verb, attempted and certbot.verb != "install"))


def check(path: str, flag: str) -> None:
    """Check that figures can be written to a file.

    :raises UsageError: if the library is missing, the file's folder is missing, or this user may not write there.
    """
    assembly.require(text.MODULE, text.LIBRARY)
    folder = os.path.dirname(path)
    if os.path.isdir(path):
        raise UsageError([f"{flag}: {path} is a directory; name a file in it, such as certbot.prom."])
    if not os.path.isdir(folder):
        raise UsageError([f"{flag}: the directory {folder} does not exist; make it, or correct the flag."])
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError([f"{flag}: this user may not write into {folder}; name a file elsewhere, or change its mode."])
