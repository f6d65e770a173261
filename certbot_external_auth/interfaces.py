"""The contracts for backends and dialects, which other packages may implement too.

Each contract stands here twice. The zope interface (`IBackend`, `IDialect`) is the one that counts: it is compared with
a class by ``verifyClass`` when the class is loaded. The protocol class (`Backend`, `Dialect`) says the same to type
checkers. What an object may have besides is read once, when it is loaded (`BackendAbilities`, `DialectAbilities`).

The words MUST, SHOULD and MAY are those of RFC 2119.
"""

# The methods of a zope interface have no self, no body and no types.
# mypy: disable-error-code="misc, no-untyped-def, type-arg, empty-body"
# ruff: noqa: N805

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, cast

from zope.interface import Attribute, Interface

if TYPE_CHECKING:
    from certbot_external_auth.backends.printed import Printed
    from certbot_external_auth.challenges import Challenge
    from certbot_external_auth.challenges.finished import Finished
    from certbot_external_auth.dialects import Call, Facts
    from certbot_external_auth.errors import Failure
    from certbot_external_auth.lineages.deployment import Deployment
    from certbot_external_auth.processes.program import Ended


class IBackend(Interface):
    """A backend carries challenges out and takes certificates.

    A class, called with one `certbot_external_auth.backends.Context`; entry-point group
    ``certbot_external_auth.backends``. For its optional attributes see `BackendAbilities`.
    """

    challenge_types = Attribute("Challenge types that it can carry out, in order of preference.")

    def prepare(publishing: bool, deploying: bool) -> None:
        """Find out, before the order is made, whether the work can be done.

        `publishing`: challenges will have to be published. `deploying`: a certificate will be handed over. Both are
        false before `unchanged`. MUST raise `errors.UsageError` with one sentence for each reason why the work cannot
        be done. MUST NOT change anything outside.
        """

    def perform(challenges, begin) -> None:
        """Publish the whole batch, or raise `errors.PerformError` that names every identifier that failed.

        MUST call ``begin(challenges)`` before it publishes any of these challenges. MUST NOT swallow
        ``certbot.errors.SignalExit`` or ``KeyboardInterrupt``.
        """

    def cleanup(finished) -> list:
        """Withdraw challenges, and return a list of `errors.Failure`.

        Takes `backends.Finished` objects, for every challenge that was passed to ``begin``. MUST go on after a failure.
        SHOULD NOT require that `perform` succeeded. A failure SHOULD have the ids of its challenges; one that names no
        challenge of the call counts for all of them, so the plugin withdraws them again later.
        """

    def deploy(deployment) -> None:
        """Hand over a certificate (`backends.Deployment`), or raise `errors.DeployError`."""

    def unchanged(deployment) -> None:
        """Report a certificate that Certbot examined and did not renew. MUST NOT fail a run."""


class IDialect(Interface):
    """A dialect says how a handler is called: pure functions from the work to the calls.

    A class, called without arguments; entry-point group ``certbot_external_auth.dialects``. For its optional attributes
    see `DialectAbilities`.
    """

    challenge_types = Attribute("Challenge types that a handler of this dialect can carry out, in order of preference.")

    def perform(challenges, facts) -> list:
        """Return the `dialects.Call` objects that publish the challenges, in order.

        Calls that are ``side_by_side`` MAY run at the same time, unless they publish at the same name.
        """

    def cleanup(finished, facts) -> list:
        """Return the `dialects.Call` objects that withdraw the challenges, in order."""

    def deploy(deployment, facts) -> list:
        """Return the `dialects.Call` objects that hand over a certificate."""

    def unchanged(deployment, facts) -> list:
        """Return the `dialects.Call` objects that report a certificate as not due."""

    def supported(call, ended) -> bool:
        """Tell whether the handler implements the operation of a call that failed."""


class Backend(Protocol):
    """`IBackend` for type checkers. Parameters may have other names."""

    @property
    def challenge_types(self) -> Sequence[str]: ...

    def prepare(self, publishing: bool, deploying: bool, /) -> None: ...

    def perform(self, challenges: Sequence[Challenge], begin: Callable[[Sequence[Challenge]], None], /) -> None: ...

    def cleanup(self, finished: Sequence[Finished], /) -> Sequence[Failure]: ...

    def deploy(self, deployment: Deployment, /) -> None: ...

    def unchanged(self, deployment: Deployment, /) -> None: ...


class Dialect(Protocol):
    """`IDialect` for type checkers. Parameters may have other names."""

    @property
    def challenge_types(self) -> Sequence[str]: ...

    def perform(self, challenges: Sequence[Challenge], facts: Facts, /) -> Sequence[Call]: ...

    def cleanup(self, finished: Sequence[Finished], facts: Facts, /) -> Sequence[Call]: ...

    def deploy(self, deployment: Deployment, facts: Facts, /) -> Sequence[Call]: ...

    def unchanged(self, deployment: Deployment, facts: Facts, /) -> Sequence[Call]: ...

    def supported(self, call: Call, ended: Ended, /) -> bool: ...


class KeepsOutputs(Protocol):
    """A backend whose cleanup needs what was printed when a challenge was published, even after a crash."""

    @property
    def kept_outputs(self) -> Mapping[str, str]:
        """The whole output for each challenge, by the challenge's id, of calls that succeeded. The run notes it."""

    def hear(self, listener: Callable[[str, bytes], None], /) -> None:
        """Register a listener before `perform`. It takes a challenge's id and each piece of its output at once.

        An empty piece means that the call has succeeded. Without it, the pieces may be incomplete after a crash.
        """


