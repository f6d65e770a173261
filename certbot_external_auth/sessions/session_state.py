"""What a session's lines say about it: its state, its batch, what is to be removed. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from certbot_external_auth.sessions import STATES

Line = Mapping[str, Any]
Document = dict[str, Any]

LOCKED = "Another instance of Certbot is already running"
"""What Certbot says, where it says it before the plugin is asked for anything."""
_BY_CODE = (
    ("certbot.locked", "locked"),
    ("deploy.failed", "deploy_failed"),
    ("ca.refused", "refused"),
)
_DESPITE_ABORT = ("done", "nothing_due", "deploy_failed")
"""What `abort` came too late for, and what has to be known all the same."""
_ISSUING = ("certonly", "run", "renew")
_SAVED = {
    "cert_path": "Certificate is saved at:",
    "chain_path": "Intermediate CA chain is saved at:",
    "fullchain_path": "Full certificate chain is saved at:",
}
"""What Certbot says for a request of one's own, and nowhere else: its files belong to no lineage."""


@dataclass(frozen=True)
class Seen:
    """What is known of a session.

    :ivar alive: its Certbot runs. :ivar verb: Certbot's.
    :ivar changed: a certificate was written since it began.
    :ivar code: Certbot's exit code, None if it is not known.
    :ivar output: the end of what Certbot printed.
    :ivar answered: number of the last batch that was answered, 0 if none was; :ivar failed: what of it was refused.
    :ivar handed_out: numbers of the batches that somebody has seen.
    :ivar aborted: it was told to stop by `abort`.
    """

    lines: Sequence[Line]
    alive: bool
    verb: str = "certonly"
    changed: bool = False
    code: int | None = None
    output: str = ""
    answered: int = 0
    failed: Sequence[str] = ()
    handed_out: Sequence[int] = ()
    aborted: bool = False


def batches(lines: Sequence[Line]) -> list[Line]:
    """The `await` lines; a batch's number is its place here, from 1 on."""
    return [line for line in lines if line.get("cmd") == "await"]


def batch(lines: Sequence[Line]) -> Line | None:
    """The `await` line of the batch that has to be published now, answered or not."""
    found = None
    for line in lines:
        if line.get("cmd") == "await":
            found = line
        elif line.get("cmd") in ("result", "cleanup", "summary"):
            found = None
    return found


def waiting(seen: Seen) -> Line | None:
    """The `await` line of the batch that waits for an answer now."""
    if not seen.alive or seen.answered >= len(batches(seen.lines)):
        return None
    found = batch(seen.lines)
    # Nothing is looked for before everything was answered, whoever has done that.
    looked = next((line for line in reversed(seen.lines) if line.get("cmd") in ("await", "visibility")), {})
    return found if looked.get("cmd") == "await" else None


def state(seen: Seen) -> str:
    """One of `STATES`."""
    if seen.alive:
        return "working" if waiting(seen) is None else "waiting"
    found = _end(seen)
    return "aborted" if seen.aborted and found not in _DESPITE_ABORT else found


def _end(seen: Seen) -> str:
    lines = seen.lines
    if not lines or lines[-1].get("cmd") != "summary":
        if not lines and LOCKED in seen.output:
            return "locked"
        return "lost" if any(line.get("cmd") == "perform_challenge" for line in lines) else "failed"
    if lines[-1].get("ok") is True:
        # Certbot may end with another code for reasons that it tells the plugin nothing of.
        if seen.code != 0:
            return "failed"
        return "nothing_due" if _idle(seen) else "done"
    if _nobody_answered(lines):
        return "expired"
    codes = {line.get("code") for line in lines if line.get("cmd") == "error"}
    if _deployment_pending(lines):
        return "deploy_failed"
    if any(line.get("status") == "invalid" for line in lines if line.get("cmd") == "result"):
        return "refused"
    return next((name for code, name in _BY_CODE if code in codes), "failed")


def _idle(seen: Seen) -> bool:
    """Whether Certbot had nothing to do; a rehearsal (--dry-run) changes nothing either."""
    done = any(line.get("cmd") in ("perform_challenge", "deploy_cert") for line in seen.lines)
    return seen.verb in _ISSUING and not seen.changed and not done


def _deployment_pending(lines: Sequence[Line]) -> bool:
    """Whether one of this session's certificates was not handed over; those of earlier runs are in `summary`, too."""
    tried = {line.get("lineage") for line in lines if line.get("cmd") == "deploy_cert"}
    lineages = lines[-1].get("lineages", ())
    return any(one.get("deploy_pending") and (one.get("changed") or one.get("name") in tried) for one in lineages)


