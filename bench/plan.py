"""What is compared, and how much is measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

PLUGIN, PLUGIN_16, LOOKS, CHAIN = "plugin, jobs 1", "plugin, jobs 16", "plugin, jobs 16, verifies", "plugin, chain"
MANUAL = "Certbot `--manual`"
DEHYDRATED, DEHYDRATED_CHAIN, LEGO = "dehydrated", "dehydrated, chain", "lego exec"
CLIENTS = (DEHYDRATED, DEHYDRATED_CHAIN, LEGO)
WAYS = (PLUGIN, PLUGIN_16, LOOKS, CHAIN, MANUAL, *CLIENTS)


@dataclass(frozen=True)
class Cell:
    """One size of the job: how many names, and how many seconds the hook takes for a call."""

    names: int
    seconds: float

    def __str__(self) -> str:
        return f"{self.names} x {self.seconds:g} s"

    @property
    def domains(self) -> list[str]:
        return [f"n{number}.bench.example" for number in range(self.names)]

    @property
    def one_by_one(self) -> float:
        """Seconds, about, for what calls its hook twice for each name, one after the other."""
        return 3 + self.names * (0.03 + 2 * self.seconds)


@dataclass(frozen=True)
class Host:
    """Where `begin` is started: the names it asks for, and how many certificates are there."""

    names: int
    certificates: int


@dataclass(frozen=True)
class Plan:
    """:ivar rounds: of each cell, at most; a cell that takes long has fewer, see `rounds_of`.
    :ivar patience: seconds for which one way is measured in one cell, at most, if more than once.
    :ivar left_out: ways that would only repeat for long what other cells show.
    :ivar tls_names: for the table of challenge types.
    :ivar starts: of each environment. :ivar calls: rounds of a hundred handler calls.
    :ivar late: values that come late, for the look.
    :ivar batches: rounds of JSON lines.
    :ivar hosts: for `begin`. :ivar begins: tries on each of them.
    :ivar scale: challenges of the largest batch.
    :ivar renewals: numbers of certificates. :ivar renewal_rounds: with each of them.
    :ivar rehearsals: numbers of certificates. :ivar rehearsal_rounds: with each of them.
    :ivar provider_calls: rounds of single calls. :ivar provider_names: of a certificate by providers, and
        :ivar provider_rounds: of it. :ivar own_waits: also by clients that wait a minute for each certificate.
    """

    cells: Sequence[Cell]
    rounds: int
    patience: float
    left_out: Mapping[Cell, Sequence[str]]
    tls_names: Sequence[int]
    starts: int
    calls: int
    late: int
    batches: int
    hosts: Sequence[Host]
    begins: int
    scale: int
    renewals: Sequence[int]
    renewal_rounds: int
    rehearsals: Sequence[int]
    rehearsal_rounds: int
    provider_calls: int
    provider_names: int
    provider_rounds: int
    own_waits: bool

    def rounds_of(self, cell: Cell) -> int:
        return max(1, min(self.rounds, int(self.patience / cell.one_by_one)))


FULL = Plan(
    cells=[Cell(names, seconds) for names in (1, 20, 100) for seconds in (0, 0.2, 1)],
    rounds=5,
    patience=20.0,
    left_out={
        Cell(20, 1): [LEGO],
        Cell(100, 0): [LEGO],
        Cell(100, 0.2): [DEHYDRATED, LEGO],
        Cell(100, 1): [PLUGIN, DEHYDRATED, LEGO],
    },
    tls_names=(1, 20),
    starts=60,
    calls=20,
    late=100,
    batches=11,
    hosts=[Host(1, 0), Host(100, 0), Host(100, 300)],
    begins=7,
    scale=1000,
    renewals=(50, 400, 2000),
    renewal_rounds=3,
    rehearsals=(50, 100, 200, 400),
    rehearsal_rounds=3,
    provider_calls=10,
    provider_names=20,
    provider_rounds=5,
    own_waits=True,
)
QUICK = Plan(
    cells=[Cell(1, 0), Cell(20, 0)],
    rounds=1,
    patience=0.0,
    left_out={Cell(20, 0): CLIENTS},
    tls_names=(),
    starts=5,
    calls=4,
    late=0,
    batches=5,
    hosts=[Host(20, 0)],
    begins=2,
    scale=200,
    renewals=(20,),
    renewal_rounds=1,
    rehearsals=(20,),
    rehearsal_rounds=1,
    provider_calls=2,
    provider_names=3,
    provider_rounds=1,
    own_waits=False,
)
