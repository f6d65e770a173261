"""Ids of challenges and deployments."""

from __future__ import annotations

import itertools

_numbers = itertools.count(1)


def next_id(kind: str) -> str:
    """Return an id that is unique in this process.

    :param kind: its first letter: ``c`` for a challenge, ``d`` for a deployment.
    """
    return f"{kind}{next(_numbers)}"
