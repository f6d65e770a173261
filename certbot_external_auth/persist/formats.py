"""The records in the forms that DNS servers and tools read. Pure functions.

The text of a record has neither quotation marks nor backslashes, because neither issuers nor accounts with them are
accepted. So no form needs to escape them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from certbot_external_auth.errors import UsageError
from certbot_external_auth.persistent_records.wording import quoted_strings

TTL = 3600
"""Seconds. CAs of drafts 00 and 01 use a validation again for this long at most."""


@dataclass(frozen=True)
class Records:
    """All records at one name.

    :ivar name: without a dot at its end.
    :ivar texts: one for each CA.
    :ivar remarks: who may have certificates by them.
    """

    name: str
    texts: tuple[str, ...]
    remarks: tuple[str, ...] = ()

    def in_zone(self, zones: Sequence[str]) -> tuple[str, str]:
        """Return the zone, and the name within it.

        :raises UsageError: if it lies in none of the zones.
        """
        for zone in sorted(zones, key=len, reverse=True):
            if self.name.endswith(f".{zone}"):
                return zone, self.name[: -len(zone) - 1]
        domain = self.name.partition(".")[2]
        raise UsageError([f"{self.name}: this format needs the name's zone; give --zone {domain}, or a name above it."])


def zone(records: Sequence[Records], zones: Sequence[str]) -> Iterator[str]:
    """Yield lines of a zone file (RFC 1035 section 5.1)."""
    for each in records:
        yield from (f"; {remark}" for remark in each.remarks)
        yield from (f"{each.name}. {TTL} IN TXT {quoted_strings(text)}" for text in each.texts)


def nsupdate(records: Sequence[Records], zones: Sequence[str]) -> Iterator[str]:
    """Yield a script for nsupdate, which finds the zone of each message by itself."""
    for each in records:
        yield from (f"; {remark}" for remark in each.remarks)
        yield from (f"update add {each.name}. {TTL} TXT {quoted_strings(text)}" for text in each.texts)
        yield "send"


def octodns(records: Sequence[Records], zones: Sequence[str]) -> Iterator[str]:
    """Yield what belongs into octoDNS's file of each zone. It escapes semicolons, and splits long texts itself."""
    for name, group in _by_zone(records, zones).items():
        yield f"# in the file of the zone: {name}.yaml"
        for within, each in group:
            yield from (f"# {remark}" for remark in each.remarks)
            yield f"{within}:"
            yield f"  ttl: {TTL}"
            yield "  type: TXT"
            yield "  values:"
            yield from ("  - '" + text.replace(";", "\\;").replace("'", "''") + "'" for text in each.texts)


def terraform(records: Sequence[Records], zones: Sequence[str]) -> Iterator[str]:
    """Yield resources of Terraform's provider hashicorp/dns, which splits long texts itself."""
    for name, group in _by_zone(records, zones).items():
        for within, each in group:
            yield from (f"# {remark}" for remark in each.remarks)
            yield f'resource "dns_txt_record_set" "{_resource(each.name)}" {{'
            yield f'  zone = "{name}."'
            yield f'  name = "{within}"'
            yield f"  ttl  = {TTL}"
            yield "  txt = ["
            yield from (f'    "{_for_hcl(text)}",' for text in each.texts)
            yield "  ]"
            yield "}"


FORMATS: Mapping[str, Callable[[Sequence[Records], Sequence[str]], Iterator[str]] | None] = {
    "zone": zone,
    "nsupdate": nsupdate,
    "octodns": octodns,
    "terraform": terraform,
    "json": None,
}
"""JSON is not among the functions, because it also says what was seen."""


def _resource(name: str) -> str:
    """Return the name of a resource: each record has its own."""
    domain = name.partition(".")[2]
    return "persist_" + domain.replace("_", "__").replace(".", "_")


def _for_hcl(text: str) -> str:
    """Return a text for a quoted string of HCL, in which these would begin an expression."""
    return text.replace("${", "$${").replace("%{", "%%{")


def _by_zone(records: Iterable[Records], zones: Sequence[str]) -> dict[str, list[tuple[str, Records]]]:
    """Return for each zone its names within it, sorted as octoDNS wants them, and their records."""
    found: dict[str, list[tuple[str, Records]]] = {}
    for each in records:
        name, within = each.in_zone(zones)
        found.setdefault(name, []).append((within, each))
    return {name: sorted(group, key=lambda pair: _natural(pair[0])) for name, group in sorted(found.items())}


def _natural(name: str) -> list[tuple[int, str]]:
    """Return a key that sorts numbers within names by their value."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]
