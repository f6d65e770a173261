"""Reads an existing Dehydrated configuration with bash, in a process of its own with a time limit.

Dehydrated sources its configuration, so only bash can evaluate it. The variables that it exports are set for the
handler, and never in the environment of Certbot itself.
"""

from __future__ import annotations

import contextlib
import dataclasses
import glob
import logging
import os
import shlex
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from certbot_external_auth import text
from certbot_external_auth.challenges import dns01, http01, tlsalpn01
from certbot_external_auth.errors import UsageError
from certbot_external_auth.files import regular_file, webroot
from certbot_external_auth.handler_setup import bash_messages, command_line, trust
from certbot_external_auth.handler_setup import env_file as env_files
from certbot_external_auth.handler_setup.environment import handler_environment
from certbot_external_auth.processes import runner
from certbot_external_auth.settings import Settings

logger = logging.getLogger(__name__)

FLAG = "--external-auth-dehydrated-config"
MAX_READ_SECONDS = 10.0
MAX_CONFIG_BYTES = 1_000_000
"""Longest file that is searched for what is wrong with it."""
MAX_OUTPUT_BYTES = 1_000_000
"""Size of all exported variables together."""
# bash sets these in every environment.
_VARIABLES_OF_BASH = ("_", "SHLVL", "PWD", "OLDPWD")
# The same steps as in Dehydrated's load_config: set the defaults, which a configuration can use; source it without
# expanding patterns; source the files of CONFIG_D with patterns. A command that fails ends the script. The script's own
# variables have long names because the configuration can use any other name.
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
    set +a; for external_auth_file in @NAMES@; do printf '%s\0' "${!external_auth_file-}"; done
    if [ -n "${HOOK-}" ] && declare -F "$HOOK" >/dev/null; then printf 'function\0'; else printf '\0'; fi
    env -0
} >"$external_auth_out"
"""
SETTINGS = frozenset(
    """
    ACCOUNTDIR ACCOUNT_KEYSIZE ACCOUNT_KEY_ALGO ACME_PROFILE ALPNCERTDIR API AUTO_CLEANUP AUTO_CLEANUP_DELETE
    BASEDIR CA CA_BUYPASS CA_BUYPASS_TEST CA_GOOGLE CA_GOOGLE_TEST CA_LETSENCRYPT CA_LETSENCRYPT_TEST CA_ZEROSSL
    CERTDIR CHAINCACHE CHALLENGETYPE COMMAND CONFIG CONFIG_D CONTACT_EMAIL DEHYDRATED_GROUP DEHYDRATED_USER
    DOMAINS_D DOMAINS_TXT HOOK HOOK_CHAIN IP_VERSION KEEP_GOING KEYSIZE KEY_ALGO LOCKFILE OCSP_DAYS OCSP_FETCH
    OCSP_MUST_STAPLE OLDCA OPENSSL OPENSSL_CNF ORDER_TIMEOUT PREFERRED_CHAIN PRIVATE_KEY_RENEW PRIVATE_KEY_ROLLOVER
    RENEW_DAYS SCRIPTDIR VALIDATION_TIMEOUT WELLKNOWN
    """.split()  # noqa: SIM905 - a list of literals would be 50 lines
)
"""Dehydrated's own settings without a secret. CURL_OPTS is missing because it can hold the password of a proxy."""
_READ = sorted(SETTINGS)
_TYPES = (http01.TYPE, dns01.TYPE, tlsalpn01.TYPE)
# The default of WELLKNOWN in Dehydrated.
_WELLKNOWN = "/var/www/dehydrated"
_MISSING = (
    "A timer does not have the variables of your shell: put such a variable into the file of "
    "--external-auth-env-file. A $ that belongs to a value stands in single quotation marks."
)


@dataclass(frozen=True)
class DehydratedConfig:
    """The parts of a configuration that the plugin uses.

    :ivar path: absolute path of the file.
    :ivar exports: the variables it exports, for the handler's environment.
    :ivar hook: HOOK as written; None if it is not set.
    :ivar chain: HOOK_CHAIN is yes.
    :ivar wellknown: WELLKNOWN as an absolute path.
    :ivar challenge_type: CHALLENGETYPE.
    :ivar basedir: BASEDIR as an absolute path.
    :ivar files: all files that were read: the configuration, those of its CONFIG_D, and those beside it.
    :ivar settings: the values of all `SETTINGS`.
    """

    path: str
    exports: Mapping[str, str]
    hook: str | None
    chain: bool
    wellknown: str
    challenge_type: str
    basedir: str
    files: tuple[str, ...] = ()
    settings: Mapping[str, str] = dataclasses.field(default_factory=dict)


