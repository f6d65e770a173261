"""Decides what to do when Certbot calls: which work belongs to which of its verbs and methods.

Certbot makes one plugin object for each lineage that it renews, and that object has one `Host`. The `Run` that does the
work can be assembled only when Certbot's configuration is complete, and again if a lineage brings other options.
"""

from __future__ import annotations

import atexit
import functools
import gc
import logging
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from certbot import errors

from certbot_external_auth.configuration import assembly, certbot_argv, early_stream, kept_options
from certbot_external_auth.configuration.certbot_config import CertbotConfig
from certbot_external_auth.console import certbot_folders, terminal_lines
from certbot_external_auth.errors import UsageError
from certbot_external_auth.lineages import handed_over
from certbot_external_auth.signals import deferral
from certbot_external_auth.text import say_once

logger = logging.getLogger(__name__)

_OF_ACCOUNT = ("dns-account-01", "dns-persist-01")
"""Challenge types whose records depend on the account."""
ISSUING_VERBS = ("certonly", "run")
"""After these, something else must renew. ``renew`` is what a schedule starts."""

NOT_INSTALLER = (
    "--external-auth-deploy-handler will not be called, because external-auth is not the installer. To make it the "
    "installer, add -i external-auth."
)

if TYPE_CHECKING:
    from certbot_external_auth.challenges import Challenge
    from certbot_external_auth.run.handover import Paths
    from certbot_external_auth.run.run import Run


