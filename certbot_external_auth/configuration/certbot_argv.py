"""Reads Certbot's command line before Certbot does: its verb, and the few options that are needed that early.

The plugin needs them while Certbot is still parsing, and `certbot-external-auth begin` before it starts Certbot. Pure
functions.
"""

from __future__ import annotations

import argparse
import contextlib
import re
from collections.abc import Sequence
from typing import NoReturn

SPEAKING_VERBS = ("certonly", "run", "install", "renew", "reconfigure")
"""Verbs whose stdout may carry JSON lines."""
VERB_ALIASES = {"auth": "certonly", "everything": "run"}
OTHER_VERBS = (
    "plugins",
    "register",
    "update_account",
    "show_account",
    "unregister",
    "revoke",
    "rollback",
    "certificates",
    "delete",
    "enhance",
    "update_symlinks",
)
VERBS = frozenset((*SPEAKING_VERBS, *VERB_ALIASES, *OTHER_VERBS))
_AUTHENTICATOR_FLAG = re.compile("--(apache|nginx|standalone|manual|webroot|dns-[a-z0-9]+)")
"""Certbot's flags that choose an authenticator without ``-a``."""


def verb(words: Sequence[str]) -> str:
    """Return Certbot's verb under its own name; empty if the command line has none.

    Certbot takes the first word that is a verb, wherever it stands. If help is asked for, the verb is ``help``.
    """
    if {"-h", "--help"} & set(words) or words[:1] == ["help"]:
        return "help"
    word = next((word for word in words if word in VERBS), "")
    return VERB_ALIASES.get(word, word)


def may_speak(words: Sequence[str]) -> bool:
    """Tell whether stdout of this Certbot may carry JSON lines."""
    if {"--version", "help"} & set(words):
        return False
    return (verb(words) or "run") in SPEAKING_VERBS


def chooses_authenticator(words: Sequence[str]) -> bool:
    """Tell whether the command line names an authenticator."""
    return bool(options(words).plugins) or any(_AUTHENTICATOR_FLAG.fullmatch(word) for word in words)


class Options(argparse.Namespace):
    """The options read here; None or empty where an option was not given.

    Of an option that is given twice, Certbot uses the last value.

    :ivar configurations: files given with ``--config``.
    :ivar domains: values of ``-d`` and ``--ip-address`` as typed: each may hold several names with commas between.
    :ivar plugins: names given with ``-a``, ``-i`` and ``--configurator``.
    """

    config_dir: str | None
    work_dir: str | None
    configurations: list[str]
    cert_name: str | None
    domains: list[str]
    plugins: list[str]
    mode: str | None
    socket: str | None
    ack_timeout: str | None
    noninteractive: bool
    no_random_sleep: bool


def options(words: Sequence[str]) -> Options:
    """Read the options, also shortened ones (``--work /w``), as Certbot's own parser does.

    Options may be missing in the result if Certbot will refuse the command line.
    """
    parsed = Options(configurations=[], domains=[], plugins=[])
    with contextlib.suppress(_RefusedError):
        _parser().parse_known_args(words, parsed)
    return parsed


class _RefusedError(Exception):
    """Certbot will refuse the command line, and say why."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise _RefusedError(message)


def _parser() -> _Parser:
    parser = _Parser(add_help=False)
    parser.add_argument("--config-dir")
    parser.add_argument("--work-dir")
    parser.add_argument("-c", "--config", dest="configurations", action="append")
    parser.add_argument("--cert-name")
    parser.add_argument("-d", "--domains", "--domain", "--ip-address", dest="domains", action="append")
    parser.add_argument("-a", "--authenticator", "-i", "--installer", "--configurator", dest="plugins", action="append")
    parser.add_argument("--external-auth-mode", dest="mode")
    parser.add_argument("--external-auth-socket", dest="socket")
    parser.add_argument("--external-auth-ack-timeout", dest="ack_timeout")
    parser.add_argument(
        "-n", "--non-interactive", "--noninteractive", dest="noninteractive", action="store_true", default=False
    )
    parser.add_argument("--no-random-sleep-on-renew", dest="no_random_sleep", action="store_true", default=False)
    # Without a value; they may stand together with others: -vnd example.org.
    parser.add_argument("-v", "-q", "-t", dest="_", action="store_true")
    return parser
