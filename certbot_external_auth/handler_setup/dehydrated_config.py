"""An existing Dehydrated configuration, read by the shell it is written for: in a process of its own, with a limit.

Dehydrated sources its configuration, so only bash can tell what is in it. Nothing of it reaches Certbot's own
environment: what it exports is for the handler alone.
"""

from __future__ import annotations

import dataclasses
import glob
import logging
import os
import re
import shlex
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from certbot_external_auth import text
from certbot_external_auth.challenges import dns01, http01, tlsalpn01
from certbot_external_auth.errors import UsageError
from certbot_external_auth.handler_setup import command_line, env_file, trust
from certbot_external_auth.handler_setup.environment import handler_environment
from certbot_external_auth.processes import runner
from certbot_external_auth.settings import Settings

logger = logging.getLogger(__name__)

FLAG = "--external-auth-dehydrated-config"
LIMIT = 10.0
"""Seconds that reading may take."""
SIZE = 1_000_000
_USED = ("HOOK", "HOOK_CHAIN", "WELLKNOWN", "CHALLENGETYPE", "BASEDIR", "CONFIG_D")
# What bash itself puts into every environment.
_SHELLS_OWN = ("_", "SHLVL", "PWD", "OLDPWD")
# As Dehydrated's load_config does: its defaults, which a configuration may use; the file, without the shell's patterns;
# those of CONFIG_D, with them; each ending the reading if it fails. Names of our own could be the configuration's too.
_SCRIPT = r"""
set -euo pipefail
umask 077
shopt -s nullglob
set -f
external_auth_out=$1 CONFIG=$2
shift 2
external_auth_files=("$@") external_auth_file=$CONFIG
trap 'printf "%s: line %d: a command fails\n" \
    "${BASH_SOURCE[0]:-$external_auth_file}" "${BASH_SOURCE[0]:+$LINENO}" >&2' ERR
SCRIPTDIR=${CONFIG%/*} BASEDIR=${CONFIG%/*}
CA=letsencrypt OLDCA= CERTDIR= ALPNCERTDIR= ACCOUNTDIR= CHALLENGETYPE=http-01 CONFIG_D= CURL_OPTS= DOMAINS_D=
DOMAINS_TXT= HOOK= PREFERRED_CHAIN= HOOK_CHAIN=no RENEW_DAYS=32 KEYSIZE=4096 WELLKNOWN= PRIVATE_KEY_RENEW=yes
PRIVATE_KEY_ROLLOVER=no KEY_ALGO=secp384r1 OPENSSL=openssl OPENSSL_CNF= CONTACT_EMAIL= LOCKFILE= OCSP_MUST_STAPLE=no
OCSP_FETCH=no OCSP_DAYS=5 IP_VERSION= CHAINCACHE= AUTO_CLEANUP=no AUTO_CLEANUP_DELETE=no DEHYDRATED_USER=
DEHYDRATED_GROUP= API=auto KEEP_GOING=no VALIDATION_TIMEOUT=0 ORDER_TIMEOUT=0 ACME_PROFILE= ACCOUNT_KEYSIZE=4096
ACCOUNT_KEY_ALGO=rsa COMMAND=sign_domains
CA_LETSENCRYPT=https://acme-v02.api.letsencrypt.org/directory
CA_LETSENCRYPT_TEST=https://acme-staging-v02.api.letsencrypt.org/directory
CA_ZEROSSL=https://acme.zerossl.com/v2/DV90
CA_BUYPASS=https://api.buypass.com/acme/directory
CA_BUYPASS_TEST=https://api.test4.buypass.no/acme/directory
CA_GOOGLE=https://dv.acme-v02.api.pki.goog/directory
CA_GOOGLE_TEST=https://dv.acme-v02.test-api.pki.goog/directory
. "$CONFIG"
set +f
for external_auth_file in "${external_auth_files[@]}"; do . "$external_auth_file"; done
{
    printf '%s\0' "${HOOK-}" "${HOOK_CHAIN-}" "${WELLKNOWN-}" "${CHALLENGETYPE-}" "${BASEDIR-}" "${CONFIG_D-}"
    if [ -n "${HOOK-}" ] && declare -F "$HOOK" >/dev/null; then printf 'function\0'; else printf '\0'; fi
    env -0
} >"$external_auth_out"
"""
SETTINGS = frozenset(re.findall(r"\b([A-Z_]+)=", _SCRIPT)) - {"CURL_OPTS"}
"""Dehydrated's own settings that hold no secret; a proxy's password may be in CURL_OPTS."""
_TYPES = (http01.TYPE, dns01.TYPE, tlsalpn01.TYPE)
# Where Dehydrated looks if WELLKNOWN is not set.
_WELLKNOWN = "/var/www/dehydrated"
# What bash says is wrong, as it stands at the beginning or the end of its message; the rest may be part of a secret.
_FAILS = "a command fails"
_KINDS = {
    _FAILS: _FAILS,
    "syntax error": "syntax error",
    "unexpected EOF": "a quotation or bracket that is never closed",
    "command not found": "command not found",
    "unbound variable": "unbound variable",
    "bad substitution": "bad substitution",
    "readonly variable": "readonly variable",
    "not a valid identifier": "not a valid identifier",
    "ambiguous redirect": "ambiguous redirect",
    "No such file or directory": "no such file or directory",
    "Permission denied": "permission denied",
    "Is a directory": "is a directory",
}
_LAST = "its last command fails, which ends Dehydrated as well (set -e); write || true behind it"


