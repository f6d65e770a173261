"""One batch as the journal records it, and its encoding. No I/O.

An entry has everything that a recovery needs. `docs/journal.md` describes the encoding. The content of a file is not
trusted: every field must have its type, and the challenges must pass the guard again.
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
from certbot_external_auth.journal.fields import EntryError as EntryError
from certbot_external_auth.journal.fields import Fields
from certbot_external_auth.text import counted

VERSION = 1
MAX_ENTRY_BYTES = 16_000_000
_MAX_SECONDS = 10_000_000
_MAX_ATTEMPTS = 1_000_000
ID = re.compile(r"[0-9a-f]{32}")
_AS_A_USER = "+run-as"
"""Behind the dialect of a handler that runs as another user. Earlier versions know no such dialect, so they do not call
it as root."""
_CHALLENGE = ("id", "type", "identifier", "identifier_type", "token", "key_authorization")
_IF_GIVEN = ("txt_target", "txt_zone", "zone", "name_servers", "account_label")


class VersionError(EntryError):
    """An entry has another version of the format, for another version of the plugin to read."""


@dataclass(frozen=True)
class Handler:
    """How the handler was called.

    :ivar words: its command line; empty for a provider.
    :ivar provider: the provider in place of a handler, as ENGINE:NAME. The dialect is then one that no earlier version
        knows, so these call nothing.
    :ivar cleanup_words: the command line of the cleanup handler; None if there is none.
    :ivar jobs: how many calls may run at a time.
    :ivar timeout: seconds for each call; None for no limit.
    :ivar folder: the working directory that Certbot had.
    :ivar run_as: the user as whom it ran; None for the caller.
    :ivar fingerprints: those of every program that the command lines name, by path; see `recovery.fingerprint`.
    """

    words: tuple[str, ...] = ()
    provider: str | None = None
    dialect: str = "native"
    cleanup_words: tuple[str, ...] | None = None
    hook_chain: bool = False
    jobs: int = 1
    timeout: float | None = None
    wellknown: str | None = None
    env_file: str | None = None
    dehydrated_config: str | None = None
    folder: str | None = None
    run_as: str | None = None
    fingerprints: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Entry:
    """A batch that may be published.

    :ivar written: when the run began to publish, RFC 3339.
    :ivar lineage: Certbot's name for the certificate; the first name in it if Certbot's is not known.
    :ivar attempts: how often a recovery tried to withdraw the batch, or reported it.
    :ivar interrupted: how many of these attempts were interrupted. An attempt counts as interrupted until it ends.
    :ivar reasons: why challenges were not withdrawn, by id; empty until a cleanup or a recovery has ended.
    :ivar outputs: what the handler printed when it published a challenge, by id, if its cleanup needs that. While the
        batch is being published, only the files of the module `outputs` have it.
    :ivar verify: how the run verified: ``auto``, ``strict`` or ``off``; empty if an earlier version did not record it.
    :ivar verify_timeout: seconds. :ivar verify_nameservers: in the form of the option.
    :ivar http_port: where http-01 is validated.
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
        """Say why a challenge is left."""
        killed = "the run ended before it was withdrawn"
        if self.interrupted:
            killed += f", and {counted(self.interrupted, 'recovery was', 'recoveries were')} interrupted"
        return self.reasons.get(challenge.id) or killed


def encode(entry: Entry) -> bytes:
    """Encode an entry for its file.

    :raises EntryError: if it is too long to be read again.
    """
    handler, value = dict(vars(entry.handler)), dict(vars(entry))
    mark = _AS_A_USER if entry.handler.run_as is not None else ""
    fingerprints = dict(entry.handler.fingerprints)
    value["handler"] = {**handler, "dialect": entry.handler.dialect + mark, "fingerprints": fingerprints}
    value["challenges"] = [_members(challenge) for challenge in entry.challenges]
    value["reasons"], value["outputs"] = dict(entry.reasons), dict(entry.outputs)
    data = json.dumps({"version": VERSION, "plugin": __version__, **value}, indent=1).encode()
    if len(data) > MAX_ENTRY_BYTES:
        raise EntryError(f"it is longer than {MAX_ENTRY_BYTES} bytes")
    return data


def _members(challenge: Challenge) -> dict[str, Any]:
    more = {name: value for name in _IF_GIVEN if (value := getattr(challenge, name))}
    return {**{name: getattr(challenge, name) for name in _CHALLENGE}, **more}


