"""The contracts other packages may implement; both are checked with ``verifyClass`` when loaded.

The words MUST, SHOULD and MAY are those of RFC 2119.
"""

# An interface is no class for a type checker: its methods have no self and no body.
# mypy: ignore-errors
# ruff: noqa: N805

from __future__ import annotations

from zope.interface import Attribute, Interface


class IBackend(Interface):
    """Who publishes challenges and takes certificates.

    A class, called with one `certbot_external_auth.backends.Context`; entry-point group
    ``certbot_external_auth.backends``.
    """

    challenge_types = Attribute("Challenge types it can carry, in order of preference.")
    # MAY have `told_aliases`: true if it makes use of `Challenge.txt_target` and `txt_zone`.
    # MAY have `looks`: true if `perform` itself waits until everything can be seen, so that nobody looks once more.

    def prepare(publishing: bool, deploying: bool) -> None:
        """Find out, before the order is made, whether the work can be done.

        The arguments tell whether challenges will have to be published, and whether a certificate handed over; both
        are false before `unchanged`. MUST raise `errors.UsageError` with one sentence where it cannot be done, and
        MUST NOT touch anything outside.
        """

    def perform(challenges, begin) -> None:
        """Publish the whole batch, or raise `errors.PerformError` naming every identifier that failed.

        MUST call ``begin(challenges)`` before each challenge is touched, and MUST NOT swallow
        ``certbot.errors.SignalExit`` or ``KeyboardInterrupt``.
        """

    def cleanup(challenges) -> list:
        """Withdraw what was begun; the result is a list of `errors.Failure`.

        Takes `certbot_external_auth.backends.Finished` objects. MUST go on past a failure, SHOULD NOT require
        that perform was successful.
        """

    def deploy(deployment) -> None:
        """Hand a certificate over; raises `errors.DeployError` if that did not succeed."""

    def unchanged(deployment) -> None:
        """Tell that a certificate was looked at and is not due. MUST NOT fail a run."""


class IDialect(Interface):
    """How a handler is called: pure functions from what is to be done to calls.

    A class, called without arguments; entry-point group ``certbot_external_auth.dialects``. It MAY have a method
    ``exit(facts, error)``, which gives calls for the end of the process (`error`: what ended it, or empty), and
    attributes: ``folder``, true if a handler may be a folder of hooks, each of which is called; ``told_output``, true
    if `cleanup` makes use of `Finished.output` (None where it is not known), which is noted in the journal then;
    ``output_variable``, the variable that has it, of which the end is told where it is too long; ``told_aliases``, true
    if it makes use of `Challenge.txt_target` and `txt_zone`, which are None otherwise.
    """

    challenge_types = Attribute("Challenge types a handler of this dialect can carry, in order of preference.")

    def perform(challenges, facts) -> list:
        """`dialects.Call` objects that publish the challenges, in order.

        Those that are ``side_by_side`` MAY be made at the same time, unless they publish at the same name.
        """

    def cleanup(finished, facts) -> list:
        """`dialects.Call` objects that withdraw them, in order."""

    def deploy(deployment, facts) -> list:
        """`dialects.Call` objects that hand a certificate over."""

    def unchanged(deployment, facts) -> list:
        """`dialects.Call` objects that tell that a certificate is not due."""

    def supported(call, ended) -> bool:
        """Whether a call that ended without success was of an operation the handler knows at all."""
