"""The paths of the files that Certbot keeps for a certificate."""

from __future__ import annotations

import os
from dataclasses import dataclass

LIVE = "live"
"""Folder in Certbot's configuration directory. It has one folder for each lineage."""


def live_folder(config_dir: str) -> str:
    """Return the folder with the live certificates of all lineages."""
    return os.path.join(config_dir, LIVE)


@dataclass(frozen=True)
class Lineage:
    """The live files of one lineage. Whether they exist is not checked.

    :ivar name: Certbot's name for the certificate (``--cert-name``).
    """

    config_dir: str
    name: str

    @property
    def cert_path(self) -> str:
        return self._file("cert")

    @property
    def key_path(self) -> str:
        return self._file("privkey")

    @property
    def chain_path(self) -> str:
        return self._file("chain")

    @property
    def fullchain_path(self) -> str:
        return self._file("fullchain")

    @property
    def paths(self) -> dict[str, str]:
        """All four paths, under the names that Certbot gives to the arguments of ``deploy_cert``."""
        return {
            "cert_path": self.cert_path,
            "key_path": self.key_path,
            "chain_path": self.chain_path,
            "fullchain_path": self.fullchain_path,
        }

    def _file(self, kind: str) -> str:
        return os.path.join(live_folder(self.config_dir), self.name, f"{kind}.pem")
