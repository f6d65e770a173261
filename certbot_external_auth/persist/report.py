"""What was made and seen, for a person and for a program. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from certbot_external_auth.persist.formats import TTL, Records
from certbot_external_auth.persist.looking import Seen, State
from certbot_external_auth.persist.making import Entry
from certbot_external_auth.persistent_records import strings, wording
from certbot_external_auth.text import one_line


def grouped(entries: Sequence[Entry]) -> list[Records]:
    """Return the records at each name; two CAs can want the same one only if they share it."""
    names: dict[str, list[Entry]] = {}
    for entry in entries:
        names.setdefault(entry.need.place, []).append(entry)
    return [
        Records(
            name,
            tuple(dict.fromkeys(entry.text for entry in group)),
            tuple(dict.fromkeys(map(remark, group))),
        )
        for name, group in names.items()
    ]


def remark(entry: Entry) -> str:
    """Say what a record allows. A CA's name is shown to whoever publishes it."""
    need = entry.need
    names = f"{need.domain} and *.{need.domain}" if need.wildcard else need.domain
    end = "" if entry.until is None else f" until {wording.date(entry.until)}"
    return f"{need.terms.issuers[0]} may issue for {names}{end} to the account {need.account.uri}"


def lines(found: Sequence[Seen], now: int) -> Iterator[str]:
    """Yield the lines of a report about what stands."""
    for each in found:
        need = each.entry.need
        name = f"{need.domain} ({need.terms.issuers[0]})"
        yield f"{name}: {one_line(' '.join(_sentences(each, now)), 4000)}"
        if each.reason is not None:
            yield f"  {wording.right(need, each.entry.until)}"
        yield from (f"  Not answered by {one_line(server)}" for server in each.silent)


def _sentences(each: Seen, now: int) -> Iterator[str]:
    need, judgement = each.entry.need, each.judgement
    if each.reason is not None:
        yield wording.because(each.reason, need)
        if len(each.lacking) < each.answered:
            yield f"Only these servers do not have the right one: {', '.join(each.lacking)}."
    elif judgement is None:
        yield "No name server told, so it is not known whether the record stands."
    elif judgement.until is None:
        yield "The record stands, without an end."
    elif judgement.ends_soon(now):
        yield f"The record stands. {wording.ending(need.domain, judgement.until, now)}"
    else:
        yield f"The record stands until {wording.date(judgement.until)}."


def document(entries: Sequence[Entry], found: Sequence[Seen] | None, now: int) -> dict[str, Any]:
    """Return the document of the verb. :param found: None if it did not look."""
    looks: Sequence[Seen | None] = found if found is not None else [None] * len(entries)
    return {"records": [_record(entry, each, now) for entry, each in zip(entries, looks, strict=True)]}


def _record(entry: Entry, each: Seen | None, now: int) -> dict[str, Any]:
    need = entry.need
    return {
        "name": need.place,
        "type": "TXT",
        "ttl": TTL,
        "text": entry.text,
        "strings": list(strings(entry.text)),
        "domain": need.domain,
        "wildcard": need.wildcard,
        "issuer": need.terms.issuers[0],
        "account": need.account.uri,
        "thumbprint": need.account.thumbprint or None,
        "server": entry.server or None,
        "draft": need.terms.draft.value,
        "persist_until": entry.until,
        **({} if each is None else {"look": _look(each, now)}),
    }


def _look(each: Seen, now: int) -> dict[str, Any]:
    reason, judgement = each.reason, each.judgement
    stands = judgement if each.state is State.STANDS else None
    return {
        "state": each.state.value,
        "reason": reason.kind.value if reason else None,
        "fault": reason.fault.value if reason and reason.fault else None,
        "message": one_line(" ".join(_sentences(each, now)), 4000),
        "persist_until": stands.until if stands else None,
        "lacking": list(each.lacking),
        "silent": [one_line(text) for text in each.silent],
    }
