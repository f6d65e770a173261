"""What other packages import, as they use it. mypy checks this file (``make types``); nothing runs it.

The unused ignores of mypy --strict are errors, so each ``type: ignore`` here shows that mypy finds a mistake.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from zope.interface import implementer

from certbot_external_auth import backends, client, dialects
from certbot_external_auth.backends import Context, Finished
from certbot_external_auth.backends.handler.backend import HandlerBackend
from certbot_external_auth.backends.json_lines import JsonBackend
from certbot_external_auth.backends.manual.backend import ManualBackend
from certbot_external_auth.challenges import Challenge
from certbot_external_auth.dialects import Call, Deployment, Ended, Facts
from certbot_external_auth.dialects.acmetool import Acmetool
from certbot_external_auth.dialects.certbot import CertbotManual
from certbot_external_auth.dialects.dehydrated import Dehydrated
from certbot_external_auth.dialects.lego import Lego, LegoRaw
from certbot_external_auth.dialects.native import Native
from certbot_external_auth.dialects.uacme import Uacme
from certbot_external_auth.errors import DeployError, Failure, PerformError, UsageError
from certbot_external_auth.interfaces import Backend, Dialect, IBackend, IDialect, KeepsOutputs


@implementer(IBackend)
class OwnBackend:
    """A backend of another package. Its parameters have names of its own."""

    challenge_types = ("dns-01",)
    looks = True

    def __init__(self, context: Context) -> None:
        self.zone = context.facts.alias or context.settings.mode

    def prepare(self, publishing: bool, deploying: bool) -> None:
        if not self.zone:
            raise UsageError(["No zone is known."])

    def perform(self, batch: Sequence[Challenge], begin: Callable[[Sequence[Challenge]], None]) -> None:
        begin(batch)
        failures = [Failure("The zone", "adding", (one.identifier,), "refused") for one in batch if not one.validation]
        if failures:
            raise PerformError(failures, {one.id: {"type": "zone", "detail": "refused"} for one in batch})

    def cleanup(self, batch: Sequence[Finished]) -> list[Failure]:
        return [Failure("The zone", "removing", (one.challenge.identifier,), one.status) for one in batch]

    def deploy(self, certificate: Deployment) -> None:
        raise DeployError(Failure("The zone", "deploy", certificate.domains, "no place for it"), certificate.lineage)

    def unchanged(self, certificate: Deployment) -> None:
        """There is nothing to do."""


@implementer(IDialect)
class OwnDialect:
    """A dialect of another package."""

    challenge_types = ("dns-01", "http-01")
    folder = True

    def perform(self, batch: Sequence[Challenge], facts: Facts) -> list[Call]:
        return [Call("add", (one.txt_domain or one.identifier, one.validation), challenges=(one,)) for one in batch]

    def cleanup(self, batch: Sequence[Finished], facts: Facts) -> list[Call]:
        return [Call("remove", (one.challenge.identifier, one.output or ""), variables={"A": "b"}) for one in batch]

    def deploy(self, certificate: Deployment, facts: Facts) -> tuple[Call, ...]:
        return (Call("deploy", (certificate.fullchain_path or certificate.cert_path, certificate.key_path)),)

    def unchanged(self, certificate: Deployment, facts: Facts) -> list[Call]:
        return []

    def supported(self, call: Call, ended: Ended) -> bool:
        return call.operation != "remove" or ended.code != 42

    def exit(self, facts: Facts, error: str) -> list[Call]:
        return [Call("exit", (error,), optional=True, once=True)]


class Forgetful:
    """A dialect without `cleanup`, and a backend without nearly everything."""

    challenge_types = ("dns-01",)

    def __init__(self, context: Context | None = None) -> None:
        self.context = context

    def perform(self, batch: Sequence[Challenge], facts: Facts) -> list[Call]:
        return []


BACKENDS: tuple[Callable[[Context], Backend], ...] = (OwnBackend, HandlerBackend, JsonBackend, ManualBackend)
DIALECTS: tuple[Callable[[], Dialect], ...] = (
    OwnDialect,
    Native,
    Dehydrated,
    CertbotManual,
    Lego,
    LegoRaw,
    Uacme,
    Acmetool,
)
NO_BACKEND: Callable[[Context], Backend] = Forgetful  # type: ignore[assignment]
NO_DIALECT: Callable[[], Dialect] = Forgetful  # type: ignore[assignment]


def keeps(context: Context) -> KeepsOutputs:
    """The optional ability that has a type of its own."""
    return HandlerBackend(context)


def loaded(context: Context) -> list[str]:
    """What is loaded by name has a type, so mypy finds a method that does not exist."""
    backend, dialect = backends.backend("json", context), dialects.dialect("native")
    backend.publish()  # type: ignore[attr-defined]
    dialect.perform((), "facts")  # type: ignore[arg-type]
    return [*backend.challenge_types, *dialect.challenge_types]


def drive(arguments: list[str]) -> str | None:
    """A program that drives Certbot by the client."""
    certificate = None
    with client.Session(arguments) as session:
        for request in session:
            if isinstance(request, client.Challenge) and request.txt_domain is None:
                request.fail("type.unknown", "only dns-01")
            elif isinstance(request, client.Deployment):
                certificate = request.fullchain_path
            request.wait(5.0)
            request.done()
    return certificate
