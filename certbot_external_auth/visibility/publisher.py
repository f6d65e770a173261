"""Who published, for the sentences about it."""

from __future__ import annotations

from dataclasses import dataclass

PERSON = "The person who published"


@dataclass(frozen=True)
class Publisher:
    """The program or the person that published, for the sentences about it.

    :ivar who: such as ``The handler /path``.
    :ivar dialect: the handler's; empty if it is not a handler.
    :ivar chained: the handler receives all values in one call.
    :ivar wellknown: the folder into which the plugin itself writes files for http-01; empty if it writes none.
    :ivar stateless: web servers answer from the thumbprint of the account, without files.
    """

    who: str = PERSON
    dialect: str = ""
    chained: bool = False
    wellknown: str = ""
    stateless: bool = False

    @property
    def person(self) -> bool:
        """Whether a person publishes, one value after the other."""
        return self.who == PERSON
