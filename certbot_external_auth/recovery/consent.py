"""Whether the handler of a batch may be called again: it is the same program, with the same configuration."""

from __future__ import annotations

from collections.abc import Mapping

from certbot_external_auth.journal.entry import Entry
from certbot_external_auth.recovery import fingerprint

TOLD_MODES = ("json", "manual")
"""Those whose other end is gone with the run, so that it cannot be asked again."""


def unrunnable(one: Entry) -> str | None:
    """Why nobody can be asked to withdraw it, or should not be; None if somebody can."""
    if one.mode in TOLD_MODES:
        who = "a person" if one.mode == "manual" else "the program that drove Certbot"
        return f"{who} published it, who cannot be asked any more"
    return changed(one)


def changed(one: Entry) -> str | None:
    """Whether the handler is another one than was called, in words; None if it is the same."""
    before = dict(one.handler.fingerprints)
    config = one.handler.dehydrated_config
    now = {path: fingerprint.now(path) for path in (*before, *([config] if config else []))}
    # Also what was not there: a hook that has come to its folder since.
    now.update(fingerprint.of(one.handler.words, one.handler.cleanup_words or ()))
    others = [path for path, text in now.items() if text not in (before.get(path), None)]
    if others:
        return f"the handler has changed since ({', '.join(others)})"
    gone = [path for path, text in now.items() if text is None]
    return f"the handler is gone ({', '.join(gone)})" if gone else None


def exports(one: Entry, deliberate: bool) -> Mapping[str, str]:
    """The variables of its Dehydrated configuration, if it has one."""
    if one.handler.dehydrated_config is None:
        return {}
    from certbot_external_auth.handler_setup import dehydrated_config

    known = None if deliberate else one.handler.fingerprints
    return dehydrated_config.read(one.handler.dehydrated_config, known).exports
