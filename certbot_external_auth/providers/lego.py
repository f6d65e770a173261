"""Engine lego: the DNS providers of lego, by the library `lego_bridge` of certbot-dns-multi; see `program`."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from certbot_external_auth.providers.engine import Missing, Problem, Provider
    from certbot_external_auth.providers.program import Change

GO_TRUE = ("1", "t", "T", "true", "TRUE", "True")
LACKING = re.compile(r"some credentials information are missing: ([A-Z0-9_,]+)")


class Lego:
    """See `IProviderEngine`."""

    challenge_types = ("dns-01",)
    builds_name, persists, told_zones = True, False, True
    finds_missing = True
    """Many variables of lego have a second name, and ``…_FILE`` names a file with the value."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        from certbot_external_auth.providers.asked import Interpreter, Package

        self.told_aliases = settings.get("LEGO_DISABLE_CNAME_SUPPORT") not in GO_TRUE
        """lego itself follows aliases. `change` compares where they lead."""
        self._python = Interpreter(__file__, settings, Package("certbot-dns-multi"), "LEGO_PYTHON")

    def installed(self) -> Missing | None:
        return self._python.missing("lego_bridge")

    def providers(self) -> list[Provider]:
        from certbot_external_auth.providers import lego_names

        asked = [*self._python.providers({}, sorted(lego_names.ASKED)), *lego_names.unasked()]
        return [dataclasses.replace(each, refused=lego_names.refused(each.name)) for each in asked]

    def provider(self, name: str) -> Provider | None:
        from certbot_external_auth.providers import lego_names

        return lego_names.provider(name, lambda: self._python.providers({}, [name]))

    def problems(self, name: str) -> list[Problem]:
        return self._python.about(name, {})[1]

    def program(self, name: str) -> Sequence[str]:
        return self._python.program(name)


def _lacking(error: str) -> list[list[str]]:
    """Return the groups of variables that lego misses; it needs only one of them."""
    return [group.split(",") for group in LACKING.findall(error)]


# --- in the Python that has the library ---


def load() -> None:
    import lego_bridge  # noqa: F401


def describe(names: Sequence[str]) -> dict[str, Any]:
    """Describe the providers that lego knows by its errors, as they are with the variables of this environment."""
    found = {}
    for name in names:
        error = _command(action="configure", provider=name, credentials={})
        if not error.startswith("unrecognized"):
            variables = {one: "" for group in _lacking(error) for one in group}
            url = f"https://go-acme.github.io/lego/dns/{name}/"
            found[name] = {"title": name, "url": url, "variables": variables, "groups": _lacking(error), "error": ""}
    return found


def check(name: str) -> list[tuple[str, dict[str, str]]]:
    error = _command(action="configure", provider=name, credentials={})
    if groups := _lacking(error):
        return [("VARIABLE_MISSING", {"name": one, "description": ""}) for one in min(groups, key=len)]
    return [("SAID", {"text": error})] if error else []


def change(wanted: Change) -> None:
    servers = wanted.more["name_servers"]
    if (found := _target(wanted.more["identifier"], servers)) != wanted.record.lower():
        sys.exit(
            f"Nothing was changed: lego follows aliases to {found}, and the plugin to {wanted.record}. If the alias "
            "comes from a wildcard record, set LEGO_DISABLE_CNAME_SUPPORT=true."
        )
    given = {"domain": wanted.more["identifier"], **{key: wanted.more[key] for key in ("token", "key_authorization")}}
    error = _command(action="configure", provider=wanted.provider, credentials={}, nameservers=servers)
    sys.exit(error or _command(action="perform" if wanted.adds else "cleanup", **given) or None)


def _target(domain: str, servers: Sequence[str]) -> str:
    """Return the name at which lego would write, without writing there: its provider ``exec`` calls `echo`."""
    with tempfile.TemporaryFile() as told:
        os.dup2(told.fileno(), 1)
        settings = {"EXEC_PATH": shutil.which("echo") or "/bin/echo", "EXEC_MODE": ""}
        error = _command(action="configure", provider="exec", credentials=settings, nameservers=servers)
        error = error or _command(action="perform", domain=domain, **dict.fromkeys(("token", "key_authorization"), "-"))
        os.dup2(2, 1)
        told.seek(0)
        found = re.search(rb"\bpresent (\S+)\. ", told.read())
    return found[1].decode().lower() if found else f"an unknown name ({error})"


def _command(**words: Any) -> str:
    """Give the library a command; return lego's error, or an empty text."""
    from lego_bridge import cmd

    return str(json.loads(cmd(json.dumps(words))).get("error", ""))
