"""From a run to what the journal notes of it, and from there back to what a backend is made with."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import Any

from certbot_external_auth import journal, tls_files
from certbot_external_auth.backends import Context, Finished
from certbot_external_auth.challenges import Challenge, Served
from certbot_external_auth.dialects import Facts
from certbot_external_auth.journal.entry import Entry, Handler
from certbot_external_auth.recovery import fingerprint
from certbot_external_auth.settings import Settings

_SAME = ("dialect", "hook_chain", "jobs", "timeout", "wellknown", "env_file")


def entry_of(context: Context, challenges: Sequence[Challenge], written: str) -> Entry:
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
            cleanup_words=facts.cleanup_words,
            dehydrated_config=facts.config,
            folder=_working_directory(),
            fingerprints=fingerprint.of(context.words, facts.cleanup_words or (), files=context.config_files),
            **_same(settings),
        ),
        challenges=tuple(dataclasses.replace(one, served=None) for one in challenges),
    )


def _same(settings: Settings | Handler) -> dict[str, Any]:
    """What both have under one name."""
    return {name: getattr(settings, name) for name in _SAME}


def _working_directory() -> str | None:
    try:
        return os.getcwd()
    except FileNotFoundError:
        return None


def context_of(entry: Entry, work_dir: str, exports: Mapping[str, str]) -> Context:
    """The context its run had. :param exports: of the Dehydrated configuration, if there is one."""
    handler = entry.handler
    settings = Settings(
        mode=entry.mode,
        dehydrated_config=handler.dehydrated_config,
        protocol=entry.protocol,
        historic=entry.historic,
        **_same(handler),
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
    return [
        Finished(_served(one, entry, work_dir), "pending", output=entry.outputs.get(one.id, ""))
        for one in entry.challenges
    ]


def _served(challenge: Challenge, entry: Entry, work_dir: str) -> Challenge:
    name = challenge.server_name
    if name is None:
        return challenge
    paths = tls_files.paths(tls_files.folder(work_dir), name)
    return dataclasses.replace(challenge, served=Served(*paths, cert_pem="", port=entry.tls_port))
