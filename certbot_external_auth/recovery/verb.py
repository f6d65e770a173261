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
from certbot_external_auth.console import certbot_folders, documents
from certbot_external_auth.errors import UsageError
from certbot_external_auth.journal.entry import Entry
from certbot_external_auth.recovery import by_hand, confirmation, messages
from certbot_external_auth.signals.interruption import Interrupted, raising_interrupted


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of this verb."""
    parser.add_argument("batch", nargs="*", help="only these, also where the handler has changed since (default: all)")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--list", action="store_true", help="only say what is left")
    what.add_argument("--dry-run", action="store_true", help="say what would be called, and call nothing")
    what.add_argument(
        "--confirm",
        action="store_true",
        help="say that the batches named are removed by hand: call nothing, forget them",
    )
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    certbot_folders.arguments(parser, "work-dir")
    parser.add_argument("--config-dir", help="only what runs with this configuration directory left (default: all)")


def main(arguments: argparse.Namespace) -> int:
    """Do it; 1 if something is left or a file could not be read, 128 + the signal's number if it was interrupted.

    :raises UsageError: if the journal cannot be used, or a batch that was named is not in it.
    """
    try:
        with raising_interrupted():
            return _done(arguments)
    except Interrupted as signal:
        print(
            f"{signal}: what is left stays in the journal; see: certbot-external-auth recover --list", file=sys.stderr
        )
        return 128 + signal.number


def _done(arguments: argparse.Namespace) -> int:
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    _, work_dir = certbot_folders.found({"work-dir": arguments.work_dir})
    config_dir = os.path.abspath(arguments.config_dir) if arguments.config_dir is not None else None
    try:
        if arguments.confirm:
            return _confirmed(work_dir, arguments)
        found = _chosen(work_dir, config_dir, arguments.batch)
        if not arguments.list and not arguments.dry_run:
            aside = found.aside
            found = recovery.withdraw(work_dir, config_dir=config_dir, named=arguments.batch, by_hand=True)
            # Why something was set aside is known only when it is.
            found.aside.update({name: reason for name, reason in aside.items() if reason})
    except OSError as error:
        raise UsageError([f"The journal in {journal.folder(work_dir)} cannot be used: {error.strerror}."]) from None
    if arguments.json:
        documents.tell(_document(found, work_dir))
    else:
        documents.put("\n".join(_told(found, work_dir, arguments.dry_run)))
    # Nobody knows what stands in a file that could not be read.
    return 1 if found.aside or (found.left and not arguments.list and not arguments.dry_run) else 0


def _confirmed(work_dir: str, arguments: argparse.Namespace) -> int:
    """The batches that somebody says to have removed; 1 if something of ours could not be removed with them."""
    found = confirmation.batches(work_dir, arguments.batch)
    if arguments.json:
        documents.tell(_document(recovery.Outcome(withdrawn=found.gone, left=found.left), work_dir))
    else:
        gone = [f"Confirmed: {messages.described(each)}" for one in found.gone for each in one.challenges]
        documents.put("\n".join([*gone, *(line for one in found.left for line in _is_left(one, work_dir))]))
    return 1 if found.left else 0


def _chosen(work_dir: str, config_dir: str | None, named: Iterable[str]) -> recovery.Outcome:
    found = journal.read_all(work_dir)
    known = {one.id for one in [*found.left, *found.running]}
    unread = {name.split(".")[0]: reason for name, reason in found.aside.items() if reason}
    where = f"in the journal {journal.folder(work_dir)}"
    missing = [
        f"{one} {where} could not be read: {unread[one]}"
        if one in unread
        else f"{one} is not {where}; see: certbot-external-auth recover --list"
        for one in named
        if one not in known
    ]
    if missing:
        raise UsageError(missing)
    left = recovery.chosen(found.left, config_dir, list(named))
    return recovery.Outcome(left=left, running=found.running, aside=found.aside)


def _told(found: recovery.Outcome, work_dir: str, dry_run: bool) -> Iterator[str]:
    for one in found.withdrawn:
        for challenge in one.challenges:
            word = "Not withdrawn" if messages.stays(one, challenge, found) else "Withdrawn"
            yield f"{word}: {messages.withdrawn(one, challenge, found)}"
    for one in found.left:
        yield from _would(one, work_dir) if dry_run else _is_left(one, work_dir)
    for one in found.running:
        yield f"Left alone, since a run works on it, or on the same names: {', '.join(sorted(one.identifiers))}"
    for name, reason in found.aside.items():
        yield f"Passed over: {os.path.join(journal.folder(work_dir), name)}{': ' * bool(reason)}{reason}"
    if found.aside:
        yield "Whether anything is left behind is not known: what these files name was not withdrawn from here."
    elif not (found.withdrawn or found.left or found.running):
        yield "Nothing is left behind."


def _is_left(one: Entry, work_dir: str) -> list[str]:
    first, *rest = messages.sentences(one, work_dir).splitlines()
    if one.mode in recovery.TOLD_MODES:
        return [first, *rest]
    lines = "\n".join(messages.commands(one, work_dir)).splitlines()
    return [first, *rest[:-1], "Or by hand:", *(f"  {line}" for line in lines)]


def _would(one: Entry, work_dir: str) -> list[str]:
    problem = recovery.unrunnable(one)
    names = ", ".join(sorted(one.identifiers))
    if problem is not None:
        return [f"Would not be withdrawn ({names}): {problem}"]
    lines = [*by_hand.not_called(one, work_dir), *messages.calls(one, work_dir)]
    return [f"Would be called ({names}):", *(f"  {line}" for line in lines)]


def _document(found: recovery.Outcome, work_dir: str) -> dict[str, Any]:
    return {
        "withdrawn": [_described(_with_notes(one, found)) for one in found.withdrawn],
        "left": [{**_described(one), "commands": messages.commands(one, work_dir)} for one in found.left],
        "running": [_described(one) for one in found.running],
        "set_aside": [os.path.join(journal.folder(work_dir), name) for name in found.aside],
    }


def _with_notes(one: Entry, found: recovery.Outcome) -> Entry:
    """With what is not plain about what is withdrawn."""
    notes = {each.id: found.notes.get((one.id, each.id)) or one.reason(each) for each in one.challenges}
    return dataclasses.replace(one, reasons=notes)


def _described(one: Entry) -> dict[str, Any]:
    return {
        "batch": one.id,
        "since": one.written,
        "mode": one.mode,
        "lineage": one.lineage,
        "config_dir": one.config_dir,
        "handler": list(one.handler.words),
        "dialect": one.handler.dialect if one.handler.words else None,
        "attempts": one.attempts,
        "challenges": messages.leftover(one),
    }
