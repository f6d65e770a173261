"""What engines list, for the package and for docs/reference/providers.md.

    python -m tests.support.known_providers

asks the engines in .tools (`scripts/need.sh acme-sh engines`), and writes ``providers/known.json`` and the page.
"""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from certbot_external_auth.providers import elsewhere, listing, registry
from certbot_external_auth.providers.engine import Kind, Problem, Provider

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "certbot_external_auth" / "providers" / elsewhere.FILE
PAGE = ROOT / "docs" / "reference" / "providers.md"
ACME_SH, LIBRARIES = ROOT / ".tools" / "acme.sh", ROOT / ".tools" / "engines"
ENGINES = ("acme.sh", "lego", "lexicon")
"""Engines that list the same everywhere. `certbot` lists what is installed, and `httpreq` has one provider."""
DISTRIBUTIONS = {"lego": "certbot-dns-multi", "lexicon": "dns-lexicon"}
EXTRA = "it needs an extra of the package, which the message names"
BEGIN, END = "<!-- providers:begin -->\n", "<!-- providers:end -->"


def settings() -> dict[str, str]:
    """The environment in which the engines of .tools are found."""
    return {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LE_WORKING_DIR": str(ACME_SH)}


def sweep(engine: str) -> list[Provider]:
    """Return every provider that an engine lists."""
    made = registry.engine(engine, settings())
    lacking = made.installed()
    assert lacking is None, lacking
    return list(made.providers())


def version(engine: str) -> str:
    if engine == "acme.sh":
        found = re.search(r"^VER=([\w.]+)$", (ACME_SH / "acme.sh").read_text(), re.MULTILINE)
        assert found is not None
        return found[1]
    (found_one,) = importlib.metadata.distributions(name=DISTRIBUTIONS[engine], path=[str(LIBRARIES)])
    return f"{DISTRIBUTIONS[engine]} {found_one.version}"


def _reason(refused: Problem) -> str:
    why = str(refused.facts["why"] if refused.kind is Kind.REFUSED else refused.kind.name)
    return EXTRA if "required extra dependencies" in why else why


def usable(providers: Sequence[Provider]) -> list[str]:
    """Return the names of providers that can be used if the engine is installed, with its extras."""
    return sorted(each.name for each in providers if each.refused is None or _reason(each.refused) == EXTRA)


def content(swept: Mapping[str, Sequence[Provider]], day: str) -> dict[str, Any]:
    """What the package says of engines that are not installed."""
    return {
        engine: {"version": version(engine), "date": day, "names": usable(providers)}
        for engine, providers in swept.items()
    }


def counts(swept: Mapping[str, Sequence[Provider]]) -> Iterator[str]:
    yield "| engine | version | lists | of these refused |"
    yield "|---|---|---:|---|"
    for engine, providers in swept.items():
        refused: dict[str, int] = {}
        for each in providers:
            if each.refused is not None:
                why = _reason(each.refused)
                refused[why] = refused.get(why, 0) + 1
        reasons = "; ".join(f"{number}: {why}" for why, number in sorted(refused.items(), key=lambda one: -one[1]))
        yield f"| `{engine}` | {version(engine)} | {len(providers)} | {reasons or 'none'} |"


def table(known: Mapping[str, Any]) -> Iterator[str]:
    """Yield a row for each provider, with its name in each engine."""
    rows: dict[str, dict[str, list[str]]] = {}
    for engine, about in known.items():
        for name in about["names"]:
            rows.setdefault(listing.key(name), {}).setdefault(engine, []).append(name)
    yield "| " + " | ".join(f"`{engine}`" for engine in known) + " |"
    yield "|---" * len(known) + "|"
    for key in sorted(rows):
        yield "| " + " | ".join(", ".join(f"`{one}`" for one in rows[key].get(engine, [])) for engine in known) + " |"


def page(swept: Mapping[str, Sequence[Provider]], known: Mapping[str, Any], day: str) -> str:
    """Return the page with today's tables."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    lines = [f"Swept on {day}.", "", *counts(swept), "", *table(known), ""]
    return before + BEGIN + "\n".join(lines) + END + rest.partition(END)[2]


def main() -> int:
    sys.path.append(str(LIBRARIES))
    day = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    swept = {engine: sweep(engine) for engine in ENGINES if engine in registry.names()}
    known = content(swept, day)
    FILE.write_text(json.dumps(known, indent=1) + "\n")
    PAGE.write_text(page(swept, known, day))
    return 0


if __name__ == "__main__":
    sys.exit(main())