def _nobody_answered(lines: Sequence[Line]) -> bool:
    """Whether a batch was given up because its time was over; an answer that is late at cleanup is another matter."""
    return any(
        line.get("cmd") == "error" and line.get("code") == "answer.timeout" and batch(lines[:place]) is not None
        for place, line in enumerate(lines)
    )


def handed_over(lines: Sequence[Line]) -> set[str]:
    """Lineages that this session's Certbot has handed over, also those that another one had written."""
    last = lines[-1] if lines else {}
    return {one["name"] for one in last.get("lineages", ()) if one.get("deployed") is True}


def saved_for_request(output: str) -> dict[str, str] | None:
    """Where the certificate for a request of one's own (--csr) was saved; None if that is not said.

    :param output: what Certbot printed.
    """
    found = {key: re.findall(rf"^{said} +(\S.*)$", output, re.MULTILINE) for key, said in _SAVED.items()}
    return {key: paths[-1] for key, paths in found.items()} if all(found.values()) else None


def grouped(challenges: Sequence[Line]) -> Document:
    """Where things stand that were published: TXT values by name, URLs, server names."""
    found: Document = {"txt": {}, "http": [], "tls": []}
    for line in challenges:
        if line.get("txt_domain") is not None:
            found["txt"].setdefault(line["txt_domain"], []).append(line["validation"])
        elif line.get("uri") is not None:
            found["http"].append(line["uri"])
        elif line.get("z_domain") is not None and line["z_domain"] not in found["tls"]:
            found["tls"].append(line["z_domain"])
    return found


def to_remove(seen: Seen, since: int | None = None) -> Document:
    """What was published, as far as anybody knows, and is of no use any more; told from one document to the next.

    :param since: the batch that the caller has seen last, None if that is not known.
    """
    every = batches(seen.lines)
    current = batch(seen.lines) if seen.alive else None
    earlier = [number for number in seen.handed_out if current is None or number < len(every)]
    last = max(earlier, default=0)
    told = {one for line in every[: max(0, min(last, last if since is None else since) - 1)] for one in line["ids"]}
    cleaned = {line.get("id") for line in seen.lines if line.get("cmd") == "cleanup"}
    useless = [line for line in _performed(seen.lines) if not seen.alive or line.get("id") in cleaned]
    return _without_servers(grouped([line for line in useless if line.get("id") not in told]), current)


def _without_servers(found: Document, current: Line | None) -> Document:
    """A server name that is served once more, with another certificate, must stay."""
    return {**found, "tls": [name for name in found["tls"] if name not in (current or {}).get("tls", ())]}


def leftover(seen: Seen) -> Document:
    """What earlier runs have left behind, as `hello` tells it."""
    told = next((line.get("leftover", ()) for line in seen.lines if line.get("cmd") == "hello"), ())
    return _without_servers(grouped(told), batch(seen.lines) if seen.alive else None)


def _performed(lines: Sequence[Line]) -> list[Line]:
    return [line for line in lines if line.get("cmd") == "perform_challenge"]


def document(session: str, seen: Seen, command: str, since: int | None = None) -> Document:
    """What `begin`, `finish`, `status` and `abort` print, but for the certificates.

    :param command: what finishes the session, without the number of a batch.
    :param since: see `to_remove`.
    """
    name = state(seen)
    current = batch(seen.lines) if seen.alive else None
    number = len(batches(seen.lines)) if current is not None else None
    found: Document = {"session": session, "state": name, "batch": number}
    found["message"] = message(name, command, number)
    if waiting(seen) is not None and "deadline" in (current or {}):
        found["deadline"] = (current or {})["deadline"]
    shown = current or {"ids": [], "txt": {}, "http": {}, "tls": {}}
    ids = set(shown["ids"])
    found["challenges"] = [_challenge(line) for line in _performed(seen.lines) if line.get("id") in ids]
    found.update({key: shown[key] for key in ("txt", "http", "tls")})
    found["remove"] = to_remove(seen, since)
    found["leftover"] = leftover(seen)
    found["problems"] = [
        {"id": line["id"], **(line.get("error") or {})}
        for line in seen.lines
        if line.get("cmd") == "result" and line.get("status") == "invalid"
    ]
    found["errors"] = [
        {key: line[key] for key in ("code", "message", "id", "lineage", "problem") if key in line}
        for line in seen.lines
        if line.get("cmd") == "error"
    ]
    return found


def message(name: str, command: str, number: int | None) -> str:
    """What a state means. :param number: of the batch that is to be answered."""
    return STATES[name][1].format(command=f"{command} --batch {number}")


def _challenge(line: Line) -> Document:
    told = {"id": "id", "type": "type", "identifier": "domain", "identifier_type": "identifier_type"}
    return {name: line[key] for name, key in told.items()}
