"""Chooses the route of each name: that of the target of its CNAME, then its own."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from certbot_external_auth.backends import Context, surroundings
from certbot_external_auth.challenges import PERSISTENT, Challenge, dns01, guard
from certbot_external_auth.configuration import routing
from certbot_external_auth.endpoint import Endpoint, is_address
from certbot_external_auth.routes.ini import Section
from certbot_external_auth.routes.table import Routes
from certbot_external_auth.run import aliases
from certbot_external_auth.settings import Settings
from certbot_external_auth.text import say_once
from certbot_external_auth.visibility.observer import Observer

logger = logging.getLogger(__name__)


Key = tuple[str, tuple[Endpoint, ...]]
"""A route, and the name servers that are asked: names delegated to a route are looked up through those of their own."""


@dataclass(frozen=True)
class Choice:
    """The route of a name.

    :ivar nameservers: which servers are asked about the name: also those of a delegated name are its own route's.
    :ivar end: name and zone at the end of the alias, if that is why this is the route. Then only dns-01 will do.
    """

    section: Section
    nameservers: tuple[Endpoint, ...]
    end: tuple[str, str] | None = None

    @property
    def key(self) -> Key:
        """What all names have in common that are published together."""
        return self.section.name, self.nameservers

    @property
    def delegated(self) -> bool:
        """Whether this is the route of the target, and not of the name itself."""
        return self.end is not None

    def placed(self, challenge: Challenge) -> Challenge:
        """Return a challenge with the end of its alias."""
        if self.end is None:
            return challenge
        return dataclasses.replace(challenge, txt_target=self.end[0], txt_zone=self.end[1] or None)


class Choices:
    """The routes of the names of one run.

    :param context: that of the run.
    """

    def __init__(self, routes: Routes, context: Context) -> None:
        self._routes = routes
        self._context = context
        self._chosen: dict[str, Choice] = {}
        self._known: set[str] = set()

    def of(self, name: str) -> Choice | None:
        """Return the route of a name; None if it has none. A name that was not looked up has its own."""
        name = guard.base_name(name)
        own = self._routes.own(name)
        return self._chosen.get(name) or (None if own is None else Choice(own, self._settings(own).verify_nameservers))

    def lost(self, names: Iterable[str]) -> list[str]:
        """Return the names without a route."""
        return sorted({name for name in names if self.of(name) is None})

    def grouped(self, names: Iterable[str]) -> list[tuple[Choice, list[str]]]:
        """Return the names that are published together, in the order of the file."""
        groups: dict[Key, tuple[Choice, list[str]]] = {}
        for name in names:
            choice = self.of(name)
            if choice is not None:
                groups.setdefault(choice.key, (choice, []))[1].append(name)
        return sorted(groups.values(), key=lambda group: group[0].section.line)

    def plain(self) -> list[Choice]:
        """Return each route as that of names which are not delegated."""
        return [Choice(one, self._settings(one).verify_nameservers) for one in self._routes.sections]

    def choose(self, names: Iterable[str]) -> None:
        """Look up which names are delegated, and choose their routes."""
        new = [name for name in dict.fromkeys(map(guard.base_name, names)) if name not in self._known]
        self._known.update(new)
        targets = self._targets([name for name in new if self._may_be_delegated(name)])
        for name in new:
            end = targets.get(dns01.txt_domain(name))
            section = self._of_target(end)
            if section is not None:
                own = self._settings(self._routes.own(name))
                self._chosen[name] = Choice(section, own.verify_nameservers, end)

    def _may_be_delegated(self, name: str) -> bool:
        if not self._routes.named or is_address(name) or not guard.well_formed(name, "dns"):
            return False
        own = self._routes.nearest(name)
        # A CNAME means nothing to a name whose own section proves it in another way.
        return own is None or self._by_dns(own)

    def _by_dns(self, section: Section) -> bool:
        preferred = self._context.preferred
        # A record of dns-persist-01 has a name of its own, which the CNAME of dns-01 does not lead away.
        return PERSISTENT not in preferred and all(not one or dns01.TYPE in one for one in (section.types, preferred))

    def _of_target(self, end: tuple[str, str] | None) -> Section | None:
        section = None if end is None else self._routes.nearest(end[0])
        return section if section is not None and self._by_dns(section) else None

    def _settings(self, own: Section | None) -> Settings:
        whole = self._context.settings
        return whole if own is None else routing.settings_of(own, whole)

    def _targets(self, names: Iterable[str]) -> dict[str, tuple[str, str]]:
        """Return the ends of aliases by TXT name, as the name servers know them that a name's own route asks."""
        groups: dict[tuple[object, ...], tuple[Settings, list[str]]] = {}
        for name in names:
            settings = self._settings(self._routes.own(name))
            key = settings.verify, settings.verify_nameservers
            groups.setdefault(key, (settings, []))[1].append(dns01.txt_domain(name))
        found: dict[str, tuple[str, str]] = {}
        for settings, txt_names in groups.values():
            observer = Observer(surroundings(dataclasses.replace(self._context, settings=settings)))
            found.update(aliases.ends(observer, txt_names, settings.verify, _unsaid))
        return found


def _unsaid(names: Collection[str]) -> None:
    shown = ", ".join(sorted(names)[:5]) + (", …" if len(names) > 5 else "")
    say_once(
        logger,
        f"No server said whether {shown} is an alias, so the plugin uses the route of the name itself and not that of "
        "a target.",
    )
