"""Whether the records that a server shows are what dns-persist-01 needs, and why not."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence

from certbot_external_auth.challenges import Challenge
from certbot_external_auth.persistent_records import Judgement, Kind, Need, judge, wording
from certbot_external_auth.visibility.observation import Expectation, Observation, Says

_ORDER = {kind: number for number, kind in enumerate(Kind)}


def judged(challenge: Challenge, row: Observation) -> Judgement:
    """Return what the records that one server shows allow."""
    assert challenge.need is not None
    return judge(row.whole, challenge.need, int(time.time()))


def helpful(judgement: Judgement) -> int:
    """Return how far a judgement that no record stands is from help; the least number helps most."""
    return _ORDER[judgement.reason.kind] if judgement.reasons else len(_ORDER)


def reasons(wanted: Sequence[Expectation], seen: Mapping[str, Sequence[Observation]]) -> Iterator[str]:
    """Yield for each record that a server denies why what it shows is not enough, and which record is right."""
    for expectation in wanted:
        need = expectation.need
        rows = [row for row in seen[expectation.place] if need is not None and row.outcome.says is Says.NO]
        if need is not None and rows:
            yield _reason(need, rows)


def _reason(need: Need, rows: Sequence[Observation]) -> str:
    now = int(time.time())
    worst = min((judge(row.whole, need, now) for row in rows), key=helpful)
    return wording.missing(worst.reason, need) if worst.reasons else wording.right(need)
