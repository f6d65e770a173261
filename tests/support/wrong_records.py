"""Records of dns-persist-01 that are not enough, and the reason for each.

`python -m tests.support.wrong_records` writes the table of docs/persist.md from them.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from certbot_external_auth.accounts import Account
from certbot_external_auth.persistent_records import Draft, Kind, Need, Terms, judge, wording
from certbot_external_auth.persistent_records.issue_value import Fault
from certbot_external_auth.persistent_records.record import account_hash, value

PAGE = Path(__file__).resolve().parents[2] / "docs" / "persist.md"
BEGIN, END = "<!-- wrong records -->\n", "<!-- /wrong records -->\n"
NOW = 1_800_000_000
ISSUER = "ca.example"
URL = "https://acme.ca.example/acct/123"
THUMBPRINT = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
ACCOUNT = Account(URL, THUMBPRINT)
PREFIX = "https://acme.ca.example/hashed/"
OLD = Terms(Draft.D01, (ISSUER, "ca.example.net"))
NEW = Terms(Draft.D02, (ISSUER,), PREFIX)
STAGING = "https://acme-staging.ca.example/acct/9"
OTHER = Account("https://acme.ca.example/acct/456", "A" * 43)


@dataclass(frozen=True)
class Wrong:
    """A case: what an administrator has published, and why it is not enough.

    :ivar what: in words.
    :ivar records: all TXT records at the name, the strings of each joined.
    """

    what: str
    records: tuple[str, ...]
    kind: Kind
    fault: Fault | None = None
    terms: Terms = OLD
    wildcard: bool = False
    account: Account = ACCOUNT

    @property
    def need(self) -> Need:
        return Need("example.com", self.wildcard, self.terms, self.account)


def _hashed(domain: str, account: Account = ACCOUNT, prefix: str = PREFIX, algorithm: str = "sha-256") -> str:
    return f"{prefix}{algorithm}/{account_hash(domain, account)}"


def _of_octets() -> str:
    """Return the hash of clients that take the thumbprint's octets."""
    whole = b"\x0bexample.com" + base64.urlsafe_b64decode(THUMBPRINT + "=") + URL.encode()
    return PREFIX + "sha-256/" + base64.urlsafe_b64encode(hashlib.sha256(whole).digest()).rstrip(b"=").decode()


def _right(account: str = URL, issuer: str = ISSUER, wildcard: bool = False, until: int | None = None) -> str:
    return value(issuer, account, wildcard, until)


_LONG = Account("https://acme.ca.example/acct/" + "7" * 240, THUMBPRINT)

