"""What the renewals of this machine need: names, servers and accounts from Certbot's certificates and renewal files."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from certbot_external_auth.configuration import kept_options
from certbot_external_auth.console import certbot_folders
from certbot_external_auth.endpoint import is_address
from certbot_external_auth.lineages import live
from certbot_external_auth.lineages.lineage import live_folder
from certbot_external_auth.persistent_records import TYPE, fits, proven


class NotMadeError(Exception):
    """The records cannot be made. The message says why, and what to do."""


@dataclass(frozen=True)
class Want:
    """Records that are needed at one server.

    :ivar names: the domains, and whether each needs a wildcard.
    :ivar server: URL of the directory; empty if none is needed.
    :ivar ids: the accounts to choose from, by Certbot's names for them; empty for all.
    """

    names: dict[str, bool]
    server: str
    ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Renewal:
    """One certificate. :ivar chosen: it renews with dns-persist-01."""

    names: tuple[str, ...]
    server: str
    account: str
    chosen: bool


def wants(config_dir: str) -> list[Want]:
    """Return what the certificates need that renew with dns-persist-01; if there are none, what all would need.

    :raises NotMadeError: if the certificates cannot be read.
    :raises UsageError: if a renewal file cannot be read.
    """
    found: dict[tuple[str, str], list[str]] = {}
    for each in _chosen(_renewals(config_dir)):
        found.setdefault((each.server, each.account), []).extend(each.names)
    return [
        Want(proven(names), server, (account,) if account else ())
        for (server, account), names in found.items()
        if names
    ]


def names(config_dir: str) -> dict[str, bool]:
    """Return the names of the same certificates, wherever they come from. Raises what `wants` raises."""
    return proven(name for each in _chosen(_renewals(config_dir)) for name in each.names)


def _chosen(renewals: Iterable[_Renewal]) -> list[_Renewal]:
    found = list(renewals)
    return [each for each in found if each.chosen] or found


def _renewals(config_dir: str) -> Iterator[_Renewal]:
    with contextlib.suppress(FileNotFoundError):
        try:
            os.listdir(live_folder(config_dir))
        except PermissionError as error:
            raise NotMadeError(f"{error.filename} cannot be read: {error.strerror}. Run this as root.") from error
    for lineage, certified in live.of(config_dir).names().items():
        if not certified:
            raise NotMadeError(f"The names of the certificate {lineage} cannot be read, so give the names: -d NAME.")
        kept = kept_options.read(config_dir, lineage)
        values = kept.values if kept is not None else {}
        types = kept.of_certbot.get("pref_challs", ()) if kept is not None else ()
        yield _Renewal(
            # An address cannot be proven by a record, and a name can be too long for one.
            tuple(sorted(name for name in certified if not is_address(name) and fits(name.removeprefix("*.")))),
            str(values.get("server") or certbot_folders.server()),
            str(values.get("account") or ""),
            TYPE in types,
        )
