"""The JSON Schemas (2020-12) of the line protocols and of what verbs print, and the verb that prints the schemas.

The files in ``schemas/`` are the one source: the tables of docs/ are made from them, and every line and document that
any test sees is checked by them.
"""

from __future__ import annotations

import argparse
import json
from importlib import resources
from typing import Any

from certbot_external_auth.console import documents

PROTOCOLS = (1, 0)
DOCUMENTS = "documents"


def text(described: int | str) -> str:
    """The schema as it is shipped. :param described: a protocol, or `DOCUMENTS`."""
    name = DOCUMENTS if described == DOCUMENTS else f"protocol-{described}"
    return (resources.files("certbot_external_auth") / "schemas" / f"{name}.json").read_text("utf-8")


def load(described: int | str) -> dict[str, Any]:
    """The schema of a protocol, 0 or 1, or of the documents."""
    found = json.loads(text(described))
    assert isinstance(found, dict)
    return found


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's flags."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--protocol", type=int, choices=PROTOCOLS, default=PROTOCOLS[0], help="1, or 0 of 2016-2020")
    which.add_argument(
        "--documents", action="store_true", help="of what begin, finish, status, abort, recover and check print instead"
    )


def main(given: argparse.Namespace) -> int:
    """Print it."""
    documents.put(text(DOCUMENTS if given.documents else given.protocol).rstrip("\n"))
    return 0
