"""Data that dialects work with: what a handler is told about the run, and one call of it. Pure, but for `dialect`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from certbot_external_auth.challenges import Challenge
from certbot_external_auth.extensions import load

if TYPE_CHECKING:
    from certbot_external_auth.interfaces import Dialect

GROUP = "certbot_external_auth.dialects"
BUILT_IN = {
    "native": "certbot_external_auth.dialects.native:Native",
    "dehydrated": "certbot_external_auth.dialects.dehydrated:Dehydrated",
    "certbot": "certbot_external_auth.dialects.certbot:CertbotManual",
    "lego": "certbot_external_auth.dialects.lego:Lego",
    "lego-raw": "certbot_external_auth.dialects.lego:LegoRaw",
    "uacme": "certbot_external_auth.dialects.uacme:Uacme",
    "acmetool": "certbot_external_auth.dialects.acmetool:Acmetool",
}
_CURVES = {"secp256r1": "prime256v1"}
"""Certbot's names of elliptic curves, where Dehydrated has another."""


@dataclass(frozen=True)
class Call:
    """One start of a handler.

    :ivar operation: name of the operation, for the log and errors.
    :ivar arguments: arguments after the handler's own command line.
    :ivar variables: variables added to the environment. A user's value of one of these never counts.
    :ivar document: bytes on stdin; None is `/dev/null`.
    :ivar umask: file mode mask; None is the caller's.
    :ivar challenges: challenges that it publishes or withdraws.
    :ivar identifiers: names and addresses shown in the log and errors.
    :ivar words: command line to start instead of the handler's.
    :ivar folder: working directory; None is the caller's.
    :ivar optional: a failure is only logged.
    :ivar once: called once per process, for any number of certificates.
    :ivar side_by_side: it can run at the same time as other such calls of the batch that publish elsewhere. A call
        without this waits for all calls before it, and all calls after it wait for it.
    :ivar declined: what an exit code other than 0 can mean besides failure, for the error.
    :ivar declined_by: the only exit code that means this; None if each does.
    :ivar settings: variables that are a user's to set. These values count where neither the env file nor the caller has
        one.
    """

    operation: str
    arguments: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    document: bytes | None = None
    umask: int | None = None
    challenges: tuple[Challenge, ...] = ()
    identifiers: tuple[str, ...] = ()
    words: tuple[str, ...] | None = None
    folder: str | None = None
    optional: bool = False
    once: bool = False
    side_by_side: bool = False
    declined: str = ""
    declined_by: int | None = None
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """Operation and the first names, for the log."""
        return " ".join([self.operation, *self.identifiers[:3], *(["…"] if len(self.identifiers) > 3 else [])])


@dataclass(frozen=True)
class Facts:
    """What a handler is told about the run.

    :ivar alias: name of the lineage.
    :ivar names: names and addresses of the certificate, wildcards with ``*.``.
    :ivar command: ``sign_domains``, or ``sign_csr`` for ``--csr``.
    :ivar challenge_type: the preferred type, for calls that concern no challenge.
    :ivar key_algorithm: Dehydrated's word: rsa, prime256v1, secp384r1 …
    :ivar wellknown: folder of the http-01 files, if there is one.
    :ivar chain: whether one call of Dehydrated's hook has several challenges.
    :ivar config: Dehydrated's configuration file, if there is one.
    :ivar basedir: BASEDIR in that configuration.
    :ivar exports: variables that the configuration exports.
    :ivar cleanup_words: command line of the cleanup handler with absolute files, if there is one.
    """

    alias: str = ""
    names: tuple[str, ...] = ()
    config_dir: str = ""
    work_dir: str = ""
    command: str = "sign_domains"
    key_algorithm: str = ""
    challenge_type: str = "dns-01"
    wellknown: str | None = None
    chain: bool = False
    cleanup_words: tuple[str, ...] | None = None
    config: str | None = None
    basedir: str | None = None
    exports: Mapping[str, str] = field(default_factory=dict)


def key_algorithm(key_type: str, curve: str) -> str:
    """Return Dehydrated's word for the kind of key that Certbot makes."""
    return "rsa" if key_type == "rsa" else _CURVES.get(curve, curve)


def dialect(name: str) -> Dialect:
    """Load a dialect by its name, and make one object of it.

    :raises UsageError: if it cannot be loaded or does not provide `IDialect`.
    """
    from certbot_external_auth.interfaces import IDialect

    made: Dialect = load(GROUP, BUILT_IN, name, IDialect)()
    return made


def by_type(challenges: Sequence[Challenge]) -> list[tuple[Challenge, ...]]:
    """Group challenges by type. The groups have the order in which their types appear first."""
    groups: dict[str, list[Challenge]] = {}
    for challenge in challenges:
        groups.setdefault(challenge.type, []).append(challenge)
    return [tuple(group) for group in groups.values()]
