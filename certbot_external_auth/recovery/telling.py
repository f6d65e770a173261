"""What is left, said to a program that drives Certbot, and to a person."""

from __future__ import annotations

import dataclasses
import logging
import os
import shlex
from collections.abc import Callable
from typing import Any

from certbot import errors

from certbot_external_auth import journal, lines, tls_files
from certbot_external_auth.backends.calls import handlers
from certbot_external_auth.challenges import Challenge
from certbot_external_auth.dialects import dialect
from certbot_external_auth.journal.entry import Entry
from certbot_external_auth.lines import Line
from certbot_external_auth.recovery import TOLD_MODES, Outcome, shell_command
from certbot_external_auth.recovery.context import context_of, finished

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


def described(challenge: Challenge) -> str:
    """What is to be removed, for a person."""
    if challenge.txt_domain is not None:
        return f'the TXT record {challenge.txt_target or challenge.txt_domain}. "{challenge.validation}"'
    if challenge.uri is not None:
        return f"the file at {challenge.uri}"
    return f"the certificate for {challenge.server_name}"


def calls(one: Entry, work_dir: str) -> list[str]:
    """Lines for a shell that do what recovery would; none where nobody can be called."""
    if one.mode in TOLD_MODES:
        return []
    handler = one.handler
    try:
        convention = dialect(handler.dialect)
        found = convention.cleanup(
            finished(dataclasses.replace(one, outputs={}), work_dir), context_of(one, work_dir, {}).facts
        )
    except errors.Error:
        # It came with a package that is gone.
        return []
    # As recovery does where the folder is gone.
    folder = handler.folder if handler.folder is not None and os.path.isdir(handler.folder) else None
    lines = [
        shell_command.line(words, call, folder, handler.dehydrated_config)
        for call in found
        for words in handlers(handler.words, convention)
    ]
    return [f"# with the variables of {handler.env_file}", *lines] if handler.env_file is not None else lines


def commands(one: Entry, work_dir: str) -> list[str]:
    """Lines for a shell that withdraw it, and let the journal forget it."""
    own = [
        shlex.join(["rm", "-f", *paths]) for challenge in one.challenges if (paths := _files(one, challenge, work_dir))
    ]
    return [*own, *calls(one, work_dir), f"rm -f {shlex.quote(journal.file_path(work_dir, one))}"]


def _files(one: Entry, challenge: Challenge, work_dir: str) -> list[str]:
    """What the plugin itself wrote for a challenge, as far as it is there."""
    paths: list[str] = []
    if challenge.server_name is not None:
        paths += tls_files.paths(tls_files.folder(work_dir), challenge.server_name)
    if challenge.uri is not None and one.handler.wellknown is not None:
        paths.append(os.path.join(one.handler.wellknown, challenge.token))
    return [path for path in paths if os.path.lexists(path)]


def sentences(one: Entry, work_dir: str) -> str:
    """What is left, why, and what to do, for a person."""
    out = [f"Left behind by a run of {one.written} for {one.lineage or one.challenges[0].identifier}:"]
    out += [f"  {described(challenge)}: {one.reason(challenge)}" for challenge in one.challenges]
    if one.mode in TOLD_MODES:
        verb = f"certbot-external-auth recover --work-dir {shlex.quote(work_dir)} --confirm {one.id}"
        return "\n".join([*out, f"Remove it by hand; this ends the reminders: {verb}"])
    verb = f"certbot-external-auth recover --work-dir {shlex.quote(work_dir)}"
    out.append(f"Once what is wrong is mended: {verb} {one.id}")
    out.append(f"The commands to do it by hand: {verb} --list")
    return "\n".join(out)


def report(outcome: Outcome, work_dir: str, say: Callable[..., Any] = logger.warning) -> None:
    """Say in Certbot's way what was done."""
    new = {name: reason for name, reason in outcome.aside.items() if reason and name not in _said}
    if new:
        _said.update(new)
        names = "; ".join(f"{name}: {reason}" for name, reason in new.items())
        say("In %s something could not be read and is passed over (%s).", journal.folder(work_dir), names)
    for one in outcome.withdrawn:
        what = "; ".join(map(described, one.challenges))
        say("What a run of %s had left behind is withdrawn: %s.", one.written, what)
    for one in outcome.left:
        logger.error(sentences(one, work_dir))
    if outcome.given_up:
        names = ", ".join(sorted({name for one in outcome.given_up for name in one.identifiers}))
        command = f"certbot-external-auth recover --list --work-dir {shlex.quote(work_dir)}"
        say("Earlier runs left something behind for %s that no run tries to withdraw any more; see: %s", names, command)
