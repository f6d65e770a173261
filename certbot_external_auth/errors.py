"""Errors as data: each has the facts (who failed, at what, how, and what helps) and can write them as a message.

Certbot decides by the class of an exception. It prints an ``errors.Error`` as it is. It wraps a ``PluginError`` that
``prepare`` raises in a sentence of its own. So wrong use is an ``errors.Error``, and what fails later is a
``PluginError``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from certbot import errors

Problem = Mapping[str, str]
"""A problem document (RFC 7807) reduced to `type` and `detail`: the CA's, or one that the plugin makes for a driver."""

NOT_TRIED = "not tried, because the calls before it took too long"
"""`Failure.happened` of a call for which no time was left."""
NOT_CALLED = (
    "not called, because the plugin does not know what the handler printed when it published: without that output, the "
    "hook could publish again, or remove other records"
)
"""`Failure.happened` of a hook that publishes and withdraws: only this output tells it that it is to withdraw."""


def _printable(words: str) -> str:
    """Return the text of an error so that Certbot can log it."""
    # Each Certbot command loads this module, so what only an error needs is imported here.
    from certbot_external_auth.text import printable

    return printable(words)


class UsageError(errors.Error):
    """The administrator asked for something that cannot be done. Nothing was sent to the CA.

    :param problems: one sentence each, with the flag and what to do.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(_printable("\n".join(self.problems)))


class MissingDependencyError(UsageError):
    """The plugin needs a library that cannot be imported on this host."""

    def __init__(self, library: str, reason: BaseException) -> None:
        self.library = library
        self.reason = reason
        super().__init__(
            [
                f"The external-auth plugin needs the Python library {library}, which cannot be imported here "
                f"({type(reason).__name__}: {reason}); install it into Certbot's environment, for example with "
                f"pip install {library}."
            ]
        )


@dataclass(frozen=True)
class Failure:
    """One failed operation for one or more identifiers, or for a lineage.

    :ivar who: the handler's path, or the driver.
    :ivar operation: what it should do.
    :ivar identifiers: the names for which it failed.
    :ivar happened: how it failed, in words (exit code, signal, time limit, the driver's message).
    :ivar output: the last lines it printed, without control characters.
    :ivar mend: how to fix it, or an empty string.
    :ivar ids: the ids of the challenges for which it failed; if empty, all challenges for `identifiers`. A failed
        cleanup that names no challenge of the call counts for all of them.
    """

    who: str
    operation: str
    identifiers: tuple[str, ...]
    happened: str
    output: tuple[str, ...] = ()
    mend: str = ""
    ids: tuple[str, ...] = ()

    def __str__(self) -> str:
        target = f" for {', '.join(self.identifiers)}" if self.identifiers else ""
        text = f"{self.who} failed at {self.operation}{target}: {self.happened}."
        if self.output:
            text += " Its last lines were:\n" + "\n".join(f"  | {line}" for line in self.output)
        if self.mend:
            text += ("\n" if self.output else " ") + self.mend
        return text


def problem_text(problem: Problem) -> str:
    """Write a problem document on one line."""
    return " :: ".join(filter(None, (problem.get("type", ""), problem.get("detail", ""))))


class PerformError(errors.PluginError):
    """Challenges could not be published, so the CA was not asked.

    :param problems: by challenge id, what a driver answered, or that it did not answer.
    """

    def __init__(self, failures: Sequence[Failure], problems: Mapping[str, Problem] | None = None) -> None:
        self.failures = tuple(failures)
        self.problems = dict(problems or {})
        text = "\n".join([*map(str, self.failures), "The CA was not asked to validate anything."])
        super().__init__(_printable(text))


class NotVisibleError(PerformError):
    """The CA would not see what was published, so it was not asked.

    :param text: lines about what is missing: a sentence, the table, the likely reasons, and advice.
    :param problems: by challenge id.
    """

    def __init__(self, text: Sequence[str], problems: Mapping[str, Problem]) -> None:
        super().__init__((), problems)
        self.text = tuple(text)
        self.args = (_printable("\n".join([*self.text, "The CA was not asked to validate anything."])),)


class RecordMissingError(NotVisibleError):
    """A record of dns-persist-01 is missing or wrong, and nothing here can publish it, so the CA was not asked."""


class GuardError(errors.PluginError):
    """The CA sent a challenge that Certbot did not ask for, or that is not well formed. Nothing outside was touched.

    :param refusals: one sentence for each refused challenge, with a quotation of it.
    """

    SHOWN = 10

    def __init__(self, refusals: Sequence[str]) -> None:
        self.refusals = tuple(refusals)
        more = len(self.refusals) - self.SHOWN
        shown = [*self.refusals[: self.SHOWN], *([f"And {more} more like that."] if more > 0 else [])]
        super().__init__("\n".join([*shown, "Nothing was published and no handler, driver or person was asked."]))


class DeployError(errors.PluginError):
    """A certificate could not be handed over. Certbot has saved it, and it is the live one."""

    def __init__(self, failure: Failure, lineage: str | None) -> None:
        import shlex

        from certbot_external_auth.text import flag_words

        self.failure = failure
        self.lineage = lineage
        super().__init__()
        self.mend_by(shlex.join(["certbot", "install", *flag_words(lineage or "")]))

    def mend_by(self, command: str) -> None:
        """Set the command that hands the certificate over again."""
        again = (
            f"The certificate itself is saved; the next 'certbot renew' tries to deploy it again, or do it now: "
            f"{command}"
            if self.lineage
            else "The certificate itself is untouched."
        )
        self.args = (_printable(f"{self.failure}\n{again}"),)


class DriverError(errors.PluginError):
    """The program at the other end of the JSON lines is gone, silent, or does not speak the protocol."""
