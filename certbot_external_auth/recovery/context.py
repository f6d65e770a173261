"""Converts the `Context` of a run to an `Entry` of the journal, and back to the `Context` that a recovery needs."""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import Mapping, Sequence
from typing import Any

from certbot_external_auth import journal
from certbot_external_auth.backends import Context, Finished
from certbot_external_auth.backends.handler import heard
from certbot_external_auth.backends.handler.heard import known, told
from certbot_external_auth.challenges import Challenge, Served
from certbot_external_auth.configuration import assembly
from certbot_external_auth.dialects import Facts, dialect
from certbot_external_auth.endpoint import parse
from certbot_external_auth.interfaces import DialectAbilities
from certbot_external_auth.journal import outputs
from certbot_external_auth.journal.entry import Entry, Handler
from certbot_external_auth.providers.dialect import dialect_of
from certbot_external_auth.recovery import fingerprint
from certbot_external_auth.settings import Settings
from certbot_external_auth.validation_certificates import tls_files
from certbot_external_auth.visibility.probe import DNS_PORT

logger = logging.getLogger(__name__)

_warned_of: set[tuple[str, str]] = set()
"""Ids of batch and challenge: this process has warned that it could not read their outputs."""

_SHARED = ("provider", "dialect", "hook_chain", "jobs", "timeout", "wellknown", "env_file", "run_as")


def entry_of(context: Context, challenges: Sequence[Challenge], written: str) -> Entry:
    """Return what a recovery of this batch needs to know. :param written: the time now, in RFC 3339."""
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
            cleanup_words=facts.cleanup_words,
            dehydrated_config=facts.config,
            folder=_working_directory(),
            fingerprints=fingerprint.of(context.words, facts.cleanup_words or (), files=context.config_files),
            **_shared(settings),
        ),
        challenges=tuple(dataclasses.replace(challenge, served=None) for challenge in challenges),
        verify=settings.verify,
        verify_timeout=float(settings.verify_timeout),
        verify_nameservers=tuple(map(str, settings.verify_nameservers)),
        http_port=context.http_port,
    )


def _shared(settings: Settings | Handler) -> dict[str, Any]:
    """Return the fields that `Settings` and `Handler` have under the same name."""
    return {name: getattr(settings, name) for name in _SHARED}


def _working_directory() -> str | None:
    try:
        return os.getcwd()
    except FileNotFoundError:
        return None


def context_of(entry: Entry, work_dir: str, exports: Mapping[str, str]) -> Context:
    """Return the `Context` that the run of a batch had.

    :param exports: variables of the Dehydrated configuration, if there is one.
    """
    handler = entry.handler
    settings = Settings(
        mode=entry.mode,
        dehydrated_config=handler.dehydrated_config,
        protocol=entry.protocol,
        historic=entry.historic,
        verify=entry.verify or "off",
        verify_timeout=entry.verify_timeout,
        verify_nameservers=tuple(parse(server, DNS_PORT) for server in entry.verify_nameservers),
        **_shared(handler),
    )
    facts = Facts(
        alias=entry.lineage,
        names=entry.names,
        config_dir=entry.config_dir,
        work_dir=work_dir,
        command=entry.command,
        key_algorithm=entry.key_algorithm,
        challenge_type=entry.challenge_type,
        cleanup_words=handler.cleanup_words,
        config=handler.dehydrated_config,
        basedir=entry.basedir,
        exports=exports,
    )
    # If the run's working directory no longer exists, the handler is called in another: most do not need it.
    folder = handler.folder if handler.folder is not None and os.path.isdir(handler.folder) else None
    return Context(
        settings=settings,
        facts=assembly.facts_of(facts, settings),
        words=handler.words,
        unattended=True,
        silent=True,
        tls_port=entry.tls_port,
        http_port=entry.http_port,
        folder=folder,
        recovering=True,
    )


def finished(entry: Entry, work_dir: str, deliberate: bool = False) -> list[Finished]:
    """Return the challenges of a batch for the cleanup of a backend. They are pending: the CA's verdict is unknown.

    :param deliberate: a person named the batch. If it is not known how the handler's call ended, the backend then gets
        whatever the handler printed. For a provider it always does: none of it makes an engine publish.
    """
    ends, private = [], entry.handler.provider is not None
    for challenge in entry.challenges:
        output, printed = _outputs(entry, challenge, work_dir)
        told_output = printed if (deliberate or private) and not output else output
        ends.append(Finished(_served(challenge, entry, work_dir), "pending", output=told_output))
    return ends


def output(entry: Entry, challenge: Challenge, work_dir: str) -> str | None:
    """Return what the handler printed when it published a challenge and succeeded; None if that is not known."""
    return _outputs(entry, challenge, work_dir)[0]


def _outputs(entry: Entry, challenge: Challenge, work_dir: str) -> tuple[str | None, str | None]:
    """Return the output of a call that is known to have succeeded, and what was printed whether it did or not."""
    try:
        printed, ended_well = outputs.read(work_dir, entry.id, challenge.id)
    except OSError as error:
        if (entry.id, challenge.id) not in _warned_of:
            _warned_of.add((entry.id, challenge.id))
            problem = error.strerror or str(error)
            logger.warning("What the handler printed for %s cannot be read: %s", challenge.identifier, problem)
        printed, ended_well = b"", False
    from_file = known(printed, ended_well)
    return from_file if from_file else entry.outputs.get(challenge.id, from_file), told(printed) or None


def withdraws(entry: Entry, work_dir: str) -> bool:
    """Tell whether a cleanup calls anything: in the dialect certbot there may be no cleanup handler."""
    if entry.mode != "handler":
        return True
    if entry.handler.provider is not None:
        return True
    return bool(
        dialect(entry.handler.dialect).cleanup(finished(entry, work_dir), context_of(entry, work_dir, {}).facts)
    )


def unsafe(entry: Entry, challenge: Challenge, work_dir: str) -> bool:
    """Tell whether the call that is meant to withdraw a challenge may publish it instead; see `heard.unsafe`."""
    abilities = DialectAbilities.of(dialect_of(entry.handler))
    return heard.unsafe(abilities, output(entry, challenge, work_dir)) and withdraws(entry, work_dir)


def _served(challenge: Challenge, entry: Entry, work_dir: str) -> Challenge:
    name = challenge.server_name
    if name is None:
        return challenge
    paths = tls_files.paths(tls_files.folder(work_dir), name)
    return dataclasses.replace(challenge, served=Served(*paths, cert_pem="", port=entry.tls_port))
