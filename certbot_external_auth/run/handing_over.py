"""A certificate that is to be handed over, as every backend is told of it."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator, Mapping, Sequence

from certbot_external_auth.configuration import kept_options, reissue_flags
from certbot_external_auth.errors import DeployError, Failure
from certbot_external_auth.lineages import certificate
from certbot_external_auth.lineages.deployment import Deployment
from certbot_external_auth.text import rfc3339

logger = logging.getLogger(__name__)


@contextlib.contextmanager
def mended_by(flags: Sequence[str]) -> Iterator[None]:
    """Let a failure name the whole command by which it is done again.

    :param flags: see `repeat.install_flags`.
    """
    try:
        yield
    except DeployError as error:
        if error.lineage is not None:
            error.mend_by(reissue_flags.install_command(error.lineage, flags))
        raise


def counts(mode: str, config_dir: str, lineage: str) -> bool:
    """Whether a certificate that was handed over in a mode counts as deployed.

    What a person was told does not stand for what the lineage's own handler or program would have done.
    """
    if mode != "manual" or kept_options.by_hand_only(config_dir, lineage):
        return True
    logger.warning(
        "The certificate %s still counts as not deployed: its renewal file names another mode than manual, and what "
        "that mode does was not done. The next 'certbot renew' does it.",
        lineage,
    )
    return False


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
        not_after=rfc3339(facts.not_after),
        sha256=facts.sha256,
    )
