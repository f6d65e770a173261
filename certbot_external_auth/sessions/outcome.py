"""What a session's lines say about it: its state, its batch, what is to be removed. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    ("challenge.failed", "refused"),
)


def batch(lines: Sequence[Line]) -> Line | None:
    """The `await` line of the batch that waits for an answer now."""
    found = None
    for line in lines:
        if line.get("cmd") == "await":
            found = line
        elif line.get("cmd") in ("result", "cleanup", "summary"):
            found = None
    return found


def state(lines: Sequence[Line], alive: bool, changed: bool, output: str = "") -> str:
    """One of `STATES`.

    :param alive: its Certbot runs.
    :param changed: a certificate was written since it began.
    :param output: the end of what Certbot printed, where it printed no lines at all.
    """
    if alive:
        return "working" if batch(lines) is None else "waiting"
    if not lines or lines[-1].get("cmd") != "summary":
        if not lines and LOCKED in output:
            return "locked"
        return "lost" if any(line.get("cmd") == "perform_challenge" for line in lines) else "failed"
    if lines[-1].get("ok") is True:
        return "done" if changed else "nothing_due"
    if _nobody_answered(lines):
        return "expired"
    codes = {line.get("code") for line in lines if line.get("cmd") == "error"}
    if any(one.get("deploy_pending") for one in lines[-1].get("lineages", ())):
        return "deploy_failed"
    if any(line.get("status") == "invalid" for line in lines if line.get("cmd") == "result"):
        return "refused"
    return next((name for code, name in _BY_CODE if code in codes), "failed")


def _nobody_answered(lines: Sequence[Line]) -> bool:
    """Whether a batch was given up because its time was over; an answer that is late at cleanup is another matter."""
    return any(
        line.get("cmd") == "error" and line.get("code") == "answer.timeout" and batch(lines[:place]) is not None
        for place, line in enumerate(lines)
    )


def grouped(challenges: Sequence[Line]) -> Document:
    """Where things stand that were published: TXT values by name, URLs, server names."""
    found: Document = {"txt": {}, "http": [], "tls": []}
    for line in challenges:
        if "txt_domain" in line:
            found["txt"].setdefault(line["txt_domain"], []).append(line["validation"])
        elif "uri" in line:
            found["http"].append(line["uri"])
        elif "z_domain" in line:
            found["tls"].append(line["z_domain"])
    return found


def to_remove(lines: Sequence[Line], alive: bool) -> Document:
    """What was published, as far as anybody knows, and is of no use any more."""
    waiting = set((batch(lines) or {}).get("ids", ())) if alive else set()
    performed = [line for line in lines if line.get("cmd") == "perform_challenge"]
    return grouped([line for line in performed if line.get("id") not in waiting])


def document(session: str, name: str, lines: Sequence[Line], alive: bool, command: str) -> Document:
    """What `begin`, `finish`, `status` and `abort` print, but for the certificates.

    :param command: what finishes the session.
    """
    found: Document = {"session": session, "state": name, "message": STATES[name][1].format(command=command)}
    waiting = (batch(lines) if alive else None) or {"ids": [], "txt": {}, "http": {}, "tls": {}}
    if "deadline" in waiting:
        found["deadline"] = waiting["deadline"]
    ids = set(waiting["ids"])
    performed = [line for line in lines if line.get("cmd") == "perform_challenge"]
    found["challenges"] = [_challenge(line) for line in performed if line["id"] in ids]
    found.update({key: waiting[key] for key in ("txt", "http", "tls")})
    found["remove"] = to_remove(lines, alive)
    found["problems"] = [
        {"id": line["id"], **(line.get("error") or {})}
        for line in lines
        if line.get("cmd") == "result" and line.get("status") == "invalid"
    ]
    found["errors"] = [
        {key: line[key] for key in ("code", "message", "id") if key in line}
        for line in lines
        if line.get("cmd") == "error"
    ]
    return found


def _challenge(line: Line) -> Document:
    found = {"id": line["id"], "type": line["type"], "identifier": line["domain"]}
    return {**found, **{key: line[key] for key in ("identifier_type", "expires") if key in line}}
