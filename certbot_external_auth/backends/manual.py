"""Backend `manual`: a person at a terminal, told exactly what to do."""

from __future__ import annotations

import errno
import logging
import shlex
import shutil
import socket
import sys
import textwrap
from collections.abc import Callable, Iterable, Sequence

from zope.interface import implementer

from certbot_external_auth.backends import Context, Finished
from certbot_external_auth.challenges import TYPES, Challenge, Served, dns01, http01
from certbot_external_auth.errors import Failure, PerformError, UsageError
from certbot_external_auth.interfaces import IBackend
from certbot_external_auth.lines import Deployment

logger = logging.getLogger(__name__)

OTHERS = (
    "use a script with --external-auth-mode handler --external-auth-handler PATH, or let a program drive it with "
    "--external-auth-mode json."
)


def instructions(challenges: Sequence[Challenge], width: int, port_in_use: bool = False) -> str:
    """The whole batch on one screen.

    Values, records and commands stand on lines of their own and are never broken, so they can be pasted; only
    sentences are wrapped.

    :param width: columns of the terminal.
    :param port_in_use: somebody listens here already where TLS challenges must be answered.
    """
    parts = []
    txt: dict[str, list[str]] = {}
    for challenge in challenges:
        if challenge.type == dns01.TYPE and challenge.txt_domain:
            txt.setdefault(challenge.txt_domain, []).append(challenge.validation)
    if txt:
        parts.append(_records(txt, width))
    files = [challenge for challenge in challenges if challenge.type == http01.TYPE]
    if files:
        parts.append(_files(files, width))
    certificates = [challenge for challenge in challenges if challenge.served is not None]
    if certificates:
        parts.append(_certificates(certificates, width, port_in_use))
    return "\n\n".join(parts)


def _wrapped(sentence: str, width: int) -> str:
    return textwrap.fill(sentence, max(30, min(width, 100)), break_long_words=False, break_on_hyphens=False)


def _records(txt: dict[str, list[str]], width: int) -> str:
    count = sum(map(len, txt.values()))
    out = [_wrapped(f"Create {'this TXT record' if count == 1 else f'these {count} TXT records'}:", width), ""]
    for name, values in txt.items():
        out += [name, *(f"  {value}" for value in values)]
    if any(len(values) > 1 for values in txt.values()):
        out += ["", _wrapped("Values below the same name stand side by side: add each, replace none.", width)]
    out += ["", "As lines of a zone file:", ""]
    out += [f'{name}. 60 IN TXT "{value}"' for name, values in txt.items() for value in values]
    out += ["", "Or with nsupdate:", "", "nsupdate <<'END'"]
    out += [f'update add {name}. 60 IN TXT "{value}"' for name, values in txt.items() for value in values]
    return "\n".join([*out, "send", "END"])


def _files(challenges: Iterable[Challenge], width: int) -> str:
    out = [_wrapped("Let the web server of each name answer with exactly this content:", width)]
    for challenge in challenges:
        out += [
            "",
            f"{challenge.uri}",
            f"  {challenge.key_authorization}",
            "",
            http01.command(challenge.token, challenge.key_authorization),
        ]
    return "\n".join(out)


def _certificates(challenges: Sequence[Challenge], width: int, port_in_use: bool) -> str:
    out = [
        _wrapped(
            "Let the TLS server of each name present exactly this certificate to a client that sends this server name "
            "(SNI) and offers only this protocol (ALPN), and choose that protocol:",
            width,
        )
    ]
    for challenge in challenges:
        served = challenge.served
        assert served is not None
        out += [
            "",
            challenge.identifier,
            f"  type         {challenge.type}",
            f"  server name  {challenge.server_name}",
            f"  ALPN         {challenge.alpn or '(none)'}",
            f"  port         {served.port}",
            f"  certificate  {served.cert_path}",
            f"  key          {served.key_path}",
            "",
            _wrapped("For one name on a machine without a TLS server, in another terminal:", width),
            "",
            s_server(challenge, served),
        ]
    if port_in_use:
        port = challenges[0].served.port if challenges[0].served else 443
        sentence = (
            f"Port {port} of this machine is in use: stop what listens there before you start openssl, or let that "
            "server present the certificate."
        )
        out += ["", _wrapped(sentence, width)]
    if len(challenges) > 1:
        out += ["", _wrapped("For several names on one machine use the server of examples/standalone-tls.", width)]
    return "\n".join(out)


def s_server(challenge: Challenge, served: Served) -> str:
    """A command that answers the challenge, ended by Ctrl-C; ``-www`` keeps openssl from reading the terminal."""
    words = ["openssl", "s_server", "-quiet", "-www", "-accept", str(served.port)]
    words += ["-cert", served.cert_path, "-key", served.key_path]
    words += ["-alpn", challenge.alpn] if challenge.alpn else []
    return shlex.join(words)


def removals(challenges: Sequence[Challenge]) -> str:
    """What may go again."""
    return "\n".join(
        f'  {one.txt_domain}. TXT "{one.validation}"'
        if one.type == dns01.TYPE
        else f"  the certificate for {one.server_name}, port {one.served.port}"
        if one.served is not None
        else f"  {one.uri}"
        for one in challenges
    )


def _in_use(port: int) -> bool:
    """Whether somebody listens on a port here; a port this user may not open does not count."""
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("", port))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False


@implementer(IBackend)
class ManualBackend:
    """See `IBackend`."""

    challenge_types = TYPES
    told_aliases = True

    def __init__(self, context: Context) -> None:
        self._context = context

    def prepare(self, publishing: bool, deploying: bool) -> None:
        if not publishing:
            return
        if self._context.unattended:
            raise UsageError(
                [f"The mode is manual, which needs a person, but Certbot runs without one (-n, or renew): {OTHERS}"]
            )
        if sys.stdin is None or not sys.stdin.isatty():
            raise UsageError([f"The mode is manual, which needs a terminal, but stdin is none: {OTHERS}"])

    def perform(self, challenges: Sequence[Challenge], begin: Callable[[Sequence[Challenge]], None]) -> None:
        begin(challenges)
        width = shutil.get_terminal_size((80, 24)).columns
        in_use = any(_in_use(one.served.port) for one in challenges if one.served is not None)
        self._say(f"\n{instructions(challenges, width, in_use)}\n")
        self._say(_wrapped("Press Enter when all of it can be seen from outside, Ctrl-C to give up.", width))
        if not sys.stdin.readline():
            raise PerformError(
                [
                    Failure(
                        who="The terminal",
                        operation="perform",
                        identifiers=tuple(dict.fromkeys(one.identifier for one in challenges)),
                        happened="input ended before Enter was pressed",
                    )
                ]
            )

    def cleanup(self, finished: Sequence[Finished]) -> list[Failure]:
        if finished:
            self._say(f"\nYou can remove again:\n{removals([one.challenge for one in finished])}\n")
        return []

    def deploy(self, deployment: Deployment) -> None:
        logger.warning(
            "Certificate for %s: %s, key: %s. Restart what uses them.",
            ", ".join(deployment.domains),
            deployment.fullchain_path or deployment.cert_path,
            deployment.key_path,
        )

    def unchanged(self, deployment: Deployment) -> None:
        """Nobody needs to be told."""

    @staticmethod
    def _say(text: str) -> None:
        # Certbot's own display is silent with -q; a person who is asked for something must see it.
        out = sys.stdout if sys.stdout is not None and sys.stdout.isatty() else sys.stderr
        print(text, file=out, flush=True)
