"""The JSON documents that the verbs of the command print; ``schemas/documents.json`` describes them."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Mapping
from typing import Any, TextIO

VERSION = "1.0"
"""The version of their format, ``MAJOR.MINOR``; docs/json.md says when it changes."""


class NotPrintedError(Exception):
    """A document that stdout did not take; the message says why."""


def tell(document: Mapping[str, Any]) -> None:
    """Print a document; see `put`."""
    put(text(document))


def put(printed: str, what: str = "The document") -> None:
    """Print a text and a newline.

    :param what: names the text in the message of the error.
    :raises NotPrintedError: if stdout did not take all of it.
    """
    try:
        print(printed, flush=True)
    except OSError as error:
        give_up(sys.stdout)
        raise NotPrintedError(f"{what} could not be printed: {error.strerror}.") from error


def give_up(file: TextIO) -> None:
    """Discard what a file did not take: Python would try again when it ends, and print an error."""
    with contextlib.suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, file.fileno())
        os.close(null)


def text(document: Mapping[str, Any], indent: int | None = 1) -> str:
    """Write a document as it is printed. :param indent: None for one line."""
    return json.dumps({"format_version": VERSION, **document}, indent=indent)