def decode(data: bytes) -> Entry:
    """Decode the content of a file.

    :raises EntryError: if anything is wrong with it.
    """
    if len(data) > MAX_ENTRY_BYTES:
        raise EntryError(f"it is longer than {MAX_ENTRY_BYTES} bytes")
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        raise EntryError("it is not JSON") from None
    if not isinstance(value, dict):
        raise EntryError("it is not a JSON object")
    version = value.get("version")
    if version != VERSION or isinstance(version, bool):
        kind = EntryError if isinstance(version, bool) or not isinstance(version, int) else VersionError
        raise kind(f"it is not of version {VERSION}, the only one this plugin reads")
    entry = _entry(Fields(value))
    if any(one.persists for one in entry.challenges):
        raise EntryError("a challenge has a record that is never removed")
    try:
        return dataclasses.replace(entry, challenges=tuple(guard.check(entry.challenges, None)))
    except GuardError as error:
        raise EntryError(error.refusals[0]) from None


def _entry(fields: Fields) -> Entry:
    if not ID.fullmatch(fields.text("id")):
        raise EntryError("id does not have the form of one")
    challenges = tuple(_challenge(one) for one in fields.get("challenges", list))
    if len({one.id for one in challenges}) != len(challenges) or not challenges:
        raise EntryError("challenges are missing, or two have the same id")
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
        basedir=fields.text_or_none("basedir"),
        tls_port=fields.number("tls_port", 65535),
        protocol=fields.number("protocol", 1),
        historic=fields.get("historic", bool),
        handler=_handler(Fields(fields.get("handler", dict))),
        challenges=challenges,
        attempts=fields.number("attempts", _MAX_ATTEMPTS),
        # Earlier versions did not write it.
        interrupted=fields.number("interrupted", _MAX_ATTEMPTS, optional=True),
        reasons=fields.mapping("reasons"),
        outputs=fields.mapping("outputs", optional=True),
        **_looking(fields),
    )


def _looking(fields: Fields) -> dict[str, Any]:
    """Read how the run verified, which earlier versions did not write."""
    verify, timeout = fields.text_or_none("verify") or "", fields.get("verify_timeout", float, optional=True) or 0.0
    servers = fields.texts("verify_nameservers", optional=True) or ()
    if verify not in ("", "auto", "strict", "off") or not 0 <= timeout <= _MAX_SECONDS:
        raise EntryError("verify or verify_timeout is out of range")
    try:
        for server in servers:
            endpoint.parse(server, 53)
    except endpoint.EndpointError:
        raise EntryError("verify_nameservers contains something that is not a server") from None
    port = fields.number("http_port", 65535, optional=True) or 80
    return {"verify": verify, "verify_timeout": timeout, "verify_nameservers": servers, "http_port": port}


def _handler(fields: Fields) -> Handler:
    timeout = fields.get("timeout", float, optional=True)
    if timeout is not None and not 0 < timeout <= _MAX_SECONDS:
        raise EntryError("timeout is out of range")
    words, dialect, run_as = fields.texts("words") or (), fields.text("dialect"), fields.text_or_none("run_as")
    if dialect.endswith(_AS_A_USER) is (run_as is None):
        raise EntryError("run_as does not fit the dialect")
    if words and not words[0].startswith("/"):
        raise EntryError("words do not begin with an absolute path")
    return Handler(
        words=words,
        # Earlier versions did not write it.
        provider=fields.text_or_none("provider"),
        dialect=dialect.removesuffix(_AS_A_USER),
        cleanup_words=fields.texts("cleanup_words", optional=True),
        hook_chain=fields.get("hook_chain", bool),
        jobs=fields.number("jobs", 10_000_000, least=1),
        timeout=timeout,
        wellknown=fields.text_or_none("wellknown"),
        env_file=fields.text_or_none("env_file"),
        dehydrated_config=fields.text_or_none("dehydrated_config"),
        folder=fields.text_or_none("folder"),
        run_as=run_as,
        fingerprints=fields.mapping("fingerprints"),
    )


def _challenge(value: Any) -> Challenge:
    if not isinstance(value, dict):
        raise EntryError("challenges contains something that is not an object")
    fields = Fields(value)
    target, target_zone, zone = map(fields.text_or_none, ("txt_target", "txt_zone", "zone"))
    bad_zone = zone is not None and not guard.alias_ends(zone, None)
    if bad_zone or (not guard.alias_ends(target, target_zone) if target is not None else target_zone is not None):
        raise EntryError("txt_target, txt_zone or zone is not a name")
    return Challenge(
        id=fields.text("id"),
        type=fields.text("type"),
        identifier=fields.text("identifier"),
        identifier_type=fields.text("identifier_type"),
        token=fields.text("token"),
        key_authorization=fields.text("key_authorization"),
        txt_target=target,
        txt_zone=target_zone,
        zone=zone,
        name_servers=fields.texts("name_servers", optional=True) or (),
        account_label=fields.text_or_none("account_label"),
    )
