"""Reasons as data: why a challenge is left, or a note about one that is withdrawn. `messages` has the words."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from certbot_external_auth.challenges import Challenge


class Kind(enum.Enum):
    """What happened. The comment names the facts of a reason of this kind."""

    AS_RECORDED = enum.auto()  # text: what the journal says
    NOT_TRIED = enum.auto()  # text
    HANDLER_CHANGED = enum.auto()  # paths
    HANDLER_GONE = enum.auto()  # paths
    NOT_PREPARED = enum.auto()  # text: why the handler cannot be called
    BACKEND_FAILED = enum.auto()  # text
    CALL_FAILED = enum.auto()  # operation, text: what happened, output: the last lines that the handler printed
    STILL_VISIBLE = enum.auto()  # at: servers; the cause is the handler's failure, if it failed
    NOT_VERIFIED = enum.auto()  # text: why not; only a note if its run did not verify either
    OWN_FILE_STAYS = enum.auto()  # text: the system's error
    JOURNAL_UNCHANGEABLE = enum.auto()  # text: the system's error
    ENTRY_UNREADABLE = enum.auto()  # text: the system's error
    # The rest are notes on challenges that count as withdrawn.
    NO_CLEANUP_HANDLER = enum.auto()  # at: servers
    NO_LONGER_VISIBLE = enum.auto()  # the cause is the handler's failure


@dataclass(frozen=True)
class Reason:
    """One reason.

    :ivar cause: the reason behind this one, if there is one.
    """

    kind: Kind
    facts: Mapping[str, str] = field(default_factory=dict)
    cause: Reason | None = None


Reasons = Mapping[str, Reason]
"""By the ids of challenges."""


def for_all(challenges: Sequence[Challenge], reason: Reason) -> dict[str, Reason]:
    """Give every challenge of a batch the same reason."""
    return {challenge.id: reason for challenge in challenges}


class Fix(enum.Enum):
    """What a person has to do about a batch that is left."""

    REMOVE_AND_CONFIRM = enum.auto()
    """No handler can be called: remove it by hand, and confirm that."""
    REMOVE = enum.auto()
    """The handler must not be called: remove it by hand. The next recovery notices that it is gone."""
    RECOVER = enum.auto()
    """Fix what is wrong, and try again."""
