"""Engines by name: the plugin's own, and those that other packages register."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from certbot_external_auth import extensions

if TYPE_CHECKING:
    from certbot_external_auth.providers.contract import ProviderEngine
    from certbot_external_auth.providers.engine import Provider

GROUP = "certbot_external_auth.providers"
BUILT_IN = {
    "acme.sh": "certbot_external_auth.providers.acme_sh:AcmeSh",
    "lego": "certbot_external_auth.providers.lego:Lego",
    "lexicon": "certbot_external_auth.providers.lexicon:Lexicon",
    "certbot": "certbot_external_auth.providers.certbot_plugin:CertbotPlugin",
    "httpreq": "certbot_external_auth.providers.httpreq:Httpreq",
}


def names() -> list[str]:
    """Return the names of all engines, the plugin's own first."""
    return [*BUILT_IN, *(name for name in extensions.names(GROUP) if name not in BUILT_IN)]


def engine(name: str, settings: Mapping[str, str]) -> ProviderEngine:
    """Load an engine by its name, and make one object of it.

    :raises UsageError: if it cannot be loaded or does not provide `IProviderEngine`.
    """
    from certbot_external_auth.providers.contract import IProviderEngine

    made: ProviderEngine = extensions.load(GROUP, BUILT_IN, name, IProviderEngine, declared=False)(settings)
    return made


def provider(engine: ProviderEngine, name: str) -> Provider | None:
    """Return a provider, or None if the engine does not know it, by the quicker way if the engine has one."""
    quick: Callable[[str], Provider | None] | None = getattr(engine, "provider", None)
    if quick is not None:
        return quick(name)
    return next((each for each in engine.providers() if each.name == name), None)


def settings_of(env_file: Mapping[str, str]) -> dict[str, str]:
    """Return the settings of an engine: those of the env file, and else what a handler gets of our environment."""
    from certbot_external_auth.handler_setup.environment import handler_environment

    return {**handler_environment(os.environ), **env_file}
