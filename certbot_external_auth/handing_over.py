"""A certificate that is to be handed over, as every backend is told of it."""

from __future__ import annotations

import os
from collections.abc import Mapping

from certbot_external_auth import certificate, lines
from certbot_external_auth.errors import DeployError, Failure
from certbot_external_auth.lines import Deployment


def described(
    number: str, cert_path: str, paths: Mapping[str, str | None], lineage: str | None, started: int
) -> Deployment:
    """Read the certificate, and say what is known about it.

    :param number: the deployment's id.
    :param paths: ``key_path`` and the others, as Certbot gives them.
    :param lineage: None for a certificate that belongs to none.
    :param started: when this process began, in seconds since 1970.
    :raises DeployError: if the certificate cannot be read.
    """
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
        timestamp=started,
        cert_timestamp=written,
        not_after=lines.rfc3339(facts.not_after),
        sha256=facts.sha256,
    )
