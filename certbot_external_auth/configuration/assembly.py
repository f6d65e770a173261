"""Turns options into the `Context` of a run, alike for Certbot's configuration and for the flags of `check`."""

from __future__ import annotations

import dataclasses
import functools
import importlib
import logging
import os
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from certbot import errors

from certbot_external_auth import backends, dialects, extensions, progress, settings
from certbot_external_auth.backends import Context
from certbot_external_auth.configuration import certbot_argv, lineage_name, reissue_flags, resolution, superseded
from certbot_external_auth.configuration.certbot_config import CertbotConfig, Source, evaluated_problem
from certbot_external_auth.dialects import Facts, key_algorithm
from certbot_external_auth.errors import MissingDependencyError, UsageError
from certbot_external_auth.handler_setup import dehydrated_config, dehydrated_once
from certbot_external_auth.handler_setup.dehydrated_config import DehydratedConfig
from certbot_external_auth.lineages import certificate
from certbot_external_auth.lineages.lineage import Lineage
from certbot_external_auth.protocol import stream
from certbot_external_auth.providers import registry
from certbot_external_auth.settings import Settings

logger = logging.getLogger(__name__)


class Origin(Protocol):
    """Where options come from."""

    @property
    def named_types(self) -> tuple[str, ...]:
        """The challenge types that were named; empty if none was."""

    def values(self) -> Mapping[str, Any]:
        """Return the values of all options; None where an option was not given."""

    def words(self, option: str, text: str) -> tuple[str, ...]:
        """Return the words of a command line, files absolute.

        :raises UsageError: if the command line cannot be used.
        """

    def path(self, option: str, text: str) -> str:
        """Return a path made absolute.

        :raises UsageError: if it cannot be a path.
        """


@dataclass(frozen=True)
class Handler:
    """A handler ready to be called; of a provider, and in other modes, only the settings.

    :ivar settings: with what a Dehydrated configuration says.
    :ivar words: the handler's command line, files absolute.
    :ivar cleanup_words: the same of the cleanup handler, if there is one.
    :ivar deploy_words: the same of the command that takes certificates, in every mode; empty if there is none.
    :ivar config: the Dehydrated configuration, if there is one.
    :ivar types: the challenge types preferred, by a flag or else by the configuration.
    """

    settings: Settings
    types: tuple[str, ...]
    words: tuple[str, ...] = ()
    cleanup_words: tuple[str, ...] | None = None
    deploy_words: tuple[str, ...] = ()
    config: DehydratedConfig | None = None


def require(module: str, library: str) -> None:
    """Import a library that may be missing or broken on this host.

    :raises MissingDependencyError: if it cannot be imported.
    """
    try:
        importlib.import_module(module)
    except errors.SignalExit:
        raise
    except Exception as error:
        raise MissingDependencyError(library, error) from error


def settings_of(values: Mapping[str, Any], named: Callable[[str], str] = resolution.flag) -> Settings:
    """Check the options of `external-auth`. Looks for other packages only if a name is not our own, which takes time.

    :param named: returns what sentences call an option.
    :raises UsageError: with one sentence for every wrong option.
    """
    foreign_mode = values.get("mode") not in (None, *settings.MODES)
    foreign_dialect = values.get("dialect") not in (None, *settings.DIALECTS)
    engine = str(values.get("provider") or "").partition(":")[0]
    return resolution.resolve(
        values,
        extra_modes=extensions.names(backends.GROUP) if foreign_mode else (),
        extra_dialects=extensions.names(dialects.GROUP) if foreign_dialect else (),
        named=named,
        extra_engines=extensions.names(registry.GROUP) if engine not in ("", *settings.ENGINES) else (),
    )


def handler_of(checked: Settings, origin: Origin) -> Handler:
    """Resolve command lines and paths, and read the Dehydrated configuration.

    :raises UsageError: if one of them cannot be used.
    """

    def path(option: str, text: str | None) -> str | None:
        return None if text is None else origin.path(option, text)

    checked = dataclasses.replace(
        checked,
        wellknown=path("wellknown", checked.wellknown),
        env_file=path("env-file", checked.env_file),
        routes=path("routes", checked.routes),
    )
    deploy = checked.deploy_handler
    deploy_words = () if deploy is None else origin.words("deploy-handler", deploy)
    if checked.mode != "handler" or checked.provider is not None or checked.routes is not None:
        return Handler(checked, origin.named_types, deploy_words=deploy_words)
    config_path = path("dehydrated-config", checked.dehydrated_config)
    config = None if config_path is None else dehydrated_once.read(config_path, checked.env_file)
    types = origin.named_types or (() if config is None else (config.challenge_type,))
    if checked.handler is not None or config is None:
        words = origin.words("handler", checked.handler or "")
    else:
        words = dehydrated_config.hook_words(config, types)
    given = [option for option, value in origin.values().items() if value is not None]
    cleanup = checked.cleanup_handler
    return Handler(
        settings=checked if config is None else dehydrated_config.merged(checked, config, given, types),
        types=types,
        words=words,
        cleanup_words=None if cleanup is None else origin.words("cleanup-handler", cleanup),
        deploy_words=deploy_words,
        config=config,
    )


def facts_of(about: Facts, checked: Settings) -> Facts:
    """Return facts with what a handler is told of its settings."""
    return dataclasses.replace(about, wellknown=checked.wellknown, chain=checked.hook_chain)


