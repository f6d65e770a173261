"""Backend `manual`: a person at a terminal, told exactly what to do."""

from __future__ import annotations

import logging
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable, Sequence

from zope.interface import implementer

from certbot_external_auth.backends import Context, Finished
from certbot_external_auth.challenges import TYPES, Challenge, dns01, http01
from certbot_external_auth.errors import Failure, PerformError, UsageError
from certbot_external_auth.interfaces import IBackend
from certbot_external_auth.lines import Deployment

logger = logging.getLogger(__name__)

OTHERS = (
    "use a script with --external-auth-mode handler --external-auth-handler PATH, or let a program drive it with "
    "--external-auth-mode json."
)


def instructions(challenges: Sequence[Challenge], width: int) -> str:
    """The whole batch on one screen.

    Values, records and commands stand on lines of their own and are never broken, so they can be pasted; only
    sentences are wrapped.

    :param width: columns of the terminal.
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


def removals(challenges: Sequence[Challenge]) -> str:
    """What may go again."""
    return "\n".join(
        f'  {one.txt_domain}. TXT "{one.validation}"' if one.type == dns01.TYPE else f"  {one.uri}"
        for one in challenges
    )


@implementer(IBackend)
class ManualBackend:
    """See `IBackend`."""

    challenge_types = TYPES

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
        self._say(f"\n{instructions(challenges, width)}\n")
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
