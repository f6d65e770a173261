"""Lets hosts break in real surroundings, and checks that `rehearse` finds it before the renewal fails."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from faults.bed import at_a_time
from faults.renewals import broken_hosts, broken_publishing
from faults.renewals.set_up import WillFail
from faults.renewals.site import Site
from faults.renewals.world import World, world
from faults.table import Row, Table
from tests.support import new_ca, private_network

QUICK = 6
"""With --quick, one set-up in six is tried."""


FAILING = (*broken_hosts.SET_UPS, *broken_publishing.SET_UPS)


def table(folder: Path, quick: bool) -> Table:
    failing: Sequence[WillFail] = FAILING[::QUICK] if quick else FAILING
    rows: list[Row] = []
    lacking = "" if private_network.possible() else "only root can make a network for it"
    lacking = lacking or ("" if new_ca.there() else new_ca.LACKING)
    if not lacking:
        with world(folder) as found:
            rows = list(at_a_time(partial(_failing, found, folder), list(enumerate(failing))))
    return Table(
        "Renewals that will fail",
        "What was done.",
        ("set-up", "found by `rehearse`", "what it says", "a real renewal fails"),
        rows,
        said=f"not tried: {lacking}" if lacking else "",
    )


def _failing(around: World, folder: Path, numbered: tuple[int, WillFail]) -> Row:
    number, case = numbered
    try:
        site = Site(around, folder, f"f{number}")
        case.issue(site)
        lineage = site.conf.stem
        case.spoil(site)
        told = site.rehearse(*case.flags)
        about = told.findings("" if case.of_host else lineage)
        problems = [one for one in about if one["level"] == "problem"]
        right = [one for one in problems if one["code"] == case.code and case.fix in one["message"]]
        shown = case.unshown or ("yes" if site.renew().returncode else "NO")
    except Exception as error:
        return Row(False, (case.what, "error", f"{type(error).__name__}: {error}"[:1500], ""))
    ok = bool(right) and told.code == 1 and shown != "NO"
    said = (right or problems or told.all or [{"code": "nothing", "message": ""}])[0]
    return Row(ok, (case.what, "yes" if right and told.code == 1 else f"NO {said['code']}", said["message"], shown))
