"""Runs a handler and a JSON driver against a CA that lies about the record of dns-persist-01.

The record names for good who may have certificates. So whatever the CA says, nothing may be published but a record with
the account that Certbot uses, or with its hash.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from faults.bed import Host, at_a_time, host
from faults.hostile_answers import ESCAPE, Change, Hostile
from faults.hostile_ca import CONTROL
from faults.liar import Liar
from faults.table import Row, Table
from tests.support import new_ca
from tests.support.certbot import Result
from tests.support.draft_ca import PREFIX, DraftCA, account_hash
from tests.support.new_ca import ISSUER
from tests.support.snica import thumbprint
from tests.support.testca import TestCA
from tests.support.words import JSON, handler, names

QUICK = 17
"""With --quick, one lie in seventeen is tried."""
VICTIM = "https://victim.example/acct/1"


@dataclass(frozen=True)
class Lie:
    """:ivar draft: that the CA speaks. :ivar harmless: the offer can be used all the same."""

    what: str
    draft: str
    change: Change
    harmless: bool = False


def _challenge(what: str, draft: str = "01", harmless: bool = False, **members: Any) -> Lie:
    def change(kind: str, value: Any, answer: object, name: str) -> None:
        lasting = (one for one in value.get("challenges", ()) if one["type"] == "dns-persist-01")
        for one in lasting if kind == "authZ" else ():
            one.update({key.replace("_", "-"): member for key, member in members.items()})

    return Lie(f"challenge: {what}", draft, change, harmless)


def _meta(what: str, harmless: bool = False, draft: str = "02", **members: Any) -> Lie:
    def change(kind: str, value: Any, answer: object, name: str) -> None:
        if kind == "dir":
            value["meta"].update(members)

    return Lie(f"directory: {what}", draft, change, harmless)


def _issuers(what: str, *issuers: Any, harmless: bool = False) -> list[Lie]:
    """The same names, as each draft has them."""
    return [
        _challenge(f"draft 01, {what}", "01", harmless, issuer_domain_names=list(issuers)),
        _challenge(f"draft 02, {what}", "02", False, issuerDomainNames=list(issuers)),
    ]


LIES = (
    _challenge("the account of a victim at another CA", accounturi=VICTIM),
    _challenge("another account at the same CA", accounturi="https://localhost/my-account/1"),
    _challenge("more parameters behind the account", accounturi=f"{VICTIM}; policy=wildcard"),
    _challenge("a list of accounts", accounturi=[VICTIM]),
    _challenge("an object as the account", accounturi={"uri": VICTIM}),
    _challenge("an empty account", accounturi=""),
    _challenge("null as the account, as in draft 00", accounturi=None, harmless=True),
    _challenge("a token, which this type does not have", token="A" * 43, harmless=True),
    _challenge("a token that is not one", token={"x": [1]}, harmless=True),
    *_issuers("no name of the CA"),
    *_issuers("eleven names of the CA", *(f"ca{number}.example" for number in range(11))),
    *_issuers("a name in capital letters", "CA.example"),
    *_issuers("a name with a dot at its end", "ca.example."),
    *_issuers("an account behind the name", f"ca.example; accounturi={VICTIM}"),
    *_issuers("a newline in the name", f"{ISSUER}\n_validation-persist.bank.example. TXT x"),
    *_issuers("terminal sequences in the name", ESCAPE + ISSUER),
    *_issuers("a quotation mark in the name", 'ca.example" "x'),
    *_issuers("a command in the name", "$(touch pwned).example"),
    *_issuers("a name that is not ASCII", "bücher.example"),
    *_issuers("an address as the name", "192.0.2.1"),
    *_issuers("a number as the name", 7),
    *_issuers("a list in the list", [ISSUER]),
    *_issuers("a name of 300 characters", "a." * 150 + "example"),
    _challenge("an object instead of the names", issuer_domain_names={"0": ISSUER}),
    _challenge("one text instead of the names", issuer_domain_names=ISSUER),
    _challenge("draft 02, names that the directory does not have", "02", issuerDomainNames=["other.example"]),
    _challenge("null as the names", issuer_domain_names=None),
    _challenge("the names of draft 02 beside those of draft 01", issuerDomainNames=["other.example"], harmless=True),
    _meta("another account behind the prefix", accountHashPrefix=f"{VICTIM}; x="),
    _meta("a newline in the prefix", accountHashPrefix=f"{PREFIX}\n"),
    _meta("terminal sequences in the prefix", accountHashPrefix=f"{PREFIX}{ESCAPE}"),
    _meta("an empty prefix", accountHashPrefix=""),
    _meta("a prefix of a megabyte", accountHashPrefix=PREFIX + "a" * 500_000),
    _meta("a number as the prefix", accountHashPrefix=7),
    _meta("names that the challenge does not have", issuerDomainNames=[ISSUER, "other.example"]),
    _meta("a text instead of the names", issuerDomainNames=ISSUER),
    _meta("no names", issuerDomainNames=[]),
    _meta("the prefix without the names, for draft 01", True, "01", accountHashPrefix=PREFIX),
)


def table(folder: Path, quick: bool) -> Table:
    chosen = LIES[::QUICK] if quick else LIES
    rows: list[Row] = []
    if new_ca.there():
        with DraftCA("01") as first, DraftCA("02") as second:
            row = partial(_row, {"01": first, "02": second}, folder)
            rows = list(at_a_time(row, chosen))
    return Table(
        "Hostile offers of dns-persist-01",
        "A server in front of Pebble changes one thing in the directory or in the challenge. Each change is tried with "
        "a handler and with a driver. Nothing may be published but a record with the account that Certbot uses, or "
        "with its hash, and a name of the CA that is a domain name.",
        ("what the CA changes", "refused", "published"),
        rows,
        said="" if rows else f"not tried: {new_ca.LACKING}",
    )


def _row(cas: Mapping[str, TestCA], folder: Path, lie: Lie) -> Row:
    place = host(folder, cas[lie.draft])
    liar = Liar(cas[lie.draft], Hostile(lie.what, lie.change), place.domain)
    words = [*names(place.domain, f"*.{place.domain}"), "--preferred-challenges", "dns-persist-01"]
    unseen = ("--external-auth-verify", "off")
    with liar.serving() as place.certbot.ca:
        # The driver first: it publishes nothing, so the handler finds nothing.
        driven = place.certbot.drive("certonly", *JSON, *unseen, *words)
        handled = place.certbot.run("certonly", *handler(place.hooks.native, *unseen, *words))
    published = [call.env["cbot_validation"] for call in place.hooks.calls("persist")]
    published += [line["validation"] for line in driven.of("perform_challenge")]
    refused = all("no handler, driver or person was asked" in one.stderr for one in (handled, driven))
    wrong = _wrong(place, published, (handled, driven), liar)
    ok = not wrong and (bool(published) if lie.harmless else refused and not published)
    shown = "; ".join(wrong) or ("a record with Certbot's own account" if published else "nothing")
    return Row(ok, (lie.what, "yes" if refused else "no", shown))


def _wrong(place: Host, published: Sequence[str], results: Sequence[Result], liar: Liar) -> list[str]:
    """Say what was published that must not be, and what else the plugin has passed on."""
    found = [] if liar.lied else ["THE FRONT HAS NOT LIED"]
    found += [repr(value) for value in published if value not in _allowed(place)]
    spoken = [str(value) for one in results for line in one.lines for value in line.values()]
    return found + [f"control characters from us: {text[:80]!r}" for text in spoken if CONTROL.search(text)]


def _allowed(place: Host) -> list[str]:
    [folder] = (path.parent for path in place.certbot.config_dir.glob("accounts/**/regr.json"))
    uri = json.loads((folder / "regr.json").read_text())["uri"]
    key = thumbprint(json.loads((folder / "private_key.json").read_text()))
    accounts = [uri, *(f"{PREFIX}sha-256/{account_hash(name, key, uri)}" for name in (place.domain, "*"))]
    return [f"{ISSUER}; accounturi={account}; policy=wildcard" for account in accounts]
