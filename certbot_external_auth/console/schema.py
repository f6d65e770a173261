"""The JSON Schemas (2020-12) of the line protocols and of what verbs print, and the verb that prints the schemas.

The files in ``schemas/`` are the only source: the tables in docs/ are generated from them, and the tests check every
line and document against them.
"""

from __future__ import annotations

import argparse
import json
import re
from importlib import resources
from typing import Any

from certbot_external_auth.console import documents

PROTOCOLS = (1, 0)
DOCUMENTS = "documents"
_LINK = re.compile(r"\[([^]]+)\]\([^)]+\.md[^)]*\)")
"""A link to a page of docs/reference, which is made from the schema. On an installed system it leads nowhere."""


def text(described: int | str) -> str:
    """Return the text of a schema. :param described: a protocol, or `DOCUMENTS`."""
    name = DOCUMENTS if described == DOCUMENTS else f"protocol-{described}"
    return (resources.files("certbot_external_auth") / "schemas" / f"{name}.json").read_text("utf-8")


def load(described: int | str) -> dict[str, Any]:
    """Parse the schema of a protocol, 0 or 1, or of the documents."""
    schema = json.loads(text(described))
    assert isinstance(schema, dict)
    return schema


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's flags."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--protocol",
        type=int,
        choices=PROTOCOLS,
        default=PROTOCOLS[0],
        help="1 (default), or 0 of the plugin of 2016-2020",
    )
    which.add_argument(
        "--documents",
        action="store_true",
        help="of what begin, finish, status, abort, recover, check, rehearse, persist and providers print instead",
    )


def main(given: argparse.Namespace) -> int:
    """Print the schema that the flags name."""
    documents.put(_LINK.sub(r"\1", text(DOCUMENTS if given.documents else given.protocol)).rstrip("\n"))
    return 0
