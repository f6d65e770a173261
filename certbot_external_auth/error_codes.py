"""What the `error` lines of protocol 1 can say, and which code an exception of Certbot's has."""

from __future__ import annotations

from certbot import errors

from certbot_external_auth import lines
from certbot_external_auth.errors import DeployError, DriverError, GuardError, NotVisibleError, PerformError, UsageError
from certbot_external_auth.lines import Problem

CODES = {
    "usage": "What was asked of Certbot or the plugin cannot be done; the message names the flag and the mend. "
    "Nothing was sent to the CA.",
    "answer.malformed": "A line of the driver is no answer. For challenges the run ends before the CA is asked.",
    "answer.unknown_id": "An answer names an id that was not sent, or another run. For challenges the run ends "
    "before the CA is asked.",
    "answer.refused": "The driver said that it could not do it; its code and message are in the message.",
    "answer.timeout": "A line was not answered before its deadline.",
    "answer.end_of_input": "A line was not answered, and the driver has closed its end.",
    "challenge.not_accepted": "The CA sent a challenge that was not asked for, or is not well formed; nobody was "
    "told to publish anything.",
    "challenge.not_published": "Challenges could not be published, so the CA was not asked.",
    "challenge.not_visible": "What was published could not be seen as the CA would see it before "
    "--external-auth-verify-timeout, so the CA was not asked; see visibility.",
    "challenge.failed": "The CA could not validate a challenge, or did not decide in time; see result.",
    "ca.refused": "The CA refused a request: a name, a rate, the account; its problem document is in problem.",
    "ca.unreachable": "The CA could not be reached, or broke off.",
    "ca.failed": "The CA answered with something Certbot could not use.",
    "deploy.failed": "A certificate is saved but could not be handed over.",
    "socket.busy": "Another program is connected to the socket; one at a time. The line is the only one that comes.",
    "socket.refused": "The socket is another user's. The line is the only one that comes.",
    "recovery.failed": "What an earlier run left behind could not be withdrawn; the message says why, and what to do. "
    "This run goes on.",
    "certbot.locked": "Another Certbot holds the lock of these folders.",
    "certbot.interrupted": "Ctrl-C, or a signal.",
    "certbot.failed": "Certbot ended with any other error; the message is Certbot's.",
}
"""Code to its meaning. Codes are added, never taken away; the schema has the same table."""


def code_of(exception: BaseException) -> str:
    """The code for what ended a run, or the renewal of one certificate."""
    import requests
    from acme import errors as acme_errors
    from acme import messages

    by_class: tuple[tuple[type[BaseException], str], ...] = (
        (UsageError, "usage"),
        (GuardError, "challenge.not_accepted"),
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


def problem_of(exception: BaseException) -> Problem | None:
    """The CA's problem document (RFC 8555 section 6.7), if that is what ended the run."""
    from acme import errors as acme_errors
    from acme import messages

    # An order that became invalid; its exception says nothing else.
    document = exception.error if isinstance(exception, acme_errors.IssuanceError) else exception
    return lines.problem_of(document) if isinstance(document, messages.Error) else None
