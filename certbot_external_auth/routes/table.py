"""Find the route of a name. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from certbot_external_auth.challenges import guard
from certbot_external_auth.endpoint import is_address
from certbot_external_auth.routes.ini import REST, Section


class Routes:
    """The sections of one file.

    :ivar path: of the file.
    """

    def __init__(self, path: str, sections: Sequence[Section]) -> None:
        self.path = path
        self.sections = tuple(sections)
        self._by_name = {one.name: one for one in sections}

    @property
    def named(self) -> bool:
        """Whether any section has a name."""
        return self._by_name.keys() != {REST}

    @property
    def rest(self) -> Section | None:
        """The section for names that no other one is for."""
        return self._by_name.get(REST)

    def nearest(self, name: str) -> Section | None:
        """Return the section that names this name or address, or the longest domain above it."""
        name = guard.base_name(name)
        labels = [name] if is_address(name) else name.split(".")
        domains = (".".join(labels[start:]) for start in range(len(labels)))
        return next((self._by_name[domain] for domain in domains if domain in self._by_name), None)

    def own(self, name: str) -> Section | None:
        """Return the section for a name that is not delegated."""
        return self.nearest(name) or self.rest
