"""What other runs left behind: withdrawn by the same handler, or told to those who must withdraw it.

A run that is killed leaves its batch in the journal, and one whose cleanup fails leaves what is still there. The next
run of the plugin, and `certbot-external-auth recover`, take it from there.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from certbot import errors

from certbot_external_auth import journal, tls_files, webroot
from certbot_external_auth.backends import backend
from certbot_external_auth.challenges import Challenge
from certbot_external_auth.errors import Failure
from certbot_external_auth.journal.entry import Entry
from certbot_external_auth.recovery import fingerprint, orphans
from certbot_external_auth.recovery.context import context_of, finished
from certbot_external_auth.text import one_line

ATTEMPTS = 3
"""How many runs try to withdraw a batch, or tell of it."""
TOLD_MODES = ("json", "manual")
"""Those whose other end is gone with the run, so that it cannot be asked again."""


@dataclass
class Outcome:
    """What became of the batches that were left.

    :ivar withdrawn: those that are gone now. :ivar left: those that are not, with their reasons.
    :ivar running: those that somebody works on, or whose names he uses.
    """

    withdrawn: list[Entry] = field(default_factory=list)
    left: list[Entry] = field(default_factory=list)
    running: list[Entry] = field(default_factory=list)
    aside: dict[str, str] = field(default_factory=dict)


def withdraw(
    work_dir: str,
    *,
    config_dir: str | None = None,
    named: Collection[str] = (),
    by_hand: bool = False,
) -> Outcome:
    """Withdraw what was left, once, and note what could not be.

    :param config_dir: only what runs with this configuration directory left.
    :param named: only these batches, also where the handler has changed since.
    :param by_hand: a person asks for it: also what was tried often enough.
    :raises OSError: if the journal cannot be used.
    """
    found = journal.look(work_dir)
    outcome = Outcome(running=list(found.running), aside=found.aside)
    for one in chosen(found.left, config_dir, named):
        if not by_hand and (one.attempts >= ATTEMPTS or one.id in journal.touched):
            continue
        held = journal.claim(work_dir, one)
        if held is None:
            continue
        try:
            _one(held, work_dir, outcome, deliberate=one.id in named)
        finally:
            held.release()
    return outcome


def chosen(entries: Iterable[Entry], config_dir: str | None, named: Collection[str]) -> list[Entry]:
    """Those of a configuration directory, and of these ids, where any are given."""
    return [
        one
        for one in entries
        if (not named or one.id in named) and (config_dir is None or one.config_dir == config_dir)
    ]


def _one(held: journal.Held, work_dir: str, outcome: Outcome, deliberate: bool) -> None:
    one = held.entry
    # Looked at only now that the batch is locked: a run that begins with these names waits from here on.
    if any(one.identifiers & other.identifiers for other in journal.look(work_dir).running if other.id != one.id):
        outcome.running.append(one)
        return
    journal.touched.add(one.id)
    try:
        # Before anything is called, so that what ends this process too is not tried for ever.
        held.store(dataclasses.replace(one, attempts=one.attempts + 1))
        reasons = _withdraw(held.entry, work_dir, deliberate)
        left = tuple(challenge for challenge in one.challenges if challenge.id in reasons)
        if left:
            held.store(dataclasses.replace(held.entry, challenges=left, reasons=reasons))
            outcome.left.append(held.entry)
        else:
            held.remove()
            outcome.withdrawn.append(one)
    except OSError as error:
        problem = f"the journal cannot be changed: {error.strerror or error}"
        outcome.left.append(dataclasses.replace(one, reasons={each.id: problem for each in one.challenges}))


def _withdraw(one: Entry, work_dir: str, deliberate: bool) -> dict[str, str]:
    """Reasons by the id of each challenge that is not withdrawn."""
    orphans.end(one)
    files = _remove_own_files(one, work_dir)
    if one.mode in TOLD_MODES:
        return {**{challenge.id: one.reason(challenge) for challenge in one.challenges}, **files}
    return {**_call(one, work_dir, deliberate), **files}


def _call(one: Entry, work_dir: str, deliberate: bool) -> dict[str, str]:
    problem = None if deliberate else changed(one)
    if problem is None:
        try:
            found = backend(one.mode, context_of(one, work_dir, _exports(one)))
            found.prepare(True, False)
            return reasons_of(found.cleanup(finished(one, work_dir)), one.challenges)
        except errors.SignalExit:
            raise
        except errors.Error as error:
            problem = str(error)
        except Exception as error:
            # A backend of somebody else's; a renewal of other names must not end because of it.
            problem = f"{type(error).__name__}: {error}"
    return {challenge.id: one_line(problem) for challenge in one.challenges}


def unrunnable(one: Entry) -> str | None:
    """Why nobody can be asked to withdraw it, or should not be; None if somebody can."""
    if one.mode in TOLD_MODES:
        who = "a person" if one.mode == "manual" else "the program that drove Certbot"
        return f"{who} published it, who cannot be asked any more"
    return changed(one)


def changed(one: Entry) -> str | None:
    """Whether the handler is another one than was called, in words; None if it is the same."""
    before = dict(one.handler.fingerprints)
    now = {path: fingerprint.now(path) for path in before}
    others = [path for path, text in before.items() if now[path] not in (text, None)]
    if others:
        return f"the handler has changed since ({', '.join(others)})"
    gone = [path for path in before if now[path] is None]
    return f"the handler is gone ({', '.join(gone)})" if gone else None


def _exports(one: Entry) -> Mapping[str, str]:
    if one.handler.dehydrated_config is None:
        return {}
    from certbot_external_auth import dehydrated_config

    return dehydrated_config.read(one.handler.dehydrated_config).exports


def reasons_of(failures: Iterable[Failure], challenges: Sequence[Challenge]) -> dict[str, str]:
    """Why challenges are not withdrawn, by id."""
    reasons: dict[str, str] = {}
    for failure in failures:
        for challenge in challenges:
            if challenge.id in failure.ids or (not failure.ids and challenge.identifier in failure.identifiers):
                reasons.setdefault(challenge.id, one_line(f"{failure.operation}: {failure.happened}"))
    return reasons


def _remove_own_files(one: Entry, work_dir: str) -> dict[str, str]:
    """What the plugin itself wrote, whoever carried the challenges out."""
    reasons = {}
    for challenge in one.challenges:
        try:
            if challenge.server_name is not None:
                tls_files.remove(tls_files.folder(work_dir), challenge.server_name)
            if challenge.uri is not None and one.handler.wellknown is not None:
                webroot.remove(one.handler.wellknown, challenge.token)
        except OSError as error:
            reasons[challenge.id] = one_line(f"a file of ours cannot be removed: {error}")
    return reasons


def tell(work_dir: str) -> list[Entry]:
    """Batches that somebody must withdraw by hand and was not told of often enough; each counts as told now."""
    found = []
    for one in journal.look(work_dir).left:
        if one.mode not in TOLD_MODES or one.attempts >= ATTEMPTS or one.id in journal.touched:
            continue
        held = journal.claim(work_dir, one)
        if held is None:
            continue
        try:
            journal.touched.add(one.id)
            held.store(dataclasses.replace(one, attempts=one.attempts + 1))
            found.append(one)
        finally:
            held.release()
    return found