@dataclass(frozen=True)
class DehydratedConfig:
    """What is used of a configuration.

    :ivar path: the file, absolute.
    :ivar exports: for the handler's environment.
    :ivar hook: HOOK as written, None if there is none.
    :ivar chain: HOOK_CHAIN is yes.
    :ivar wellknown: WELLKNOWN, absolute.
    :ivar challenge_type: CHALLENGETYPE.
    :ivar basedir: BASEDIR, absolute.
    :ivar files: all that was read: the file, and those of its CONFIG_D.
    """

    path: str
    exports: Mapping[str, str]
    hook: str | None
    chain: bool
    wellknown: str
    challenge_type: str
    basedir: str
    files: tuple[str, ...] = ()


def read(path: str, known: Collection[str] | None = None) -> DehydratedConfig:
    """Read a configuration and the files of its CONFIG_D; who else may change them is said in the log, once.

    :param path: absolute.
    :param known: the files that may be read; None for any.
    :raises UsageError: if it is missing, may be changed by others, does not end, or is broken; or if a file of CONFIG_D
        is not known, which is not read then.
    """
    _refuse_untrusted([path])
    environment = {name: value for name, value in handler_environment(os.environ).items() if name != "BASH_ENV"}
    values, _ = _sourced([path], environment)
    more = _further(values["CONFIG_D"], path)
    _refuse_untrusted(more)
    new = [one for one in more if known is not None and one not in known]
    if new:
        raise UsageError([f"{FLAG} {path}: it has got more files since ({', '.join(new)})."])
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
        wellknown=_absolute(values["WELLKNOWN"] or _WELLKNOWN, path),
        challenge_type=values["CHALLENGETYPE"] or http01.TYPE,
        basedir=_absolute(values["BASEDIR"], path).rstrip("/") or "/",
        files=(path, *more),
    )


def _further(folder: str, path: str) -> list[str]:
    """The files of CONFIG_D."""
    if not folder:
        return []
    if not os.path.isdir(folder):
        raise UsageError([f"{FLAG} {path}: CONFIG_D is {folder}, which is no directory; correct it."])
    return sorted(glob.glob(os.path.join(glob.escape(folder), "*.sh")))


