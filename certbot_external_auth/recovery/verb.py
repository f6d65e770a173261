"""The verb `recover` of the command `certbot-external-auth`: withdraw, or list, what runs of Certbot left behind."""

from __future__ import annotations

import argparse
import dataclasses
import logging
import os
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from certbot_external_auth import journal, recovery
from certbot_external_auth.console import certbot_folders, documents, terminal_lines
from certbot_external_auth.errors import UsageError
from certbot_external_auth.journal.entry import Entry
from certbot_external_auth.recovery import by_hand, confirmation, messages
from certbot_external_auth.recovery.reasons import Fix
from certbot_external_auth.signals.interruption import Interrupted, raising_interrupted

_INDENT = "  "
"""Blanks before a command that a person may paste."""
NOTHING_LEFT = "Nothing is left behind."


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of this verb."""
    parser.add_argument(
        "batch", nargs="*", help="id of a batch to withdraw, even if its handler has changed (default: all)"
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--list", action="store_true", help="only list what is left behind")
    what.add_argument("--dry-run", action="store_true", help="show what would be called, and call nothing")
    what.add_argument(
        "--confirm",
        action="store_true",
        help="confirm that you have removed these batches by hand: call nothing, and delete their journal entries",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document on stdout")
    certbot_folders.arguments(parser, "work-dir")
    parser.add_argument("--config-dir", help="only what runs with this configuration directory left (default: all)")


def main(arguments: argparse.Namespace) -> int:
    """Do what the flags say.

    :returns: 1 if something is left or a file cannot be read; 128 + N if signal N interrupted it.
    :raises UsageError: if the journal cannot be used, or a batch that was named is not in it.
    """
    try:
        with raising_interrupted():
            return _done(arguments)
    except Interrupted as signal:
        terminal_lines.complain(
            f"{signal}: stopped. The journal still has what is left; to see it, run: "
            "certbot-external-auth recover --list"
        )
        return 128 + signal.number


def _done(arguments: argparse.Namespace) -> int:
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    terminal_lines.prepare_logs()
    _, work_dir = certbot_folders.existing({"work-dir": arguments.work_dir})
    config_dir = os.path.abspath(arguments.config_dir) if arguments.config_dir is not None else None
    try:
        if arguments.confirm:
            return _confirmed(work_dir, arguments)
        outcome = _chosen(work_dir, config_dir, arguments.batch)
        if not arguments.list and not arguments.dry_run:
            aside = outcome.aside
            outcome = recovery.withdraw(work_dir, config_dir=config_dir, named=arguments.batch, by_hand=True)
            # Only the first read of a damaged file tells what is wrong with it.
            outcome.aside.update({name: reason for name, reason in aside.items() if reason})
    except OSError as error:
        raise UsageError([f"The journal in {journal.folder(work_dir)} cannot be used: {error.strerror}."]) from None
    if arguments.json:
        documents.tell(_document(outcome, work_dir))
    else:
        _put(_shown(outcome, work_dir, arguments.dry_run))
    # The challenges in a file that cannot be read may still be published.
    return 1 if outcome.aside or (outcome.left and not arguments.list and not arguments.dry_run) else 0


def _put(lines: Iterable[str]) -> None:
    """Print sentences, and commands, which are indented."""
    documents.put(terminal_lines.for_stream("\n".join(lines), sys.stdout, indented=False))


def _confirmed(work_dir: str, arguments: argparse.Namespace) -> int:
    """Forget the batches that were named; the result is 1 if a file of the plugin's own could not be removed."""
    confirmed = confirmation.batches(work_dir, arguments.batch)
    if arguments.json:
        documents.tell(_document(recovery.Outcome(withdrawn=confirmed.gone, left=confirmed.left), work_dir))
    else:
        gone = [f"Confirmed: {by_hand.described(each)}" for entry in confirmed.gone for each in entry.challenges]
        _put([*gone, *(line for entry in confirmed.left for line in _is_left(entry, work_dir))])
    return 1 if confirmed.left else 0


