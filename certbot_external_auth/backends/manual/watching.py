"""Watches until everything is visible, or until the person wants to continue all the same."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Mapping, Sequence

from certbot_external_auth import visibility
from certbot_external_auth.backends import Context, publisher, surroundings
from certbot_external_auth.backends.manual import instructions, keyboard, live_table, table_rows, terminal
from certbot_external_auth.backends.manual.live_table import Screen
from certbot_external_auth.challenges import PERSISTENT, TXT_TYPES, Challenge
from certbot_external_auth.visibility import Expectation, Observation, Says, explain, verdict
from certbot_external_auth.visibility.observer import Observer
from certbot_external_auth.visibility.verdict import said
from certbot_external_auth.visibility.watch import Policy, Round, watch

ZONE_SECONDS = 2.0
"""The time to find out in which zones records lie, before they are shown."""
ENTER_SECONDS = 3.0
"""The time for the look after Enter."""
FIRST_EXPLAINED = 2
"""The look after which reasons are shown. At the first one, the person has published nothing yet."""


class Watching:
    """The watch of one batch, without a time limit: a person may need days."""

    def __init__(self, context: Context, challenges: Sequence[Challenge]) -> None:
        self._context = context
        self._challenges = challenges
        self._wanted = visibility.expectations(challenges)
        self._named = table_rows.titles(self._wanted)
        self._observer = Observer(surroundings(context))

    def zones(self) -> dict[str, str]:
        """Return the zone of each record's name, for those that can be found out quickly."""
        records = [one for one in self._wanted if one.type in (*TXT_TYPES, PERSISTENT)]
        rows = self._observer.look(records, time.monotonic() + ZONE_SECONDS) if records else []
        # A server that does not answer about the name may belong to the zone above.
        known = {row.place: row.zone for row in rows if row.zone and row.outcome.says in (Says.YES, Says.NO)}
        found = {one.record_name: one.txt_zone or known.get(one.place) for one in self._challenges}
        return {name: zone for name, zone in found.items() if zone}

    def run(self, values: Mapping[str, Sequence[str]]) -> None:
        """Watch, and return when Certbot shall go on.

        :param values: by place, the lines that say what to publish there.
        :raises InputEnded: if the terminal's input ends.
        """
        terminal.say(f"{instructions.paragraph(instructions.WATCHING, terminal.width())}\n")
        while True:
            with keyboard.unseen(), live_table.shown(self._named, values) as screen:
                last_round = self._until_enter(screen)
            if last_round is None or table_rows.missing(self._named, last_round):
                # The person may have published, and pressed Enter, since the last look.
                seen = self._observer.look(self._wanted, time.monotonic() + ENTER_SECONDS)
                last_round = Round(1, 0.0, verdict.by_place(self._wanted, seen))
            missing = table_rows.missing(self._named, last_round)
            if not missing:
                terminal.say(f"\n{instructions.ALL_VISIBLE}")
                return
            if self._continues_early(missing, last_round):
                return

    def _until_enter(self, screen: Screen) -> Round | None:
        """Watch, also until Enter is pressed, and return the last complete look; None if there is none."""
        last: Round | None = None

        def look(wanted: Sequence[Expectation], until: float) -> list[Observation]:
            return keyboard.meanwhile(lambda: self._observer.look(wanted, until), screen.pressed)

        def keep(latest: Round) -> None:
            nonlocal last
            last = latest
            screen.told(latest)
            if latest.number >= FIRST_EXPLAINED and not latest.over:
                screen.explained(keyboard.meanwhile(lambda: self._reasons(latest), screen.pressed))

        def pause(seconds: float) -> bool:
            return keyboard.wait(seconds, screen.pressed)

        policy = Policy("strict", math.inf, self._context.settings.verify_settle)
        with contextlib.suppress(keyboard.EnterPressed):
            return watch(look, self._wanted, policy, keep, pause)
        return last

    def _reasons(self, latest: Round) -> list[str]:
        """Return sentences that say why a value is probably not visible."""
        if Says.NO not in said(latest.observations):
            return []
        return explain.reasons(self._observer, self._wanted, latest.observations, publisher(self._context))

    def _continues_early(self, missing: Sequence[str], last_round: Round) -> bool:
        """Say what is missing and why, and ask whether to continue all the same."""
        width = terminal.width()
        warning = instructions.wrapped(instructions.EARLY, width)
        terminal.say("\n" + "\n".join([warning, *(instructions.item(line, width) for line in missing)]))
        terminal.say(instructions.paragraph([*self._reasons(last_round), "", instructions.CONFIRM_EARLY], width))
        return keyboard.confirmed(instructions.CONFIRM_SECONDS)
