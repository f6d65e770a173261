"""The directories of CAs, each asked once for all certificates of a host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from certbot_external_auth.accounts import directory
from certbot_external_auth.accounts.directory import DirectoryError


class Directories:
    """What CAs have said in one rehearsal. A CA that does not answer is not asked again."""

    def __init__(self) -> None:
        self._known: dict[str, Mapping[str, Any] | DirectoryError] = {}

    def meta(self, server: str) -> Mapping[str, Any]:
        """Return the field ``meta`` of a directory; see `directory.meta`.

        :raises DirectoryError: if it cannot be read.
        """
        if server not in self._known:
            try:
                self._known[server] = directory.meta(server)
            except DirectoryError as error:
                self._known[server] = error
        found = self._known[server]
        if isinstance(found, DirectoryError):
            raise found
        return found
