"""What the renewal of one certificate needs beside its publisher: its files, its account, and what was handed over."""

from __future__ import annotations

import datetime
import os
import stat
from collections.abc import Iterator

from certbot_external_auth.accounts import stored
from certbot_external_auth.errors import UsageError
from certbot_external_auth.lineages import certificate
from certbot_external_auth.lineages.handed_over import HandedOver
from certbot_external_auth.lineages.lineage import Lineage
from certbot_external_auth.rehearsal.findings import Finding, Kind
from certbot_external_auth.rehearsal.subject import Host, Subject

OVERDUE_PART = 6
"""A certificate is overdue in the last sixth of its life; Certbot renews in the last third."""


def read(config_dir: str, lineage: str) -> certificate.Facts | Finding:
    """Read the live certificate, or return why it cannot be read."""
    path = Lineage(config_dir, lineage).cert_path
    try:
        return certificate.read(path)
    except OSError as error:
        gone = isinstance(error, FileNotFoundError)
        text = error.strerror or str(error)
        return Finding(Kind.CERTIFICATE, {"path": path, "text": text, "lost": "yes" if gone else ""})
    except ValueError:
        return Finding(Kind.CERTIFICATE, {"path": path, "text": "it is not a certificate", "lost": "yes"})


def files(config_dir: str, lineage: str) -> Iterator[Finding]:
    """Yield what is wrong with the private key and the folder of all its versions."""
    path = Lineage(config_dir, lineage).key_path
    try:
        state = os.stat(path)
    except OSError as error:
        yield Finding(Kind.KEY, {"path": path, "text": error.strerror or str(error)})
        return
    if not os.access(path, os.R_OK):
        yield Finding(Kind.KEY, {"path": path, "text": "this user may not read it"})
    elif state.st_uid not in (0, os.geteuid()):
        yield Finding(Kind.KEY, {"path": path, "text": f"it belongs to another user (uid {state.st_uid})"})
    elif state.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        yield Finding(Kind.KEY, {"path": path, "text": f"other users may write it (mode {state.st_mode & 0o7777:04o})"})
    folder = os.path.dirname(os.path.realpath(path))
    if not os.access(folder, os.W_OK | os.X_OK):
        yield Finding(Kind.KEY, {"path": folder, "text": "this user may not write there"})


def overdue(facts: certificate.Facts, now: datetime.datetime) -> Iterator[Finding]:
    """Yield a finding if the certificate should have been renewed long before."""
    left = facts.not_after - now
    if left < (facts.not_after - facts.not_before) / OVERDUE_PART:
        yield Finding(Kind.OVERDUE, {"day": facts.not_after.date().isoformat(), "days": str(left.days)})


def account(subject: Subject, host: Host) -> Iterator[Finding]:
    """Yield a finding if the account of the renewal cannot be used."""
    try:
        stored.chosen(host.config_dir, subject.server, subject.text("account") or None)
    except UsageError as error:
        yield Finding(Kind.ACCOUNT, {"text": str(error)})


def pending(subject: Subject, host: Host) -> Iterator[Finding]:
    """Yield a finding if the certificate was not handed over.

    :raises OSError: if the state file cannot be read.
    """
    if subject.deploys:
        known = HandedOver(host.config_dir, host.work_dir).known()
        if subject.lineage in known and known[subject.lineage] != subject.facts.sha256:
            yield Finding(Kind.PENDING, {"lineage": subject.lineage})
