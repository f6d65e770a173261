"""Turns the command line into what a rehearsal needs, and refuses wrong use before anything is called."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from certbot_external_auth import dialects
from certbot_external_auth.backends import Context
from certbot_external_auth.challenges import TYPES, choice, dns01, guard
from certbot_external_auth.check import TAKEN
from certbot_external_auth.configuration import assembly
from certbot_external_auth.configuration.certbot_config import absolute_path
from certbot_external_auth.dialects import Facts
from certbot_external_auth.errors import UsageError
from certbot_external_auth.handler_setup import command_line

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


class Flags:
    """The flags of `check`, as an `assembly.Origin`."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._values = {name: getattr(arguments, name.replace("-", "_")) for name in TAKEN}
        self._values |= {"mode": "handler", "handler": arguments.handler}
        if arguments.verify_nameservers:
            self._values["verify-nameservers"] = ",".join(arguments.verify_nameservers)
        self.named_types: tuple[str, ...] = (arguments.type,) if arguments.type else ()

    def values(self) -> Mapping[str, Any]:
        return self._values

    def words(self, option: str, text: str) -> tuple[str, ...]:
        return tuple(command_line.resolve_typed(text, f"{PREFIX}{option}", os.getcwd(), os.environ.get("PATH")))

    def path(self, option: str, text: str) -> str:
        return absolute_path(text, f"{PREFIX}{option}")


def build(arguments: argparse.Namespace, folder: str) -> Setting:
    """Make the setting of a rehearsal from the command line.

    :param folder: used in place of Certbot's folders.
    :raises UsageError: with a sentence that says what to change in the command line.
    """
    assembly.require("dns.message", "dnspython")
    assembly.require("zope.interface", "zope.interface")
    if arguments.handler is None and arguments.dehydrated_config is None:
        raise UsageError(["Name the handler: certbot-external-auth check HANDLER --domain NAME"])
    flags = Flags(arguments)
    handler = assembly.handler_of(assembly.settings_of(flags.values()), flags)
    dialect = handler.settings.dialect
    if dialect == "certbot" and handler.cleanup_words is None:
        raise UsageError(["The dialect certbot needs --cleanup-handler too; otherwise the test values stay published."])
    identifier = _identifier(arguments.domain)
    challenge_type = _type(handler.types, dialect, identifier)
    about = Facts(
        alias=identifier,
        names=(identifier, f"*.{identifier}") if challenge_type == dns01.TYPE else (identifier,),
        config_dir=folder,
        work_dir=os.path.abspath(arguments.work_dir) if arguments.work_dir else folder,
        challenge_type=challenge_type,
        key_algorithm="secp384r1",
    )
    context = assembly.context_of(
        handler,
        about,
        unattended=True,
        tls_port=_port(arguments.https_port, "--https-port"),
        http_port=_port(arguments.http_01_port, "--http-01-port"),
    )
    return Setting(context, challenge_type, identifier)


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


def _type(wanted: Sequence[str], dialect: str, identifier: str) -> str:
    carried = dialects.dialect(dialect).challenge_types
    for name in wanted:
        if name not in carried:
            unknown = "" if name in TYPES else f" {name!r} is not a challenge type;"
            supported = ", ".join(carried)
            raise UsageError([f"--type:{unknown} the dialect {dialect} supports {supported}; name one of these."])
    usable = choice.usable(identifier, carried, wanted)
    if not usable:
        raise UsageError(choice.problems([identifier], carried, wanted, f"the dialect {dialect}"))
    return usable[0]


def _port(typed: str, flag: str) -> int:
    number = int(typed[:20]) if typed.isascii() and typed.isdigit() else 0
    if 1 <= number <= 65535:
        return number
    raise UsageError([f"{flag}: {typed!r} is not accepted; give a whole number from 1 to 65535."])
