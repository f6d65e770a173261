"""Derives from the lines of a session its state, its batch, and what to remove. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from certbot_external_auth.sessions import STATES, session_reason

Line = Mapping[str, Any]
Document = dict[str, Any]

LOCKED = "Another instance of Certbot is already running"
"""What Certbot prints if another one runs, before it loads the plugin."""
_BY_CODE = (
    ("certbot.locked", "locked"),
    ("deploy.failed", "deploy_failed"),
    ("ca.refused", "refused"),
)
_DESPITE_ABORT = ("done", "nothing_due", "deploy_failed")
"""States that a session keeps although `abort` was run: it came too late."""
_ISSUING = ("certonly", "run", "renew")
_SAVED = {
    "cert_path": "Certificate is saved at:",
    "chain_path": "Intermediate CA chain is saved at:",
    "fullchain_path": "Full certificate chain is saved at:",
}
"""What Certbot prints for a CSR of the user's own (--csr), whose files belong to no lineage."""


@dataclass(frozen=True)
class Seen:
    """What is known of a session.

    :ivar alive: its Certbot runs.
    :ivar verb: the verb of Certbot.
    :ivar changed: a certificate has been written since the session began.
    :ivar code: Certbot's exit code; None if it is not known.
    :ivar output: the end of what Certbot printed.
    :ivar answered: the number of the last batch that was answered; 0 if none was.
    :ivar failed: the ids in that batch that could not be published.
    :ivar handed_out: the numbers of the batches that a verb has printed.
    :ivar aborted: `abort` has stopped Certbot.
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
    """Return the `await` lines; a batch's number is its place among them, from 1 on."""
    return [line for line in lines if line.get("cmd") == "await"]


def batch(lines: Sequence[Line]) -> Line | None:
    """Return the `await` line of the batch that has to be published now, answered or not."""
    current = None
    for line in lines:
        if line.get("cmd") == "await":
            current = line
        elif line.get("cmd") in ("result", "cleanup", "summary"):
            current = None
    return current


def waiting(seen: Seen) -> Line | None:
    """Return the `await` line of the batch that waits for an answer now."""
    if not seen.alive or seen.answered >= len(batches(seen.lines)):
        return None
    current = batch(seen.lines)
    # Certbot verifies only after the whole batch was answered, even if another process answered it.
    last = next((line for line in reversed(seen.lines) if line.get("cmd") in ("await", "visibility")), {})
    return current if last.get("cmd") == "await" else None


def state(seen: Seen) -> str:
    """Return the state of a session, one of `STATES`."""
    if seen.alive:
        return "working" if waiting(seen) is None else "waiting"
    end = _end(seen)
    return "aborted" if seen.aborted and end not in _DESPITE_ABORT else end


def _end(seen: Seen) -> str:
    lines = seen.lines
    if not lines or lines[-1].get("cmd") != "summary":
        if not lines and LOCKED in seen.output:
            return "locked"
        return "lost" if any(line.get("cmd") == "perform_challenge" for line in lines) else "failed"
    if lines[-1].get("ok") is True:
        # Certbot can fail after the plugin's last line, without telling the plugin.
        if seen.code != 0:
            return "failed"
        return "nothing_due" if _idle(seen) else "done"
    if _unanswered(lines):
        return "expired"
    codes = {line.get("code") for line in lines if line.get("cmd") == "error"}
    if _deployment_pending(lines):
        return "deploy_failed"
    if any(line.get("status") == "invalid" for line in lines if line.get("cmd") == "result"):
        return "refused"
    return next((name for code, name in _BY_CODE if code in codes), "failed")


def _idle(seen: Seen) -> bool:
    """Tell whether Certbot had nothing to do. A rehearsal (--dry-run) also changes nothing, but it has challenges."""
    done = any(line.get("cmd") in ("perform_challenge", "deploy_cert") for line in seen.lines)
    return seen.verb in _ISSUING and not seen.changed and not done


def _deployment_pending(lines: Sequence[Line]) -> bool:
    """Tell whether this session failed to deploy one of its certificates; `summary` also has those of earlier runs."""
    tried = {line.get("lineage") for line in lines if line.get("cmd") == "deploy_cert"}
    lineages = lines[-1].get("lineages", ())
    return any(one.get("deploy_pending") and (one.get("changed") or one.get("name") in tried) for one in lineages)


def _unanswered(lines: Sequence[Line]) -> bool:
    """Tell whether the deadline of a batch passed. A late answer to a cleanup does not count."""
    return any(
        line.get("cmd") == "error" and line.get("code") == "answer.timeout" and batch(lines[:place]) is not None
        for place, line in enumerate(lines)
    )


def handed_over(lines: Sequence[Line]) -> set[str]:
    """Return the lineages that this session deployed, also those that an earlier run had written."""
    last = lines[-1] if lines else {}
    return {one["name"] for one in last.get("lineages", ()) if one.get("deployed") is True}