def _nothing_printed(ids: Collection[str]) -> Sequence[Printed]:
    return []


@dataclass(frozen=True)
class BackendAbilities:
    """What a backend MAY have besides `IBackend`, read once when it is loaded.

    :ivar told_aliases: the same attribute: `perform` uses `Challenge.txt_target` and `txt_zone`.
    :ivar told_zones: the same attribute: it uses `Challenge.zone` and `name_servers` too.
    :ivar looks: the same attribute: `perform` itself waits until the challenges are visible; the plugin does not.
    :ivar publishes_nothing: the same attribute: `perform` publishes nothing, so the journal has no batch.
    :ivar outputs: the backend itself if it has both parts of `KeepsOutputs`.
    :ivar states: method ``states(opener)``: registers, before `perform`, a function that takes a challenge's id and
        returns a descriptor. What the program that publishes writes to stdout goes straight there, so that it is kept
        also if this process is killed.
    :ivar persists: attribute of the same name: `perform` also publishes records of dns-persist-01
        (`Challenge.persists`), which stay for good: they are never passed to `cleanup`.
    :ivar printed: method ``printed(ids)``: returns `printed.Printed` objects, the last lines of calls that published
        these challenges and did not fail. Errors about names that are not visible show them.
    """

    told_aliases: bool = False
    told_zones: bool = False
    looks: bool = False
    publishes_nothing: bool = False
    outputs: KeepsOutputs | None = None
    states: Callable[[Callable[[str], int]], None] | None = None
    persists: bool = False
    printed: Callable[[Collection[str]], Sequence[Printed]] = _nothing_printed

    @classmethod
    def of(cls, backend: Backend) -> BackendAbilities:
        """Read the abilities of a backend."""
        keeps = hasattr(backend, "hear") and hasattr(backend, "kept_outputs")
        return cls(
            told_aliases=bool(_attribute(backend, "told_aliases")),
            told_zones=bool(_attribute(backend, "told_zones")),
            looks=bool(_attribute(backend, "looks")),
            publishes_nothing=bool(_attribute(backend, "publishes_nothing")),
            outputs=cast("KeepsOutputs", backend) if keeps else None,
            states=_attribute(backend, "states"),
            persists=bool(_attribute(backend, "persists")),
            printed=_attribute(backend, "printed") or _nothing_printed,
        )


@dataclass(frozen=True)
class DialectAbilities:
    """What a dialect MAY have besides `IDialect`, read once when it is loaded. Attributes have the same names.

    :ivar folder: a handler may be a folder of hooks, and each of these is called.
    :ivar told_output: `cleanup` uses `Finished.output`, which the journal then keeps. It is None if it is not known.
    :ivar private_output: it is only for `cleanup`: it is not shown, and `cleanup` is called also if it is not known.
    :ivar output_variable: the environment variable that holds this output. If the output is too long for a variable,
        the handler gets its end.
    :ivar own_variables: variables that only the calls have: values of Certbot's environment or the env file never reach
        the handler, also where a call lacks one.
    :ivar told_aliases: `perform` uses `Challenge.txt_target` and `txt_zone`, which are None for other dialects.
    :ivar persists: `perform` has an operation of its own for records of dns-persist-01 (`Challenge.persists`).
    :ivar told_zones: calls use `Challenge.zone` and `name_servers`, which are empty for other dialects.
    :ivar untold_aliases_if: variables of the env file or Certbot's environment, with the values that switch
        `told_aliases` off.
    :ivar exit: method ``exit(facts, error)``: returns calls for the end of the process, which `error` ended, if any.
    """

    folder: bool = False
    told_output: bool = False
    private_output: bool = False
    output_variable: str | None = None
    own_variables: Collection[str] = ()
    told_aliases: bool = False
    persists: bool = False
    untold_aliases_if: Mapping[str, Sequence[str]] = field(default_factory=dict)
    told_zones: bool = False
    exit: Callable[[Facts, str], Sequence[Call]] | None = None

    @classmethod
    def of(cls, dialect: Dialect) -> DialectAbilities:
        """Read the abilities of a dialect."""
        return cls(
            folder=bool(_attribute(dialect, "folder")),
            told_output=bool(_attribute(dialect, "told_output")),
            private_output=bool(_attribute(dialect, "private_output")),
            output_variable=_attribute(dialect, "output_variable"),
            own_variables=tuple(_attribute(dialect, "own_variables") or ()),
            told_aliases=bool(_attribute(dialect, "told_aliases")),
            persists=bool(_attribute(dialect, "persists")),
            untold_aliases_if=_attribute(dialect, "untold_aliases_if") or {},
            told_zones=bool(_attribute(dialect, "told_zones")),
            exit=_attribute(dialect, "exit"),
        )

    def tells_aliases(self, environment: Mapping[str, str]) -> bool:
        """Tell whether a handler gets the name at the end of an alias, with these variables."""
        return self.told_aliases and not any(
            environment.get(name) in values for name, values in self.untold_aliases_if.items()
        )


def _attribute(target: object, name: str) -> Any:
    """Return an optional attribute, or None."""
    return getattr(target, name, None)