def context_of(handler: Handler, about: Facts, **more: Any) -> Context:
    """Assemble a `Context`.

    :param about: what is known about the certificate.
    :param more: fields of `Context` that are not about the handler.
    """
    about = dataclasses.replace(about, cleanup_words=handler.cleanup_words)
    config = handler.config
    if config is not None:
        about = dataclasses.replace(about, config=config.path, basedir=config.basedir, exports=config.exports)
    return Context(
        settings=handler.settings,
        facts=facts_of(about, handler.settings),
        words=handler.words,
        deploy_words=handler.deploy_words,
        config_files=() if config is None else config.files,
        **more,
    )


# --- from Certbot's configuration ---


def context_of_run(config: CertbotConfig, lineage: str | None) -> tuple[Context, Collection[str] | None]:
    """Assemble the `Context` of a run of Certbot.

    :param lineage: name of the certificate, if Certbot has told.
    :returns: the context, and the names the certificate was asked for; None if they are unknown.
    :raises UsageError: if the options cannot be used.
    """
    checked = _settings_of_run(config, lineage)
    for warning in checked.warnings:
        _warn_once(warning)
    _refuse_socket_of_cli_ini(config)
    handler = handler_of(checked, config)
    names = names_asked_for(config.config)
    certbot = config.config
    context = context_of(
        handler,
        _facts_of_run(certbot, names, lineage, handler.types),
        unattended=bool(certbot.noninteractive_mode),
        renewing=certbot.verb == "renew",
        silent=bool(certbot.quiet) or certbot.verb == "renew",
        preferred=handler.types,
        server=str(certbot.server or ""),
        account=str(certbot.account or ""),
        tls_port=int(certbot.https_port),
        http_port=int(certbot.http01_port),
        subset=bool(certbot.allow_subset_of_names),
        repeat=reissue_flags.flags(config),
        install=reissue_flags.install_flags(config),
        progress=progress.of_run(handler.settings.mode, handler.settings.historic or bool(certbot.quiet)),
    )
    return context, names


def names_asked_for(config: Any) -> Collection[str] | None:
    """Return the names of the certificate; None if Certbot asked a person for them, or they cannot be read."""
    names = [str(name) for name in config.domains]
    names += [str(address) for address in getattr(config, "ip_addresses", None) or []]
    if config.csr:
        # Certbot reads only the domain names of a request.
        names += certificate.addresses_requested(config.csr[1])
    if names or not config.certname:
        return names or None
    try:
        return certificate.read(Lineage(config.config_dir, config.certname).cert_path).names
    except (OSError, ValueError):
        return None


@functools.cache
def _warn_once(warning: str) -> None:
    logger.warning(warning)


def _settings_of_run(config: CertbotConfig, lineage: str | None) -> Settings:
    _refuse_flags_of_the_other_name(config)
    if not config.historic:
        _drop_superseded(config)
    _refuse_evaluated(config, lineage)
    values = config.values()
    checked = resolution.resolve_historic(values) if config.historic else settings_of(values)
    open_stream = stream.current()
    if open_stream is not None and open_stream.channel.session:
        return dataclasses.replace(checked, protocol=1)
    return checked


def _refuse_evaluated(config: CertbotConfig, lineage: str | None) -> None:
    """Refuse ``True`` and ``False`` in a renewal file: Certbot passes on no text, which would count as a path."""
    evaluated = config.evaluated()
    if not evaluated:
        return
    name = lineage_name.known(config.config, tuple(names_asked_for(config.config) or ()), lineage)
    folder = os.path.join(os.path.abspath(config.config.config_dir), "renewal")
    file = f"The renewal file {os.path.join(folder, f'{name}.conf')}" if name else f"A renewal file in {folder}"
    raise UsageError([evaluated_problem(file, config.dest(option), value) for option, value in evaluated.items()])


def _refuse_flags_of_the_other_name(config: CertbotConfig) -> None:
    certbot = config.config
    if config.historic:
        other = CertbotConfig(certbot, settings.NAME, settings.OPTIONS)
    else:
        other = CertbotConfig(certbot, settings.HISTORIC_NAME, settings.HISTORIC_OPTIONS)
    wrong = [other.flag(option.name) for option in other.options if option.name in other.given]
    # Certbot may use both names, one as the installer.
    if wrong and other.name not in (certbot.authenticator, certbot.installer):
        raise UsageError(
            [
                f"{', '.join(wrong)} belongs to the plugin name {other.name}, but {config.name} is selected; use the "
                "flags of one name only (the new ones are --external-auth-…, with -a external-auth)."
            ]
        )


def _drop_superseded(config: CertbotConfig) -> None:
    """Drop options of the renewal file that contradict this command line."""
    values = config.values()
    typed = [option for option in values if config.source(option) is Source.COMMAND_LINE]
    dropped = superseded.superseded(values, typed)
    for option in dropped:
        config.set(option, None)
    if dropped:
        logger.warning(
            "Dropped from the renewal file because it conflicts with the options given now: %s.",
            ", ".join(map(config.flag, dropped)),
        )


def _refuse_socket_of_cli_ini(config: CertbotConfig) -> None:
    """Refuse a socket that holds for every command; one of a renewal file is ignored."""
    if "socket" in config.given and certbot_argv.options(sys.argv[1:]).socket is None:
        raise UsageError(["--external-auth-socket belongs on the command line, not into cli.ini."])


def _facts_of_run(config: Any, asked: Collection[str] | None, lineage: str | None, types: Sequence[str]) -> Facts:
    names = tuple(asked or ())
    return Facts(
        alias=lineage_name.expected(config, names, lineage),
        names=names,
        config_dir=os.path.abspath(config.config_dir),
        work_dir=os.path.abspath(config.work_dir),
        command="sign_csr" if config.csr else "sign_domains",
        key_algorithm=key_algorithm(config.key_type, config.elliptic_curve),
        challenge_type=next(iter(types), "dns-01"),
    )
