"""Whether a name that has TXT records may be used for a check. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from certbot_external_auth.visibility import Observation

_DIGEST = re.compile(r"[A-Za-z0-9_-]{43}")
"""A value of dns-01: a SHA-256 digest in base64url without padding (RFC 8555 section 8.4)."""


def values(observations: Iterable[Observation]) -> list[str]:
    """Return every value that a server shows, each once."""
    return sorted({value for observation in observations for value in observation.seen})


def placeholders_only(observations: Collection[Observation], from_wildcard: bool) -> bool:
    """Tell whether the values at the name are of no use to anybody.

    Some handlers leave a text where a provider must have one. At the name itself only a value of a challenge has a
    use. At the end of an alias, or in a wildcard record, other texts may have one, unless they are empty.
    """
    found = values(observations)
    aliased = any(observation.asked for observation in observations)
    if from_wildcard or aliased:
        return not any(found)
    return not any(_DIGEST.fullmatch(value) for value in found)
