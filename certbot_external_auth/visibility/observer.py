"""Ask every kind of server about the expectations of a batch."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING

from certbot import errors

from certbot_external_auth.text import one_line
from certbot_external_auth.visibility import KINDS, Clue, Expectation, Observation, Outcome, parallel
from certbot_external_auth.visibility.probe import Probe, Surroundings

if TYPE_CHECKING:
    from certbot_external_auth.visibility.dns.probe import Probe as DnsProbe
    from certbot_external_auth.visibility.web.http import Probe as HttpProbe
    from certbot_external_auth.visibility.web.tls import Probe as TlsProbe

logger = logging.getLogger(__name__)


class Observer:
    """The probes of one batch, each loaded when it is first needed."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._surroundings = surroundings

    @functools.cached_property
    def dns(self) -> DnsProbe:
        from certbot_external_auth.visibility.dns.probe import Probe

        return Probe(self._surroundings)

    @functools.cached_property
    def http(self) -> HttpProbe:
        from certbot_external_auth.visibility.web.http import Probe

        return Probe(self._surroundings)

    @functools.cached_property
    def tls(self) -> TlsProbe:
        from certbot_external_auth.visibility.web.tls import Probe

        return Probe(self._surroundings)

    def _probe(self, kind: str) -> Probe:
        if kind == "dns":
            return self.dns
        return self.http if kind == "http" else self.tls

    def look(self, expectations: Sequence[Expectation], until: float) -> list[Observation]:
        """Return all observations of one look, grouped by kind; see `Probe.look`.

        If a probe fails, its expectations are `Outcome.FAULT`, and the other probes go on.
        """
        groups: dict[str, list[Expectation]] = {}
        for expectation in expectations:
            groups.setdefault(KINDS[expectation.type], []).append(expectation)
        looks = [(self._probe(kind), group) for kind, group in groups.items()]
        found = parallel.each(lambda pair: _looked(*pair, until), looks)
        return [observation for observations in found for observation in observations]

    def explain(
        self, expectations: Sequence[Expectation], observations: Sequence[Observation], until: float
    ) -> list[Clue]:
        """Ask again, after the watch, for what shows the likely reason. Only name servers have such clues."""
        records = {one.place: one for one in expectations if KINDS[one.type] == "dns"}
        seen = [row for row in observations if row.place in records]
        return self.dns.explain(list(records.values()), seen, until) if records else []

    def follow(
        self, names: Sequence[str], until: float, unsaid: Callable[[Collection[str]], None] | None = None
    ) -> dict[str, tuple[str, str]]:
        """Return where aliases of TXT names lead: for each alias its target and the target's zone.

        :param unsaid: takes the names about which no server answered; None logs them.
        """
        return self.dns.follow(names, until) if unsaid is None else self.dns.follow(names, until, unsaid)

    def whereabouts(self, names: Sequence[str], until: float) -> dict[str, tuple[str, tuple[str, ...]]]:
        """Return the zone of each TXT name, and the addresses of name servers that answered about it."""
        return self.dns.whereabouts(names, until)


def _looked(probe: Probe, expectations: Sequence[Expectation], until: float) -> list[Observation]:
    try:
        return probe.look(expectations, until)
    except errors.SignalExit:
        raise
    except Exception as error:
        logger.debug("A probe failed.", exc_info=True)
        detail = one_line(f"{type(error).__name__}: {error}")
        return [Observation(each.place, each.identifier, "", Outcome.FAULT, detail=detail) for each in expectations]
