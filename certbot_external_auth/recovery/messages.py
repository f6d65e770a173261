"""What is left, said to a program that drives Certbot, and to a person."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Callable
from typing import Any

from certbot_external_auth import journal
from certbot_external_auth.challenges import Challenge
from certbot_external_auth.journal.entry import Entry
from certbot_external_auth.protocol import lines
from certbot_external_auth.protocol.lines import Line
from certbot_external_auth.recovery.batch import NOBODY
from certbot_external_auth.recovery.by_hand import calls, commands, described, not_called
from certbot_external_auth.recovery.consent import TOLD_MODES
from certbot_external_auth.recovery.outcome import Outcome

__all__ = ["calls", "commands", "described", "leftover", "report", "sentences", "stays", "withdrawn"]

logger = logging.getLogger(__name__)

_said: set[str] = set()
"""Names of files that this process has warned of."""


def leftover(one: Entry) -> list[Line]:
    """The challenges of a batch as `hello` lists them."""
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
            "reason": one.reason(challenge),
            "since": one.written,
            "batch": one.id,
        }
        for challenge in one.challenges
    ]


def sentences(one: Entry, work_dir: str) -> str:
    """What is left, why, and what to do, for a person."""
    out = [f"Left behind by a run of {one.written} for {one.lineage or one.challenges[0].identifier}:"]
    out += [f"  {described(challenge)}: {one.reason(challenge)}" for challenge in one.challenges]
    if one.mode in TOLD_MODES:
        verb = f"certbot-external-auth recover --work-dir {shlex.quote(work_dir)} --confirm {one.id}"
        return "\n".join([*out, f"Remove it by hand; this ends the reminders: {verb}"])
    verb = f"certbot-external-auth recover --work-dir {shlex.quote(work_dir)}"
    if not_called(one, work_dir):
        out.append(f"Once it is removed where it was published, this sees it: {verb}")
        out.append(f"To have the handler called all the same, which may publish once more: {verb} {one.id}")
    else:
        out.append(f"Once what is wrong is mended: {verb} {one.id}")
    out.append(f"The commands to do it by hand: {verb} --list")
    return "\n".join(out)


def stays(one: Entry, challenge: Challenge, outcome: Outcome) -> bool:
    """Whether nobody was to withdraw it."""
    return outcome.notes.get((one.id, challenge.id), "").startswith(NOBODY)


def withdrawn(one: Entry, challenge: Challenge, outcome: Outcome) -> str:
    """A challenge that is withdrawn, with what is not plain about it."""
    note = outcome.notes.get((one.id, challenge.id))
    return described(challenge) + (f" ({note})" if note else "")


def report(outcome: Outcome, work_dir: str, say: Callable[..., Any] = logger.warning) -> None:
    """Say in Certbot's way what was done."""
    new = {name: reason for name, reason in outcome.aside.items() if reason and name not in _said}
    if new:
        _said.update(new)
        names = "; ".join(f"{name}: {reason}" for name, reason in new.items())
        say("In %s something could not be read and is passed over (%s).", journal.folder(work_dir), names)
    for one in outcome.withdrawn:
        gone = [each for each in one.challenges if not stays(one, each, outcome)]
        if not gone:
            continue
        what = "; ".join(withdrawn(one, each, outcome) for each in gone)
        say("What a run of %s had left behind is withdrawn: %s.", one.written, what)
    for one in outcome.left:
        logger.error(sentences(one, work_dir))
    if outcome.given_up:
        names = ", ".join(sorted({name for one in outcome.given_up for name in one.identifiers}))
        command = f"certbot-external-auth recover --list --work-dir {shlex.quote(work_dir)}"
        say("Earlier runs left something behind for %s that no run tries to withdraw any more; see: %s", names, command)
