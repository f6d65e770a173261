"""Turns the command line into what a trial needs, and refuses wrong use before anything is called."""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from certbot_external_auth import dialects, progress
from certbot_external_auth.backends import Context
from certbot_external_auth.challenges import PERSISTENT, TXT_TYPES, TYPES, choice, dns01, dnsaccount01, guard
from certbot_external_auth.check import certbot_flags, made_up
from certbot_external_auth.check.verb import TIMEOUT_SECONDS
from certbot_external_auth.configuration import assembly, certbot_argv
from certbot_external_auth.configuration.certbot_config import absolute_path
from certbot_external_auth.console import certbot_folders
from certbot_external_auth.dialects import Facts
from certbot_external_auth.errors import UsageError
from certbot_external_auth.handler_setup import command_line, run_as
from certbot_external_auth.permission.examine import Request
from certbot_external_auth.providers.dialect import dialect_of
from certbot_external_auth.settings import MODES, OPTIONS, PUBLISHERS
from certbot_external_auth.visibility import watch
from certbot_external_auth.visibility.verdict import STRICT

PREFIX = "--external-auth-"


@dataclass(frozen=True)
class Setting:
    """What is tried.

    :ivar context: what the backend is made with.
    :ivar identifier: the name or address for which test values are published.
    :ivar names: all names and addresses of the command line.
    :ivar not_empty: the TXT name may have values that nobody needs.
    :ivar account_label: label of an account that does not exist, for dns-account-01.
    :ivar request: from which CA, and with which account, the certificate will be asked for.
    """

    context: Context
    challenge_type: str
    identifier: str
    names: tuple[str, ...]
    not_empty: bool = False
    account_label: str | None = None
    request: Request = field(default_factory=lambda: Request("", ""))

    @property
    def policy(self) -> watch.Policy:
        """How answers are judged, and how long a change may take to become visible.

        With ``off`` a run does not look. A check always does.
        """
        settings = self.context.settings
        return watch.Policy(STRICT if settings.verify == STRICT else "auto", settings.verify_timeout)

    @property
    def both(self) -> bool:
        """Whether the certificate shall have the name together with its wildcard."""
        return {self.identifier, f"*.{self.identifier}"} <= set(self.names)

    @property
    def others(self) -> int:
        """How many names or addresses are not tried."""
        return len({guard.base_name(name) for name in self.names}) - 1

    @property
    def identifier_type(self) -> str:
        """``dns`` or ``ip``, as in the CA's orders (RFC 8555 section 7.1.4, RFC 8738 section 3)."""
        return "ip" if choice.is_address(self.identifier) else "dns"

    @property
    def place(self) -> str:
        """Where test values are published, for a person."""
        if self.account_label is not None:
            return dnsaccount01.txt_domain(self.identifier, self.account_label)
        return dns01.txt_domain(self.identifier) if self.challenge_type == dns01.TYPE else self.identifier


