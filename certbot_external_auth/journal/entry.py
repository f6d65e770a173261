"""One batch as the journal notes it: what recovery needs, and the form it has on disk. No I/O.

`docs/journal.md` describes the form. What is read is never trusted: every field has its type, and the challenges pass
the guard once more.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from certbot_external_auth import __version__, endpoint
from certbot_external_auth.challenges import Challenge, guard
from certbot_external_auth.errors import GuardError

VERSION = 1
LIMIT = 16_000_000
"""Bytes of an entry at most."""
ID = re.compile(r"[0-9a-f]{32}")
_CHALLENGE = ("id", "type", "identifier", "identifier_type", "token", "key_authorization")
_OF_ALIASES = ("txt_target", "txt_zone")


class EntryError(ValueError):
    """Text that is no entry; the message says why, in a few words."""


class VersionError(EntryError):
    """An entry of another version of the form, which is somebody else's to read."""


@dataclass(frozen=True)
class Handler:
    """How the handler was called.

    :ivar words: its command line; `cleanup_words`: that of the cleanup handler.
    :ivar timeout: seconds, None for no limit. :ivar jobs: calls at a time.
    :ivar folder: the working directory Certbot had.
    :ivar fingerprints: of every program the command lines name, see `fingerprint`.
    """

    words: tuple[str, ...] = ()
    dialect: str = "native"
    cleanup_words: tuple[str, ...] | None = None
    hook_chain: bool = False
    jobs: int = 1
    timeout: float | None = None
    wellknown: str | None = None
    env_file: str | None = None
    dehydrated_config: str | None = None
    folder: str | None = None
    fingerprints: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Entry:
    """A batch that may be published.

    :ivar written: when, RFC 3339.
    :ivar lineage: Certbot's name for the certificate, as far as it was known, or its first name.
    :ivar attempts: how many times recovery tried to withdraw it, or told somebody who must.
    :ivar interrupted: how many of these tries did not come to their end, as far as is known; one that goes on is among
        them.
    :ivar reasons: why a challenge was not withdrawn, by its id; empty while its run goes on, or was killed.
    :ivar outputs: what the handler printed when it published a challenge, by its id, where its cleanup is told so; see
        `outputs` for what it printed before the whole batch was published.
    :ivar verify: how that run looked, ``auto``, ``strict`` or ``off``; empty where an earlier version did not note it.
    :ivar verify_timeout: seconds. :ivar verify_nameservers: as they are typed. :ivar http_port: for http-01.
    """

    id: str
    written: str
    mode: str
    config_dir: str
    lineage: str = ""
    names: tuple[str, ...] = ()
    command: str = ""
    key_algorithm: str = ""
    challenge_type: str = ""
    basedir: str | None = None
    tls_port: int = 443
    protocol: int = 1
    historic: bool = False
    handler: Handler = field(default_factory=Handler)
    challenges: tuple[Challenge, ...] = ()
    attempts: int = 0
    interrupted: int = 0
    reasons: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    verify: str = ""
    verify_timeout: float = 0.0
    verify_nameservers: tuple[str, ...] = ()
    http_port: int = 80

    @property
    def identifiers(self) -> frozenset[str]:
        return frozenset(challenge.identifier.lower() for challenge in self.challenges)

    def reason(self, challenge: Challenge) -> str:
        """Why it is still there."""
        unknown = "the run ended before it was withdrawn"
        if self.interrupted:
            unknown += f", and {self.interrupted} later ones while they withdrew it"
        return self.reasons.get(challenge.id) or unknown


def encode(entry: Entry) -> bytes:
    """The form on disk.

    :raises EntryError: if it is too long to be read back.
    """
    handler, value = dict(vars(entry.handler)), dict(vars(entry))
    value["handler"] = {**handler, "fingerprints": dict(entry.handler.fingerprints)}
    value["challenges"] = [_members(one) for one in entry.challenges]
    value["reasons"], value["outputs"] = dict(entry.reasons), dict(entry.outputs)
    data = json.dumps({"version": VERSION, "plugin": __version__, **value}, indent=1).encode()
    if len(data) > LIMIT:
        raise EntryError(f"it is longer than {LIMIT} bytes")
    return data


def _members(challenge: Challenge) -> dict[str, str]:
    aliases = {name: found for name in _OF_ALIASES if (found := getattr(challenge, name)) is not None}
    return {**{name: getattr(challenge, name) for name in _CHALLENGE}, **aliases}


def decode(data: bytes) -> Entry:
    """The entry in a file's content.

    :raises EntryError: whatever is wrong with it.
    """
    if len(data) > LIMIT:
        raise EntryError(f"it is longer than {LIMIT} bytes")
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        raise EntryError("it is no JSON") from None
    if not isinstance(value, dict):
        raise EntryError("it is no JSON object")
    version = value.get("version")
    if version != VERSION or isinstance(version, bool):
        kind = EntryError if isinstance(version, bool) or not isinstance(version, int) else VersionError
        raise kind(f"it is not of version {VERSION}, the only one this plugin reads")
    entry = _entry(_Fields(value))
    try:
        return dataclasses.replace(entry, challenges=tuple(guard.check(entry.challenges, None)))
    except GuardError as error:
        raise EntryError(error.refusals[0]) from None


