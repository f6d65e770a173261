"""What other runs left behind: withdrawn by the same handler, or told to those who must withdraw it.

A run that is killed leaves its batch in the journal, and one whose cleanup fails leaves what is still there. The next
run of the plugin, and `certbot-external-auth recover`, take it from there.
"""

from __future__ import annotations

import dataclasses
import logging
import os
import shlex
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from certbot import errors

from certbot_external_auth import fingerprint, journal, shell_command, tls_files, webroot
from certbot_external_auth.backends import Context, Finished, backend
from certbot_external_auth.challenges import Challenge, Served
from certbot_external_auth.dialects import Facts, dialect
from certbot_external_auth.errors import Failure
from certbot_external_auth.journal_entry import Entry, Handler
from certbot_external_auth.lines import Line
from certbot_external_auth.settings import Settings
from certbot_external_auth.text import one_line

logger = logging.getLogger(__name__)

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


# --- from a run to its entry, and back ---


def entry(context: Context, challenges: Sequence[Challenge], written: str) -> Entry:
    """What recovery needs to know of a batch. :param written: now, RFC 3339."""
    settings, facts = context.settings, context.facts
    return Entry(
        id=journal.new_id(),
        written=written,
        mode=settings.mode,
        config_dir=facts.config_dir,
        lineage=facts.alias,
        names=tuple(facts.names),
        command=facts.command,
        key_algorithm=facts.key_algorithm,
        challenge_type=facts.challenge_type,
        basedir=facts.basedir,
        tls_port=context.tls_port,
        protocol=settings.protocol,
        historic=settings.historic,
        handler=Handler(
            words=context.words,
            dialect=settings.dialect,
            cleanup_words=facts.cleanup_words,
            hook_chain=settings.hook_chain,
            timeout=settings.timeout,
            wellknown=settings.wellknown,
            env_file=settings.env_file,
            dehydrated_config=facts.config,
            folder=_working_directory(),
            fingerprints=fingerprint.of([*context.words, *(facts.cleanup_words or ())]),
        ),
        challenges=tuple(dataclasses.replace(one, served=None) for one in challenges),
    )


def _working_directory() -> str | None:
    try:
        return os.getcwd()
    except FileNotFoundError:
        return None


def context(entry: Entry, work_dir: str, exports: Mapping[str, str]) -> Context:
    """The context its run had. :param exports: of the Dehydrated configuration, if there is one."""
    handler = entry.handler
    settings = Settings(
        mode=entry.mode,
        dialect=handler.dialect,
        hook_chain=handler.hook_chain,
        timeout=handler.timeout,
        wellknown=handler.wellknown,
        env_file=handler.env_file,
        dehydrated_config=handler.dehydrated_config,
        protocol=entry.protocol,
        historic=entry.historic,
    )
    facts = Facts(
        alias=entry.lineage,
        names=entry.names,
        config_dir=entry.config_dir,
        work_dir=work_dir,
        command=entry.command,
        key_algorithm=entry.key_algorithm,
        challenge_type=entry.challenge_type,
        wellknown=handler.wellknown,
        chain=handler.hook_chain,
        cleanup_words=handler.cleanup_words,
        config=handler.dehydrated_config,
        basedir=entry.basedir,
        exports=exports,
    )
    # A folder that is gone cannot be gone to; most handlers do without.
    folder = handler.folder if handler.folder is not None and os.path.isdir(handler.folder) else None
    return Context(
        settings=settings,
        facts=facts,
        words=handler.words,
        unattended=True,
        silent=True,
        tls_port=entry.tls_port,
        folder=folder,
        recovering=True,
    )


def finished(entry: Entry, work_dir: str) -> list[Finished]:
    """Its challenges for a backend's cleanup; what the CA thought of them is not known."""
    return [Finished(_served(one, entry, work_dir), "pending") for one in entry.challenges]


