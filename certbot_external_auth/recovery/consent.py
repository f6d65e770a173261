"""Decides whether a handler may be called again: it must be the same program, with the same configuration."""

from __future__ import annotations

from collections.abc import Mapping

from certbot_external_auth.journal.entry import Entry
from certbot_external_auth.recovery import fingerprint
from certbot_external_auth.recovery.reasons import Kind, Reason

TOLD_MODES = ("json", "manual")
"""Modes in which a driver or a person published, and is gone with the run. Later runs only report what is left."""


def changed(entry: Entry) -> Reason | None:
    """Return why the handler is not the one that published; None if it is the same."""
    before = dict(entry.handler.fingerprints)
    config = entry.handler.dehydrated_config
    now = {path: fingerprint.now(path) for path in (*before, *([config] if config else []))}
    # This includes files that are new, such as a hook that was added to the folder.
    now.update(fingerprint.of(entry.handler.words, entry.handler.cleanup_words or ()))
    others = [path for path, text in now.items() if text not in (before.get(path), None)]
    if others:
        return Reason(Kind.HANDLER_CHANGED, {"paths": ", ".join(others)})
    gone = [path for path, text in now.items() if text is None]
    return Reason(Kind.HANDLER_GONE, {"paths": ", ".join(gone)}) if gone else None


def exports(entry: Entry, deliberate: bool) -> Mapping[str, str]:
    """Read the variables of the batch's Dehydrated configuration, if it has one.

    :param deliberate: read the configuration even if it has changed.
    """
    if entry.handler.dehydrated_config is None:
        return {}
    from certbot_external_auth.handler_setup import dehydrated_config

    known = None if deliberate else entry.handler.fingerprints
    return dehydrated_config.read(entry.handler.dehydrated_config, known, entry.handler.env_file).exports