class _Fields:
    """The members of an object, each taken out with its type."""

    def __init__(self, value: Mapping[str, Any]) -> None:
        self._value = value

    def get(self, name: str, kind: type, optional: bool = False) -> Any:
        found = self._value.get(name)
        if found is None and optional:
            return None
        # A boolean is an int for Python.
        if not isinstance(found, kind) or (isinstance(found, bool) and kind is not bool):
            raise EntryError(f"{name} is missing or of the wrong type")
        return found

    def text(self, name: str) -> str:
        return self._plain(name, self.get(name, str))

    def perhaps(self, name: str) -> str | None:
        found = self.get(name, str, optional=True)
        return None if found is None else self._plain(name, found)

    def texts(self, name: str, optional: bool = False) -> tuple[str, ...] | None:
        found = self.get(name, list, optional)
        return None if found is None else tuple(self._plain(name, one) for one in found)

    def mapping(self, name: str, optional: bool = False) -> dict[str, str]:
        found = self.get(name, dict, optional) or {}
        return {self._plain(name, key): self._plain(name, one) for key, one in found.items()}

    def number(self, name: str, most: int, least: int = 0, optional: bool = False) -> int:
        found: int = self.get(name, int, optional) or 0
        if not least <= found <= most:
            raise EntryError(f"{name} is out of range")
        return found

    @staticmethod
    def _plain(name: str, value: Any) -> str:
        if not isinstance(value, str) or "\0" in value:
            raise EntryError(f"{name} holds what is no text")
        try:
            # A file name that is no UTF-8 has surrogates; half a pair of UTF-16 could be given to no program.
            value.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            raise EntryError(f"{name} holds what is no text") from None
        return value


def _entry(fields: _Fields) -> Entry:
    if not ID.fullmatch(fields.text("id")):
        raise EntryError("id is none")
    challenges = tuple(_challenge(one) for one in fields.get("challenges", list))
    if len({one.id for one in challenges}) != len(challenges) or not challenges:
        raise EntryError("challenges are missing or double")
    return Entry(
        id=fields.text("id"),
        written=fields.text("written"),
        mode=fields.text("mode"),
        config_dir=fields.text("config_dir"),
        lineage=fields.text("lineage"),
        names=fields.texts("names") or (),
        command=fields.text("command"),
        key_algorithm=fields.text("key_algorithm"),
        challenge_type=fields.text("challenge_type"),
        basedir=fields.perhaps("basedir"),
        tls_port=fields.number("tls_port", 65535),
        protocol=fields.number("protocol", 1),
        historic=fields.get("historic", bool),
        handler=_handler(_Fields(fields.get("handler", dict))),
        challenges=challenges,
        attempts=fields.number("attempts", 1_000_000),
        # Older files do not have it.
        interrupted=fields.number("interrupted", 1_000_000, optional=True),
        reasons=fields.mapping("reasons"),
        outputs=fields.mapping("outputs", optional=True),
        **_looking(fields),
    )


def _looking(fields: _Fields) -> dict[str, Any]:
    """How that run looked; older files do not have it."""
    verify, timeout = fields.perhaps("verify") or "", fields.get("verify_timeout", float, optional=True) or 0.0
    servers = fields.texts("verify_nameservers", optional=True) or ()
    if verify not in ("", "auto", "strict", "off") or not 0 <= timeout <= 10_000_000:
        raise EntryError("verify or verify_timeout is out of range")
    try:
        for one in servers:
            endpoint.parse(one, 53)
    except endpoint.EndpointError:
        raise EntryError("verify_nameservers holds what is no server") from None
    port = fields.number("http_port", 65535, optional=True) or 80
    return {"verify": verify, "verify_timeout": timeout, "verify_nameservers": servers, "http_port": port}


def _handler(fields: _Fields) -> Handler:
    timeout = fields.get("timeout", float, optional=True)
    if timeout is not None and not 0 < timeout <= 10_000_000:
        raise EntryError("timeout is out of range")
    words = fields.texts("words") or ()
    if words and not words[0].startswith("/"):
        raise EntryError("words name no absolute path")
    return Handler(
        words=words,
        dialect=fields.text("dialect"),
        cleanup_words=fields.texts("cleanup_words", optional=True),
        hook_chain=fields.get("hook_chain", bool),
        jobs=fields.number("jobs", 10_000_000, least=1),
        timeout=timeout,
        wellknown=fields.perhaps("wellknown"),
        env_file=fields.perhaps("env_file"),
        dehydrated_config=fields.perhaps("dehydrated_config"),
        folder=fields.perhaps("folder"),
        fingerprints=fields.mapping("fingerprints"),
    )


def _challenge(value: Any) -> Challenge:
    if not isinstance(value, dict):
        raise EntryError("challenges holds what is no object")
    fields = _Fields(value)
    target, zone = fields.perhaps("txt_target"), fields.perhaps("txt_zone")
    if not guard.alias_ends(target, zone) if target is not None else zone is not None:
        raise EntryError("txt_target or txt_zone is no name")
    return Challenge(
        id=fields.text("id"),
        type=fields.text("type"),
        identifier=fields.text("identifier"),
        identifier_type=fields.text("identifier_type"),
        token=fields.text("token"),
        key_authorization=fields.text("key_authorization"),
        txt_target=target,
        txt_zone=zone,
    )
