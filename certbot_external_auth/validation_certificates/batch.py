"""Makes the certificates that TLS servers must present for a batch, and removes them afterwards."""

from __future__ import annotations

import dataclasses
import datetime
import logging
from collections.abc import Sequence

from certbot_external_auth.challenges import TLS_TYPES, Challenge, Served
from certbot_external_auth.errors import Failure, PerformError
from certbot_external_auth.validation_certificates import tls_files

logger = logging.getLogger(__name__)


class ServedCertificates:
    """The validation certificates of one run."""

    def __init__(self, work_dir: str, port: int, by_name: bool) -> None:
        """Store the parameters; `make` writes the files.

        :param work_dir: Certbot's work directory.
        :param port: on which the servers must answer.
        :param by_name: the handler finds the files by the server name, as Dehydrated's hooks do, not by their paths.
        """
        self._by_name = by_name
        self._folder = tls_files.folder(work_dir)
        self._port = port
        self._names: set[str] = set()

    def make(self, challenges: Sequence[Challenge]) -> list[Challenge]:
        """Write the certificates of a batch; return the batch, with `served` in its TLS challenges.

        :raises PerformError: if a file cannot be written, or a server could not tell two challenges apart.
        """
        now = datetime.datetime.now(datetime.timezone.utc)
        return [self._made(challenge, now) if challenge.type in TLS_TYPES else challenge for challenge in challenges]

    def _made(self, challenge: Challenge, now: datetime.datetime) -> Challenge:
        from certbot_external_auth.validation_certificates import build

        name = challenge.place
        if name in self._names:
            # This happens if an order has both an address and its reverse name.
            raise self._failure(challenge, f"the CA asks for {name} for another identifier, too")
        if self._by_name and len(name) > tls_files.MAX_NAME_CHARACTERS:
            raise self._failure(
                challenge,
                "Dehydrated's hooks find the file by the domain name, and a domain name of more than "
                f"{tls_files.MAX_NAME_CHARACTERS} characters does not fit into a file's name; use http-01 or dns-01",
            )
        certificate, key = build.build(challenge, now)
        self._names.add(name)
        try:
            tls_files.write(self._folder, name, certificate, key)
        except OSError as error:
            raise self._failure(challenge, str(error)) from error
        paths = tls_files.paths(self._folder, name)
        served = Served(*paths, cert_pem=certificate.decode("ascii"), port=self._port)
        return dataclasses.replace(challenge, served=served)

    def remove(self) -> None:
        """Remove every file that `make` has begun; log an error for each that cannot be removed."""
        for name in sorted(self._names):
            try:
                tls_files.remove(self._folder, name)
            except OSError as error:
                logger.error(
                    "A validation certificate could not be removed from %s: %s. Remove it by hand.", self._folder, error
                )
        self._names.clear()

    def _failure(self, challenge: Challenge, happened: str) -> PerformError:
        operation = f"writing the {challenge.type} certificate into {self._folder}"
        return PerformError([Failure("The plugin", operation, (challenge.identifier,), happened)])
