"""Errors as data: each carries the facts (who, asked what, wanted what, got what) and can say them in one sentence.

Certbot decides by class what becomes of an exception: a plain ``errors.Error`` is printed as it is, a
``PluginError`` out of ``prepare`` is wrapped in a sentence of Certbot's own, so wrong use is the former and
everything that happens later is the latter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from certbot import errors

Problem = Mapping[str, str]
"""A problem document (RFC 7807) reduced to `type` and `detail`: the CA's, or what a driver said or did not say."""

NOT_TRIED = "not tried, since the calls before it took too long"
"""What happened to a call that was due after the last moment for one."""
NOT_CALLED = (
    "not called, since it is the handler as well, and what that printed when it published is not known: it could "
    "publish once more"
)
"""The same to a call that would have to tell by that whether it is to publish or to withdraw."""


class UsageError(errors.Error):
    """What the administrator asked for cannot be done; nothing was sent to the CA.

    :param problems: one sentence each, naming the flag and the mend.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class MissingDependencyError(UsageError):
    """A library the plugin needs cannot be imported on this host."""

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
    """One thing that went wrong with one or more identifiers or a lineage.

    :ivar who: the handler's path, or the driver.
    :ivar operation: what it was asked to do.
    :ivar identifiers: for which names.
    :ivar happened: how it failed, in words (exit code, signal, time limit, the driver's message).
    :ivar output: the last lines it printed, already cleaned of control characters.
    :ivar mend: what to do about it, or an empty string.
    :ivar ids: of the challenges concerned; empty means all challenges for `identifiers`.
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

    :param problems: by challenge id, what a driver said or did not say, in the form of a problem document.
    """

    def __init__(self, failures: Sequence[Failure], problems: Mapping[str, Problem] | None = None) -> None:
        self.failures = tuple(failures)
        self.problems = dict(problems or {})
        super().__init__("\n".join([*map(str, self.failures), "The CA was not asked to validate anything."]))


class NotVisibleError(PerformError):
    """What was published cannot be seen as the CA would see it, so the CA was not asked.

    :param text: lines: what is missing, the table, the likely reasons, what helps.
    :param problems: by challenge id.
    """

    def __init__(self, text: Sequence[str], problems: Mapping[str, Problem]) -> None:
        super().__init__((), problems)
        self.text = tuple(text)
        self.args = ("\n".join([*self.text, "The CA was not asked to validate anything."]),)


class GuardError(errors.PluginError):
    """The CA sent something that was not asked for or is not well formed; nothing outside was touched.

    :param refusals: one sentence for each refused challenge, quoting what was sent.
    """

    SHOWN = 10

    def __init__(self, refusals: Sequence[str]) -> None:
        self.refusals = tuple(refusals)
        more = len(self.refusals) - self.SHOWN
        shown = [*self.refusals[: self.SHOWN], *([f"And {more} more like that."] if more > 0 else [])]
        super().__init__("\n".join([*shown, "Nothing was published and no handler, driver or person was asked."]))


class DeployError(errors.PluginError):
    """A certificate could not be handed over; it is saved, and live in Certbot's folder."""

    def __init__(self, failure: Failure, lineage: str | None) -> None:
        self.failure = failure
        self.lineage = lineage
        super().__init__()
        self.mend_by(f"certbot install --cert-name {lineage}")

    def mend_by(self, command: str) -> None:
        """Name the command that hands it over again."""
        again = (
            f"The certificate itself is saved; the next 'certbot renew' tries to deploy it again, or do it now: "
            f"{command}"
            if self.lineage
            else "The certificate itself is untouched."
        )
        self.args = (f"{self.failure}\n{again}",)


class DriverError(errors.PluginError):
    """The program at the other end of the JSON lines is gone, silent, or does not speak the protocol."""
