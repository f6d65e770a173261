"""Engine lexicon: the DNS providers of dns-lexicon, by its classes Client and ConfigResolver; see `program`."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from certbot_external_auth.providers.engine import Missing, Problem, Provider
    from certbot_external_auth.providers.program import Change

ZONE, CHOOSES = "example.org", {"auto": "it looks up the provider of a zone by itself; name the provider"}


class Lexicon:
    """See `IProviderEngine`."""

    challenge_types = ("dns-01",)
    builds_name, told_aliases, persists, told_zones, finds_missing = False, True, True, True, True

    def __init__(self, settings: Mapping[str, str]) -> None:
        from certbot_external_auth.providers.asked import Interpreter, Package

        self._python = Interpreter(__file__, settings, Package("dns-lexicon", "python3-lexicon"), "LEXICON_PYTHON")

    def installed(self) -> Missing | None:
        return self._python.missing("lexicon")

    def providers(self) -> list[Provider]:
        return self._python.providers({})

    def provider(self, name: str) -> Provider | None:
        return self._python.about(name, {})[0]

    def problems(self, name: str) -> list[Problem]:
        return self._python.about(name, {})[1]

    def program(self, name: str) -> Sequence[str]:
        return self._python.program(name)


# --- in the Python that has the library ---


def load() -> None:
    import lexicon  # noqa: F401


def describe(names: Sequence[str] | None) -> dict[str, Any]:
    import lexicon

    files = Path(lexicon.__path__[0]).glob("**/providers/*.py")
    known = sorted({file.stem for file in files} - {"__init__", "base"})
    return {name: _described(name) for name in known if names is None or name in names}


def _described(name: str) -> dict[str, Any]:
    parser, error = argparse.ArgumentParser(add_help=False), CHOOSES.get(name, "")
    try:
        if _is_old():
            importlib.import_module(f"lexicon.providers.{name}").provider_parser(parser)
        else:
            _client(name, ZONE, "list", ZONE, "").provider_class.configure_parser(parser)
    except Exception as raised:
        error = error or str(raised)
    variables = {f"lexicon_{name}_{one.dest}".upper(): one.help or "" for one in parser._actions}
    needs = [[one] for one in variables if "_AUTH_" in one]  # One at least; lexicon does not say which.
    return {"title": name, "url": "", "variables": variables, "groups": needs, "error": error}


def check(name: str) -> list[tuple[str, dict[str, Any]]]:
    """Make the provider, as before a change. lexicon says of few variables that they are needed."""
    if (variables := _described(name)["variables"]) and not any(map(os.environ.get, variables)):
        return [("NONE_SET", {"names": list(variables)})]
    client = _client(name, ZONE, "list", ZONE, "")
    _is_old() or client.provider_class(client.config)
    return []


def _is_old() -> bool:
    """Tell whether a client makes its provider at once, as before lexicon 3.12."""
    import lexicon.client

    return not hasattr(lexicon.client.Client, "__enter__")


def change(wanted: Change) -> None:
    action = "create" if wanted.adds else "delete"
    client = _client(wanted.provider, wanted.zone, action, wanted.record, wanted.value)
    if _is_old():
        done = client.execute()
    else:
        with client as operations:
            done = getattr(operations, f"{action}_record")(rtype="TXT", name=wanted.record, content=wanted.value)
    if not done:
        sys.exit(f"lexicon says of {wanted.provider} only that it did not {action} the record.")


def _client(provider: str, zone: str, action: str, record: str, value: str) -> Any:
    import tldextract
    from lexicon.client import Client
    from lexicon.config import ConfigResolver, DictConfigSource

    # lexicon takes the public suffix list for finding zones, which tldextract would fetch and keep.
    real, (first, _, rest) = tldextract.TLDExtract, zone.partition(".")
    known, local = types.SimpleNamespace(domain=first, suffix=rest), {"suffix_list_urls": (), "cache_dir": None}
    tldextract.TLDExtract = lambda **given: (lambda _: known) if zone else real(**{**given, **local})
    wanted = {"provider_name": provider, "domain": zone or record, "delegated": zone or None, "action": action}
    wanted |= {"type": "TXT", "name": record, "content": value}
    client = Client(ConfigResolver().with_dict(wanted).with_env())
    if zone:
        client.config.add_config_source(DictConfigSource({"domain": zone}), 0)
    return client
