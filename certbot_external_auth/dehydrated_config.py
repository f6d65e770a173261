"""An existing Dehydrated configuration, read by the shell it is written for: in a process of its own, with a limit.

Dehydrated sources its configuration, so only bash can tell what is in it. Nothing of it reaches Certbot's own
environment: what it exports is for the handler alone.
"""

from __future__ import annotations

import dataclasses
import glob
import os
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from certbot_external_auth import command, preflight, process, text
from certbot_external_auth.challenges import http01
from certbot_external_auth.environment import handler_environment
from certbot_external_auth.errors import UsageError
from certbot_external_auth.settings import Settings

FLAG = "--external-auth-dehydrated-config"
LIMIT = 10.0
"""Seconds that reading may take."""
SIZE = 1_000_000
_USED = ("HOOK", "HOOK_CHAIN", "WELLKNOWN", "CHALLENGETYPE", "BASEDIR", "CONFIG_D")
# What bash itself puts into every environment.
_SHELLS_OWN = ("_", "SHLVL", "PWD", "OLDPWD")
# As Dehydrated does: defaults first, then the file, then those of CONFIG_D, each ending the reading if it fails.
_SCRIPT = r"""
set -euo pipefail
umask 077
out=$1 CONFIG=$2
shift
SCRIPTDIR=${CONFIG%/*} BASEDIR=${CONFIG%/*}
HOOK= HOOK_CHAIN=no WELLKNOWN= CHALLENGETYPE= CONFIG_D=
for file; do . "$file"; done
{
    for name in HOOK HOOK_CHAIN WELLKNOWN CHALLENGETYPE BASEDIR CONFIG_D; do printf '%s\0' "${!name-}"; done
    if [ -n "$HOOK" ] && declare -F "$HOOK" >/dev/null; then printf 'function\0'; else printf '\0'; fi
    env -0
} >"$out"
"""


@dataclass(frozen=True)
class DehydratedConfig:
    """What is used of a configuration.

    :ivar path: the file, absolute.
    :ivar exports: for the handler's environment.
    :ivar hook: HOOK as written, None if there is none.
    :ivar chain: HOOK_CHAIN is yes.
    :ivar wellknown: WELLKNOWN, absolute, None if it is not set.
    :ivar challenge_type: CHALLENGETYPE, None if it is not set.
    :ivar basedir: BASEDIR, absolute.
    """

    path: str
    exports: Mapping[str, str]
    hook: str | None
    chain: bool
    wellknown: str | None
    challenge_type: str | None
    basedir: str


def read(path: str) -> DehydratedConfig:
    """Read a configuration and the files of its CONFIG_D.

    :param path: absolute.
    :raises UsageError: if it is missing, may be changed by others, does not end, or is broken.
    """
    _refuse_untrusted([path])
    environment = {name: value for name, value in handler_environment(os.environ).items() if name != "BASH_ENV"}
    values, _ = _sourced([path], environment)
    more = sorted(glob.glob(os.path.join(glob.escape(values["CONFIG_D"]), "*.sh"))) if values["CONFIG_D"] else []
    _refuse_untrusted(more)
    values, exported = _sourced([path, *more], environment)
    if values["function"]:
        raise UsageError(
            [f"{FLAG} {path}: HOOK is the shell function {values['HOOK']}; put it into a script and name that."]
        )
    return DehydratedConfig(
        path=path,
        exports={
            name: value
            for name, value in exported.items()
            if environment.get(name) != value and name not in _SHELLS_OWN
        },
        hook=values["HOOK"] or None,
        chain=values["HOOK_CHAIN"] == "yes",
        wellknown=_absolute(values["WELLKNOWN"], path),
        challenge_type=values["CHALLENGETYPE"] or None,
        basedir=_absolute(values["BASEDIR"], path) or os.path.dirname(path),
    )


def hook_words(config: DehydratedConfig) -> tuple[str, ...]:
    """The handler's command line as HOOK names it.

    :raises UsageError: if there is no HOOK.
    """
    if config.hook is None:
        raise UsageError([f"{config.path} names no HOOK; give --external-auth-handler with your script."])
    # One word, as Dehydrated takes it; what is relative there depends on the folder it is started in.
    return (command.program(config.hook, os.path.dirname(config.path), os.environ.get("PATH")),)


def merged(found: Settings, config: DehydratedConfig, given: Collection[str]) -> Settings:
    """Settings with what a configuration says.

    :param given: names of the options that were given; they win.
    """
    wellknown = config.wellknown
    if wellknown is not None and config.challenge_type != http01.TYPE and not os.path.isdir(wellknown):
        # Dehydrated looks at it for http-01 only.
        wellknown = None
    return dataclasses.replace(
        found,
        hook_chain=found.hook_chain if "hook-chain" in given else config.chain,
        wellknown=found.wellknown if "wellknown" in given else wellknown,
    )


def _absolute(value: str, path: str) -> str | None:
    return os.path.join(os.path.dirname(path), value) if value else None


def _refuse_untrusted(paths: Sequence[str]) -> None:
    problems = []
    for path in paths:
        if not os.path.isfile(path):
            problems.append(f"{FLAG}: {path} does not exist or is no file; name Dehydrated's configuration file.")
            continue
        problems += preflight.check_file(path, "Dehydrated configuration", preflight.trusted_ids()).problems
    if problems:
        raise UsageError(problems)


def _sourced(paths: Sequence[str], environment: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Plain values of the names used here, and everything exported."""
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "values")
        bash = ["/bin/bash", "--noprofile", "--norc", "-c", _SCRIPT, "bash", out, *paths]
        ended = process.run(bash, environment=environment, say=lambda line: None, limit=LIMIT)
        if not ended.ok:
            shown = "".join(f"\n  | {line}" for line in ended.tail)
            raise UsageError([f"{FLAG} {paths[0]} cannot be read by bash: {ended}.{shown}"])
        try:
            with open(out, "rb") as file:
                data = file.read(SIZE + 1)
        except FileNotFoundError:
            raise UsageError([f"{FLAG} {paths[0]} cannot be read by bash: it ends the shell (exit)."]) from None
    if len(data) > SIZE:
        raise UsageError([f"{FLAG} {paths[0]}: it exports more than {SIZE} bytes."])
    words = data.decode("utf-8", "surrogateescape").split("\0")
    values = dict(zip((*_USED, "function"), words, strict=False))
    pairs = (word.partition("=") for word in words[len(values) : -1])
    return values, {name: value for name, equals, value in pairs if equals and text.is_variable(name)}
