"""The JSON documents that the verbs of the command print; ``schemas/documents.json`` describes them."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Mapping
from typing import Any, TextIO

VERSION = "1.0"
"""Of their form, ``MAJOR.MINOR``; docs/json.md says what moves it."""


class NotPrintedError(Exception):
    """A document that was made, and that stdout did not take; the message says why."""


def tell(document: Mapping[str, Any]) -> None:
    """Print a document; see `put`."""
    put(text(document))


def put(printed: str) -> None:
    """Print a text and a newline.

    :raises NotPrintedError: if it did not go out whole.
    """
    try:
        print(printed, flush=True)
    except OSError as error:
        give_up(sys.stdout)
        raise NotPrintedError(f"The document could not be printed: {error.strerror}.") from error


def give_up(file: TextIO) -> None:
    """What could not be written to a file goes nowhere: Python would try once more at its end, and complain."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, file.fileno())
        os.close(nowhere)


def text(document: Mapping[str, Any], indent: int | None = 1) -> str:
    """A document as it is printed. :param indent: None for one line."""
    return json.dumps({"format_version": VERSION, **document}, indent=indent)
