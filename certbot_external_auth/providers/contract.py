"""The contract for engines of providers, which other packages may implement too.

It stands here twice, as `interfaces` has those of backends and dialects. The words MUST, SHOULD and MAY are those of
RFC 2119.
"""

# The methods of a zope interface have no self, no body and no types.
# mypy: disable-error-code="misc, no-untyped-def, type-arg, empty-body"
# ruff: noqa: N805

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from zope.interface import Attribute, Interface

if TYPE_CHECKING:
    from certbot_external_auth.providers.engine import Missing, Problem, Provider


class IProviderEngine(Interface):
    """An engine adds and removes TXT records at DNS providers that another project's code knows.

    A class, called with the settings: a mapping with the variables of the env file, and else of the caller's
    environment. Entry-point group ``certbot_external_auth.providers``. A class need not declare that it implements
    this: another Python that has nothing of ours may run the engine's file.

    It MAY have more attributes. ``saved``: a mapping with settings that the program reads from elsewhere; their values
    are masked in its output. ``told_zones``: its program is told the record's zone and name servers. ``finds_missing``:
    `problems` finds missing variables too. Method ``provider(name)``: returns one of `providers`, or None, sooner.

    `providers.dialect` says what the plugin gives the engine's program, and what it expects of it.
    """

    challenge_types = Attribute("Challenge types that it can carry out, in order of preference.")
    builds_name = Attribute(
        "Whether the engine itself makes the record's name from the domain, so that it cannot do dns-account-01."
    )
    told_aliases = Attribute(
        "Whether its program is told the name at the end of an alias (CNAME), and changes that one."
    )
    persists = Attribute("Whether it can add a record that stays, for dns-persist-01.")

    def installed() -> object:
        """Return an `engine.Missing` that says what must be installed; None if the engine can be used here."""

    def providers() -> list:
        """Return an `engine.Provider` for each one that the engine knows. Called only if it is installed.

        An engine that reaches one kind of server has one provider, whose name is empty.
        """

    def problems(name) -> list:
        """Return an `engine.Problem` for each reason, besides missing variables, why a provider cannot be used now.

        Called before the order. MUST NOT change anything outside. SHOULD NOT connect to the provider.
        """

    def program(name) -> list:
        """Return the argument list of the program, without secrets. The first word is an absolute path.

        Called only if the engine is installed.
        """


class ProviderEngine(Protocol):
    """`IProviderEngine` for type checkers. Parameters may have other names."""

    @property
    def challenge_types(self) -> Sequence[str]: ...

    @property
    def builds_name(self) -> bool: ...

    @property
    def told_aliases(self) -> bool: ...

    @property
    def persists(self) -> bool: ...

    def installed(self) -> Missing | None: ...

    def providers(self) -> Sequence[Provider]: ...

    def problems(self, name: str, /) -> Sequence[Problem]: ...

    def program(self, name: str, /) -> Sequence[str]: ...
