"""Delete the journal entries of what a person or a driver has removed, which ends the reminders."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from certbot_external_auth import journal
from certbot_external_auth.challenges import Challenge
from certbot_external_auth.errors import UsageError
from certbot_external_auth.journal.entry import Entry
from certbot_external_auth.recovery.batch import remove_own_files
from certbot_external_auth.recovery.messages import all_in_words

CONFIRMED_MODE = "json"
"""The mode of the batches that a session publishes."""


@dataclass
class Confirmed:
    """What became of confirmed batches.

    :ivar gone: what the journal has forgotten.
    :ivar left: what it could not forget, with the reasons.
    """

    gone: list[Entry] = field(default_factory=list)
    left: list[Entry] = field(default_factory=list)


def batches(work_dir: str, ids: Collection[str]) -> Confirmed:
    """Forget whole batches, in any mode.

    :raises UsageError: if no batch is named, or one is not in the journal, or a process works on it.
    :raises OSError: if the journal cannot be used.
    """
    if not ids:
        raise UsageError(
            [
                "--confirm needs the batches that you have removed. To see which are left, run: "
                "certbot-external-auth recover --list"
            ]
        )
    known = {entry.id for entry in journal.read_all(work_dir).left}
    missing = [batch for batch in ids if batch not in known]
    if missing:
        where = journal.folder(work_dir)
        raise UsageError([f"{batch} is not in the journal {where}, or a process works on it." for batch in missing])
    return _confirm(work_dir, lambda entry: entry.challenges if entry.id in ids else ())


def published(work_dir: str, lines: Iterable[Mapping[str, Any]]) -> Confirmed:
    """Forget the challenges that the `perform_challenge` lines of a session name.

    :raises OSError: if the journal cannot be used.
    """
    named = {(line.get("type"), line.get("token"), line.get("key_auth")) for line in lines}

    def of(entry: Entry) -> list[Challenge]:
        if entry.mode != CONFIRMED_MODE:
            return []
        return [each for each in entry.challenges if (each.type, each.token, each.key_authorization) in named]

    return _confirm(work_dir, of)


def _confirm(work_dir: str, chosen: Callable[[Entry], Collection[Challenge]]) -> Confirmed:
    confirmed = Confirmed()
    for entry in journal.read_all(work_dir).left:
        held = journal.claim(work_dir, entry) if chosen(entry) else None
        if held is None:
            continue
        try:
            _forget(held, work_dir, chosen(held.entry), confirmed)
        finally:
            held.release()
    return confirmed


def _forget(held: journal.Held, work_dir: str, gone: Collection[Challenge], confirmed: Confirmed) -> None:
    """Delete challenges from a batch, and the plugin's own files for them.

    If a file cannot be removed, its challenge stays in the journal, with the reason.
    """
    entry = held.entry
    reasons = remove_own_files(dataclasses.replace(entry, challenges=tuple(gone)), work_dir)
    left = tuple(each for each in entry.challenges if each not in gone or each.id in reasons)
    if gone:
        removed = tuple(each for each in gone if each.id not in reasons)
        confirmed.gone.append(dataclasses.replace(entry, challenges=removed))
    if left:
        held.store(dataclasses.replace(entry, challenges=left, reasons={**entry.reasons, **all_in_words(reasons)}))
        confirmed.left.append(held.entry)
    else:
        held.remove()
