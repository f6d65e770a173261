"""What Certbot sees: translates between its objects and ours, and decides nothing.

Every Certbot command of the host imports this module, so it loads only what Certbot has loaded already; everything
else comes when the plugin is selected, and what is missing then is said then.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import gc
import logging
import os
import sys
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, Any

from acme import challenges as acme_challenges
from certbot import errors, interfaces
from certbot.plugins import common

from certbot_external_auth import registration, settings
from certbot_external_auth.configuration import value_sources
from certbot_external_auth.errors import MissingDependencyError, UsageError
from certbot_external_auth.handler_setup import command_line

if TYPE_CHECKING:
    from certbot_external_auth.challenges import Challenge
    from certbot_external_auth.dialects import Facts
    from certbot_external_auth.handler_setup.dehydrated_config import DehydratedConfig
    from certbot_external_auth.run.run import Run

logger = logging.getLogger(__name__)

registration.ensure()

_seen: dict[str, str] = {}
_said: set[str] = set()


@functools.cache
def _keep_what_is_loaded() -> None:
    """Certbot's modules stay to the end; looking through all of them for garbage takes longer than loading ours.

    Once in a process, since the garbage of that moment stays, too.
    """
    gc.freeze()


def _mode(text: str) -> str:
    """Argument type of the mode: called while arguments are parsed, and again when a renewal file is read.

    Both happen before Certbot prints anything (except the name of the renewal file), so this is where stdout is
    taken over.
    """
    if text == "json":
        _open_channel()
    return text


def _open_channel() -> None:
    from certbot_external_auth.configuration import certbot_argv

    if certbot_argv.may_speak(sys.argv[1:]):
        with contextlib.suppress(ImportError):
            from certbot_external_auth.protocol import stream

            stream.opened(lambda: 0 if _seen.get("protocol") == "0" else 1, _typed_socket())


def _typed_socket() -> str | None:
    """The socket named on the command line; the mode may be parsed before it is."""
    from certbot_external_auth.configuration import certbot_argv

    typed = certbot_argv.options(sys.argv[1:]).socket
    return (typed and os.path.abspath(os.path.expanduser(typed))) if typed is not None else None


def _protocol(text: str) -> str:
    _seen["protocol"] = text
    return text


_TYPES: dict[str, Callable[[str], str]] = {"mode": _mode, "protocol": _protocol}


def _parsed(option: str, value: object) -> str:
    """Argument type of every option; from a renewal file Certbot also gives it a list."""
    text = settings.kept_text(option, value)
    return _TYPES[option](text) if option in _TYPES else text


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
        self._restored: set[str] = set()
        self._switches = {option.name for option in self.options if option.historic_switch}

    @functools.cached_property
    def _given(self) -> frozenset[str]:
        """Options of this command line, or of cli.ini; read before any is changed here, which Certbot notes as well."""
        return frozenset(self._typed(self.options, self.name))

    def conf(self, var: str) -> Any:
        """Certbot makes True and False of these words in a renewal file, also where an option is a text."""
        value = super().conf(var)
        return str(value) if isinstance(value, bool) and var not in self._switches else value

    @classmethod
    def add_parser_arguments(cls, add: Callable[..., None]) -> None:
        if settings.SESSION in os.environ:
            # How it ends has to be known also where nothing is due, or nothing is in mode json.
            _open_channel()
        for option in cls.options:
            text = f"{option.help} (default: {option.default})".replace("%", "%%")
            if option.historic_switch:
                add(option.name, action="store_true", help=text)
            else:
                add(option.name, type=functools.partial(_parsed, option.name), metavar=option.metavar, help=text)

    def more_info(self) -> str:
        return (
            "Publishes challenges, and hands certificates over, through a script (--external-auth-handler), through "
            "JSON lines on stdout and stdin (--external-auth-mode json), or through a person at the terminal."
        )

    def prepare(self) -> None:
        """Check everything that can be checked before an order is made; does nothing unless selected.

        :raises UsageError: with one sentence for everything that is wrong.
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
                self._run.first_contact()
        except UsageError as error:
            self._tell_driver(error)
            if self.config.verb == "plugins":
                # Certbot's listing goes on past this class only.
                raise errors.MisconfigurationError(str(error)) from error
            raise

    # --- Authenticator ---

    def get_chall_pref(self, identifier: str) -> list[type[acme_challenges.Challenge]]:
        types = self._run.usable_types(identifier, addresses=hasattr(self.config, "ip_addresses"))
        # Looked up now: another plugin may have registered its own class of that type since.
        return [acme_challenges.Challenge.TYPES[one] for one in types if one in acme_challenges.Challenge.TYPES]

    def perform(self, achalls: Iterable[Any]) -> list[Any]:
        achalls = list(achalls)
        from certbot_external_auth.signals import deferral

        with deferral.Kept():
            self._run.perform([_challenge(achall) for achall in achalls])
        return [achall.response(achall.account_key) for achall in achalls]

    def auth_hint(self, failed_achalls: Iterable[Any]) -> str:
        from certbot_external_auth.protocol.lines import problem_of

        for achall in failed_achalls:
            self._run.refused_by_ca(achall.chall.typ, achall.chall.encode("token"), problem_of(achall.error))
        return self._run.hint()

    def cleanup(self, achalls: Iterable[Any]) -> None:
        from certbot_external_auth.signals import deferral

        exception = sys.exc_info()[1]
        kept = deferral.Kept()
        try:
            with kept:
                self._run.cleanup(exception)
        finally:
            number = deferral.behind(exception) or next((one for one in kept.came if one in deferral.ENDING), None)
            if number is not None:
                # Certbot passes the signal on, but once it has handed a certificate over nobody takes it any more, and
                # a renewal would go on with the next certificate.
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
            # Where Certbot has chosen this plugin by itself, it did not know that when it called `prepare`.
            self._run.first_contact()
        paths = {"cert_path": cert_path, "key_path": key_path}
        chains = {"chain_path": chain_path, "fullchain_path": fullchain_path}
        with deferral.Kept():
            self._run.deploy_files(str(domain), {**paths, **chains})

    def enhance(self, domain: str, enhancement: str, options: Any = None) -> None:
        raise errors.NotSupportedError(f"external-auth knows no enhancement {enhancement!r}.")

    def supported_enhancements(self) -> list[str]:
        return []

    def save(self, title: str | None = None, temporary: bool = False) -> None:
        self._run.saved(title, temporary)

    def rollback_checkpoints(self, rollback: int = 1) -> None:
        """Nothing is changed in place, so there is nothing to go back to."""

    def recovery_routine(self) -> None:
        """See `rollback_checkpoints`."""

    def config_test(self) -> None:
        """There is no configuration of ours to test."""

    def restart(self) -> None:
        if self.config.verb == "certonly" and not self.config.dry_run:
            self._run.deploy_written()
        self._run.restarted()

    def renew_deploy(self, lineage: Any, *args: Any, **kwargs: Any) -> None:
        self._lineage = str(lineage.lineagename)
        self._run.deploy_lineage(lineage.lineagename, _paths(lineage))

    def generic_updates(self, lineage: Any, *args: Any, **kwargs: Any) -> None:
        """Certbot calls this without `prepare`."""
        self._lineage = str(lineage.lineagename)
        self._run.first_contact()
        self._run.recover(publishing=False)
        self._run.look_again(lineage.lineagename, _paths(lineage))

    # --- translation ---

    @property
    def _authenticating(self) -> bool:
        return self.name in (self.config.authenticator, self.config.configurator)

    @property
    def _installing(self) -> bool:
        return self.name in (self.config.installer, self.config.configurator)

    def _restore(self, lineage: str | None) -> None:
        """Take what a lineage keeps, at the verbs at which Certbot does not; whose it is may come after `prepare`."""
        given = self._given
        if self.config.verb not in ("install", "run") or lineage is None or self._lineage == lineage:
            return
        from certbot_external_auth.configuration import kept_options

        self._lineage = lineage
        taken, changed = kept_options.restore(self, lineage, given)
        self._restored |= taken
        if "protocol" in taken:
            _seen["protocol"] = str(self.conf("protocol"))
        if changed:
            self._built = None

    @property
    def _run(self) -> Run:
        """Built at the first use, since `prepare` is not always called, or called before the plugin is chosen."""
        from certbot_external_auth.signals import deferral

        deferral.ready()
        if self._built is None:
            self._built = self._build()
        return self._built

    def _build(self) -> Run:
        try:
            import zope.interface  # noqa: F401
        except Exception as error:
            raise MissingDependencyError("zope.interface", error) from error
        _keep_what_is_loaded()
        from certbot_external_auth.backends import Context
        from certbot_external_auth.configuration import reissue_flags
        from certbot_external_auth.protocol import stream
        from certbot_external_auth.run.run import Run

        typed = self._given
        found = self._settings()
        open_stream = stream.current()
        if open_stream is not None and open_stream.channel.session:
            found = dataclasses.replace(found, protocol=1)
        for warning in found.warnings:
            if warning not in _said:
                _said.add(warning)
                logger.warning(warning)
        self._refuse_socket_of_cli_ini()
        words: tuple[str, ...] = ()
        cleanup_words = None
        config: DehydratedConfig | None = None
        if found.mode == "handler":
            from certbot_external_auth.handler_setup import dehydrated_config

            config = self._dehydrated(found)
            words = self._handler_words(found, config)
            if config is not None:
                given = [name for name in ("hook-chain", "wellknown") if self.conf(name) is not None]
                found = dehydrated_config.merged(found, config, given, self._preferred(config))
            if found.cleanup_handler is not None:
                cleanup_words = self._words("cleanup-handler", found.cleanup_handler)
        found = dataclasses.replace(
            found,
            wellknown=found.wellknown if self.historic else self._given_path("wellknown") or found.wellknown,
            env_file=self._path("env-file", found.env_file),
        )
        asked = self._asked()
        context = Context(
            settings=found,
            facts=self._facts(asked, found, cleanup_words, config),
            words=words,
            unattended=bool(self.config.noninteractive_mode),
            renewing=self.config.verb == "renew",
            silent=bool(self.config.quiet) or self.config.verb == "renew",
            preferred=self._preferred(config),
            server=str(self.config.server or ""),
            tls_port=int(self.config.https_port),
            http_port=int(self.config.http01_port),
            subset=bool(self.config.allow_subset_of_names),
            repeat=reissue_flags.flags(self.config, self.name, self.options, value_sources.source),
            install=reissue_flags.install_flags(self.config, self.name, self.options, typed, value_sources.source),
            config_files=config.files if config is not None else (),
        )
        return Run(context, asked)

    def _refuse_socket_of_cli_ini(self) -> None:
        """A socket is for one command; a kept one is not looked at."""
        typed = not self.historic and "socket" in self._typed(settings.OPTIONS, "external-auth")
        if typed and _typed_socket() is None:
            raise UsageError(["--external-auth-socket belongs on the command line, not into cli.ini."])

    def _preferred(self, config: DehydratedConfig | None) -> tuple[str, ...]:
        named = tuple(map(str, self.config.pref_challs or ()))
        if named or config is None:
            return named
        return (config.challenge_type,)

    def _settings(self) -> settings.Settings:
        wrong = settings.contradictions(
            self._typed(settings.OPTIONS, "external-auth"),
            self._typed(settings.HISTORIC_OPTIONS, "certbot-external-auth:out"),
            self.historic,
        )
        other = "external-auth" if self.historic else "certbot-external-auth:out"
        if wrong and other not in (self.config.authenticator, self.config.installer):
            raise UsageError(wrong)
        raw = {option.name: self.conf(option.name) for option in self.options}
        if self.historic:
            return settings.resolve_historic(raw)
        self._forget(raw)
        from certbot_external_auth import backends, dialects, extensions

        foreign = [raw["mode"] not in (None, *settings.MODES), raw["dialect"] not in (None, *settings.DIALECTS)]
        return settings.resolve(
            raw,
            extra_modes=extensions.names(backends.GROUP) if foreign[0] else (),
            extra_dialects=extensions.names(dialects.GROUP) if foreign[1] else (),
        )

    def _forget(self, raw: dict[str, Any]) -> None:
        """Options of the renewal file that this command line leaves no place for."""
        typed = [
            one
            for one in raw
            if value_sources.on_command_line(self.config, self.dest(one), f"--{self.option_name(one)}")
        ]
        gone = settings.superseded(raw, typed)
        for one in gone:
            raw[one] = None
            setattr(self.config, self.dest(one), None)
        if gone:
            flags = ", ".join(f"--{self.option_name(one)}" for one in gone)
            logger.warning("Forgotten, since it has no place beside what is given now: %s of the renewal file.", flags)

    def _typed(self, options: Iterable[settings.Option], name: str) -> list[str]:
        prefix = common.dest_namespace(name)
        return [
            option.name
            for option in options
            if value_sources.source(self.config, prefix + option.name.replace("-", "_"), f"--{name}-{option.name}")
            == "typed"
        ]

    def _words(self, option: str, text: str | None) -> tuple[str, ...]:
        """A command line option; what was typed is made absolute and kept for renewal."""
        flag = f"--{self.option_name(option)}"
        kept = option in self._restored or value_sources.source(self.config, self.dest(option), flag) == "kept"
        if kept and not self.historic:
            return command_line.kept_words(text or "", flag, os.environ.get("PATH"))
        words = command_line.resolve_typed(text or "", flag, os.getcwd(), os.environ.get("PATH"))
        setattr(self.config, self.dest(option), command_line.keep(words))
        return tuple(words)

    def _dehydrated(self, found: settings.Settings) -> DehydratedConfig | None:
        """Dehydrated's configuration, where one was named."""
        path = self._path("dehydrated-config", found.dehydrated_config)
        if path is None:
            return None
        from certbot_external_auth.handler_setup import dehydrated_once

        return dehydrated_once.read(path)

    def _handler_words(self, found: settings.Settings, config: DehydratedConfig | None) -> tuple[str, ...]:
        if found.handler is not None or config is None:
            return self._words("handler", found.handler)
        from certbot_external_auth.handler_setup import dehydrated_config

        return dehydrated_config.hook_words(config, self._preferred(config))

    def _given_path(self, option: str) -> str | None:
        return self._path(option, self.conf(option))

    def _path(self, option: str, text: str | None) -> str | None:
        """A path option, made absolute and kept for renewal."""
        if text is None:
            return None
        if not text.strip() or "\0" in text:
            # An empty one would be the folder that a timer starts Certbot in.
            raise UsageError([f"--{self.option_name(option)}: {text!r} is not a path; name one, or leave it out."])
        path = os.path.abspath(os.path.expanduser(text))
        if command_line.unkeepable(path):
            raise UsageError(
                [f"--{self.option_name(option)}: {path!r} cannot be kept in a renewal file; use a symbolic link."]
            )
        setattr(self.config, self.dest(option), path)
        return path

    def _asked(self) -> Collection[str] | None:
        """Names the certificate was asked for, None where Certbot asked a person, or they cannot be read."""
        names = [str(name) for name in self.config.domains]
        names += [str(address) for address in getattr(self.config, "ip_addresses", None) or []]
        from certbot_external_auth.lineages import certificate

        if self.config.csr:
            # Certbot takes only the names out of it.
            names += certificate.addresses_requested(self.config.csr[1])
        if names or not self.config.certname:
            return names or None
        try:
            path = os.path.join(self.config.config_dir, "live", self.config.certname, "cert.pem")
            return certificate.read(path).names
        except (OSError, ValueError):
            return None

    def _facts(
        self,
        asked: Collection[str] | None,
        found: settings.Settings,
        cleanup_words: tuple[str, ...] | None,
        config: DehydratedConfig | None,
    ) -> Facts:
        from certbot_external_auth.dialects import facts_of
        from certbot_external_auth.lineages import handed_over

        names = tuple(asked or ())
        alias = self.config.certname or self._lineage
        if not alias and self.config.verb == "renew":
            alias = handed_over.lineage_with({name.lower() for name in names}, self.config.config_dir)
        curve = {"secp256r1": "prime256v1"}.get(self.config.elliptic_curve, self.config.elliptic_curve)
        return dataclasses.replace(
            facts_of(found, config, cleanup_words),
            alias=alias or (names[0].removeprefix("*.") if names else ""),
            names=names,
            config_dir=os.path.abspath(self.config.config_dir),
            work_dir=os.path.abspath(self.config.work_dir),
            command="sign_csr" if self.config.csr else "sign_domains",
            key_algorithm="rsa" if self.config.key_type == "rsa" else str(curve),
            challenge_type=next(iter(self._preferred(config)), "dns-01"),
        )

    def _tell_driver(self, error: UsageError) -> None:
        from certbot_external_auth.protocol import stream

        # The historic name has no option by which its stream could have been opened before.
        lines_by_default = self.historic and not self.conf("text-mode") and not self.config.quiet
        open_stream = stream.opened() if lines_by_default else stream.current()
        if open_stream is not None:
            open_stream.failed = True
            open_stream.contact(0 if self.historic or _seen.get("protocol") == "0" else 1)
            open_stream.error("usage", str(error))


class HistoricExternalAuth(ExternalAuth):
    """The same under the name of 2016-2020, with its flags and JSON lines of protocol 0 by default."""

    hidden = True
    historic = True
    options = settings.HISTORIC_OPTIONS


def _challenge(achall: Any) -> Challenge:
    from certbot_external_auth.challenges import Challenge
    from certbot_external_auth.run.run import next_id

    # Certbot 5.3 brought the attribute, and deprecated the other.
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
    return {
        "cert_path": lineage.cert_path,
        "key_path": lineage.key_path,
        "chain_path": lineage.chain_path,
        "fullchain_path": lineage.fullchain_path,
    }
