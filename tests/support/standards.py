"""The table of docs/standards.md, made from the sections that the modules cite.

`python -m tests.support.standards` writes it anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "certbot_external_auth"
PAGE = ROOT / "docs" / "standards.md"
BEGIN, END = "<!-- standards -->\n", "<!-- /standards -->\n"
TITLES = {
    "1034": "Domain names: concepts",
    "1035": "Domain names: implementation",
    "1123": "Requirements for Internet hosts",
    "1918": "Private IPv4 addresses",
    "1982": "Serial number arithmetic",
    "2119": "MUST, SHOULD and MAY",
    "2308": "Negative caching of DNS answers",
    "3056": "IPv6 over IPv4 (6to4)",
    "3339": "Dates and times",
    "3927": "Link-local IPv4 addresses",
    "3986": "URIs",
    "4007": "IPv6 scopes",
    "4035": "DNSSEC: protocol",
    "4193": "Unique local IPv6 addresses",
    "4291": "IPv6 addresses",
    "4343": "Letter case in DNS",
    "4592": "Wildcards in DNS",
    "5280": "X.509 certificates",
    "5952": "IPv6 addresses as text",
    "6052": "IPv4 addresses within IPv6 (NAT64)",
    "6066": "TLS extensions, for SNI",
    "6454": "Origins of URLs",
    "6598": "Shared IPv4 address space",
    "6672": "DNAME",
    "6840": "DNSSEC: clarifications",
    "6890": "Special-purpose addresses",
    "6891": "EDNS",
    "7208": "SPF, for the strings of a TXT record",
    "7301": "ALPN",
    "7638": "Thumbprints of keys",
    "7766": "DNS over TCP",
    "7807": "Problem documents",
    "8020": "Names below a name that does not exist",
    "8555": "ACME",
    "8657": "CAA for accounts and challenge types",
    "8659": "CAA",
    "8737": "tls-alpn-01",
    "8738": "ACME for IP addresses",
    "8914": "Extended DNS errors",
    "9110": "HTTP",
    "9495": "CAA for email addresses",
}
_SECTION = r"\d+(?:\.\d+)*"
_CITED = re.compile(rf"RFC (\d+)((?: sections? {_SECTION}(?:(?:, | and ){_SECTION})*)?)")


def cited() -> dict[tuple[int, str], set[str]]:
    """Return the modules that cite each section, by the RFC's number and the section (empty: the RFC as a whole)."""
    found: dict[tuple[int, str], set[str]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        module = path.relative_to(PACKAGE).as_posix()
        for number, sections in _CITED.findall(re.sub(r"\s+#?\s*", " ", path.read_text())):
            for section in re.findall(_SECTION, sections) or [""]:
                found.setdefault((int(number), section), set()).add(module)
    return found


def table() -> Iterator[str]:
    """Yield the lines of the table."""
    yield "| standard | section | modules |"
    yield "|---|---|---|"
    for (number, section), modules in sorted(cited().items(), key=_order):
        names = ", ".join(f"`{name}`" for name in sorted(modules))
        yield f"| RFC {number}, {TITLES[str(number)]} | {section} | {names} |"


def _order(item: tuple[tuple[int, str], set[str]]) -> tuple[int, list[int]]:
    (number, section), _ = item
    return number, [int(part) for part in section.split(".") if part]


def page() -> str:
    """Return the page with its table as it has to be now."""
    before, rest = PAGE.read_text().split(BEGIN)
    return before + BEGIN + "\n".join(table()) + "\n" + END + rest.split(END)[1]


if __name__ == "__main__":
    PAGE.write_text(page())
