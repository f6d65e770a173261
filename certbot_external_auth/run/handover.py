"""Hands certificates over, each once in a process, and remembers which."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from certbot_external_auth.backends import Context
from certbot_external_auth.configuration import kept_options, reissue_flags
from certbot_external_auth.errors import DeployError, DriverError, Failure, UsageError
from certbot_external_auth.lineages import certificate
from certbot_external_auth.lineages.deployment import Deployment, names_to_hand_over
from certbot_external_auth.lineages.handed_over import (
    HandedOver,
    attempts_for,
    has_changed,
    lineage_of,
    live_certificates,
)
from certbot_external_auth.lineages.lineage import Lineage
from certbot_external_auth.protocol import lines
from certbot_external_auth.run.ids import next_id
from certbot_external_auth.run.informer import Informer
from certbot_external_auth.text import rfc3339

logger = logging.getLogger(__name__)

STARTED = int(time.time())
"""When the plugin was loaded, in seconds since 1970."""

Paths = Mapping[str, str | None]
"""``cert_path``, ``key_path``, ``chain_path`` and ``fullchain_path``, as Certbot gives them."""


class Receiver(Protocol):
    """The part of a `Backend` that takes certificates."""

    def deploy(self, deployment: Deployment, /) -> None: ...

    def unchanged(self, deployment: Deployment, /) -> None: ...


class Handover:
    """The certificates of one run.

    :param prepare: checks, before a backend is called, that it can do its work; takes whether a certificate will be
        handed over. Raises UsageError.
    """

    def __init__(
        self, context: Context, backend: Receiver, informer: Informer, prepare: Callable[[bool], None]
    ) -> None:
        self._settings = context.settings
        self._context = context
        self._backend = backend
        self._informer = informer
        self._prepare = prepare
        self._config_dir = context.facts.config_dir
        self._handed_over = HandedOver(context.facts.config_dir, context.facts.work_dir)
        self._attempts = attempts_for(context.facts.config_dir)

    def first_contact(self) -> None:
        """Note which certificates exist before this plugin is the installer for the first time.

        :raises UsageError: if that cannot be noted.
        """
        try:
            self._handed_over.baseline()
        except OSError as error:
            raise UsageError(
                [
                    f"The plugin cannot use its folder in {self._context.facts.work_dir} ({error}). To name another "
                    "one, use --work-dir."
                ]
            ) from error

    # --- the calls of Certbot; each raises DeployError if a certificate could not be handed over ---

    def deploy_files(self, domain: str, paths: Paths) -> None:
        """Hand over a certificate, due or not. Certbot's ``deploy_cert`` asks for this for each name."""
        deployment = self._deployment(paths)
        self._deploy(dataclasses.replace(deployment, domain=domain) if self._settings.historic else deployment)

    def deploy_lineage(self, lineage: str, paths: Paths) -> bool:
        """Hand over a lineage's certificate if that is due, and tell whether it was."""
        return self._deploy_if_due(self._deployment(paths, lineage), lineage)

    def deploy_written(self) -> None:
        """Hand over the certificates that were written since the first contact."""
        for lineage, sha256 in live_certificates(self._config_dir).items():
            if has_changed(self._attempts.before, lineage, sha256) and self._handed_over.deployed(lineage) != sha256:
                self.deploy_lineage(lineage, Lineage(self._config_dir, lineage).paths)

    def look_again(self, lineage: str, paths: Paths) -> None:
        """Hand over a certificate that earlier runs could not hand over, or else report it as unchanged."""
        deployment = self._deployment(paths, lineage)
        if self._deploy_if_due(deployment, lineage):
            return
        if lineage not in self._attempts.before or not has_changed(self._attempts.before, lineage, deployment.sha256):
            self._report_unchanged(deployment, lineage)

    # --- how ---

    def _deploy_if_due(self, deployment: Deployment, lineage: str) -> bool:
        if self._handed_over.deployed(lineage) == deployment.sha256:
            return False
        for name in self._names(deployment):
            self._deploy(dataclasses.replace(deployment, domain=name))
        return True

    def _deploy(self, deployment: Deployment) -> None:
        if not self._attempts.once(deployment):
            return
        self._prepare(True)
        if deployment.lineage is not None:
            self._handed_over.begin(deployment.lineage)
            self._attempts.failed.add(deployment.lineage)
        self._informer.mirror(lines.certificate("deploy_cert", deployment))
        with _naming_the_command(self._context):
            self._backend.deploy(deployment)
        self._attempts.succeeded(deployment)
        if deployment.lineage is not None:
            self._record(deployment, deployment.lineage)

    def _record(self, deployment: Deployment, lineage: str) -> None:
        """Note a success, once the certificate was handed over for all its names."""
        if not self._attempts.all_succeeded(deployment, self._names(deployment)):
            return
        self._attempts.failed.discard(lineage)
        if self._handed_over.deployed(lineage) != deployment.sha256 and self._counts(lineage):
            self._handed_over.record(lineage, deployment.sha256)

    def _counts(self, lineage: str) -> bool:
        """Tell whether this counts as handed over.

        Telling a person does not replace what the lineage's own handler or program would have done.
        """
        told_only = self._settings.mode == "manual" and not self._settings.deploy_handler
        if not told_only or kept_options.by_hand_only(self._config_dir, lineage):
            return True
        logger.warning(
            "The certificate %s still counts as not deployed: its renewal file has another mode than manual, but now "
            "only a person was told. The next 'certbot renew' deploys it in that mode.",
            lineage,
        )
        return False

    def _report_unchanged(self, deployment: Deployment, lineage: str) -> None:
        try:
            self._prepare(False)
            for name in self._names(deployment):
                self._backend.unchanged(dataclasses.replace(deployment, domain=name))
        except (UsageError, DriverError) as error:
            logger.warning("The plugin could not report that %s is unchanged: %s", lineage, error)

    def _names(self, deployment: Deployment) -> tuple[str, ...]:
        return names_to_hand_over(deployment, self._settings.historic)

    def _deployment(self, paths: Paths, lineage: str | None = None) -> Deployment:
        owner = lineage or lineage_of(str(paths["cert_path"]), self._config_dir)
        with _naming_the_command(self._context):
            return described(next_id("d"), paths, owner)


@contextlib.contextmanager
def _naming_the_command(context: Context) -> Iterator[None]:
    """Give a failure the complete command that hands the certificate over again."""
    try:
        yield
    except DeployError as error:
        if error.lineage is not None:
            error.mend_by(reissue_flags.install_command(error.lineage, context.install))
        raise


def described(number: str, paths: Paths, lineage: str | None) -> Deployment:
    """Read a certificate, and return what is known about it.

    :param number: the deployment's id.
    :param lineage: None for a certificate that belongs to none.
    :raises DeployError: if the certificate cannot be read.
    """
    cert_path = str(paths["cert_path"])
    try:
        facts = certificate.read(cert_path)
        written = os.path.getmtime(cert_path)
    except (OSError, ValueError) as error:
        raise DeployError(Failure("The plugin", f"reading {cert_path}", (), str(error)), lineage) from error
    return Deployment(
        id=number,
        lineage=lineage,
        domain=facts.names[0] if facts.names else lineage or "",
        domains=facts.names,
        cert_path=cert_path,
        key_path=str(paths["key_path"]),
        chain_path=paths.get("chain_path"),
        fullchain_path=paths.get("fullchain_path"),
        timestamp=STARTED,
        cert_timestamp=written,
        not_after=rfc3339(facts.not_after),
        sha256=facts.sha256,
    )
