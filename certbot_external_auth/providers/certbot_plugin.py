"""Engine certbot: the DNS plugins of Certbot that are installed beside this one; see `program`.

Since 2017 a DNS plugin implements `_setup_credentials`, `_perform` and `_cleanup` of Certbot's `DNSAuthenticator`. It
calls them and then waits. This engine calls them and does not wait. Data that a plugin keeps in its object while it
adds a record travels to the process that removes it, as far as JSON has it.
"""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from certbot_external_auth.providers.engine import Missing, Problem, Provider
    from certbot_external_auth.providers.program import Change

GROUP, WAIT = "certbot.plugins", "propagation_seconds"
OTHERS = {"dns-route53": ["acme.sh:aws", "lego:route53"], "dns-multi": ["lego:NAME"]}


class CertbotPlugin:
    """See `IProviderEngine`."""

    challenge_types = ("dns-01",)
    builds_name, told_aliases, persists, told_zones, finds_missing = False, True, True, True, True

    def __init__(self, settings: Mapping[str, str]) -> None:
        from certbot_external_auth.providers.asked import Interpreter, Package

        self._settings = settings
        self._python = Interpreter(__file__, settings, Package("certbot"))

    @property
    def saved(self) -> Mapping[str, str]:
        from certbot_external_auth.providers import dns_plugin

        return dns_plugin.credentials(self._settings)

    def installed(self) -> Missing | None:
        return self._python.missing("certbot.plugins.dns_common")

    def providers(self) -> list[Provider]:
        return self._python.providers(OTHERS)

    def provider(self, name: str) -> Provider | None:
        return self._python.about(name, OTHERS)[0]

    def problems(self, name: str) -> list[Problem]:
        return self._python.about(name, OTHERS)[1]

    def program(self, name: str) -> Sequence[str]:
        return self._python.program(name)


# --- in Certbot's Python ---


def load() -> None:
    import certbot.plugins.dns_common  # noqa: F401


def describe(names: Sequence[str] | None) -> dict[str, Any]:
    from certbot.plugins.dns_common import DNSAuthenticator

    from certbot_external_auth.providers import dns_plugin

    found = {}
    for point in importlib.metadata.entry_points(group=GROUP):
        if names is not None and point.name not in names:
            continue
        made, error = None, "it is not built on Certbot's class DNSAuthenticator"
        try:
            made = point.load()
        except Exception as raised:
            error = f"it cannot be loaded ({type(raised).__name__}: {raised})"
        if isinstance(made, type) and issubclass(made, DNSAuthenticator):
            own = (made.perform, made.cleanup) != (DNSAuthenticator.perform, DNSAuthenticator.cleanup)
            error = "it has a perform or cleanup of its own, which Certbot's other DNS plugins inherit" if own else ""
        elif not point.name.startswith("dns-"):
            continue
        actions = [] if error else dns_plugin.parser(point.name, made)._actions
        options = {one.dest.upper(): one.help or "" for one in actions if not one.dest.endswith(WAIT)}
        url = f"https://pypi.org/project/{point.dist.name}/" if point.dist else ""
        title = str(getattr(made, "description", ""))
        needs = [[one for one in options if one.endswith("_CREDENTIALS")]]
        found[point.name] = {"title": title, "url": url, "variables": options, "groups": needs, "error": error}
    return found


def check(name: str) -> list[tuple[str, dict[str, str]]]:
    from certbot_external_auth.providers import dns_plugin

    return dns_plugin.check(name)


def change(wanted: Change) -> None:
    from certbot_external_auth.providers import dns_plugin

    plugin = dns_plugin.made(wanted.provider)
    # Here the plugin looks for the zone. An alias may lead into another zone than that of the certificate's name.
    domain, zone = wanted.more["identifier"], wanted.zone
    domain = zone if zone and not f".{domain}".endswith(f".{zone}") else domain
    if not wanted.adds:
        vars(plugin).update(wanted.state or {})
        plugin._cleanup(domain, wanted.record, wanted.value)
        return
    before = dns_plugin.data(plugin)
    try:
        plugin._perform(domain, wanted.record, wanted.value)
    finally:
        after = dns_plugin.data(plugin)
        wanted.keep({name: json.loads(text) for name, text in after.items() if before.get(name) != text})
