"""Publishes the challenges of a run with routes: one group after the other, each through its own part of the run."""

from __future__ import annotations

import contextlib
import functools
import logging
from collections.abc import Callable, Iterable, Sequence

from certbot_external_auth.backends import Context, backend
from certbot_external_auth.challenges import Challenge, dns01, guard
from certbot_external_auth.configuration import routing
from certbot_external_auth.errors import NotVisibleError, Problem, UsageError
from certbot_external_auth.routes.problem import Kind, RoutesError
from certbot_external_auth.routes.problem import Problem as Mistake
from certbot_external_auth.routes.table import Routes
from certbot_external_auth.run.choices import Choice, Choices, Key
from certbot_external_auth.run.offered_types import OfferedTypes
from certbot_external_auth.run.part import Part, Surroundings

logger = logging.getLogger(__name__)


class Groups:
    """The challenges of a run, by route. It is used like a `Publication`.

    The file is read when it is needed first: a certificate that is not due needs no routes.
    """

    def __init__(self, context: Context, path: str, around: Surroundings) -> None:
        self._context = context
        self._path = path
        self._around = around
        self._parts: dict[Key, Part] = {}
        self._refused: dict[Key, Part] = {}
        self._ready = False

    @functools.cached_property
    def _routes(self) -> Routes:
        return routing.read(self._path)

    @functools.cached_property
    def _choices(self) -> Choices:
        return Choices(self._routes, self._context)

    # --- before the order ---

    def prepare(self, publishing: bool, deploying: bool) -> None:
        """Choose the route of each name, and check that the routes can work.

        :raises RoutesError: with everything that is wrong.
        """
        if self._ready or not publishing:
            return
        asked = self._around.asked
        self._choices.choose(asked or ())
        problems = self._without_route(asked or ())
        # Where the names are not known yet, each route may be needed.
        choices = self._choices.plain() if asked is None else [one for one, _ in self._choices.grouped(asked)]
        for choice in choices:
            # One route may be needed with several name servers.
            problems += [one for one in self._problems(choice) if one not in problems]
        if problems:
            raise RoutesError(self._path, problems)
        self._ready = True

    def _without_route(self, names: Iterable[str]) -> list[Mistake]:
        lost = self._choices.lost(names)
        return [Mistake(Kind.NO_ROUTE, 0, {"text": ", ".join(lost)})] if lost else []

    def _problems(self, choice: Choice) -> list[Mistake]:
        try:
            self._part(choice).prepare(publishing=True, deploying=False)
        except RoutesError as error:
            return list(error.found)
        except UsageError as error:
            return routing.unusable(choice.section, error.problems)
        return []

    def _names(self, key: Key) -> list[str]:
        groups = self._choices.grouped(self._around.asked or ())
        return next((names for choice, names in groups if choice.key == key), [])

    def _part(self, choice: Choice) -> Part:
        """Return the part for a choice, made at the first use.

        :raises RoutesError: if it cannot be made.
        """
        key, section = choice.key, choice.section
        if key not in self._parts:
            context = routing.context_of(self._routes, section, self._context, choice.nameservers)
            made = backend(context.settings.mode, context)
            wrong = routing.type_problems(
                section, made.challenge_types, self._context.preferred, context.settings.carrier
            )
            if wrong:
                raise RoutesError(self._path, wrong)
            who = f"the route [{section.name}]"
            types = OfferedTypes(context, routing.types_of(section, made.challenge_types), who)
            names = functools.partial(self._names, key)
            self._parts[key] = Part(context, self._around, made, types, self.types_of, names)
        return self._parts[key]

    # --- the order ---

    def types_of(self, identifier: str) -> list[str]:
        """Return the challenge types that are offered for a name or an address, best first."""
        return self._offered(identifier, lambda part: part.types.of(identifier))

    def usable(self, identifier: str, addresses: bool) -> list[str]:
        """Return the same for Certbot; see `OfferedTypes.usable`.

        :raises UsageError: if there is no route, or this Certbot cannot have addresses in a certificate.
        """
        self._choices.choose([identifier] if self._around.asked is None else self._around.asked)
        if lost := self._without_route([identifier]):
            raise RoutesError(self._path, lost)
        return self._offered(identifier, lambda part: part.types.usable(identifier, addresses))

    def _offered(self, identifier: str, types: Callable[[Part], list[str]]) -> list[str]:
        choice = self._choices.of(identifier)
        if choice is None:
            return []
        offered = types(self._part(choice))
        return [name for name in offered if name == dns01.TYPE or not choice.delegated]

    # --- see `Publication` ---

    def perform(self, challenges: Sequence[Challenge]) -> None:
        """Publish one group after the other, then wait until the CA can see each.

        :raises GuardError: before anything outside is touched.
        :raises PerformError: naming what failed.
        """
        self.prepare(publishing=True, deploying=False)
        groups = self._grouped(guard.check(challenges, self._around.asked, self.types_of))
        checked = [(part, part.publication.checked(group)) for part, group in groups]
        made = [(part, part.publication.publish(batch)) for part, batch in checked]
        self._look(made)
        for part, _ in made:
            part.publication.offer()

    def _grouped(self, challenges: Iterable[Challenge]) -> list[tuple[Part, list[Challenge]]]:
        """Return the challenges by part, in the order of the sections in the file."""
        by_name: dict[str, list[Challenge]] = {}
        for challenge in challenges:
            by_name.setdefault(challenge.identifier, []).append(challenge)
        return [
            (self._part(choice), [choice.placed(one) for name in names for one in by_name[name]])
            for choice, names in self._choices.grouped(by_name)
        ]

    def _look(self, made: Sequence[tuple[Part, Sequence[Challenge]]]) -> None:
        hidden: list[NotVisibleError] = []
        for part, batch in made:
            try:
                part.publication.look(batch)
            except NotVisibleError as error:
                if not self._context.subset:
                    raise
                hidden.append(error)
        if hidden and len(hidden) == len(made):
            text = [line for one in hidden for line in one.text]
            raise NotVisibleError(text, {key: value for one in hidden for key, value in one.problems.items()})
        for one in hidden:
            # Certbot can go on with the names of the other groups.
            logger.warning("%s", "\n".join(one.text))

    def refused_by_ca(self, challenge_type: str, token: str, problem: Problem) -> None:
        """Note the CA's problem document for a challenge."""
        for key, part in self._parts.items():
            if part.publication.has(challenge_type, token):
                part.publication.refused_by_ca(challenge_type, token, problem)
                self._refused[key] = part

    def hint(self) -> str:
        """Say what to do if the CA did not see what was published."""
        return "\n".join(part.publication.hint() for part in self._refused.values())

    def cleanup(self, exception: BaseException | None) -> None:
        """Withdraw what was begun, group after group, also those after one that fails.

        :param exception: what is ending the run, None after success.
        """
        with contextlib.ExitStack() as stack:
            # If a signal ends the withdrawing of one, a recovery takes the others.
            for part in self._parts.values():
                stack.callback(part.publication.abandon)
            for part in self._parts.values():
                part.publication.cleanup(exception)
