"""The calls of an engine's program, as a dialect: a provider is carried out like a handler.

The plugin runs the engine's program once for each record that is added or removed: with the arguments of `program`,
then ``add`` or ``remove``, the name of the record without a dot at its end, and the name of its zone, which is empty if
it is not known. The settings are its environment. Its stdin has the value of the record in the first line, and in the
second line a JSON object with the members ``identifier``, ``token``, ``key_authorization``, and ``name_servers`` (see
`Challenge`), which is empty unless the engine has ``told_zones``. For ``remove`` the state follows: what ``add`` wrote
to stdout, without white space around it, and nothing if that is not known. The plugin keeps the state, and shows it
nowhere. What the program writes to stderr is logged, and its last lines are in the error. If Certbot is killed, the
program goes on and nothing reads its stderr any more: it SHOULD write its state even then. Exit code 0 means that the
provider has accepted the change. The program MUST NOT wait until the change is visible, and MUST NOT save anything.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from zope.interface import implementer

from certbot_external_auth import dialects
from certbot_external_auth.challenges import Challenge, dns01, dnsaccount01
from certbot_external_auth.challenges.finished import Finished
from certbot_external_auth.dialects import Call, Facts
from certbot_external_auth.dialects.only_challenges import OnlyChallenges
from certbot_external_auth.handler_setup import env_file
from certbot_external_auth.interfaces import IDialect
from certbot_external_auth.providers import registry

if TYPE_CHECKING:
    from certbot_external_auth.interfaces import Dialect
    from certbot_external_auth.providers.contract import ProviderEngine

ADD, REMOVE = "add", "remove"
TOKEN = "CERTBOT_EXTERNAL_AUTH_TOKEN"  # noqa: S105 - the name of a variable
"""The variable by which a recovery recognises a program that outlives its Certbot."""


class Called(Protocol):
    """Settings, or what the journal knows of them."""

    @property
    def dialect(self) -> str: ...

    @property
    def provider(self) -> str | None: ...

    @property
    def env_file(self) -> str | None: ...


def dialect_of(called: Called) -> Dialect:
    """Return the dialect in which a handler is called, or which stands for a provider.

    :raises UsageError: if it cannot be loaded.
    """
    if called.provider is None:
        return dialects.dialect(called.dialect)
    engine, _, name = called.provider.partition(":")
    settings = registry.settings_of(env_file.readable(called.env_file))
    return ProviderDialect(registry.engine(engine, settings), name)


@implementer(IDialect)
class ProviderDialect(OnlyChallenges):
    """See the module. :ivar engine: see `IProviderEngine`. :ivar name: of the provider."""

    told_output = True
    private_output = True
    own_variables = (TOKEN,)

    def __init__(self, engine: ProviderEngine, name: str) -> None:
        self.engine = engine
        self.name = name
        self.challenge_types = tuple(engine.challenge_types)
        if not engine.builds_name and dns01.TYPE in self.challenge_types:
            # To an engine that is told the name, it is a record like any other.
            self.challenge_types = tuple(dict.fromkeys((*self.challenge_types, dnsaccount01.TYPE)))
        self.told_aliases = engine.told_aliases
        self.persists = engine.persists
        self.told_zones = bool(getattr(engine, "told_zones", False))

    def settings(self, given: Mapping[str, str]) -> dict[str, str]:
        """Return the settings of this provider, which may be secrets. :param given: all variables of the program."""
        if self.engine.installed() is not None:
            return {}
        found = registry.provider(self.engine, self.name)
        declared = {each.name: given[each.name] for each in (found.variables if found else ()) if each.name in given}
        return {**getattr(self.engine, "saved", {}), **declared}

    @property
    def program(self) -> tuple[str, ...]:
        """The command line of the engine's program; empty if the engine is not installed."""
        return () if self.engine.installed() is not None else tuple(self.engine.program(self.name))

    @property
    def known_program(self) -> tuple[str, ...]:
        """The same; also empty if the engine does not know the provider, and so has no program for it."""
        installed = self.engine.installed() is None
        return self.program if installed and registry.provider(self.engine, self.name) is not None else ()

    def perform(self, challenges: Sequence[Challenge], facts: Facts) -> list[Call]:
        return [self._call(ADD, one, "") for one in challenges]

    def cleanup(self, finished: Sequence[Finished], facts: Facts) -> list[Call]:
        return [self._call(REMOVE, one.challenge, one.output or "") for one in finished]

    def _call(self, operation: str, challenge: Challenge, state: str) -> Call:
        more = {
            "identifier": challenge.identifier,
            "token": challenge.token,
            "key_authorization": challenge.key_authorization,
            "name_servers": challenge.name_servers,
        }
        return Call(
            operation=operation,
            arguments=(operation, challenge.record_name, challenge.zone or challenge.txt_zone or ""),
            variables={TOKEN: challenge.token},
            document=os.fsencode(f"{challenge.validation}\n{json.dumps(more)}\n{state}"),
            challenges=(challenge,),
            identifiers=(challenge.identifier,),
            words=self.program,
            side_by_side=True,
        )