class Flags:
    """The flags of `check`, as an `assembly.Origin`."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._values = {option.name: getattr(arguments, option.name.replace("-", "_")) for option in OPTIONS}
        self._values |= {"mode": _mode(arguments.mode), "handler": _handler(arguments)}
        if arguments.verify_timeout is None:
            self._values["verify-timeout"] = str(TIMEOUT_SECONDS)
        if arguments.verify_nameservers:
            self._values["verify-nameservers"] = ",".join(arguments.verify_nameservers)
        preferred = certbot_flags.preferred(arguments.preferred_challenges)
        self.named_types: tuple[str, ...] = (arguments.type,) if arguments.type else preferred

    def values(self) -> Mapping[str, Any]:
        return self._values

    def words(self, option: str, text: str) -> tuple[str, ...]:
        return tuple(command_line.resolve_typed(text, f"{PREFIX}{option}", os.getcwd(), os.environ.get("PATH")))

    def path(self, option: str, text: str) -> str:
        return absolute_path(text, f"{PREFIX}{option}")


def build(arguments: argparse.Namespace, folder: str) -> Setting:
    """Make the setting of a trial from the command line.

    :param folder: used in place of Certbot's folders.
    :raises UsageError: with a sentence that says what to change in the command line.
    """
    assembly.require("dns.message", "dnspython")
    assembly.require("zope.interface", "zope.interface")
    flags = Flags(arguments)
    if all(flags.values()[option] is None for option in PUBLISHERS):
        raise UsageError(["Name the handler: certbot-external-auth check HANDLER --domain NAME"])
    handler = assembly.handler_of(assembly.settings_of(flags.values()), flags)
    dialect = handler.settings.dialect
    if dialect == "certbot" and handler.cleanup_words is None:
        raise UsageError(["The dialect certbot needs --cleanup-handler too; otherwise the test values stay published."])
    names = names_of(arguments.domains or ())
    carried = run_as.carried(dialect_of(handler.settings).challenge_types, handler.settings.run_as)
    challenge_type = chosen_type(arguments, handler.types, carried, handler.settings.carrier, names)
    return setting_of(arguments, context_of(arguments, handler, folder), challenge_type, names)


def context_of(arguments: argparse.Namespace, handler: assembly.Handler, folder: str) -> Context:
    """Assemble a `Context` that knows nothing of names yet; see `build`."""
    about = Facts(
        config_dir=folder,
        work_dir=os.path.abspath(arguments.work_dir) if arguments.work_dir else folder,
        key_algorithm=dialects.key_algorithm(arguments.key_type or "ecdsa", arguments.elliptic_curve or "secp384r1"),
    )
    return assembly.context_of(
        handler,
        about,
        unattended=True,
        preferred=handler.types,
        tls_port=_port(arguments.https_port, "--https-port"),
        http_port=_port(arguments.http_01_port, "--http-01-port"),
        progress=progress.on_terminal(sys.stderr, not arguments.json),
    )


def setting_of(arguments: argparse.Namespace, context: Context, challenge_type: str, names: tuple[str, ...]) -> Setting:
    """Make the setting of a trial for the first of these names."""
    identifier = guard.base_name(names[0])
    facts = dataclasses.replace(
        context.facts,
        alias=arguments.cert_name or identifier,
        names=(identifier, f"*.{identifier}") if challenge_type in TXT_TYPES else (identifier,),
        challenge_type=challenge_type,
    )
    label = made_up.account_label() if challenge_type == dnsaccount01.TYPE else None
    config_dir, _ = certbot_folders.found({"config-dir": arguments.config_dir})
    server = certbot_flags.server(arguments.server, arguments.staging)
    request = Request(server, config_dir, arguments.account or "", (challenge_type,))
    whole = dataclasses.replace(context, facts=facts)
    return Setting(whole, challenge_type, identifier, names, arguments.not_empty, label, request)


def _mode(typed: str | None) -> str:
    if typed in MODES and typed != "handler":
        raise UsageError([f"The check tries a handler, so it has no mode {typed}; leave out {PREFIX}mode."])
    return typed or "handler"


def _handler(arguments: argparse.Namespace) -> str | None:
    """Return the handler's command line, named as `check` or as a run names it."""
    first: str | None = arguments.command
    named: str | None = arguments.handler
    if first is not None and certbot_argv.verb([first]) and _publishers(arguments):
        # The verb of a command line that was copied.
        return named
    if first is None or named is None:
        return first if named is None else named
    raise UsageError([f"The handler is named twice, {first} and {named}; leave out one of them."])


def _publishers(arguments: argparse.Namespace) -> bool:
    """Tell whether a flag names who publishes."""
    return any(getattr(arguments, option.replace("-", "_")) is not None for option in PUBLISHERS)


def names_of(typed: Sequence[str]) -> tuple[str, ...]:
    """Return every name and address as it will stand in the certificate.

    A value may have several, with commas between, as for Certbot.
    """
    words = [word.strip() for value in typed for word in value.split(",")]
    names = tuple(("*." if word.startswith("*.") else "") + guard.base_name(word) for word in words if word)
    if not names:
        raise UsageError(
            [
                "Name a domain of yours with --domain. For dns-01 the check publishes test values at _acme-challenge "
                "below it, and removes them again; for the other types, on its server."
            ]
        )
    for word, name in zip(filter(None, words), names, strict=True):
        base = guard.base_name(name)
        if not guard.well_formed(base, "ip" if choice.is_address(base) else "dns"):
            raise UsageError(
                [f"--domain: {word!r} is not a domain name; write it as in DNS (xn--… for international names)."]
            )
    return names


def chosen_type(
    arguments: argparse.Namespace, wanted: Sequence[str], carried: Sequence[str], carrier: str, names: Sequence[str]
) -> str:
    """Return the first type of those wanted that can be carried, as in a run.

    :param carrier: names what carries them.
    :raises UsageError: if there is none.
    """
    flag = "--type" if arguments.type else "--preferred-challenges"
    if PERSISTENT in wanted:
        raise UsageError(
            [
                f"{flag}: check does not try {PERSISTENT}, because it would have to remove a record that stays. To see "
                f"whether the record stands: certbot-external-auth persist --look -d {names[0]}"
            ]
        )
    unknown = [name for name in wanted if name not in TYPES]
    if unknown or (wanted and not set(wanted) & set(carried)):
        reason = f" {unknown[0]!r} is not a challenge type;" if unknown else ""
        raise UsageError([f"{flag}:{reason} {carrier} supports {', '.join(carried)}; name one of these."])
    problems = choice.problems(names, carried, wanted, carrier)
    if problems:
        raise UsageError(problems)
    usable = choice.usable(names[0], carried, wanted)
    return next((name for name in wanted if name in usable), usable[0])


def _port(typed: str, flag: str) -> int:
    number = int(typed[:20]) if typed.isascii() and typed.isdigit() else 0
    if 1 <= number <= 65535:
        return number
    raise UsageError([f"{flag}: {typed!r} is not accepted; give a whole number from 1 to 65535."])