def hook_words(config: DehydratedConfig, types: Collection[str]) -> tuple[str, ...]:
    """The handler's command line as HOOK names it; without one, for http-01, what does nothing: the files are ours.

    :param types: the challenge types preferred.
    :raises UsageError: if there is no HOOK, and one is needed.
    """
    if config.hook is None and set(types) == {http01.TYPE}:
        return (command_line.program("true", FLAG, "/", None),)
    if config.hook is None:
        raise UsageError(
            [
                f"{config.path} names no HOOK; give --external-auth-handler with your script. Without one only http-01 "
                f"works (--preferred-challenges http), with the files of WELLKNOWN."
            ]
        )
    # One word, as Dehydrated takes it; what is relative there depends on the folder it is started in. A name without a
    # slash is looked up on PATH by bash.
    flag = f"{FLAG} {config.path}: HOOK"
    return (command_line.program(config.hook, flag, os.path.dirname(config.path), os.environ.get("PATH")),)


def merged(found: Settings, config: DehydratedConfig, given: Collection[str], types: Collection[str]) -> Settings:
    """Settings with what a configuration says.

    :param given: names of the options that were given; they win.
    :param types: the challenge types preferred.
    :raises UsageError: if http-01 is wanted and there is no WELLKNOWN, or CHALLENGETYPE counts and is none.
    """
    if config.challenge_type in types and config.challenge_type not in _TYPES:
        raise UsageError(
            [f"{FLAG} {config.path}: CHALLENGETYPE is {config.challenge_type}; Dehydrated knows {', '.join(_TYPES)}."]
        )
    wellknown: str | None = config.wellknown
    if "wellknown" in given:
        wellknown = found.wellknown
    elif not os.path.isdir(config.wellknown):
        if http01.TYPE in types:
            raise UsageError([_without_wellknown(config)])
        # Dehydrated looks at it for http-01 only.
        wellknown = None
    return dataclasses.replace(
        found, hook_chain=found.hook_chain if "hook-chain" in given else config.chain, wellknown=wellknown
    )


def _without_wellknown(config: DehydratedConfig) -> str:
    return (
        f"{FLAG} {config.path}: CHALLENGETYPE is http-01, and its WELLKNOWN {config.wellknown} is not a directory; "
        f"run: mkdir -p {shlex.quote(config.wellknown)}, or choose dns-01 if Dehydrated was called with -t dns-01 "
        f"(--preferred-challenges dns)."
    )


def _absolute(value: str, path: str) -> str:
    return os.path.join(os.path.dirname(path), value)


def _refuse_untrusted(paths: Sequence[str]) -> None:
    findings = trust.Findings()
    for path in paths:
        if not os.path.isfile(path):
            problem = f"{FLAG}: {path} does not exist or is no file; name Dehydrated's configuration file."
            findings.problems.append(problem)
            continue
        findings.add(trust.check_file(path, "Dehydrated configuration", trust.trusted_ids()))
    if findings.problems:
        raise UsageError(findings.problems)
    for warning in findings.warnings:
        text.say_once(logger, warning)


def _sourced(paths: Sequence[str], environment: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Plain values of the names used here, and everything exported."""
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "values")
        bash = ["/bin/bash", "--noprofile", "--norc", "-c", _SCRIPT, "bash", out, *paths]
        ended = runner.run(bash, environment=environment, say=lambda line: None, limit=LIMIT)
        if not ended.ok:
            shown = "".join(f"\n  | {line}" for line in _without_words(ended.tail, paths))
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
    return values, {name: value for name, equals, value in pairs if equals and env_file.is_variable(name)}


def _without_words(printed: Sequence[str], paths: Sequence[str]) -> list[str]:
    """File, line and kind of each error of bash's: its messages quote the file, and a secret may be what is wrong."""
    found: dict[tuple[str, str], str] = {}
    for line in printed:
        for path in paths:
            message = re.match(rf"{re.escape(path)}: \S+ ([0-9]+): (.*)", line, re.DOTALL)
            if message is not None:
                kind, known = _kind(message[2]), found.get((path, message[1]))
                # Bash repeats the line after a syntax error; what its words are in other languages is not known.
                found[path, message[1]] = known if known and kind in (None, _FAILS) else kind or "an error"
    return [
        f"{path}: line {number}: {kind}" if number != "0" else f"{path}: {_LAST}"
        for (path, number), kind in found.items()
    ]


def _kind(message: str) -> str | None:
    return next((kind for words, kind in _KINDS.items() if message.startswith(words) or message.endswith(words)), None)
