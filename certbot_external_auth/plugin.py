"""The plugin as Certbot sees it: translates between Certbot's objects and ours, and decides nothing.

Every Certbot command of the host imports this module, so it loads only what Certbot has loaded already; everything
else is loaded when the plugin is selected, and a missing library is reported then.
"""

from __future__ import annotations

import atexit
import functools
import gc
import os
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from acme import challenges as acme_challenges
from certbot import errors, interfaces
from certbot.plugins import common

from certbot_external_auth import registration, settings
from certbot_external_auth.errors import UsageError

if TYPE_CHECKING:
    from certbot_external_auth.challenges import Challenge
    from certbot_external_auth.configuration.certbot_config import CertbotConfig
    from certbot_external_auth.run.run import Run

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


@functools.cache
def _skip_last_collection() -> None:
    """Skip garbage collection when the process exits, and leave it alone until then.

    Python would search all of Certbot's objects for memory that the system takes back anyway. That is a fifth of the
    processor time of `certbot install`.
    """
    atexit.register(gc.freeze)


class ExternalAuth(
    common.Plugin, interfaces.Authenticator, interfaces.Installer, interfaces.RenewDeployer, interfaces.GenericUpdater
):
    """Authenticator and installer under the name ``external-auth``."""

    description = "Let a script, a JSON driver or a person publish challenges and take certificates"
    historic = False
    options: tuple[settings.Option, ...] = settings.OPTIONS

    def __init__(self, config: Any, name: str) -> None:
        super().__init__(config, name)
        self._built: Run | None = None
        self._lineage: str | None = None

    @functools.cached_property
    def _configuration(self) -> CertbotConfig:
        from certbot_external_auth.configuration.certbot_config import CertbotConfig

        return CertbotConfig(self.config, self.name, self.options)

    @classmethod
    def add_parser_arguments(cls, add: Callable[..., None]) -> None:
        if settings.SESSION in os.environ:
            from certbot_external_auth.configuration import early_stream

            # A session must learn how Certbot ends, also if nothing is due, or no certificate is in mode json.
            early_stream.open_stream()
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
        """Check everything that can be checked before Certbot makes an order. Does nothing unless selected.

        :raises UsageError: with one sentence for each mistake.
        """
        if self.name not in (self.config.authenticator, self.config.installer, self.config.configurator):
            return
        from certbot_external_auth.configuration import certbot_argv

        try:
            if self.config.verb == "install" and self.config.certname:
                self._restore(self.config.certname)
            self._run.prepare(publishing=self._authenticating, deploying=self._installing)
            if self.config.verb in certbot_argv.SPEAKING_VERBS:
                self._run.recover(publishing=self._authenticating)
            if self._installing and not self.config.dry_run:
                self._run.handover.first_contact()
        except UsageError as error:
            self._report_wrong_use(error)
            if self.config.verb == "plugins":
                # "certbot plugins" skips a plugin that raises this class; any other error aborts the listing.
                raise errors.MisconfigurationError(str(error)) from error
            raise

    # --- Authenticator ---

    def get_chall_pref(self, identifier: str) -> list[type[acme_challenges.Challenge]]:
        types = self._run.usable_types(identifier, addresses=hasattr(self.config, "ip_addresses"))
        # Looked up at each call: another plugin may have registered its own class for a type since.
        return [acme_challenges.Challenge.TYPES[name] for name in types if name in acme_challenges.Challenge.TYPES]

    def perform(self, achalls: Iterable[Any]) -> list[Any]:
        achalls = list(achalls)
        from certbot_external_auth.signals import deferral

        with deferral.SignalKeeper():
            self._run.publication.perform([_challenge(achall) for achall in achalls])
        return [achall.response(achall.account_key) for achall in achalls]

    def auth_hint(self, failed_achalls: Iterable[Any]) -> str:
        from certbot_external_auth.protocol.lines import problem_of

        for achall in failed_achalls:
            self._run.publication.refused_by_ca(
                achall.chall.typ, achall.chall.encode("token"), problem_of(achall.error)
            )
        return self._run.publication.hint()

    def cleanup(self, achalls: Iterable[Any]) -> None:
        from certbot_external_auth.signals import deferral

        exception = sys.exc_info()[1]
        kept = deferral.SignalKeeper()
        try:
            with kept:
                self._run.publication.cleanup(exception)
        finally:
            number = deferral.signal_behind(exception) or next(
                (one for one in kept.came if one in deferral.ENDING), None
            )
            if number is not None:
                # Certbot raises the signal again. After it has handed a certificate over, though, nothing catches it,
                # and a renewal would go on with the next certificate.
                self._run.end_of_process(deferral.exit_by(number))
                deferral.end_process(number)

    # --- Installer ---

    def get_all_names(self) -> list[str]:
        return []

    def deploy_cert(self, domain: str, cert_path: str, key_path: str, chain_path: str, fullchain_path: str) -> None:
        from certbot_external_auth.lineages import handed_over
        from certbot_external_auth.signals import deferral

        self._restore(handed_over.lineage_of(cert_path, self.config.config_dir))
        if not self.config.dry_run:
            # If no flag names the installer, Certbot chooses this plugin only after it has called `prepare`.
            self._run.handover.first_contact()
        paths: dict[str, str | None] = {
            "cert_path": cert_path,
            "key_path": key_path,
            "chain_path": chain_path,
            "fullchain_path": fullchain_path,
        }
        with deferral.SignalKeeper():
            self._run.handover.deploy_files(str(domain), paths)

    def enhance(self, domain: str, enhancement: str, options: Any = None) -> None:
        raise errors.NotSupportedError(f"external-auth does not support the enhancement {enhancement!r}.")

    def supported_enhancements(self) -> list[str]:
        return []

    def save(self, title: str | None = None, temporary: bool = False) -> None:
        self._run.saved(title, temporary)

    def rollback_checkpoints(self, rollback: int = 1) -> None:
        """Do nothing: the plugin changes no file of a server, so there is no state to go back to."""

    def recovery_routine(self) -> None:
        """Do nothing; see `rollback_checkpoints`."""

    def config_test(self) -> None:
        """Do nothing: the plugin has no configuration of a server to test."""

    def restart(self) -> None:
        if self.config.verb == "certonly" and not self.config.dry_run:
            self._run.handover.deploy_written()
        self._run.restarted()

    def renew_deploy(self, lineage: Any, *args: Any, **kwargs: Any) -> None:
        self._lineage = str(lineage.lineagename)
        self._run.handover.deploy_lineage(lineage.lineagename, _paths(lineage))

    def generic_updates(self, lineage: Any, *args: Any, **kwargs: Any) -> None:
        """Hand over what earlier renewals could not. Certbot calls this without `prepare`."""
        self._lineage = str(lineage.lineagename)
        self._run.handover.first_contact()
        self._run.recover(publishing=False)
        self._run.handover.look_again(lineage.lineagename, _paths(lineage))

    # --- translation ---

    @property
    def _authenticating(self) -> bool:
        return self.name in (self.config.authenticator, self.config.configurator)

    @property
    def _installing(self) -> bool:
        return self.name in (self.config.installer, self.config.configurator)

    def _restore(self, lineage: str | None) -> None:
        """Read the options that a lineage keeps, for the verbs at which Certbot does not read them.

        Certbot may know the lineage only after `prepare`.
        """
        if self.config.verb not in ("install", "run") or lineage is None or self._lineage == lineage:
            return
        from certbot_external_auth.configuration import early_stream, kept_options

        self._lineage = lineage
        changed = kept_options.restore(self._configuration, lineage)
        if "protocol" in self._configuration.restored:
            early_stream.note_protocol(self._configuration.value("protocol"))
        if changed:
            self._built = None

    @property
    def _run(self) -> Run:
        """The run, assembled at the first use: Certbot may call `prepare` too early, or not at all."""
        from certbot_external_auth.signals import deferral

        deferral.ready()
        if self._built is None:
            self._built = self._build()
        return self._built

    def _build(self) -> Run:
        from certbot_external_auth.console import terminal_lines

        terminal_lines.prepare_logs()
        _skip_last_collection()
        from certbot_external_auth.configuration import assembly

        assembly.require("zope.interface", "zope.interface")
        from certbot_external_auth.run.run import Run

        return Run(*assembly.context_of_run(self._configuration, self._lineage))

    def _report_wrong_use(self, error: UsageError) -> None:
        from certbot_external_auth.configuration import early_stream

        lines_by_default = self.historic and not self._configuration.value("text-mode") and not self.config.quiet
        early_stream.report_wrong_use(str(error), lines_by_default, self.historic)


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
    return Challenge(
        id=next_id("c"),
        type=str(achall.chall.typ),
        identifier=str(achall.domain if identifier is None else identifier.value),
        identifier_type="dns" if identifier is None else str(identifier.typ.name),
        token=achall.chall.encode("token") if known else "",
        key_authorization=achall.chall.key_authorization(achall.account_key) if known else "",
    )


def _paths(lineage: Any) -> dict[str, str | None]:
    kinds = ("cert_path", "key_path", "chain_path", "fullchain_path")
    return {kind: getattr(lineage, kind) for kind in kinds}