def read(
    path: str, known: Collection[str] | None = None, env_file: str | None = None, beside: Sequence[str] = ()
) -> DehydratedConfig:
    """Read a configuration and the files of its CONFIG_D. Log once if another user can change one of them.

    :param path: absolute.
    :param known: the only files that may be read; None for any.
    :param env_file: the env file of the handler, whose variables the configuration can use.
    :param beside: files to read after it, such as the one with a certificate's own settings.
    :raises UsageError: if a file does not exist, has an error, takes too long, or can be changed by every user; or if
        CONFIG_D has a file that is not `known`. That file is not read.
    """
    _refuse_untrusted([path])
    environment = {**handler_environment(os.environ), **({} if env_file is None else env_files.trusted(env_file))}
    # bash would source the file that BASH_ENV names, and its exports would look like those of the configuration.
    environment.pop("BASH_ENV", None)
    values, _ = _sourced([path], environment)
    more = [*_files_of(values["CONFIG_D"], path), *beside]
    _refuse_untrusted(more)
    new = [file for file in more if known is not None and file not in known]
    if new:
        raise UsageError([f"{FLAG} {path}: it has new files: {', '.join(new)}."])
    values, exported = _sourced([path, *more], environment)
    if values["function"]:
        raise UsageError(
            [f"{FLAG} {path}: HOOK is the shell function {values['HOOK']}; put it into a script, and name that."]
        )
    return DehydratedConfig(
        path=path,
        exports={
            name: value
            for name, value in exported.items()
            if environment.get(name) != value and name not in _VARIABLES_OF_BASH
        },
        hook=values["HOOK"] or None,
        chain=values["HOOK_CHAIN"] == "yes",
        wellknown=_absolute(values["WELLKNOWN"] or _WELLKNOWN, path),
        challenge_type=values["CHALLENGETYPE"] or http01.TYPE,
        basedir=_absolute(values["BASEDIR"], path).rstrip("/") or "/",
        files=(path, *more),
        settings={name: values[name] for name in _READ},
    )


def _files_of(folder: str, path: str) -> list[str]:
    """Return the files of CONFIG_D, in the order in which Dehydrated reads them."""
    if not folder:
        return []
    if not os.path.isdir(folder):
        raise UsageError([f"{FLAG} {path}: CONFIG_D is {folder}, which is not a directory; correct it."])
    return sorted(glob.glob(os.path.join(glob.escape(folder), "*.sh")))


def hook_words(config: DehydratedConfig, types: Collection[str]) -> tuple[str, ...]:
    """Return the handler's command line from HOOK.

    Without a HOOK it is `true`, if http-01 is the only type: the plugin itself writes the files of http-01.

    :param types: the preferred challenge types.
    :raises UsageError: if another type needs a HOOK, and there is none.
    """
    if config.hook is None and set(types) == {http01.TYPE}:
        return (command_line.program("true", FLAG, "/", None),)
    if config.hook is None:
        raise UsageError(
            [
                f"{config.path} names no HOOK; give --external-auth-handler with your script. Without a script only "
                f"http-01 works (--preferred-challenges http), with files in the directory WELLKNOWN."
            ]
        )
    # Like Dehydrated, take HOOK as one word, and look up a name without a slash on PATH. Dehydrated takes a relative
    # path from the folder it is started in; here it is that of the configuration.
    flag = f"{FLAG} {config.path}: HOOK"
    return (command_line.program(config.hook, flag, os.path.dirname(config.path), os.environ.get("PATH")),)


