"""Writes the messages of recovery: what is left, why, and what to do, for a driver and for a person."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from certbot_external_auth import journal
from certbot_external_auth.challenges import Challenge
from certbot_external_auth.journal.entry import Entry
from certbot_external_auth.protocol import lines
from certbot_external_auth.protocol.lines import Line
from certbot_external_auth.recovery import by_hand
from certbot_external_auth.recovery.by_hand import described
from certbot_external_auth.recovery.consent import TOLD_MODES, changed
from certbot_external_auth.recovery.outcome import Outcome
from certbot_external_auth.recovery.reasons import Fix, Kind, Reason, Reasons
from certbot_external_auth.text import one_line

logger = logging.getLogger(__name__)

_MAX_OUTPUT_CHARACTERS = 300
"""How much of what a handler printed last becomes part of a reason."""
_warned_of: set[str] = set()
"""Names of the files that this process has warned of."""

_WORDS: Mapping[Kind, str] = {
    Kind.AS_RECORDED: "{text}",
    Kind.NOT_TRIED: "{text}",
    Kind.HANDLER_CHANGED: "the handler has changed since ({paths})",
    Kind.HANDLER_GONE: "the handler is gone ({paths})",
    Kind.NOT_PREPARED: "{text}",
    Kind.BACKEND_FAILED: "{text}",
    Kind.CALL_FAILED: "{operation}: {text}",
    Kind.STILL_VISIBLE: "{cause}; still visible at {at}",
    Kind.OWN_FILE_STAYS: "the plugin cannot remove its own file: {text}",
    Kind.JOURNAL_UNCHANGEABLE: "the journal cannot be changed: {text}",
    Kind.ENTRY_UNREADABLE: "its file in the journal cannot be opened: {text}",
    Kind.NO_CLEANUP_HANDLER: "there is no cleanup handler that could remove it; it is visible at {at}",
    Kind.NOT_VERIFIED: "the handler reported success; the plugin could not check it: {text}",
    Kind.NO_LONGER_VISIBLE: "{cause}; no server shows it any more",
}


def in_words(reason: Reason) -> str:
    """Say a reason in one line."""
    if reason.kind is Kind.AS_RECORDED:
        return reason.facts["text"]
    cause = in_words(reason.cause) if reason.cause is not None else "the handler reported success"
    # Each fact is shortened on its own, so that the servers, which come last, are always shown.
    facts = {name: one_line(fact) for name, fact in reason.facts.items()}
    text = _WORDS[reason.kind].format(cause=cause, **facts)
    output = one_line(reason.facts.get("output", ""), _MAX_OUTPUT_CHARACTERS)
    return f"{text}; it printed: {output}" if output else text


def all_in_words(reasons: Reasons) -> dict[str, str]:
    """Say reasons in words, by the ids of the challenges, as the journal stores them."""
    return {challenge: in_words(reason) for challenge, reason in reasons.items()}


def leftover(entry: Entry) -> list[Line]:
    """Return the challenges of a batch as `hello` lists them."""
    return [
        {
            "type": challenge.type,
            "domain": challenge.identifier,
            "identifier_type": challenge.identifier_type,
            "token": challenge.token,
            "validation": challenge.validation,
            "key_auth": challenge.key_authorization,
            "txt_domain": challenge.txt_domain,
            **lines.alias(challenge),
            "uri": challenge.uri,
            "z_domain": challenge.server_name,
            "reason": entry.reason(challenge),
            "since": entry.written,
            "batch": entry.id,
        }
        for challenge in entry.challenges
    ]


def sentences(entry: Entry, work_dir: str) -> str:
    """Say what is left, why, and what to do, to a person."""
    told = [*what_is_left(entry), *what_to_do(entry, work_dir)]
    if by_hand.fix(entry, work_dir) is not Fix.REMOVE_AND_CONFIRM:
        told.append(f"To see the commands that remove it by hand, run: {_recover(work_dir)} --list")
    return "\n".join(told)


def what_is_left(entry: Entry) -> Iterator[str]:
    """Say which challenges of a batch are left, and why."""
    yield f"Left behind by the run of {entry.written} for {entry.lineage or entry.challenges[0].identifier}:"
    for challenge in entry.challenges:
        yield f"  {described(challenge)}: {entry.reason(challenge)}"


def what_to_do(entry: Entry, work_dir: str) -> list[str]:
    """Say what a person has to do about a batch that is left."""
    verb = _recover(work_dir)
    fix = by_hand.fix(entry, work_dir)
    if fix is Fix.REMOVE_AND_CONFIRM:
        return [f"Remove it by hand. Then run this, which ends the reminders: {verb} --confirm {entry.id}"]
    if fix is Fix.REMOVE:
        return [
            f"Remove it where it was published, then run: {verb}",
            "To call the handler anyway, although it may publish again, or remove other records, run: "
            f"{verb} {entry.id}",
        ]
    return [f"Fix what is wrong, then run: {verb} {entry.id}"]


def not_callable(entry: Entry) -> str | None:
    """Say why a recovery calls nothing to withdraw a batch; None if it may call the handler."""
    if entry.mode in TOLD_MODES:
        publisher = "a person" if entry.mode == "manual" else "the program that drove Certbot"
        return f"{publisher} published it, and the plugin cannot ask for it to be removed"
    reason = changed(entry)
    return None if reason is None else in_words(reason)


def _recover(work_dir: str) -> str:
    return f"certbot-external-auth recover --work-dir {shlex.quote(work_dir)}"


def stays(entry: Entry, challenge: Challenge, outcome: Outcome) -> bool:
    """Tell whether a challenge stays published because there is no cleanup handler to call."""
    note = outcome.notes.get((entry.id, challenge.id))
    return note is not None and note.kind is Kind.NO_CLEANUP_HANDLER


def note(entry: Entry, challenge: Challenge, outcome: Outcome) -> str:
    """Return the note about a withdrawn challenge; empty if there is none."""
    reason = outcome.notes.get((entry.id, challenge.id))
    return "" if reason is None else in_words(reason)


def withdrawn(entry: Entry, challenge: Challenge, outcome: Outcome) -> str:
    """Name a withdrawn challenge, with the note about it if there is one."""
    text = note(entry, challenge, outcome)
    return described(challenge) + (f" ({text})" if text else "")


def report(outcome: Outcome, work_dir: str, say: Callable[..., Any] = logger.warning) -> None:
    """Log what a recovery did, as Certbot logs.

    :param say: called for each warning, with the arguments of `logging.Logger.warning`.
    """
    unread = {name: reason for name, reason in outcome.aside.items() if reason and name not in _warned_of}
    if unread:
        _warned_of.update(unread)
        names = "; ".join(f"{name}: {reason}" for name, reason in unread.items())
        say("Skipped in %s, since it could not be read (%s).", journal.folder(work_dir), names)
    for entry in outcome.withdrawn:
        gone = [challenge for challenge in entry.challenges if not stays(entry, challenge, outcome)]
        if gone:
            what = "; ".join(withdrawn(entry, challenge, outcome) for challenge in gone)
            say("Cleaned up after the run of %s: %s.", entry.written, what)
    for entry in outcome.left:
        logger.error(sentences(entry, work_dir))
    if outcome.given_up:
        names = ", ".join(sorted(frozenset().union(*(entry.identifiers for entry in outcome.given_up))))
        say(
            "Earlier runs left something behind for %s, and no run tries to remove it any more. To see it, run: "
            "%s --list",
            names,
            _recover(work_dir),
        )
