"""Finds the reason why a session failed, and writes it as one sentence. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from certbot_external_auth.text import one_line

Line = Mapping[str, Any]

_EXPLAINED = ("refused", "failed", "deploy_failed")
"""States whose message is the reason."""
_CONSEQUENCES = ("certbot.failed", "challenge.failed", "certbot.interrupted")
"""Codes of errors that follow from another one, if there is another one."""
_BESIDES = ("answer.", "recovery.", "socket.")
"""Beginnings of the codes of errors that did not end the run by themselves."""
_NOT_VISIBLE = "challenge.not_visible"
_OF_CERTBOT = ("Saving debug log to", "Ask for help or search for solutions")
"""Beginnings of lines that Certbot prints at every failure."""
_MAX_CHARACTERS = 400


@dataclass(frozen=True)
class Reason:
    """Why a session failed.

    :ivar kind: what the reason was found in: the CA's verdict about names, its refusal of a request, the look before
        the CA is asked, an error of the run, or the last thing that Certbot printed.
    :ivar detail: what the CA, the plugin or Certbot said.
    :ivar names: those that the CA could not validate.
    """

    kind: Literal["validation", "request", "look", "error", "output"]
    detail: str
    names: tuple[str, ...] = ()


def reason(state: str, lines: Sequence[Line], output: str) -> Reason | None:
    """Return why a session is in a state; None if the state says it all, or nothing is known.

    :param lines: of the session.
    :param output: the end of what Certbot printed.
    """
    if state not in _EXPLAINED:
        return None
    errors = [line for line in lines if line.get("cmd") == "error"]
    found = (_verdict(lines) or _request(errors)) if state == "refused" else None
    return found or _error(errors) or _printed(output)


def _verdict(lines: Sequence[Line]) -> Reason | None:
    names = {line.get("id"): line.get("domain") for line in lines if line.get("cmd") == "perform_challenge"}
    invalid = [line for line in lines if line.get("cmd") == "result" and line.get("status") == "invalid"]
    if not invalid:
        return None
    failed = [names.get(line.get("id")) for line in invalid]
    problem = invalid[0].get("error") or {}
    detail = problem.get("detail") or problem.get("type") or ""
    return Reason("validation", detail, tuple(dict.fromkeys(name for name in failed if name)))


def _request(errors: Sequence[Line]) -> Reason | None:
    details = [(line.get("problem") or {}).get("detail") for line in errors if line.get("code") == "ca.refused"]
    return next((Reason("request", detail) for detail in details if detail), None)


def _error(errors: Sequence[Line]) -> Reason | None:
    """Choose the first error that ended something; one that follows from another comes last."""
    ending = [line for line in errors if not str(line.get("code")).startswith(_BESIDES)]
    causes = [line for line in ending if line.get("code") not in _CONSEQUENCES]
    chosen = next(iter([*causes, *ending, *errors]), None)
    if chosen is None:
        return None
    missing = (chosen.get("problem") or {}).get("detail") if chosen.get("code") == _NOT_VISIBLE else None
    return Reason("look", missing) if missing else Reason("error", _first_line(str(chosen.get("message", ""))))


def _first_line(text: str) -> str:
    """Return the sentence with which a message begins; the lines below it have the details."""
    return next((line for line in text.splitlines() if line.strip()), "")


def _printed(output: str) -> Reason | None:
    lines = [line for line in output.splitlines() if line.strip() and not line.startswith(_OF_CERTBOT)]
    return Reason("output", lines[-1]) if lines else None


def sentence(found: Reason) -> str:
    """Write a reason as one sentence on one line."""
    detail = one_line(found.detail, _MAX_CHARACTERS).rstrip(".:,; ")
    because = f": {detail}" if detail else ""
    if found.kind == "validation":
        first, *others = found.names or ("a name",)
        more = f" and {len(others)} more" if others else ""
        return f"The CA could not validate {first}{more}{because}."
    if found.kind == "request":
        return f"The CA refused the request{because}."
    if found.kind == "look":
        return f"The CA was not asked, because it would not see everything{because}."
    return f"{detail or 'Certbot failed'}."
