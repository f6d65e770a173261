"""Which secrets of a handler are masked in its output."""

from __future__ import annotations

import re
from collections.abc import Mapping

MIN_SECRET_CHARACTERS = 6
"""Shorter lines are not masked: a very short one would match nearly everywhere."""
_CALLED_SECRET = re.compile("KEY|TOKEN|SECRET|PASS|CREDENTIAL", re.IGNORECASE)


def of(secrets: Mapping[str, str], exports: Mapping[str, str]) -> tuple[bytes, ...]:
    """Return the lines to mask, longest first. A value is masked line by line, as output is read.

    :param secrets: variables of the env file. Every value is masked.
    :param exports: variables that a Dehydrated configuration exports. Not masked are Dehydrated's own settings and,
        unless the variable's name suggests a secret, absolute paths: without them most of a hook's messages would be
        unreadable.
    """
    values = [*secrets.values(), *(value for name, value in exports.items() if _secret(name, value))]
    lines = {line.strip() for value in values for line in value.split("\n")}
    masked = {line.encode("utf-8", "surrogateescape") for line in lines if len(line) >= MIN_SECRET_CHARACTERS}
    return tuple(sorted(masked, key=lambda line: (-len(line), line)))


def _secret(name: str, value: str) -> bool:
    from certbot_external_auth.handler_setup.dehydrated_config import SETTINGS

    return name not in SETTINGS and (not value.startswith("/") or bool(_CALLED_SECRET.search(name)))