def _served(challenge: Challenge, entry: Entry, work_dir: str) -> Challenge:
    name = challenge.server_name
    if name is None:
        return challenge
    paths = tls_files.paths(tls_files.folder(work_dir), name)
    return dataclasses.replace(challenge, served=Served(*paths, cert_pem="", port=entry.tls_port))


# --- withdrawing ---


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
    held.store(dataclasses.replace(one, attempts=one.attempts + 1))
    reasons = _remove_own_files(one, work_dir)
    reasons |= _attempt(one, work_dir, deliberate)
    if not reasons:
        held.remove()
        outcome.withdrawn.append(one)
        return
    left = tuple(challenge for challenge in one.challenges if challenge.id in reasons)
    now = dataclasses.replace(held.entry, challenges=left, reasons=reasons)
    outcome.left.append(now)
    held.store(now)


def _attempt(one: Entry, work_dir: str, deliberate: bool) -> dict[str, str]:
    """Reasons by the id of each challenge that is not withdrawn."""
    problem = None if deliberate else unrunnable(one)
    if problem is None:
        try:
            found = backend(one.mode, context(one, work_dir, _exports(one)))
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
    before = dict(one.handler.fingerprints)
    now = fingerprint.of([*one.handler.words, *(one.handler.cleanup_words or ())])
    changed = [path for path, text in before.items() if now.get(path, text) != text]
    if changed:
        return f"the handler has changed since ({', '.join(changed)})"
    gone = [path for path in before if path not in now]
    if gone:
        return f"the handler is gone ({', '.join(gone)})"
    return None


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


# --- telling ---


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
        return f'the TXT record {challenge.txt_domain}. "{challenge.validation}"'
    if challenge.uri is not None:
        return f"the file at {challenge.uri}"
    return f"the certificate for {challenge.server_name}"


def calls(one: Entry, work_dir: str) -> list[str]:
    """Lines for a shell that do what recovery would; none where nobody can be called."""
    if one.mode in TOLD_MODES:
        return []
    try:
        found = dialect(one.handler.dialect).cleanup(finished(one, work_dir), context(one, work_dir, {}).facts)
    except errors.Error:
        # It came with a package that is gone.
        return []
    handler = one.handler
    lines = [shell_command.line(handler.words, call, handler.folder, handler.dehydrated_config) for call in found]
    return [f"# with the variables of {handler.env_file}", *lines] if handler.env_file is not None else lines


def commands(one: Entry, work_dir: str) -> list[str]:
    """Lines for a shell that withdraw it, and let the journal forget it."""
    return [*calls(one, work_dir), f"rm -f {shlex.quote(journal.file_path(work_dir, one))}"]


def sentences(one: Entry, work_dir: str) -> str:
    """What is left, why, and what to do, for a person."""
    out = [f"Left behind by a run of {one.written} for {one.lineage or one.challenges[0].identifier}:"]
    out += [f"  {described(challenge)}: {one.reason(challenge)}" for challenge in one.challenges]
    if one.mode in TOLD_MODES:
        return "\n".join([*out, f"Remove it by hand; this ends the reminders: {commands(one, work_dir)[-1]}"])
    verb = f"certbot-external-auth recover --work-dir {shlex.quote(work_dir)}"
    out.append(f"Once what is wrong is mended: {verb} {one.id}")
    out.append(f"The commands to do it by hand: {verb} --list")
    return "\n".join(out)


def report(outcome: Outcome, work_dir: str, say: Callable[..., Any] = logger.warning) -> None:
    """Say in Certbot's way what was done."""
    if any(outcome.aside.values()):
        names = "; ".join(f"{name}: {reason}" for name, reason in outcome.aside.items() if reason)
        say("In %s something could not be read and is set aside (%s).", journal.folder(work_dir), names)
    for one in outcome.withdrawn:
        what = "; ".join(map(described, one.challenges))
        say("What a run of %s had left behind is withdrawn: %s.", one.written, what)
    for one in outcome.left:
        logger.error(sentences(one, work_dir))
