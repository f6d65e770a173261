"""The sentences of a rehearsal: what was found, and what to do. Pure functions."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping

from certbot_external_auth.rehearsal.findings import Finding, Kind
from certbot_external_auth.text import clean, one_line

_Say = Callable[[Mapping[str, str]], str]
_WORDS: Mapping[Kind, _Say] = {
    Kind.RENEWAL_FILE: lambda one: f"{one['text']} Certbot skips it, so the certificate is not renewed.",
    Kind.OPTIONS: lambda one: one["text"],
    Kind.PUBLISHER: lambda one: one["text"],
    Kind.PUBLISHER_DOUBT: lambda one: one["text"],
    Kind.CERTIFICATE: lambda one: (
        f"{one['path']} cannot be read: {one['text']}. "
        + ("Issue the certificate again, or remove it with 'certbot delete'." if one["lost"] else "Correct that.")
    ),
    Kind.KEY: lambda one: (
        f"{one['path']}: {one['text']}. The private keys belong to the user who runs Certbot, and "
        "only that user may write them."
    ),
    Kind.OVERDUE: lambda one: (
        f"It ends on {one['day']}, in {one['days']} days, and Certbot should have renewed it "
        "before. Run 'certbot renew' and read what it says; 'certbot-external-auth doctor' shows what starts it."
    ),
    Kind.ACCOUNT: lambda one: one["text"],
    Kind.DISK: lambda one: f"Certbot must write to {one['path']} ({one['flag']}), but {one['text']}.",
    Kind.JOURNAL: lambda one: f"{one['path']} cannot be used: {one['text']}. No run publishes anything then.",
    Kind.LEFTOVER: lambda one: (
        f"An earlier run left what it published for {one['names']}. To remove it: "
        f"certbot-external-auth recover --work-dir {shlex.quote(one['work_dir'])}"
    ),
    Kind.PENDING: lambda one: (
        "The newest certificate was not handed over. To try it again: "
        f"certbot install --cert-name {shlex.quote(one['lineage'])} -i external-auth"
    ),
    Kind.LOCKED: lambda one: f"A Certbot is running now (its configuration directory is {one['path']}).",
    Kind.NOT_PUBLISHED: lambda one: (
        f"A test value for {one['name']} could not be published: {one['text']}"
        + (f"\nIf a token or key is refused, correct it in {one['secrets']}." if one.get("secrets") else "")
    ),
    Kind.NOT_WITHDRAWN: lambda one: f"A test value at {one['place']} is still there after its removal. {one['text']}",
    Kind.NOT_PERMITTED: lambda one: one["text"],
    Kind.UNSAID: lambda one: (
        f"This machine could not look up the CAA records of {one['names']}, so nothing is known about them."
    ),
    Kind.UNSIGNED: lambda _: (
        "No resolver of this machine confirms a signature of these zones (DNSSEC), so nothing is known about them."
    ),
    Kind.SERVED_OTHER: lambda one: (
        f"{one['address']} serves another certificate for {one['name']} than Certbot has "
        f"saved ({one['text']}). Reload the server, or correct the path of its certificate."
    ),
    Kind.NOT_SERVED: lambda one: (
        f"The certificate of {one['name']} at {one['address'] or 'its server'} could not be "
        f"seen: {one['text'] or 'no answer'}"
    ),
    Kind.IN_USE: lambda one: (
        f"Nothing was published, because {one['place']} has TXT records that a mistake could "
        "remove. Remove them if they are not needed."
    ),
    Kind.RECORD: lambda one: one["text"],
    Kind.RECORD_TO_COME: lambda one: f"{one['text']} The next renewal will publish it.",
    Kind.RECORD_ENDS: lambda one: one["text"],
    Kind.RECORD_UNSAID: lambda one: (
        f"Nothing is known about the records of dns-persist-01 for {one['names']}: {one['text']}."
    ),
    Kind.STOPPED: lambda _: "Nothing was published, because a Certbot runs. Run rehearse again when it has ended.",
    Kind.NOTIFIER: lambda one: f"The plugin cannot call the notifier if a renewal fails. {one['text']}",
    Kind.NOTIFIER_DOUBT: lambda one: one["text"],
    Kind.METRICS: lambda one: f"The plugin cannot write figures. {one['text']}",
    Kind.BY_DRIVER: lambda _: "Not rehearsed: a program renews it in mode json.",
    Kind.BY_HAND: lambda one: f"A person must renew it before {one['day']}: mode manual cannot run unattended.",
}


def sentence(finding: Finding) -> str:
    """Say what was found, and what to do."""
    return one_line(clean(_WORDS[finding.kind](finding.facts)), 2000)
