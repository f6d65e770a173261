"""What is blotted out of a handler's output: what it was given in confidence."""

from __future__ import annotations

import re
from collections.abc import Mapping

SECRET_LENGTH = 6
"""Characters below which a value is shown: a very short one would hit everything."""
_CALLED_SECRET = re.compile("KEY|TOKEN|SECRET|PASS|CREDENTIAL", re.IGNORECASE)


def of(secrets: Mapping[str, str], exports: Mapping[str, str]) -> tuple[bytes, ...]:
    """The lines of what is secret, longest first; output comes in lines.

    :param secrets: of the env file: every value.
    :param exports: of a Dehydrated configuration: every value but its own settings and, unless the name speaks of a
        secret, absolute paths; they would blot out most of what a hook has to say.
    """
    values = [*secrets.values(), *(value for name, value in exports.items() if _secret(name, value))]
    lines = {line.strip() for value in values for line in value.split("\n")}
    found = {line.encode("utf-8", "surrogateescape") for line in lines if len(line) >= SECRET_LENGTH}
    return tuple(sorted(found, key=lambda line: (-len(line), line)))


def _secret(name: str, value: str) -> bool:
    from certbot_external_auth.dehydrated_config import SETTINGS

    return name not in SETTINGS and (not value.startswith("/") or bool(_CALLED_SECRET.search(name)))
