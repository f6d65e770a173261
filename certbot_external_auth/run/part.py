"""One publisher of a run, and everything that is done with it. A run has one, or one for each route."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from certbot_external_auth.backends import Context, backend
from certbot_external_auth.errors import MissingDependencyError, UsageError
from certbot_external_auth.interfaces import Backend
from certbot_external_auth.run.informer import Informer
from certbot_external_auth.run.offered_types import OfferedTypes
from certbot_external_auth.run.publication import Publication
from certbot_external_auth.run.verification import Verification


@dataclass(frozen=True)
class Surroundings:
    """What all parts of a run share.

    :ivar asked: names that were asked for; None if they cannot be known.
    :ivar say: tells a person what takes time; None if no person reads it.
    """

    asked: Collection[str] | None
    informer: Informer
    say: Callable[[str], None] | None


class Part:
    """A backend with what it publishes, and the check of that.

    :ivar publication: publishes and withdraws its challenges.
    :ivar types: the challenge types that it offers.
    :ivar backend: also hands certificates over.
    """

    def __init__(
        self,
        context: Context,
        around: Surroundings,
        made: Backend,
        types: OfferedTypes,
        types_of: Callable[[str], list[str]],
        names: Callable[[], Collection[str]],
    ) -> None:
        """Assemble a part.

        :param types_of: the challenge types that the run offered for a name.
        :param names: the names of this part.
        """
        self.types = types
        self._names = names
        self.backend = made
        self._verification = Verification(context, around.say, around.informer.inform)
        prepare = functools.partial(self.prepare, True, False)
        self.publication = Publication(
            context, around.asked, made, self._verification, types_of, around.informer, prepare
        )
        self._prepared: set[tuple[bool, bool]] = set()

    @classmethod
    def whole(cls, context: Context, around: Surroundings) -> Part:
        """Make the only part of a run."""
        made = backend(context.settings.mode, context)
        types = OfferedTypes(context, made.challenge_types)
        return cls(context, around, made, types, types.of, lambda: around.asked or ())

    def usable(self, identifier: str, addresses: bool) -> list[str]:
        """Return the challenge types for a name or an address; see `OfferedTypes.usable`."""
        return self.types.usable(identifier, addresses)

    def prepare(self, publishing: bool, deploying: bool) -> None:
        """Check everything that can be checked before the work, each combination once.

        :raises UsageError: if the work cannot be done.
        """
        if (publishing, deploying) not in self._prepared:
            problems: list[str] = []
            if publishing:
                self._verification.prepare()
                problems += _problems(lambda: self.types.check(self._names()))
            needed = publishing and not self.types.all_persist(self._names())
            problems += _problems(lambda: self.backend.prepare(needed, deploying))
            if problems:
                raise UsageError(problems)
            self._prepared.add((publishing, deploying))


def _problems(check: Callable[[], None]) -> Sequence[str]:
    try:
        check()
    except MissingDependencyError:
        raise
    except UsageError as error:
        return error.problems
    return ()
