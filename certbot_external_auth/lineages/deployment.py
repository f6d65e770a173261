"""A certificate as data, for everybody who hands it over: dialects, backends, and the JSON lines. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Deployment:
    """One certificate to hand over, or to report as unchanged.

    :ivar lineage: Certbot's name for it, None for files given by path.
    :ivar domain: the name for which it is handed over: its first one, or in the historic form each of them in turn.
    :ivar timestamp: when the plugin started, Unix seconds.
    :ivar cert_timestamp: when the certificate file was written, Unix seconds.
    :ivar not_after: RFC 3339, UTC.
    :ivar sha256: fingerprint, lower-case hex.
    """

    id: str
    lineage: str | None
    domain: str
    domains: tuple[str, ...]
    cert_path: str
    key_path: str
    chain_path: str | None
    fullchain_path: str | None
    timestamp: int
    cert_timestamp: float
    not_after: str
    sha256: str


def names_to_hand_over(deployment: Deployment, historic: bool) -> tuple[str, ...]:
    """Return the names for which a certificate is handed over.

    :param historic: once for each of its names, as the plugin of 2016-2020 did; otherwise once.
    """
    return deployment.domains if historic else (deployment.domain,)
