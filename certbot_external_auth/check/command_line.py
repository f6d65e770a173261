"""Turns the command line into what a rehearsal needs, and refuses wrong use before anything is called."""

from __future__ import annotations

import argparse
import dataclasses
import os
from dataclasses import dataclass

from certbot_external_auth import dialects, extensions, settings
from certbot_external_auth.backends import Context
from certbot_external_auth.challenges import TYPES, choice, dns01, guard
from certbot_external_auth.check import TAKEN
from certbot_external_auth.errors import MissingDependencyError, UsageError
from certbot_external_auth.handler_setup import command_line, dehydrated_config
from certbot_external_auth.handler_setup.dehydrated_config import DehydratedConfig
from certbot_external_auth.settings import Settings

PREFIX = "--external-auth-"


@dataclass(frozen=True)
class Setting:
    """What is rehearsed.

    :ivar context: what the backend is made with.
    :ivar identifier: the name or address for which test values are published.
    """

    context: Context
    challenge_type: str
    identifier: str

    @property
    def patience(self) -> float:
        """Seconds that a change may take to become visible."""
        return self.context.settings.verify_timeout

    @property
    def identifier_type(self) -> str:
        """``dns`` or ``ip``, as in the CA's orders (RFC 8555 section 7.1.4, RFC 8738 section 3)."""
        return "ip" if choice.is_address(self.identifier) else "dns"

    @property
    def place(self) -> str:
        """Where test values are published, for a person."""
        return dns01.txt_domain(self.identifier) if self.challenge_type == dns01.TYPE else self.identifier


def build(arguments: argparse.Namespace, folder: str) -> Setting:
    """Make the setting of a rehearsal from the command line.

    :param folder: used in place of Certbot's folders.
    :raises UsageError: with a sentence that says what to change in the command line.
    """
    _needs()
    if arguments.handler is None and arguments.dehydrated_config is None:
        raise UsageError(["Name the handler: certbot-external-auth check HANDLER --domain NAME"])
    resolved, config = _settings(arguments)
    if config is not None and arguments.handler is None:
        words = dehydrated_config.hook_words(config, [arguments.type or config.challenge_type])
    else:
        words = _typed(arguments.handler, f"{PREFIX}handler")
    cleanup_words = None
    if resolved.cleanup_handler is not None:
        cleanup_words = _typed(resolved.cleanup_handler, f"{PREFIX}cleanup-handler")
    elif resolved.dialect == "certbot":
        raise UsageError(["The dialect certbot needs --cleanup-handler too; otherwise the test values stay published."])
    identifier = _identifier(arguments.domain)
    challenge_type = _type(arguments.type, resolved.dialect, config, identifier)
    work_dir = os.path.abspath(arguments.work_dir) if arguments.work_dir else folder
    facts = dataclasses.replace(
        dialects.facts_of(resolved, config, cleanup_words),
        alias=identifier,
        names=(identifier, f"*.{identifier}") if challenge_type == dns01.TYPE else (identifier,),
        config_dir=folder,
        work_dir=work_dir,
        challenge_type=challenge_type,
        key_algorithm="secp384r1",
    )
    context = Context(
        settings=resolved,
        facts=facts,
        words=words,
        unattended=True,
        tls_port=_port(arguments.https_port, "--https-port"),
        http_port=_port(arguments.http_01_port, "--http-01-port"),
    )
    return Setting(context, challenge_type, identifier)


def _needs() -> None:
    """Import the libraries that a run needs.

    :raises MissingDependencyError: if one cannot be imported.
    """
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
    foreign = extensions.names(dialects.GROUP) if raw["dialect"] not in (None, *settings.DIALECTS) else ()
    resolved = settings.resolve(
        {**raw, "mode": "handler", "handler": arguments.handler},
        extra_dialects=foreign,
    )
    if resolved.dehydrated_config is None:
        return resolved, None
    config = dehydrated_config.read(resolved.dehydrated_config)
    given = [name for name, value in raw.items() if value is not None]
    types = [arguments.type or config.challenge_type]
    return dehydrated_config.merged(resolved, config, given, types), config


def _typed(text: str, flag: str) -> tuple[str, ...]:
    return tuple(command_line.resolve_typed(text, flag, os.getcwd(), os.environ.get("PATH")))


def _identifier(typed: str | None) -> str:
    if not typed:
        raise UsageError(
            [
                "Name a domain of yours with --domain. For dns-01 the check publishes test values at _acme-challenge "
                "below it, and removes them again; for the other types, on its server."
            ]
        )
    name = guard.base_name(typed)
    if not guard.well_formed(name, "ip" if choice.is_address(name) else "dns"):
        raise UsageError(
            [f"--domain: {typed!r} is not a domain name; write it as in DNS (xn--… for international names)."]
        )
    return name


def _type(typed: str | None, dialect: str, config: DehydratedConfig | None, identifier: str) -> str:
    carried = dialects.dialect(dialect).challenge_types
    wanted = typed or (config.challenge_type if config else None)
    if wanted is not None and wanted not in carried:
        unknown = "" if wanted in TYPES else f" {wanted!r} is not a challenge type;"
        raise UsageError([f"--type:{unknown} the dialect {dialect} supports {', '.join(carried)}; name one of these."])
    usable = choice.usable(identifier, carried, (wanted,) if wanted else ())
    if not usable:
        raise UsageError(choice.problems([identifier], carried, (wanted,) if wanted else (), f"the dialect {dialect}"))
    return usable[0]


def _port(typed: str, flag: str) -> int:
    number = int(typed[:20]) if typed.isascii() and typed.isdigit() else 0
    if 1 <= number <= 65535:
        return number
    raise UsageError([f"{flag}: {typed!r} is not accepted; give a whole number from 1 to 65535."])
