"""Calling conventions of handlers, one file each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from certbot_external_auth.challenges import Challenge
from certbot_external_auth.extensions import load

if TYPE_CHECKING:
    from certbot_external_auth.handler_setup.dehydrated_config import DehydratedConfig
    from certbot_external_auth.interfaces import Dialect
    from certbot_external_auth.settings import Settings

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


@dataclass(frozen=True)
class Call:
    """One start of a handler.

    :ivar operation: what it is called for, for the log and errors.
    :ivar arguments: what follows the handler's own words.
    :ivar variables: added to the environment.
    :ivar document: given on stdin; None is `/dev/null`.
    :ivar umask: file mode mask; None is the caller's.
    :ivar challenges: those it publishes or withdraws.
    :ivar identifiers: names shown in the log and errors.
    :ivar words: another command than the handler.
    :ivar folder: working directory; None is the caller's.
    :ivar optional: a failure is noted in the log and changes nothing.
    :ivar once: called once in a process, whatever the number of certificates.
    :ivar side_by_side: it may run while other such calls of the batch do, unless they publish at the same place. A call
        without this waits for all before it, and all after it wait for it.
    :ivar declined: what an exit code other than 0 means here besides failure, for the error.
    :ivar declined_by: the only such code that means it; None if any does.
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


@dataclass(frozen=True)
class Facts:
    """What a handler is told about the run.

    :ivar alias: the lineage's name.
    :ivar names: the names of the certificate, wildcards as they are.
    :ivar command: ``sign_domains``, or ``sign_csr`` for ``--csr``.
    :ivar challenge_type: the type preferred, for calls that are not about a challenge.
    :ivar key_algorithm: Dehydrated's word: rsa, prime256v1, secp384r1 …
    :ivar config: Dehydrated's configuration file, if there is one; `basedir`: BASEDIR in it.
    :ivar exports: variables that configuration exports.
    :ivar cleanup_words: the cleanup handler's command line, files absolute, if there is one.
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


def facts_of(settings: Settings, config: DehydratedConfig | None, cleanup_words: tuple[str, ...] | None) -> Facts:
    """What a handler is told by its settings; what is about the certificate is left for who knows it.

    :param config: Dehydrated's configuration, if there is one. :param cleanup_words: see `Facts`.
    """
    found = Facts(wellknown=settings.wellknown, chain=settings.hook_chain, cleanup_words=cleanup_words)
    if config is None:
        return found
    return replace(found, config=config.path, basedir=config.basedir, exports=config.exports)


def dialect(name: str) -> Dialect:
    """Load a dialect by its name, and make one object of it.

    :raises UsageError: if it cannot be loaded or does not provide `IDialect`.
    """
    from certbot_external_auth.interfaces import IDialect

    made: Dialect = load(GROUP, BUILT_IN, name, IDialect)()
    return made


def by_type(challenges: Sequence[Challenge]) -> list[tuple[Challenge, ...]]:
    """Groups of one challenge type each, in order of first appearance."""
    groups: dict[str, list[Challenge]] = {}
    for challenge in challenges:
        groups.setdefault(challenge.type, []).append(challenge)
    return [tuple(group) for group in groups.values()]
