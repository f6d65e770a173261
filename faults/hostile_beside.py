"""Gives the same hostile answers to other clients, and records what their hooks receive."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from faults import peers
from faults.bed import Host, host
from faults.hostile_answers import Hostile
from faults.liar import Liar
from tests.support.hooks import Call
from tests.support.testca import TestCA

KINDS = ("identifier:", "token:")
"""Only the answers whose labels begin like this are given to other clients."""
WORDS = 4
"""The number of arguments of a hook of Dehydrated for one name: the operation, the name, a token and a value."""
NOT_TRIED = "not tried"
WELL_FORMED = re.compile(r"[\w-]{22,128}(\.[\w-]{43})?", re.ASCII)
"""A token, a value computed from one, or a key authorization (RFC 8555 sections 8.1 and 8.3)."""


def _manual(place: Host, kind: str) -> list[str]:
    hook = place.hooks.path("speaks-all.py")
    return peers.manual(place, [place.domain], hook, hook, kind)


def _dehydrated(place: Host, kind: str) -> list[str]:
    wellknown = deep(place.record.parent)
    peers.register(place, "no", f"WELLKNOWN={wellknown}", "KEYSIZE=2048")
    return peers.dehydrated(place, [place.domain], place.hooks.path("speaks-all.py"), kind)


PEERS: dict[str, Callable[[Host, str], list[str]]] = {
    "passed to the hook by Certbot's `--manual`": _manual,
    "by Dehydrated": _dehydrated,
}


def deep(base: Path) -> Path:
    """Make a folder for http-01 files, so deep in the host's own folder that a path out of it still ends there."""
    folder = base / "a/b/c/d/e/f/g" / "wellknown"
    folder.mkdir(parents=True)
    return folder


def cells(ca: TestCA, folder: Path, hostile: Hostile) -> list[str]:
    """Return what each of the other clients made of an answer."""
    if not hostile.what.startswith(KINDS):
        return [NOT_TRIED] * len(PEERS)
    return [_seen(ca, folder, hostile, words) for words in PEERS.values()]


def _seen(ca: TestCA, folder: Path, hostile: Hostile, words: Callable[[Host, str], list[str]]) -> str:
    place = host(folder, ca)
    # Dehydrated then leaves everything as it is. The certificate is not needed.
    place.certbot.environment["FAIL_AT"] = "deploy_challenge"
    try:
        with Liar(ca, hostile, place.domain).serving() as place.certbot.ca:
            end = peers.bounded(place, words(place, hostile.challenge))
        called = [call for call in place.hooks.calls() if call.operation in ("auth-hook", "deploy_challenge")]
        answers = [] if end == "ended" else [end]
        answers.append(("yes" if _poisoned(called, place.domain) else "no") if called else "refused")
        made = sorted(path for path in place.record.parent.rglob("*pwned*") if "logs" not in path.parts)
        return ", ".join([*answers, *(f"makes the file {path.name}, outside its folder" for path in made)])
    finally:
        place.end_started()
        ca.clear_txt(f"_acme-challenge.{place.domain}")


def _poisoned(called: list[Call], domain: str) -> bool:
    return not all(_fit(_given(call), domain) for call in called)


def _fit(given: Sequence[str], domain: str) -> bool:
    name, *values = given
    return name.lower() == domain and all(map(WELL_FORMED.fullmatch, values))


def _given(call: Call) -> list[str]:
    """Return the name, and everything else in a call that comes from the CA's answer."""
    if call.operation == "deploy_challenge":
        return [*call.argv[1:], *[""] * (WORDS - len(call.argv))]
    token = [call.env["CERTBOT_TOKEN"]] if "CERTBOT_TOKEN" in call.env else []
    return [call.env["CERTBOT_DOMAIN"], *token, call.env["CERTBOT_VALIDATION"]]