def _chosen(work_dir: str, config_dir: str | None, named: Iterable[str]) -> recovery.Outcome:
    contents = journal.read_all(work_dir)
    known = {entry.id for entry in [*contents.left, *contents.running]}
    unread = {name.split(".")[0]: reason for name, reason in contents.aside.items() if reason}
    where = f"in the journal {journal.folder(work_dir)}"
    missing = [
        f"{batch} {where} could not be read: {unread[batch]}"
        if batch in unread
        else f"{batch} is not {where}. To see which batches are, run: certbot-external-auth recover --list"
        for batch in named
        if batch not in known
    ]
    if missing:
        raise UsageError(missing)
    left = recovery.chosen(contents.left, config_dir, list(named))
    return recovery.Outcome(left=left, running=contents.running, aside=contents.aside)


def _shown(outcome: recovery.Outcome, work_dir: str, dry_run: bool) -> Iterator[str]:
    for entry in outcome.withdrawn:
        for challenge in entry.challenges:
            word = "Not withdrawn" if messages.stays(entry, challenge, outcome) else "Withdrawn"
            yield f"{word}: {messages.withdrawn(entry, challenge, outcome)}"
    for entry in outcome.left:
        yield from _would(entry, work_dir) if dry_run else _is_left(entry, work_dir)
    for entry in outcome.running:
        yield f"Left alone, because another process works on these names: {', '.join(sorted(entry.identifiers))}"
    for name, reason in outcome.aside.items():
        path = os.path.join(journal.folder(work_dir), name)
        yield f"Skipped: {path}: {reason}" if reason else f"Skipped: {path}"
    if outcome.aside:
        yield "The challenges in these files may still be published: the plugin did not withdraw them."
    elif not (outcome.withdrawn or outcome.left or outcome.running):
        yield NOTHING_LEFT


def _is_left(entry: Entry, work_dir: str) -> Iterator[str]:
    yield from messages.what_is_left(entry)
    yield from messages.what_to_do(entry, work_dir)
    if by_hand.fix(entry, work_dir) is not Fix.REMOVE_AND_CONFIRM:
        yield "Or remove it by hand:"
        for text in by_hand.commands(entry, work_dir, _INDENT):
            yield f"{_INDENT}{text}"


def _would(entry: Entry, work_dir: str) -> list[str]:
    problem = messages.not_callable(entry)
    names = ", ".join(sorted(entry.identifiers))
    if problem is not None:
        return [f"Would call nothing for {names}: {problem}"]
    lines = [*by_hand.not_called(entry, work_dir), *by_hand.calls(entry, work_dir)]
    return [f"Would call for {names}:", *(f"  {line}" for line in lines)]


def _document(outcome: recovery.Outcome, work_dir: str) -> dict[str, Any]:
    return {
        "withdrawn": [_withdrawn(entry, outcome) for entry in outcome.withdrawn],
        "left": [{**_described(entry), "commands": by_hand.commands(entry, work_dir)} for entry in outcome.left],
        "running": [_described(entry) for entry in outcome.running],
        "set_aside": [os.path.join(journal.folder(work_dir), name) for name in outcome.aside],
    }


def _withdrawn(entry: Entry, outcome: recovery.Outcome) -> dict[str, Any]:
    """Describe a withdrawn batch. The reason of a challenge is the note about it, if there is one."""
    notes = {each.id: messages.note(entry, each, outcome) or entry.reason(each) for each in entry.challenges}
    return _described(dataclasses.replace(entry, reasons=notes))


def _described(entry: Entry) -> dict[str, Any]:
    return {
        "batch": entry.id,
        "since": entry.written,
        "mode": entry.mode,
        "lineage": entry.lineage,
        "config_dir": entry.config_dir,
        "handler": list(entry.handler.words),
        "provider": entry.handler.provider,
        "dialect": entry.handler.dialect if entry.handler.words else None,
        "attempts": entry.attempts,
        "challenges": messages.leftover(entry),
    }
