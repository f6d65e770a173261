"""Engine httpreq: any server that speaks the protocol of lego's provider httpreq.

This file is also the engine's program. Its top imports nothing of ours.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from certbot_external_auth.providers.engine import Problem, Provider

RAW = "RAW"
PATHS = {"add": "present", "remove": "cleanup"}
MAX_SHOWN_BYTES = 2000
"""How much of an answer that is not a success is shown."""


class Httpreq:
    """See the module, and `IProviderEngine`."""

    challenge_types = ("dns-01",)

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._settings = settings
        self.builds_name = settings.get("HTTPREQ_MODE") == RAW
        """In this mode the server makes the record's name."""
        self.told_aliases = self.persists = not self.builds_name

    def installed(self) -> None:
        return None

    def providers(self) -> list[Provider]:
        from certbot_external_auth.providers.engine import Provider, Variable

        variables = (
            Variable("HTTPREQ_ENDPOINT", "the URL of the server"),
            Variable("HTTPREQ_MODE", "RAW, or empty for the default mode", None),
            Variable("HTTPREQ_USERNAME", "user name for basic authentication", None),
            Variable("HTTPREQ_PASSWORD", "password for basic authentication", None),
        )
        return [Provider("", "HTTP request", "https://go-acme.github.io/lego/dns/httpreq/", variables)]

    def problems(self, name: str) -> list[Problem]:
        from certbot_external_auth.providers.engine import Kind, Problem

        wrong = {}
        endpoint = self._settings.get("HTTPREQ_ENDPOINT", "")
        if endpoint and not endpoint.startswith(("http://", "https://")):
            wrong["HTTPREQ_ENDPOINT"] = "it must begin with http:// or https://"
        if self._settings.get("HTTPREQ_MODE", "") not in ("", RAW):
            wrong["HTTPREQ_MODE"] = "it must be RAW or empty"
        return [Problem(Kind.VARIABLE_WRONG, {"name": name, "why": why}) for name, why in wrong.items()]

    def program(self, name: str) -> Sequence[str]:
        return [sys.executable, "-I", os.path.abspath(__file__)]


def request(operation: str, name: str, value: str, more: Mapping[str, str]) -> urllib.request.Request:
    """Return the request for one call. lego writes names with a dot at their end."""
    body = {"fqdn": f"{name}.", "value": value}
    if os.environ.get("HTTPREQ_MODE") == RAW:
        body = {"domain": more["identifier"], "token": more["token"], "keyAuth": more["key_authorization"]}
    url = f"{os.environ['HTTPREQ_ENDPOINT'].rstrip('/')}/{PATHS[operation]}"
    made = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})  # noqa: S310
    user, password = (os.environ.get(f"HTTPREQ_{each}", "") for each in ("USERNAME", "PASSWORD"))
    if user and password:
        made.add_header("Authorization", f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}")
    return made


def main(operation: str, name: str, zone: str) -> int:
    """Make one call."""
    value, more = sys.stdin.readline().rstrip("\n"), json.loads(sys.stdin.readline())
    try:
        urllib.request.urlopen(request(operation, name, value, more)).close()  # noqa: S310
    except urllib.error.HTTPError as error:
        said = error.read(MAX_SHOWN_BYTES).decode("utf-8", "replace")
        print(f"{error.url}: {error.code} {error.reason}", said, sep="\n", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{os.environ['HTTPREQ_ENDPOINT']}: {getattr(error, 'reason', error)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
