"""The live certificates of a configuration directory. A process reads each certificate once.

Certbot makes a new plugin object for each lineage that it renews. If each object read all certificates, two thousand
lineages would cost four million reads.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass

from certbot_external_auth.files import file_signature
from certbot_external_auth.lineages import certificate
from certbot_external_auth.lineages.lineage import Lineage, live_folder


@dataclass
class _Read:
    """A certificate as it was read.

    :ivar signature: the signature of its file, taken before the read.
    :ivar sha256: None if the file is there but cannot be read.
    :ivar names: in lower case. None until they are needed: a run rarely asks for them.
    """

    signature: file_signature.Signature | None
    sha256: str | None
    names: frozenset[str] | None = None


class Live:
    """The certificates in the folder ``live`` of one configuration directory."""

    def __init__(self, config_dir: str) -> None:
        self._config_dir = config_dir
        self._read: dict[str, _Read] = {}
        self._named: dict[frozenset[str], str] | None = None

    def fingerprints(self) -> dict[str, str | None]:
        """Return the fingerprint of each lineage's certificate now. Reads only files that have changed.

        :returns: None for a certificate that cannot be read: whether it has changed is unknown.
        """
        self._look()
        return {lineage: read.sha256 for lineage, read in self._read.items()}

    def with_names(self, names: frozenset[str]) -> str | None:
        """Return the first lineage whose certificate has exactly these names.

        :param names: in lower case.
        """
        lineage = self._index().get(names)
        if lineage is not None and file_signature.signature(self._path(lineage)) == self._read[lineage].signature:
            return lineage
        self._look()
        return self._index().get(names)

    def has_names(self, lineage: str, names: frozenset[str]) -> bool:
        """Tell whether a lineage's certificate has exactly these names. :param names: in lower case."""
        return self._names(lineage) == names

    def names(self) -> dict[str, frozenset[str]]:
        """Return the names of each lineage's certificate now, in lower case; none where it cannot be read."""
        self._look()
        self._index()
        return {lineage: read.names or frozenset() for lineage, read in self._read.items()}

    def _path(self, lineage: str) -> str:
        return Lineage(self._config_dir, lineage).cert_path

    def _look(self) -> None:
        before, self._read, self._named = self._read, {}, None
        with contextlib.suppress(OSError):
            for lineage in sorted(os.listdir(live_folder(self._config_dir))):
                now = self._now(lineage, before.get(lineage))
                if now is not None:
                    self._read[lineage] = now

    def _now(self, lineage: str, before: _Read | None) -> _Read | None:
        path = self._path(lineage)
        # The signature comes first: a file that changes between the two is read again the next time.
        signature = file_signature.signature(path)
        if before is not None and before.sha256 is not None and before.signature == signature is not None:
            return before
        try:
            return _Read(signature, certificate.fingerprint(path))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError):
            return _Read(signature, None)

    def _index(self) -> dict[frozenset[str], str]:
        if not self._read:
            self._look()
        if self._named is None:
            self._named = {}
            for lineage, read in self._read.items():
                if read.names is None:
                    read.names = self._names(lineage)
                self._named.setdefault(read.names, lineage)
        return self._named

    def _names(self, lineage: str) -> frozenset[str]:
        with contextlib.suppress(OSError, ValueError):
            return frozenset(name.lower() for name in certificate.read(self._path(lineage)).names)
        return frozenset()


_known: dict[str, Live] = {}


def of(config_dir: str) -> Live:
    """Return the live certificates of a configuration directory, as far as this process has read them."""
    return _known.setdefault(os.path.abspath(config_dir), Live(os.path.abspath(config_dir)))