CASES = (
    Wrong("nothing", (), Kind.NO_RECORD),
    Wrong("another TXT record", ("v=spf1 -all",), Kind.UNRELATED),
    Wrong("another CA", (_right(issuer="pki.example"),), Kind.OTHER_CA),
    Wrong("another CA, and cannot be read", ("pki.example; accounturi",), Kind.OTHER_CA),
    Wrong("capital letters in the CA's name", (_right(issuer="CA.example"),), Kind.ISSUER_FORM),
    Wrong("a dot after the CA's name", (_right(issuer="ca.example."),), Kind.ISSUER_FORM),
    Wrong("another account at the server", (_right(OTHER.uri),), Kind.OTHER_ACCOUNT),
    Wrong("the account of a dry run", (_right(STAGING),), Kind.TEST_SERVER),
    Wrong("the real account, in a dry run", (_right(),), Kind.NOT_TEST_SERVER, account=Account(STAGING, THUMBPRINT)),
    Wrong("an account at another server", (_right("https://acme.example.org/acct/123"),), Kind.OTHER_SERVER),
    Wrong("no policy, for a wildcard", (_right(),), Kind.NO_WILDCARD_POLICY, wildcard=True),
    Wrong("another policy, for a wildcard", (f"{_right()}; policy=wild",), Kind.NO_WILDCARD_POLICY, wildcard=True),
    Wrong("ended a second ago", (_right(until=NOW - 1),), Kind.EXPIRED),
    Wrong("the account's URL, for draft 02", (_right(),), Kind.OTHER_DRAFT, terms=NEW),
    Wrong("the hash, for draft 01", (_right(_hashed("example.com")),), Kind.OTHER_DRAFT),
    Wrong(
        "a hash made with an older key",
        (_right(_hashed("example.com", Account(URL, "B" * 43))),),
        Kind.OTHER_KEY,
        terms=NEW,
    ),
    Wrong("a hash of another account", (_right(_hashed("example.com", OTHER)),), Kind.OTHER_ACCOUNT, terms=NEW),
    Wrong(
        "a hash for the name of the record",
        (_right(_hashed("_validation-persist.example.com")),),
        Kind.OTHER_NAME,
        terms=NEW,
    ),
    Wrong("a hash for the domain above", (_right(_hashed("com")),), Kind.OTHER_NAME, terms=NEW),
    Wrong("a hash for the wildcard's name", (_right(_hashed("*.example.com")),), Kind.OTHER_NAME, terms=NEW),
    Wrong("a hash of the thumbprint's octets", (_right(_of_octets()),), Kind.OTHER_HASH, terms=NEW),
    Wrong("sha256 for sha-256", (_right(_hashed("example.com", algorithm="sha256")),), Kind.OTHER_HASH, terms=NEW),
    Wrong(
        "a hash of a dry run",
        (_right(_hashed("example.com", Account(STAGING, "C" * 43), "https://acme-staging.ca.example/hashed/")),),
        Kind.TEST_SERVER,
        terms=NEW,
    ),
    Wrong("no CA", (f"; accounturi={URL}",), Kind.SYNTAX, Fault.NO_ISSUER),
    Wrong("no semicolon after the CA", (f"{ISSUER} accounturi={URL}",), Kind.SYNTAX, Fault.BAD_ISSUER),
    Wrong("a semicolon at the end", (f"{_right()};",), Kind.SYNTAX, Fault.TRAILING_SEMICOLON),
    Wrong("two semicolons", (f"{ISSUER};; accounturi={URL}",), Kind.SYNTAX, Fault.EMPTY_PARAMETER),
    Wrong("a parameter without a value", (f"{_right()}; policy",), Kind.SYNTAX, Fault.NO_EQUALS_SIGN),
    Wrong("a tag with an underscore", (f"{_right()}; persist_until=1",), Kind.SYNTAX, Fault.BAD_TAG),
    Wrong("the account twice", (f"{_right()}; accountURI={URL}",), Kind.SYNTAX, Fault.DUPLICATE_TAG),
    Wrong("a letter outside ASCII", (_right(f"{URL}é"),), Kind.SYNTAX, Fault.BAD_CHARACTER),
    Wrong("no account", (f"{ISSUER}; policy=wildcard",), Kind.SYNTAX, Fault.NO_ACCOUNT),
    Wrong("account-uri for accounturi", (f"{ISSUER}; account-uri={URL}",), Kind.SYNTAX, Fault.NO_ACCOUNT),
    Wrong("a date for persistUntil", (f"{_right()}; persistUntil=2027-01-01",), Kind.SYNTAX, Fault.BAD_TIME),
    Wrong("quotation marks around it", (f'"{_right()}"',), Kind.SYNTAX, Fault.QUOTES),
    Wrong(
        "quotation marks inside it",
        (f'{ISSUER}; accounturi=https://acme." "ca.example/acct/123',),
        Kind.SYNTAX,
        Fault.QUOTES,
    ),
    Wrong(
        "backslashes before the semicolons", (_right(wildcard=True).replace(";", "\\;"),), Kind.SYNTAX, Fault.BACKSLASH
    ),
    Wrong("a blank where two strings meet", (_right("https://acme. ca.example/acct/123"),), Kind.SYNTAX, Fault.BLANK),
    Wrong("the two halves as two records", (f"{ISSUER};", f"accounturi={URL}"), Kind.SYNTAX, Fault.SPLIT),
    Wrong("cut after 255 characters", (_right(_LONG.uri)[:255],), Kind.SYNTAX, Fault.CUT, account=_LONG),
)


def table() -> Iterator[str]:
    """Yield the lines of the table."""
    yield "| what was published | reason | what the plugin says |"
    yield "|---|---|---|"
    for case in CASES:
        reason = judge(case.records, case.need, NOW, (OTHER,)).reason
        kind = f"`{reason.kind.value}`" + (f", `{reason.fault.value}`" if reason.fault else "")
        said = wording.because(reason, case.need).partition(" The record is ")[0]
        yield f"| {case.what} | {kind} | {said} |"


def page() -> str:
    """Return the page with its table as it has to be now."""
    before, rest = PAGE.read_text().split(BEGIN)
    return before + BEGIN + "\n".join(table()) + "\n" + END + rest.split(END)[1]


if __name__ == "__main__":
    PAGE.write_text(page())
