"""Runs a handler and a JSON driver against a CA that lies, and records what each of them received.

A server in front of Pebble changes one answer; everything else is a real order. The test searches the calls of the
handler, the files, the lines and the terminal for text that must not be there.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from faults import hostile_beside
from faults.bed import Host, at_a_time, host
from faults.hostile_answers import ANSWERS, Hostile, expand
from faults.hostile_beside import deep
from faults.liar import Liar
from faults.table import Row, Table
from tests.support.certbot import Result
from tests.support.processes import HungError
from tests.support.purity import ImpureError
from tests.support.testca import TestCA
from tests.support.words import JSON, handler, names

CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
LONGEST = 20_000
"""The longest allowed argument, variable or line, in characters."""
CARRYING = ("perform_challenge", "await", "visibility", "result", "cleanup")
QUICK = 9
"""With --quick, one answer in nine is tried."""


@dataclass
class Seen:
    """What came of one answer. :ivar by_us: the plugin refused it. :ivar leaks: changed text that was found."""

    returncode: int
    by_us: bool
    called: bool
    leaks: list[str] = field(default_factory=list)
    screen: bool = False

    @property
    def verdict(self) -> str:
        if self.by_us:
            return "the plugin"
        if self.returncode and not self.called:
            return "Certbot"
        return "harmless"


def table(ca: TestCA, folder: Path, quick: bool) -> Table:
    chosen = ANSWERS[::QUICK] if quick else ANSWERS
    outcomes = list(at_a_time(partial(_try, ca, folder), chosen))
    rows = [_row(hostile, seen) for hostile, seen in zip(chosen, outcomes, strict=True)]
    if not quick:
        beside = at_a_time(partial(hostile_beside.cells, ca, folder), chosen)
        rows = [Row(row.ok, (*row.cells, *cells)) for row, cells in zip(rows, beside, strict=True)]
    verdicts = [row.cells[1] for row in rows]
    count = ", ".join(f"{who} {verdicts.count(who)}" for who in dict.fromkeys(verdicts))
    raw = [hostile.what for hostile, seen in zip(chosen, outcomes, strict=True) if any(one.screen for one in seen)]
    notes = [
        (
            f"Refused by: {count}. A change is harmless if it reaches nobody, or if the plugin passes on "
            "only what it computed itself."
        )
    ]
    if raw:
        notes.append(f"Certbot itself prints text of the CA unchanged, including terminal sequences: {'; '.join(raw)}.")
    return Table(
        "Hostile answers of a CA",
        "A server in front of Pebble changes one thing in its responses. Each change is tried with a "
        "handler and with a driver. The changed text must not appear in any argument, variable, "
        "input, file or line. No file may appear that an injected command would create. The plugin "
        "may call a handler only for what was requested.\n\n"
        "The last columns show Certbot's `--manual` and Dehydrated with a hook that records its "
        "calls, for names and tokens only. Nothing is required of these clients. Yes: the client "
        "called the hook with a name that was not requested, or with an impossible or missing token "
        "or value. No: it called the hook without these. Refused: it did not call the hook.",
        ("what the CA changes", "refused by", "leaked", *hostile_beside.PEERS),
        rows,
        notes,
    )


def _row(hostile: Hostile, seen: Sequence[Seen]) -> Row:
    leaks = [leak for one in seen for leak in one.leaks]
    who = next((one.verdict for one in seen if one.verdict != "Certbot"), "Certbot")
    return Row(not leaks, (hostile.what, who, "; ".join(leaks) or "no"))


def _try(ca: TestCA, folder: Path, hostile: Hostile) -> list[Seen]:
    place = host(folder, ca)
    hostile = dataclasses.replace(hostile, poison=tuple(expand(text, place.domain) for text in hostile.poison))
    liar = Liar(ca, hostile, place.domain)
    base = place.hooks.folder.parent
    wellknown = deep(base)
    try:
        with liar.serving() as place.certbot.ca:
            words = [*names(place.domain), "--preferred-challenges", hostile.challenge]
            call = handler(place.hooks.native, "--external-auth-wellknown", str(wellknown))
            if hostile.other_order:
                first = [*call, *names(f"other.{place.domain}")]
                place.certbot.run("certonly", *first, env={"FAIL_AT": "pre-perform"})
                place.hooks.forget()
                liar.lies = True
            before = _files(base)
            handled = _seen(hostile, place.certbot.run("certonly", *call, *words), place, base, before)
            place.hooks.forget()
            driven = _seen(hostile, place.certbot.drive("certonly", *JSON, *words), place, base, before)
        if not liar.lied:
            driven.leaks.append("THE FRONT HAS NOT LIED")
        return [handled, driven]
    except (HungError, ImpureError) as error:
        return [Seen(1, False, True, [type(error).__name__, str(error)[:200]])]
    finally:
        ca.clear_txt(f"_acme-challenge.{place.domain}")


def _files(base: Path) -> set[Path]:
    return {path for path in base.rglob("*") if "logs" not in path.parts}


def _seen(hostile: Hostile, result: Result, place: Host, base: Path, before: set[Path]) -> Seen:
    calls = place.hooks.calls()
    told = [line for line in result.lines if line["cmd"] in CARRYING]
    texts = [text for call in calls for text in (*call.argv, *_own(call.env), call.stdin)]
    texts += [json.dumps(line, ensure_ascii=False) for line in told]
    new = _files(base) - before
    leaks = _found("handler or lines", hostile.poison, texts)
    leaks += _found("files", [text for text in hostile.poison if text], [str(path.relative_to(base)) for path in new])
    leaks += [f"file {path.name}" for path in [*new, *Path("/etc").glob("pwned*")] if "pwned" in path.name]
    performed = [(call.env["domain"], call.env["validation"]) for call in calls if call.operation == "perform"]
    performed += [(line["domain"], line["validation"]) for line in told if line["cmd"] == "perform_challenge"]
    if len(set(performed)) > 1:
        leaks.append(f"{len(set(performed))} challenges for one name")
    if {name.lower() for name, _ in performed} - {place.domain}:
        leaks.append("a name that was not requested")
    ours = "\n".join(re.findall(r"certbot_external_auth\S*:[^\n]*", result.log))
    spoken = [ours, *(str(value) for line in result.lines for value in line.values())]
    leaks += [f"control characters from us: {text[:80]!r}" for text in spoken if CONTROL.search(text)]
    return Seen(
        result.returncode,
        "no handler, driver or person was asked" in result.stderr,
        bool(performed),
        leaks,
        screen=bool(CONTROL.search(result.stderr) or (not result.lines and CONTROL.search(result.stdout))),
    )


def _own(environment: dict[str, str]) -> Iterable[str]:
    """Return the variables of the contract, in lower case. The test has set all others."""
    return (value for name, value in environment.items() if name == name.lower() or name.startswith("cbot_"))


def _found(where: str, poison: Iterable[str], texts: Iterable[Any]) -> list[str]:
    texts = list(texts)
    leaks = [f"{where}: {word[:60]!r}" for word in poison if word and any(word in text for text in texts)]
    return leaks + [f"{where}: {len(text)} characters" for text in texts if len(text) > LONGEST]
