"""The plugin as Certbot sees it: translates between Certbot's objects and ours, and decides nothing.

Every Certbot command of the host imports this module, so it loads only what Certbot has loaded already; everything
else is loaded when the plugin is selected, and a missing library is reported then.
"""

from __future__ import annotations

import functools
import json
import os
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from acme import challenges as acme_challenges
from certbot import errors, interfaces
from certbot.plugins import common

from certbot_external_auth import registration, settings

if TYPE_CHECKING:
    from certbot_external_auth.challenges import Challenge
    from certbot_external_auth.run.host import Host

registration.ensure()


def _parsed(option: settings.Option, value: object) -> str:
    """Return an option's text: the argument type of every option.

    Certbot calls this while it parses arguments, and again when it reads a renewal file, where the value may be a list.
    Both happen before Certbot prints anything except the name of the renewal file.
    """
    from certbot_external_auth.configuration import early_stream, resolution

    text = resolution.kept_text(option, value)
    early_stream.note(option, text)
    return text


class ExternalAuth(
    common.Plugin, interfaces.Authenticator, interfaces.Installer, interfaces.RenewDeployer, interfaces.GenericUpdater
):
    """Authenticator and installer under the name ``external-auth``."""

    description = "Let a script, a JSON driver or a person publish challenges and take certificates"
    historic = False
    options: tuple[settings.Option, ...] = settings.OPTIONS

    @functools.cached_property
    def _host(self) -> Host:
        from certbot_external_auth.configuration.certbot_config import CertbotConfig
        from certbot_external_auth.run.host import Host

        return Host(CertbotConfig(self.config, self.name, self.options))

    @classmethod
    def add_parser_arguments(cls, add: Callable[..., None]) -> None:
        if settings.SESSION in os.environ or "renew" in sys.argv:
            from certbot_external_auth.configuration import early_stream

            early_stream.begin(sys.argv[1:])
        for option in cls.options:
            if option.historic_switch:
                add(option.name, action="store_true", help=option.full_help)
            else:
                parse = functools.partial(_parsed, option)
                add(option.name, type=parse, metavar=option.metavar, help=option.full_help)

    def more_info(self) -> str:
        return (
            "Publishes challenges, and hands certificates over, through a script (--external-auth-handler), through "
            "JSON lines on stdout and stdin (--external-auth-mode json), or through a person at the terminal."
        )

    def prepare(self) -> None:
        """See `Host.prepare`. Does nothing unless selected."""
        if self.name in (self.config.authenticator, self.config.installer, self.config.configurator):
            self._host.prepare()

    # --- Authenticator ---

    def get_chall_pref(self, identifier: str) -> list[type[acme_challenges.Challenge]]:
        types = self._host.run.usable_types(identifier, addresses=hasattr(self.config, "ip_addresses"))
        # Looked up at each call: another plugin may have registered its own class for a type since.
        return [acme_challenges.Challenge.TYPES[name] for name in types if name in acme_challenges.Challenge.TYPES]

    def perform(self, achalls: Iterable[Any]) -> list[Any]:
        achalls = list(achalls)
        self._host.publish([_challenge(achall) for achall in achalls])
        return [_response(achall) for achall in achalls]

    def auth_hint(self, failed_achalls: Iterable[Any]) -> str:
        from certbot_external_auth.protocol.lines import problem_of

        publication = self._host.run.publication
        for achall in failed_achalls:
            publication.refused_by_ca(*_challenge(achall).key, problem_of(achall.error))
        return publication.hint()

    def cleanup(self, achalls: Iterable[Any]) -> None:
        """Withdraw every challenge that was begun. Certbot's list also has others."""
        self._host.withdraw()

    # --- Installer ---

    def get_all_names(self) -> list[str]:
        return []

    def deploy_cert(self, domain: str, cert_path: str, key_path: str, chain_path: str, fullchain_path: str) -> None:
        paths = {"cert_path": cert_path, "key_path": key_path, "chain_path": chain_path}
        self._host.deploy(str(domain), {**paths, "fullchain_path": fullchain_path})

    def enhance(self, domain: str, enhancement: str, options: Any = None) -> None:
        raise errors.NotSupportedError(f"external-auth does not support the enhancement {enhancement!r}.")

    def supported_enhancements(self) -> list[str]:
        return []

    def save(self, title: str | None = None, temporary: bool = False) -> None:
        self._host.run.saved(title, temporary)

    def rollback_checkpoints(self, rollback: int = 1) -> None:
        """Do nothing: the plugin changes no file of a server, so there is no state to go back to."""

    def recovery_routine(self) -> None:
        """Do nothing; see `rollback_checkpoints`."""

    def config_test(self) -> None:
        """Do nothing: the plugin has no configuration of a server to test."""

    def restart(self) -> None:
        self._host.restart()

    def renew_deploy(self, lineage: Any, *args: Any, **kwargs: Any) -> None:
        self._host.renewed(str(lineage.lineagename), _paths(lineage))

    def generic_updates(self, lineage: Any, *args: Any, **kwargs: Any) -> None:
        self._host.not_due(str(lineage.lineagename), _paths(lineage))


class HistoricExternalAuth(ExternalAuth):
    """The plugin under its name of 2016-2020, with the flags of then, and JSON lines of protocol 0 by default."""

    hidden = True
    historic = True
    options = settings.HISTORIC_OPTIONS


def _challenge(achall: Any) -> Challenge:
    from certbot_external_auth.challenges import Challenge
    from certbot_external_auth.run.ids import next_id

    # Certbot 5.3 added `identifier` and deprecated `domain`.
    identifier = getattr(achall, "identifier", None)
    known = hasattr(achall, "account_key")
    persistent = achall.chall.typ == registration.PERSISTENT
    return Challenge(
        id=next_id("c"),
        type=str(achall.chall.typ),
        identifier=str(achall.domain if identifier is None else identifier.value),
        identifier_type="dns" if identifier is None else str(identifier.typ.name),
        token=achall.chall.encode("token") if known and not persistent else "",
        key_authorization=achall.chall.key_authorization(achall.account_key) if known else "",
        offer=json.loads(achall.chall.json_dumps()) if persistent else None,
    )


def _response(achall: Any) -> Any:
    if achall.chall.typ == registration.PERSISTENT:
        # Looked up, because another plugin may have registered a challenge class that cannot answer by itself.
        return acme_challenges.ChallengeResponse.TYPES[registration.PERSISTENT]()
    return achall.response(achall.account_key)


def _paths(lineage: Any) -> dict[str, str | None]:
    kinds = ("cert_path", "key_path", "chain_path", "fullchain_path")
    return {kind: getattr(lineage, kind) for kind in kinds}
