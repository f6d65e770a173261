"""`begin -- certonly …`: starts Certbot in the background, and prints the first batch."""

from __future__ import annotations

import argparse
import contextlib
import datetime
import hashlib
import ipaddress
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from certbot_external_auth import settings
from certbot_external_auth.configuration import certbot_argv
from certbot_external_auth.console import certbot_folders
from certbot_external_auth.errors import UsageError
from certbot_external_auth.lineages import handed_over
from certbot_external_auth.processes import runner
from certbot_external_auth.sessions import (
    DEADLINE,
    Session,
    certbot_process,
    notes,
    session_document,
    socket_place,
    store,
)
from certbot_external_auth.sessions.conversation import connected
from certbot_external_auth.text import rfc3339

EXAMPLE = "certbot-external-auth begin -- certonly -d example.org"
_UNRECORDED = (
    "Certbot waits for a batch, but the disk is full, so begin cannot record which. End the session with: {abort}. "
    "Then make room, and begin again."
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's flags."""
    parser.epilog = f"Example: {EXAMPLE}"
    certbot_folders.arguments(parser)
    parser.add_argument(
        "--certbot", metavar="PATH", help="the Certbot to start (default: the one installed beside this command)"
    )
    parser.add_argument(
        "--deadline",
        metavar="SECONDS",
        type=_seconds,
        default=DEADLINE,
        help="how long a batch waits for finish; Certbot holds its lock meanwhile (default: %(default)s)",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="if a session that was begun with the same command line still waits, print its batch and begin nothing",
    )
    parser.add_argument("words", metavar="-- VERB …", nargs=argparse.REMAINDER, help="the command line of Certbot")


def _seconds(text: str) -> int:
    if text.isascii() and text.isdigit() and 0 < int(text[:20]) <= settings.MAX_SECONDS:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of seconds from 1 to {settings.MAX_SECONDS}")


def main(arguments: argparse.Namespace) -> int:
    """Run the verb, and return its exit code."""
    words = arguments.words[1:] if arguments.words[:1] == ["--"] else arguments.words
    verb, known = certbot_argv.verb(words), ", ".join(certbot_argv.SPEAKING_VERBS)
    if verb not in certbot_argv.SPEAKING_VERBS:
        hint = f", not {verb}" if verb else ""
        raise UsageError([f"After -- a verb of Certbot is needed, one of {known}{hint}. Example: {EXAMPLE}"])
    given = {"config-dir": arguments.config_dir, "work-dir": arguments.work_dir}
    typed = certbot_argv.options(words)
    named = {"config-dir": typed.config_dir or arguments.config_dir, "work-dir": typed.work_dir or arguments.work_dir}
    config_dir, work_dir = certbot_folders.found(named, typed.configurations)
    command = [*_certbot(arguments.certbot), *completed(words, given)]
    try:
        return _begun(command, _session(words, config_dir, work_dir, arguments.deadline), arguments.resume)
    except OSError as error:
        raise UsageError(
            [f"The plugin cannot use its folder in {work_dir} ({error}). To name another one, use --work-dir."]
        ) from error


def _begun(command: Sequence[str], wanted: Session, resume: bool) -> int:
    config_dir, work_dir = wanted.config_dir, wanted.work_dir
    with store.beginning(work_dir):
        socket_place.sweep()
        store.forget_old(work_dir, time.time())
        is_open = store.open_session(config_dir, work_dir)
        if is_open is not None:
            resumed = _resumed(command, is_open) if resume else None
            return session_document.locked(is_open) if resumed is None else resumed
        session_document.note_ends(store.every(work_dir))
        session, locks = store.new(work_dir, wanted)
        notes.write(session, notes.REQUEST, _digest(command))
        ended = _start(command, session, locks)
    with session_document.interruptible(session):
        return _first_batch(session, ended)


def _resumed(command: Sequence[str], is_open: Session) -> int | None:
    """Print the batch of an open session, and return the exit code; None if it is another request, or does not wait."""
    if notes.read(is_open, notes.REQUEST) != _digest(command):
        return None
    with session_document.interruptible(is_open):
        document, code = session_document.describe(is_open)
        if document["state"] != "waiting":
            return None
        return session_document.hand_out(is_open, {**document, "resumed": True}, code)


def _digest(command: Sequence[str]) -> str:
    """Return a digest of a command line. The command line itself may have secrets, which do not belong on disk."""
    return hashlib.sha256(json.dumps(list(command)).encode()).hexdigest()


def _first_batch(session: Session, ended: Callable[[], bool]) -> int:
    conversation, waits = connected(session.socket, ended), False
    if conversation is not None:
        with conversation:
            waits = conversation.attend()
        if not waits:
            store.wait_for_end(session, store.END_SECONDS)
    document, code = session_document.describe(session)
    if waits and document["state"] == "working":
        return session_document.refused(
            _UNRECORDED.format(abort=session_document.command(session, "abort")), "failed", {"session": session.id}
        )
    return session_document.hand_out(session, *session_document.settled(document, code))


def _session(words: Sequence[str], config_dir: str, work_dir: str, deadline: int = DEADLINE) -> Session:
    typed = certbot_argv.options(words)
    return Session(
        id="",
        folder="",
        socket="",
        config_dir=config_dir,
        work_dir=work_dir,
        verb=certbot_argv.verb(words),
        started=rfc3339(datetime.datetime.now(datetime.timezone.utc)),
        cert_name=typed.cert_name,
        names=tuple(_name(name) for value in typed.domains for name in value.split(",")),
        before=handed_over.live_certificates(config_dir),
        deadline=deadline if typed.ack_timeout is None else None,
    )


def _name(given: str) -> str:
    """Return a name or address in the form that the certificate has."""
    name = given.strip().lower().removesuffix(".")
    with contextlib.suppress(ValueError):
        return str(ipaddress.ip_address(name))
    return name


def completed(words: Sequence[str], given: Mapping[str, str | None]) -> list[str]:
    """Return Certbot's arguments with what a session needs: no questions, no random wait, authenticator and mode.

    A renewal has its authenticator in the renewal file, and so has `reconfigure`.

    :param given: values of ``config-dir`` and ``work-dir`` for arguments that do not name them.
    """
    typed = certbot_argv.options(words)
    verb = certbot_argv.verb(words)
    more = [] if typed.noninteractive else ["-n"]
    if verb == "renew" and not typed.no_random_sleep:
        more.append("--no-random-sleep-on-renew")
    for key, named in (("config-dir", typed.config_dir), ("work-dir", typed.work_dir)):
        value = given.get(key)
        if value is not None and named is None:
            more += [f"--{key}", value]
    if verb in ("certonly", "run"):
        if not certbot_argv.chooses_authenticator(words):
            more += ["-a", settings.NAME]
        if typed.mode is None and settings.HISTORIC_NAME not in typed.plugins:
            more += ["--external-auth-mode", "json"]
    return [*words, *more]


def _certbot(path: str | None) -> list[str]:
    beside = Path(sys.executable).parent / "certbot"
    certbot = shutil.which(path) if path else str(beside) if beside.exists() else shutil.which("certbot")
    if certbot is None:
        raise UsageError([f"{path or 'certbot'} was not found. Name your Certbot with --certbot PATH."])
    return [os.path.abspath(certbot)]


def _start(command: Sequence[str], session: Session, locks: Sequence[int]) -> Callable[[], bool]:
    try:
        pid, ended = runner.detached(
            command,
            environment={**os.environ, settings.SESSION: session.folder},
            output=os.path.join(session.folder, "output"),
            code=os.path.join(session.folder, notes.CODE),
            inherited=locks,
        )
    finally:
        for lock in locks:
            os.close(lock)
    try:
        certbot_process.note(session, pid)
    except OSError:
        # Without the note, no verb would find this Certbot.
        certbot_process.find(session).stop()
        raise
    return ended
