"""What TLS servers must present for a batch: made, on disk while it is needed, and gone afterwards."""

from __future__ import annotations

import dataclasses
import datetime
import logging
from collections.abc import Sequence

from certbot_external_auth import tls_files
from certbot_external_auth.challenges import TLS_TYPES, Challenge, Served
from certbot_external_auth.errors import Failure, PerformError

logger = logging.getLogger(__name__)


class ServedCertificates:
    """Of one run.

    :param work_dir: Certbot's. :param port: where the servers must answer.
    :param by_name: the files are found by the server name, as Dehydrated's hooks do it, and not by their paths.
    """

    def __init__(self, work_dir: str, port: int, by_name: bool) -> None:
        self._by_name = by_name
        self._folder = tls_files.folder(work_dir)
        self._port = port
        self._names: set[str] = set()

    def make(self, challenges: Sequence[Challenge]) -> list[Challenge]:
        """The batch, its TLS challenges with `served`.

        :raises PerformError: if a file cannot be written, or two challenges cannot be told apart by a server.
        """
        if not any(challenge.type in TLS_TYPES for challenge in challenges):
            return list(challenges)
        now = datetime.datetime.now(datetime.timezone.utc)
        return [self._made(challenge, now) for challenge in challenges]

    def _made(self, challenge: Challenge, now: datetime.datetime) -> Challenge:
        from certbot_external_auth import validation_certificate

        name = challenge.server_name
        if name is None:
            return challenge
        if name in self._names:
            # An address and its own reverse name in one order.
            raise self._failure(challenge, f"the CA asks for {name} because of another identifier too")
        if self._by_name and len(name) > tls_files.LONGEST:
            raise self._failure(
                challenge,
                f"hooks of Dehydrated's find it by the name, and of more than {tls_files.LONGEST} characters no file "
                "can have it (use http-01 or dns-01)",
            )
        certificate, key = validation_certificate.build(challenge, now)
        self._names.add(name)
        try:
            tls_files.write(self._folder, name, certificate, key)
        except OSError as error:
            raise self._failure(challenge, str(error)) from error
        paths = tls_files.paths(self._folder, name)
        served = Served(*paths, cert_pem=certificate.decode("ascii"), port=self._port)
        return dataclasses.replace(challenge, served=served)

    def remove(self) -> None:
        """Remove every file that was begun; what cannot be removed is reported."""
        for name in sorted(self._names):
            try:
                tls_files.remove(self._folder, name)
            except OSError as error:
                logger.error("A validation certificate is left in %s: %s", self._folder, error)
        self._names.clear()

    def _failure(self, challenge: Challenge, happened: str) -> PerformError:
        operation = f"writing the {challenge.type} certificate into {self._folder}"
        return PerformError([Failure("The plugin", operation, (challenge.identifier,), happened)])
