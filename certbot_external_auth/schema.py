"""The JSON Schema (2020-12) of the line protocol, and the verb that prints it.

The two files beside this module are the one source: docs/json.md is made from them, and every line that any test sees
is checked by them.
"""

from __future__ import annotations

import argparse
import json
from importlib import resources
from typing import Any

PROTOCOLS = (1, 0)


def text(protocol: int) -> str:
    """The schema as it is shipped."""
    return (resources.files("certbot_external_auth") / "schemas" / f"protocol-{protocol}.json").read_text("utf-8")


def load(protocol: int) -> dict[str, Any]:
    """The schema of a protocol, 0 or 1."""
    found = json.loads(text(protocol))
    assert isinstance(found, dict)
    return found


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--protocol", type=int, choices=PROTOCOLS, default=PROTOCOLS[0], help="1, or 0 of 2016-2020")


def main(given: argparse.Namespace) -> int:
    """Print it."""
    print(text(given.protocol), end="")
    return 0
