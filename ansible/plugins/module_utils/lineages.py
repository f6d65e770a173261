# Copyright (c) The authors of certbot-external-auth
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
# SPDX-License-Identifier: Apache-2.0

"""Read Certbot's certificates from its configuration directory, and tell which are due. Nothing is changed."""

from __future__ import annotations

import datetime
import functools
import os
import re

from ansible_collections.external_auth.certbot.plugins.module_utils import pem

DEFAULT = "/etc/letsencrypt"
PATHS = {
    "cert_path": "cert.pem",
    "key_path": "privkey.pem",
    "chain_path": "chain.pem",
    "fullchain_path": "fullchain.pem",
}
_LINE = re.compile(r"(?:--)?config-dir(?:\s*[=:]\s*|\s+)(.*?)(?:\s+[#;].*)?")
_UNITS = {"year": 365, "month": 30, "week": 7, "day": 1, "hour": 1 / 24}
_PART = re.compile(r"(\d+)\s*(year|month|week|day|hour)s?")
THIRDS_SINCE = (4, 0)
"""The version of Certbot from which a certificate is due by a share of its lifetime, and not 30 days before its end."""


def config_dir(given):
    """Return Certbot's configuration directory: the one given, else that of cli.ini, else the default."""
    if given:
        return given
    home = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    found = DEFAULT
    for path in ("/etc/letsencrypt/cli.ini", os.path.join(home, "letsencrypt", "cli.ini")):
        if os.path.isfile(path):
            for line in _text(path).splitlines():
                match = _LINE.fullmatch(line.strip())
                found = match.group(1).strip("\"'") if match else found
    return os.path.expanduser(found)


def _text(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def names(folder):
    """Return the names of all lineages, in order."""
    try:
        entries = os.listdir(os.path.join(folder, "renewal"))
    except FileNotFoundError:
        return []
    return sorted(entry[: -len(".conf")] for entry in entries if entry.endswith(".conf"))


def live_texts(folder):
    """Return the text of every live certificate, by lineage."""
    found = {}
    for name in names(folder):
        try:
            found[name] = _text(os.path.join(folder, "live", name, "cert.pem"))
        except OSError:
            continue
    return found


def read(module, folder, name):
    """Return what is on disk of a lineage: names, dates, fingerprint, paths, and what its renewal file keeps.

    :raises pem.UnreadableError: if it cannot be read.
    """
    live = os.path.join(folder, "live", name)
    paths = {key: os.path.join(live, file) for key, file in PATHS.items()}
    try:
        certificate = pem.described(module, _text(paths["cert_path"]))
        kept = kept_values(_text(os.path.join(folder, "renewal", name + ".conf")))
    except OSError as error:
        raise pem.UnreadableError(f"{error.filename}: {error.strerror}.") from error
    return dict(certificate, name=name, kept=kept, **paths)


def kept_values(text):
    """Return the keys and values of a renewal file, without the comments and the names of its sections."""
    pairs = [line.split("=", 1) for line in text.splitlines() if "=" in line and not line.lstrip().startswith("#")]
    return {key.strip(): value.strip().strip("\"'") for key, value in pairs}


def found(module, folder, cert_name, wanted):
    """Return the lineage that Certbot would use for a command line; None if it would make a new one.

    :param cert_name: the value of --cert-name, or None; then it is the lineage with exactly the wanted names.
    """
    for name in names(folder):
        if cert_name is not None and name != cert_name:
            continue
        try:
            lineage = read(module, folder, name)
        except pem.UnreadableError:
            continue
        if cert_name is not None or set(lineage["domains"]) == set(wanted):
            return lineage
    return None


def reasons(lineage, now, version, wanted=(), key_type=None, module=None):
    """Return why Certbot would order, in words for programs; empty if it would not.

    :param now: the time, in UTC.
    :param version: returns that of Certbot, as numbers.
    :param wanted: the names that a command line asks for; if empty, the lineage's own.
    :param key_type: what a command line asks for; if None, the lineage's own.
    """
    if lineage is None:
        return ["new"]
    because = []
    if wanted and set(wanted) != set(lineage["domains"]):
        because.append("names")
    if key_type and key_type != pem.key_type(module, lineage["public_key"]):
        because.append("key")
    if lineage["kept"].get("autorenew", "True") != "False" and is_due(lineage, now, version):
        because.append("date")
    return because


def is_due(lineage, now, version):
    """Tell whether Certbot renews a certificate by its dates, without the CA's renewal information (RFC 9773).

    :param version: returns that of Certbot. It is asked only if the answer depends on it, since it takes a while.
    """
    kept = interval(lineage["kept"].get("renew_before_expiry", ""))
    if kept is not None:
        return now > lineage["not_after"] - kept
    lifetime = lineage["not_after"] - lineage["not_before"]
    share = lifetime / 2 if lifetime < datetime.timedelta(days=10) else lifetime * 2 / 3
    before = now > lineage["not_after"] - datetime.timedelta(days=30)
    since = now > lineage["not_before"] + share
    return since if before == since or version() >= THIRDS_SINCE else before


def interval(text):
    """Read a time as Certbot's renewal files have it, such as `30 days`; None if it is not one."""
    text = text.strip()
    if text.isdigit():
        text += " days"
    parts = _PART.findall(text)
    return datetime.timedelta(days=sum(int(count) * _UNITS[unit] for count, unit in parts)) if parts else None


def certbot_version(module, folder, given):
    """Return what finds the version of the Certbot that would order, as numbers; that of today's rules if it does not tell.

    :param folder: where to look for it first.
    :param given: its path, or None.
    """

    def found():
        program = given or module.get_bin_path("certbot", opt_dirs=[folder])
        if program:
            code, out, err = module.run_command([program, "--version"])
            match = re.search(r"certbot (\d+)\.(\d+)", out + err)
            if code == 0 and match:
                return tuple(map(int, match.groups()))
        return THIRDS_SINCE

    return functools.lru_cache(maxsize=None)(found)
