"""Names of providers that an engine knows although it is not installed here: what the sweep found, by engine."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from importlib import resources
from typing import Any

from certbot_external_auth.providers.engine import Provider

FILE = "known.json"


@functools.cache
def known() -> Mapping[str, Any]:
    """Return the engines, each with its ``version``, the ``date`` of the sweep, and ``names`` that can be used."""
    text = (resources.files("certbot_external_auth.providers") / FILE).read_text("utf-8")
    content: Mapping[str, Any] = json.loads(text)
    return content


def providers(engine: str) -> list[Provider]:
    """Return the providers of an engine, without anything but their names."""
    return [Provider(name) for name in known().get(engine, {}).get("names", ())]
