"""From the words of the command line to what a rehearsal needs; refuses what cannot be done before anything is."""

from __future__ import annotations

import argparse
import dataclasses
import os
from dataclasses import dataclass

from certbot_external_auth import command, dehydrated_config, dialects, plugins, settings
from certbot_external_auth.backends import Context
from certbot_external_auth.challenges import TYPES, choice, dns01, guard
from certbot_external_auth.check import TAKEN
from certbot_external_auth.dehydrated_config import DehydratedConfig
from certbot_external_auth.errors import MissingDependencyError, UsageError
from certbot_external_auth.settings import Settings

PREFIX = "--external-auth-"


@dataclass(frozen=True)
class Setting:
    """:ivar context: what the backend is made with."""

    context: Context
    challenge_type: str
    identifier: str

    @property
    def patience(self) -> float:
        """Seconds until something must be visible."""
        return self.context.settings.verify_timeout

    @property
    def identifier_type(self) -> str:
        return "ip" if choice.is_address(self.identifier) else "dns"

    @property
    def place(self) -> str:
        """Where something is published, for people."""
        return dns01.txt_domain(self.identifier) if self.challenge_type == dns01.TYPE else self.identifier


def build(arguments: argparse.Namespace, folder: str) -> Setting:
    """:param folder: takes the place of Certbot's folders.
    :raises UsageError: with a sentence for what cannot be done.
    """
    _needs()
    if arguments.handler is None and arguments.dehydrated_config is None:
        raise UsageError(["Name the handler: certbot-external-auth check HANDLER --domain NAME"])
    found, config = _settings(arguments)
    words = _words(arguments.handler, config, arguments.type)
    cleanup_words = None
    if found.cleanup_handler is not None:
        cleanup_words = _typed(found.cleanup_handler, f"{PREFIX}cleanup-handler")
    elif found.dialect == "certbot":
        raise UsageError(["The dialect certbot needs --cleanup-handler too: without it, what is published would stay."])
    identifier = _identifier(arguments.domain)
    challenge_type = _type(arguments.type, found.dialect, config, identifier)
    work_dir = os.path.abspath(arguments.work_dir) if arguments.work_dir else folder
    facts = dataclasses.replace(
        dialects.facts_of(found, config, cleanup_words),
        alias=identifier,
        names=(identifier, f"*.{identifier}") if challenge_type == dns01.TYPE else (identifier,),
        config_dir=folder,
        work_dir=work_dir,
        challenge_type=challenge_type,
        key_algorithm="secp384r1",
    )
    context = Context(
        settings=found,
        facts=facts,
        words=words,
        unattended=True,
        tls_port=_port(arguments.https_port, "--https-port"),
        http_port=_port(arguments.http_01_port, "--http-01-port"),
    )
    return Setting(context, challenge_type, identifier)


def _needs() -> None:
    """The libraries that a run loads too."""
    try:
        import dns.message  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError("dnspython", error) from error
    try:
        import zope.interface  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError("zope.interface", error) from error


def _settings(arguments: argparse.Namespace) -> tuple[Settings, DehydratedConfig | None]:
    raw = {name: getattr(arguments, name.replace("-", "_")) for name in TAKEN}
    if arguments.verify_nameservers:
        raw["verify-nameservers"] = ",".join(arguments.verify_nameservers)
    for name in ("env-file", "dehydrated-config", "wellknown"):
        path = raw[name]
        raw[name] = os.path.abspath(os.path.expanduser(path)) if path is not None else None
    foreign = plugins.names(dialects.GROUP) if raw["dialect"] not in (None, *settings.DIALECTS) else ()
    found = settings.resolve(
        {**raw, "mode": "handler", "handler": arguments.handler},
        extra_dialects=foreign,
    )
    if found.dehydrated_config is None:
        return found, None
    config = dehydrated_config.read(found.dehydrated_config)
    given = [name for name, value in raw.items() if value is not None]
    types = [arguments.type or config.challenge_type]
    return dehydrated_config.merged(found, config, given, types), config


def _words(handler: str | None, config: DehydratedConfig | None, kind: str | None) -> tuple[str, ...]:
    if handler is not None or config is None:
        return _typed(handler or "", f"{PREFIX}handler")
    return dehydrated_config.hook_words(config, [kind or config.challenge_type])


def _typed(text: str, flag: str) -> tuple[str, ...]:
    return tuple(command.resolve_typed(text, flag, os.getcwd(), os.environ.get("PATH")))


def _identifier(typed: str | None) -> str:
    if not typed:
        raise UsageError(
            [
                "Name a domain of your own with --domain: for dns-01 the values are published at _acme-challenge below "
                "it (and removed again), for the other types at its server."
            ]
        )
    name = guard.base_name(typed)
    if not guard.well_formed(name, "ip" if choice.is_address(name) else "dns"):
        raise UsageError([f"--domain: {typed!r} is no domain; write it as it stands in DNS (xn--… where needed)."])
    return name


def _type(typed: str | None, dialect: str, config: DehydratedConfig | None, identifier: str) -> str:
    carried = dialects.dialect(dialect).challenge_types
    wanted = typed or (config.challenge_type if config else None)
    if wanted is not None and wanted not in carried:
        known = "" if wanted in TYPES else f" {wanted!r} is not known;"
        raise UsageError([f"--type:{known} the dialect {dialect} carries {', '.join(carried)}; name one of these."])
    usable = choice.usable(identifier, carried, (wanted,) if wanted else ())
    if not usable:
        raise UsageError(choice.problems([identifier], carried, (wanted,) if wanted else (), f"the dialect {dialect}"))
    return usable[0]


def _port(typed: str, flag: str) -> int:
    number = int(typed[:20]) if typed.isascii() and typed.isdigit() else 0
    if 1 <= number <= 65535:
        return number
    raise UsageError([f"{flag}: {typed!r} is not accepted; give a whole number from 1 to 65535."])
