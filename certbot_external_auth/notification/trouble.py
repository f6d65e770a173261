"""What a notifier is told about a certificate. Pure functions."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any

from certbot_external_auth.errors import DeployError
from certbot_external_auth.protocol import error_codes
from certbot_external_auth.text import of_server, one_line

MAX_SUMMARY_CHARACTERS = 300
TEST = "test"
"""The code where nothing has failed, and only the notifier is tried."""


class Stage(enum.Enum):
    """What could not be done. The values stand in the document."""

    ISSUE = "issue"
    RENEW = "renew"
    DEPLOY = "deploy"
    """The certificate is saved, and was not handed over."""


@dataclass(frozen=True)
class Trouble:
    """A certificate that needs attention.

    :ivar names: of the certificate; empty if they are not known.
    :ivar code: one of `error_codes.CODES`, or `TEST`.
    """

    lineage: str
    names: tuple[str, ...]
    stage: Stage
    code: str
    message: str


def of(lineage: str, names: tuple[str, ...], verb: str, exception: BaseException) -> Trouble:
    """Make a trouble of the exception that ended Certbot, or the renewal of one certificate."""
    message = of_server(error_codes.message_of(exception))
    return Trouble(lineage, names, stage_of(verb, exception), error_codes.code_of(exception), message)


def example(lineage: str, names: tuple[str, ...]) -> Trouble:
    """Make a trouble that only tries the notifier, and says so in every field that a person may read."""
    message = f"This is a test of the notifier. Nothing is wrong with the certificate {lineage}."
    return Trouble(lineage, names, Stage.RENEW, TEST, message)


def stage_of(verb: str, exception: BaseException) -> Stage:
    """Return what could not be done.

    :param verb: Certbot's.
    """
    if verb == "install" or isinstance(exception, DeployError):
        return Stage.DEPLOY
    return Stage.RENEW if verb == "renew" else Stage.ISSUE


def document(trouble: Trouble) -> dict[str, Any]:
    """Return the document that a notifier reads from its standard input."""
    return {
        "kind": "failure",
        "lineage": trouble.lineage,
        "names": list(trouble.names),
        "stage": trouble.stage.value,
        "code": trouble.code,
        "message": trouble.message,
    }


_SENTENCES = {
    Stage.ISSUE: "The certificate {} was not issued: {}",
    Stage.RENEW: "The certificate {} was not renewed: {}",
    Stage.DEPLOY: "The certificate {} is saved, but was not handed over: {}",
}


def summary(trouble: Trouble) -> str:
    """Return one sentence for a subject line."""
    first = trouble.message.strip().partition("\n")[0]
    sentence = first if trouble.code == TEST else _SENTENCES[trouble.stage].format(trouble.lineage, first)
    return one_line(sentence, MAX_SUMMARY_CHARACTERS)
