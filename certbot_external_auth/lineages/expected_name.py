"""The name that Certbot will give to the certificate of an order, before it gives it.

Certbot decides it when the certificate is there (`_find_lineage_for_sans` in `certbot/_internal/main.py`, and
`unique_lineage_name` in `certbot/util.py`), but a handler is told the name before that.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Collection, Mapping, Sequence

from certbot_external_auth.lineages import live


def expected_name(config_dir: str, names: Sequence[str], duplicate: bool) -> str:
    """Return the name of the lineage that an order for these names renews, or else makes.

    :param names: in Certbot's order; empty if they are not known, and then the result is empty too.
    :param duplicate: ``--duplicate``: Certbot makes a lineage whatever there is.
    """
    if not names:
        return ""
    taken = _with_renewal_file(config_dir)
    lineages = {} if duplicate else live.of(config_dir).names()
    known = {name: held for name, held in lineages.items() if name in taken}
    return renewed(known, {name.lower() for name in names}) or unique(names[0].removeprefix("*."), taken)


def renewed(lineages: Mapping[str, Collection[str]], names: Collection[str]) -> str | None:
    """Return the lineage that is renewed: one with the same names, else the largest with some of them (``--expand``).

    Of several with the same names, Certbot takes the one that it reads last.

    :param lineages: their names in lower case.
    """
    wanted = set(names)
    in_order = sorted(lineages, key=lambda name: f"{name}.conf")
    same = [name for name in in_order if set(lineages[name]) == wanted]
    parts = [name for name in in_order if lineages[name] and set(lineages[name]) < wanted]
    return same[-1] if same else max(parts, key=lambda name: len(lineages[name]), default=None)


def unique(name: str, taken: Collection[str]) -> str:
    """Return the name of a new lineage: with the first number that is free, if the name itself is not."""
    numbered = (f"{name}-{number:04d}" for number in itertools.count(1))
    return name if name not in taken else next(each for each in numbered if each not in taken)


def _with_renewal_file(config_dir: str) -> set[str]:
    with contextlib.suppress(OSError):
        files = os.listdir(os.path.join(config_dir, "renewal"))
        return {file.removesuffix(".conf") for file in files if file.endswith(".conf")}
    return set()
