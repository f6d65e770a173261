"""A mutant: the package with one small change."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "certbot_external_auth"


@dataclass(frozen=True)
class Mutant:
    """:ivar path: of the module, from the package on.
    :ivar line: where the change begins. :ivar lines: how many change.
    :ivar before: the lines that change. :ivar after: what they become. :ivar code: the whole module, changed.
    """

    path: str
    line: int
    lines: int
    before: str
    after: str
    code: str

    @property
    def room(self) -> str:
        """The folder below the package, or the module at its top."""
        return self.path.split("/")[1].removesuffix(".py")

    @property
    def name(self) -> str:
        return f"{self.path.partition('/')[2]}:{self.line}: {self.before} → {self.after}"