def saved_for_request(output: str) -> dict[str, str] | None:
    """Return where the certificate for a CSR of the user's own (--csr) was saved; None if Certbot did not print it.

    :param output: what Certbot printed.
    """
    paths_of = {key: re.findall(rf"^{label} +(\S.*)$", output, re.MULTILINE) for key, label in _SAVED.items()}
    return {key: paths[-1] for key, paths in paths_of.items()} if all(paths_of.values()) else None


def grouped(challenges: Sequence[Line]) -> Document:
    """Return what was published, as TXT values by name, URLs and server names; and where aliases lead.

    Records of dns-persist-01 are left out: nothing removes them.
    """
    challenges = [line for line in challenges if not line.get("persist")]
    groups: Document = {"txt": {}, **aliases(challenges), "http": [], "tls": []}
    for line in challenges:
        if line.get("txt_domain") is not None:
            groups["txt"].setdefault(line["txt_domain"], []).append(line["validation"])
        elif line.get("uri") is not None:
            groups["http"].append(line["uri"])
        elif line.get("z_domain") is not None and line["z_domain"] not in groups["tls"]:
            groups["tls"].append(line["z_domain"])
    return groups


def aliases(challenges: Sequence[Line]) -> Document:
    """Return the key that says where the records of aliases (CNAME) belong, by name; empty if there are none."""
    found = {line["txt_domain"]: _alias(line) for line in challenges if line.get("txt_target") is not None}
    return {"aliases": found} if found else {}


def _alias(line: Line) -> Document:
    return {key: line[key] for key in ("txt_target", "txt_zone") if line.get(key) is not None}


def to_remove(seen: Seen, since: int | None = None) -> Document:
    """Return what may be published and is not needed any more, without what an earlier document has listed.

    :param since: the batch that the caller has seen last; None if that is not known.
    """
    every = batches(seen.lines)
    current = batch(seen.lines) if seen.alive else None
    earlier = [number for number in seen.handed_out if current is None or number < len(every)]
    last = max(earlier, default=0)
    told = {one for line in every[: max(0, min(last, last if since is None else since) - 1)] for one in line["ids"]}
    cleaned = {line.get("id") for line in seen.lines if line.get("cmd") == "cleanup"}
    useless = [line for line in _performed(seen.lines) if not seen.alive or line.get("id") in cleaned]
    return _without_servers(grouped([line for line in useless if line.get("id") not in told]), current)


def _without_servers(groups: Document, current: Line | None) -> Document:
    """Leave out server names that the current batch needs, too, with another certificate."""
    return {**groups, "tls": [name for name in groups["tls"] if name not in (current or {}).get("tls", ())]}


def leftover(seen: Seen) -> Document:
    """Return what earlier runs have left behind, as `hello` lists it."""
    told = next((line.get("leftover", ()) for line in seen.lines if line.get("cmd") == "hello"), ())
    return _without_servers(grouped(told), batch(seen.lines) if seen.alive else None)


def _performed(lines: Sequence[Line]) -> list[Line]:
    return [line for line in lines if line.get("cmd") == "perform_challenge"]


def document(session: str, seen: Seen, command: str, since: int | None = None) -> Document:
    """Return what `begin`, `finish`, `status` and `abort` print, without the certificates.

    :param command: the command line of `finish`, without the number of a batch.
    :param since: see `to_remove`.
    """
    name = state(seen)
    current = batch(seen.lines) if seen.alive else None
    number = len(batches(seen.lines)) if current is not None else None
    members: Document = {"session": session, "state": name, "batch": number}
    found = session_reason.reason(name, seen.lines, seen.output)
    members["message"] = session_reason.sentence(found) if found else message(name, command, number)
    if waiting(seen) is not None and "deadline" in (current or {}):
        members["deadline"] = (current or {})["deadline"]
    shown = current or {"ids": [], "txt": {}, "http": {}, "tls": {}}
    ids = set(shown["ids"])
    performed = [line for line in _performed(seen.lines) if line.get("id") in ids]
    members["challenges"] = [_challenge(line) for line in performed]
    persist = {"persist": shown["persist"]} if "persist" in shown else {}
    members.update({"txt": shown["txt"], **persist, **aliases(performed), "http": shown["http"], "tls": shown["tls"]})
    members["remove"] = to_remove(seen, since)
    members["leftover"] = leftover(seen)
    members["problems"] = [
        {"id": line["id"], **(line.get("error") or {})}
        for line in seen.lines
        if line.get("cmd") == "result" and line.get("status") == "invalid"
    ]
    members["errors"] = [
        {key: line[key] for key in ("code", "message", "id", "lineage", "problem") if key in line}
        for line in seen.lines
        if line.get("cmd") == "error"
    ]
    return members


def message(name: str, command: str, number: int | None) -> str:
    """Say what a state means. :param number: of the batch to answer."""
    return STATES[name][1].format(command=f"{command} --batch {number}")


def _challenge(line: Line) -> Document:
    told = {"id": "id", "type": "type", "identifier": "domain", "identifier_type": "identifier_type"}
    return {**{name: line[key] for name, key in told.items()}, **_alias(line)}
