"""Lets hosts break in real surroundings, and checks that `rehearse` finds it before a renewal fails."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from faults.bed import at_a_time
from faults.renewals import broken_hosts, broken_publishing, healthy
from faults.renewals.set_up import Healthy, WillFail
from faults.renewals.site import Site
from faults.renewals.world import World, world
from faults.table import Row, Table
from tests.support import engines, new_ca, private_network

QUICK = 16
"""With --quick, one set-up in sixteen is tried."""
MAX_SHOWN = 260
EVERYWHERE = "dnssec_unsaid"
"""What is said about every host of which no name is in a signed zone."""
FAILING = (*broken_hosts.SET_UPS, *broken_publishing.SET_UPS)
INTRO = (
    "Real hosts in a network of their own: BIND, Knot and PowerDNS with its HTTP API, a resolver that checks "
    "signatures (unbound), and Pebble as the CA. Each host gets a certificate. The hosts of the first rows then break "
    "in one way; for them `rehearse` must end with exit code 1, and its message must name the fault and what to do. "
    "The others stay healthy; for them it must end with exit code 0, and no line may be a problem. Afterwards each "
    "host renews with Certbot, so that the table shows who was right."
)
_Case = TypeVar("_Case", WillFail, Healthy)


def table(folder: Path, quick: bool) -> Table:
    lacking = "" if private_network.possible() else "only root can make a network for it"
    lacking = lacking or ("" if new_ca.there() else new_ca.LACKING)
    failing, good = _chosen(FAILING, quick), _chosen(healthy.SET_UPS, quick)
    rows: list[Row] = []
    if not lacking:
        with world(folder) as around:
            works = [_work(_failing, around, folder, f"f{number}", one) for number, one in enumerate(failing)]
            works += [_work(_healthy, around, folder, f"h{number}", one) for number, one in enumerate(good)]
            rows = list(at_a_time(lambda work: work(), works))
    found, alarms = rows[: len(failing)], rows[len(failing) :]
    said = f"{_good(found)} of {len(found)} found, {len(alarms) - _good(alarms)} false alarms on {len(alarms)}"
    return Table(
        "Renewals that will fail, found by `rehearse`",
        INTRO,
        ("set-up", "`rehearse`", "what it says", "a renewal with Certbot"),
        rows,
        _notes(failing),
        said=f"not tried: {lacking}" if lacking else said,
    )


def _chosen(cases: Sequence[_Case], quick: bool) -> list[_Case]:
    """Return the set-ups whose engines are installed."""
    usable = [one for one in cases if not one.engine or engines.there(one.engine)]
    return usable[::QUICK] if quick else usable


def _good(rows: Sequence[Row]) -> int:
    return sum(row.ok for row in rows)


def _notes(failing: Sequence[WillFail]) -> list[str]:
    shown = sum(not one.unshown for one in failing)
    return [
        f"For {shown} of the {len(failing)} set-ups that fail, a renewal showed it. Pebble does not look at CAA "
        "records, so no renewal shows what they forbid."
    ]


def _work(
    judge: Callable[[Site, _Case], Row], around: World, folder: Path, label: str, case: _Case
) -> Callable[[], Row]:
    def work() -> Row:
        ca = around.plain_ca if isinstance(case, Healthy) and case.plain_ca else None
        site = Site(around, folder, label, ca)
        try:
            with site.stack:
                return judge(site, case)
        except Exception as error:
            return Row(False, (case.what, "not tried", f"{type(error).__name__}: {error}"[:2000], ""))

    return work


def _failing(site: Site, case: WillFail) -> Row:
    case.issue(site)
    lineage = site.conf.stem
    case.spoil(site)
    told = site.rehearse(*case.flags)
    about = [one for one in told.findings("" if case.of_host else lineage) if one["level"] == "problem"]
    right = [one for one in about if one["code"] == case.code and case.fix in one["message"]]
    found = bool(right) and told.code == 1
    fails = case.unshown or ("fails" if site.renew().returncode else "WORKS")
    said = _shown(site, right or about or told.all)
    return Row(found and fails != "WORKS", (case.what, "found" if found else "NOT FOUND", said, fails))


def _healthy(site: Site, case: Healthy) -> Row:
    case.issue(site)
    with case.meanwhile(site):
        told = site.rehearse(*case.flags)
    bad = [one for one in told.all if one["level"] != "note"]
    right = told.code == 0 and [one["code"] for one in bad] == list(case.warned)
    works = "works" if site.renew().returncode == 0 else "FAILS"
    said = _shown(site, bad or [one for one in told.all if one["code"] != EVERYWHERE]) or "nothing"
    return Row(right and works == "works", (case.what, "no problem" if right else "FALSE ALARM", said, works))


def _shown(site: Site, findings: Sequence[dict[str, str]]) -> str:
    """Return what was said, without what differs from run to run."""
    text = " ".join(one["message"] for one in findings)
    text = text.replace(f"{site.folder}", "…").replace(site.domain, "a.example").replace(site.label, "a")
    text = re.sub(r"https://localhost:\d+/", "https://ca/", text)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"