def merged(settings: Settings, config: DehydratedConfig, given: Collection[str], types: Collection[str]) -> Settings:
    """Return the settings, completed from a configuration.

    :param settings: the settings from the options.
    :param given: names of the options that were given. Their values replace those of the configuration.
    :param types: the preferred challenge types.
    :raises UsageError: if http-01 is preferred and the directory WELLKNOWN does not exist, or if the type comes from
        CHALLENGETYPE and is unknown.
    """
    if config.challenge_type in types and config.challenge_type not in _TYPES:
        raise UsageError(
            [f"{FLAG} {config.path}: CHALLENGETYPE is {config.challenge_type}; use one of {', '.join(_TYPES)}."]
        )
    wellknown: str | None = config.wellknown
    if "wellknown" in given:
        wellknown = settings.wellknown
    elif not os.path.isdir(config.wellknown):
        if http01.TYPE in types:
            raise UsageError([_without_wellknown(config)])
        # Dehydrated uses it only for http-01.
        wellknown = None
    return dataclasses.replace(
        settings, hook_chain=settings.hook_chain if "hook-chain" in given else config.chain, wellknown=wellknown
    )


def _without_wellknown(config: DehydratedConfig) -> str:
    return (
        f"{FLAG} {config.path}: CHALLENGETYPE is http-01, and its WELLKNOWN {config.wellknown} is not a directory; "
        f"run: {webroot.making(config.wellknown)}, or choose dns-01 if Dehydrated was called with -t dns-01 "
        f"(--preferred-challenges dns)."
    )


def _absolute(value: str, path: str) -> str:
    return os.path.join(os.path.dirname(path), value)


def _refuse_untrusted(paths: Sequence[str]) -> None:
    findings = trust.Findings()
    for path in paths:
        if not os.path.isfile(path):
            problem = f"{FLAG}: {path} is not an existing file; name Dehydrated's configuration file."
            findings.problems.append(problem)
            continue
        if _ends_lines_as_windows(path):
            findings.problems.append(
                f"{FLAG}: {path} has Windows line ends (CRLF), which bash takes for parts of the words; "
                f"run: sed -i 's/\\r$//' {shlex.quote(path)}"
            )
        findings.add(trust.check_file(path, "Dehydrated configuration", trust.trusted_ids()))
    if findings.problems:
        raise UsageError(findings.problems)
    for warning in findings.warnings:
        text.say_once(logger, warning)


def _content(path: str) -> bytes:
    """Return the content of a file; nothing of one that cannot be read, about which bash says why."""
    with contextlib.suppress(OSError):
        return regular_file.read(path, MAX_CONFIG_BYTES)
    return b""


def _ends_lines_as_windows(path: str) -> bool:
    """Tell whether a line ends with a carriage return that bash reads; it does not read comments."""
    lines = _content(path).split(b"\n")
    return any(line.endswith(b"\r") and not line.lstrip(b" \t").startswith(b"#") for line in lines)


def _sourced(paths: Sequence[str], environment: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Source files with bash.

    :returns: the values of the names in `_READ`, with HOOK's kind as "function"; and all exported variables.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "values")
        script = _SCRIPT.replace("@NAMES@", " ".join(_READ))
        bash = ["/bin/bash", "--noprofile", "--norc", "-c", script, "bash", out, *paths]
        ended = runner.run(bash, environment=environment, say=lambda line: None, limit=MAX_READ_SECONDS)
        if not ended.ok:
            texts = {path: _content(path).decode("utf-8", "replace") for path in paths}
            shown = [f"  | {line}" for line in bash_messages.without_words(ended.tail, texts)]
            more = [_MISSING] if any(bash_messages.UNBOUND in line for line in shown) else []
            raise UsageError(["\n".join([f"{FLAG} {paths[0]} cannot be read by bash: {ended}.", *shown, *more])])
        try:
            with open(out, "rb") as file:
                data = file.read(MAX_OUTPUT_BYTES + 1)
        except FileNotFoundError:
            raise UsageError(
                [f"{FLAG} {paths[0]} cannot be read by bash: it ends the shell; remove the command exit."]
            ) from None
    if len(data) > MAX_OUTPUT_BYTES:
        raise UsageError([f"{FLAG} {paths[0]}: it exports more than {MAX_OUTPUT_BYTES} bytes; export less."])
    words = data.decode("utf-8", "surrogateescape").split("\0")
    values = dict(zip((*_READ, "function"), words, strict=False))
    pairs = (word.partition("=") for word in words[len(values) :])
    return values, {name: value for name, equals, value in pairs if equals and env_files.is_variable(name)}
