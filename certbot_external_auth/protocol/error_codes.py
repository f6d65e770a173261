"""The codes of `error` lines, and the code, message and problem document of an exception."""

from __future__ import annotations

from certbot import errors

from certbot_external_auth.errors import (
    DeployError,
    DriverError,
    GuardError,
    NotVisibleError,
    PerformError,
    Problem,
    RecordMissingError,
    UsageError,
    problem_text,
)
from certbot_external_auth.protocol import lines

CODES = {
    "usage": "The command line asks for something impossible. The message names the flag and the fix. "
    "Nothing was sent to the CA.",
    "answer.malformed": "A line of the driver is not an answer. If a challenge was open, the run fails before the CA "
    "is asked.",
    "answer.unknown_id": "An answer names an unknown id or another run. If a challenge was open, the run fails before "
    "the CA is asked.",
    "answer.refused": "The driver answered that it could not do something. Its code and message are in the message.",
    "answer.timeout": "The driver did not answer a line before its deadline.",
    "answer.end_of_input": "The driver closed its output without answering a line.",
    "challenge.not_accepted": "The CA sent a challenge that was not requested or is malformed. Nothing was published.",
    "challenge.not_published": "Challenges could not be published, so the CA was not asked to validate.",
    "challenge.not_visible": "The plugin could not verify what was published within --external-auth-verify-timeout, "
    "so the CA was not asked to validate. The lines visibility have the results.",
    "challenge.record_missing": "A record of dns-persist-01 is missing or wrong, and this mode or dialect cannot "
    "publish it. The message has the record.",
    "challenge.failed": "The CA could not validate a challenge, or did not decide in time. The lines result have the "
    "verdicts.",
    "ca.refused": "The CA refused a request, for example because of a name, a rate limit or the account. Its "
    "problem document is in problem.",
    "ca.unreachable": "Certbot could not reach the CA, or lost the connection.",
    "ca.failed": "Certbot could not use the CA's response.",
    "deploy.failed": "A certificate was saved but could not be deployed.",
    "socket.busy": "Another program is connected to the socket. This is the only line on the new connection.",
    "socket.refused": "The socket belongs to another user. This is the only line on the connection.",
    "recovery.failed": "The plugin could not remove what an earlier run left behind. The message says why and what "
    "to do. This run goes on.",
    "certbot.locked": "Another Certbot process holds the lock of these folders.",
    "certbot.interrupted": "Ctrl-C or a signal ended the run.",
    "certbot.failed": "Certbot failed with any other error. The message is Certbot's.",
}
"""Code to its meaning. Codes are added, never removed. The schema has the same table."""


def code_of(exception: BaseException) -> str:
    """Return the code for an exception that ended a run, or the renewal of one certificate."""
    import requests
    from acme import errors as acme_errors
    from acme import messages

    exception = _meant(exception)
    by_class: tuple[tuple[type[BaseException], str], ...] = (
        (UsageError, "usage"),
        (GuardError, "challenge.not_accepted"),
        (RecordMissingError, "challenge.record_missing"),
        (NotVisibleError, "challenge.not_visible"),
        (PerformError, "challenge.not_published"),
        (DriverError, "challenge.not_published"),
        (DeployError, "deploy.failed"),
        (errors.AuthorizationError, "challenge.failed"),
        (errors.LockError, "certbot.locked"),
        (errors.SignalExit, "certbot.interrupted"),
        (KeyboardInterrupt, "certbot.interrupted"),
        (messages.Error, "ca.refused"),
        (acme_errors.IssuanceError, "ca.refused"),
        (acme_errors.Error, "ca.failed"),
        (requests.exceptions.RequestException, "ca.unreachable"),
    )
    return next((code for kind, code in by_class if isinstance(exception, kind)), "certbot.failed")


def _meant(exception: BaseException) -> BaseException:
    """Return the error of the CA if Python raised another one in its place.

    The CA's error takes no attribute with an old josepy, and Python 3.11 sets one when the error leaves Certbot.
    """
    from acme import messages

    before = exception.__context__
    return before if isinstance(exception, AttributeError) and isinstance(before, messages.Error) else exception


def message_of(exception: BaseException) -> str:
    """Return a sentence about an exception, also about one that has no text of its own."""
    exception = _meant(exception)
    if str(exception):
        return str(exception)
    if isinstance(exception, KeyboardInterrupt):
        return "Ctrl-C stopped Certbot."
    if isinstance(exception, errors.SignalExit):
        return "A signal stopped Certbot."
    problem = problem_of(exception)
    return problem_text(problem) if problem else type(exception).__name__


def problem_of(exception: BaseException) -> Problem | None:
    """Return the CA's problem document (RFC 8555 section 6.7), or what it would not see, if that ended the run."""
    from acme import errors as acme_errors
    from acme import messages

    exception = _meant(exception)
    if isinstance(exception, NotVisibleError):
        return next(iter(exception.problems.values()), None)
    # Of an order that became invalid, the exception has only the document.
    document = exception.error if isinstance(exception, acme_errors.IssuanceError) else exception
    return lines.problem_of(document) if isinstance(document, messages.Error) else None
