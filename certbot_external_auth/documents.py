"""The JSON documents that the verbs of the command print; ``schemas/documents.json`` describes them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

VERSION = "1.0"
"""Of their form, ``MAJOR.MINOR``; docs/json.md says what moves it."""


def text(document: Mapping[str, Any], indent: int | None = 1) -> str:
    """A document as it is printed. :param indent: None for one line."""
    return json.dumps({"format_version": VERSION, **document}, indent=indent)