class Host:
    """The work of one plugin object.

    :param configuration: Certbot's configuration. Certbot changes it after it has made the plugin.
    """

    def __init__(self, configuration: CertbotConfig) -> None:
        self._configuration = configuration
        self._certbot = configuration.config
        self._built: Run | None = None
        self._lineage: str | None = None

    @property
    def run(self) -> Run:
        """The run, assembled at the first use: Certbot may call `prepare` too early, or not at all."""
        deferral.ready()
        if self._built is None:
            terminal_lines.prepare_logs()
            skip_last_collection()
            # Checked here and not at an import of ours, so that `prepare` can report a missing library.
            assembly.require("zope.interface", "zope.interface")
            from certbot_external_auth.run.run import Run

            self._built = Run(*assembly.context_of_run(self._configuration, self._lineage))
        return self._built

    def prepare(self) -> None:
        """Check everything that can be checked before Certbot makes an order, and withdraw what earlier runs left.

        :raises UsageError: with one sentence for each mistake.
        :raises errors.MisconfigurationError: instead, if Certbot lists its plugins.
        """
        certbot = self._certbot
        name = self._configuration.name
        publishing = name in (certbot.authenticator, certbot.configurator)
        deploying = name in (certbot.installer, certbot.configurator)
        try:
            if certbot.verb == "install" and certbot.certname:
                self._restore(certbot.certname)
            self._watch(attempted=publishing)
            self.run.prepare(publishing=publishing, deploying=deploying)
            if certbot.verb in certbot_argv.SPEAKING_VERBS:
                self.run.recover(publishing=publishing)
            if deploying and not certbot.dry_run:
                self.run.handover.first_contact()
            if publishing and certbot.verb in ISSUING_VERBS:
                self._warn_of_another_certbot()
                self._warn_of_a_command_that_is_not_called(deploying)
        except UsageError as error:
            early_stream.report_wrong_use(str(error), self._lines_by_default, self._configuration.historic)
            if certbot.verb == "plugins":
                # "certbot plugins" skips a plugin that raises this class; any other error aborts the listing.
                raise errors.MisconfigurationError(str(error)) from error
            raise

    def _warn_of_another_certbot(self) -> None:
        """Warn if a Certbot without the plugin renews on this host; a schedule renews in the usual directory."""
        usual = certbot_folders.DEFAULTS["config-dir"]
        if os.path.realpath(self._certbot.config_dir) != os.path.realpath(usual):
            return
        # Imported here: neither a renewal nor a trial needs it.
        from certbot_external_auth.run import other_certbot

        if (sentence := other_certbot.warning(self._certbot.config_dir)) is not None:
            say_once(logger, sentence)

    def _warn_of_a_command_that_is_not_called(self, deploying: bool) -> None:
        """Warn if a command is named for certificates, and Certbot will give the plugin none."""
        configuration = self._configuration
        if not deploying and not configuration.historic and configuration.value("deploy-handler") is not None:
            say_once(logger, NOT_INSTALLER)

    @property
    def _lines_by_default(self) -> bool:
        """Whether a driver of 2016 reads lines, although no option has opened the stream."""
        configuration = self._configuration
        return configuration.historic and not configuration.value("text-mode") and not self._certbot.quiet

    def publish(self, challenges: Sequence[Challenge]) -> None:
        """Publish a batch; see `Publication.perform`."""
        with deferral.SignalKeeper():
            self.run.publication.perform(self._with_account(challenges))

    def _with_account(self, challenges: Sequence[Challenge]) -> Sequence[Challenge]:
        """Return the batch with what the account says about the names of records."""
        if not any(one.type in _OF_ACCOUNT for one in challenges):
            return challenges
        from certbot_external_auth.run import own_account

        return own_account.completed(challenges, self._certbot, assembly.names_asked_for(self._certbot))

    def withdraw(self) -> None:
        """Withdraw what was begun. If a signal is what ends the run, end this process by it afterwards."""
        exception = sys.exc_info()[1]
        kept = deferral.SignalKeeper()
        try:
            with kept:
                self.run.publication.cleanup(exception)
        finally:
            number = deferral.signal_behind(exception) or next(
                (number for number in kept.came if number in deferral.ENDING), None
            )
            if number is not None:
                # Certbot raises the signal again. After it has handed a certificate over, though, nothing catches it,
                # and a renewal would go on with the next certificate.
                self.run.end_of_process(deferral.exit_by(number))
                deferral.end_process(number)

    def deploy(self, domain: str, paths: Paths) -> None:
        """Hand over the certificate of a new lineage, or one that Certbot installs again."""
        self._restore(handed_over.lineage_of(str(paths["cert_path"]), self._certbot.config_dir))
        self._watch()
        if not self._certbot.dry_run:
            # If no flag names the installer, Certbot chooses this plugin only after it has called `prepare`.
            self.run.handover.first_contact()
        with deferral.SignalKeeper():
            self.run.handover.deploy_files(domain, paths)

    def restart(self) -> None:
        """Hand over what `certonly` wrote, because Certbot calls `deploy` only for other verbs. Tell a driver."""
        if self._certbot.verb == "certonly" and not self._certbot.dry_run:
            self.run.handover.deploy_written()
        self.run.restarted()

    def renewed(self, lineage: str, paths: Paths) -> None:
        """Hand over a renewed certificate."""
        self._lineage = lineage
        self._watch()
        self.run.handover.deploy_lineage(lineage, paths)

    def not_due(self, lineage: str, paths: Paths) -> None:
        """Hand over a certificate that earlier renewals could not. Certbot calls this without `prepare`."""
        self._lineage = lineage
        self._watch()
        self.run.handover.first_contact()
        self.run.recover(publishing=False)
        self.run.handover.look_again(lineage, paths)

    def _watch(self, attempted: bool = False) -> None:
        """Let the notifier and the figures learn how this ends for the certificate.

        :param attempted: Certbot may issue or renew it now.
        :raises UsageError: if the notifier or the file was named now, and cannot be used.
        """
        configuration = self._configuration
        if configuration.historic:
            return
        # Imported here: most runs have neither. A renewal file with the word True is refused later, and names nothing.
        if configuration.value("notify") is not None and "notify" not in configuration.evaluated():
            from certbot_external_auth.run import watched

            watched.watch(configuration, self._lineage)
        if configuration.value("metrics") is not None and "metrics" not in configuration.evaluated():
            from certbot_external_auth.run import recorded

            recorded.record(configuration, self._lineage, attempted)

    def _restore(self, lineage: str | None) -> None:
        """Read the options that a lineage keeps, for the verbs at which Certbot does not read them.

        Certbot may know the lineage only after `prepare`.
        """
        if self._certbot.verb not in ("install", "run") or lineage is None or self._lineage == lineage:
            return
        self._lineage = lineage
        changed = kept_options.restore(self._configuration, lineage)
        if "protocol" in self._configuration.restored:
            early_stream.note_protocol(self._configuration.value("protocol"))
        if changed:
            self._built = None


@functools.cache
def skip_last_collection() -> None:
    """Skip garbage collection when the process exits, and leave it alone until then.

    Python would search all of Certbot's objects for memory that the system takes back anyway. That is a fifth of the
    processor time of `certbot install`.
    """
    atexit.register(gc.freeze)
