"""The JSON objects of the line protocol. Pure functions. The dialect `native` gives a handler the same objects.

The keys that the plugin of 2016-2020 had come first and keep their meaning. Protocol 0 has only these.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from certbot_external_auth import text
from certbot_external_auth.challenges import PERSISTENT, TYPES, Challenge, http01
from certbot_external_auth.errors import Problem, problem_text
from certbot_external_auth.lineages.deployment import Deployment

Line = dict[str, Any]

PROTOCOL = "1.0"
FEATURES = (*TYPES, PERSISTENT, "deploy_cert", "wait", "visibility")

HISTORIC_COMMANDS = ("perform_challenge", "cleanup", "deploy_cert", "save", "restart", "report")
"""Values of `cmd` that protocol 0 has."""
_NEW_KEYS = (
    *("id", "identifier_type", "alpn", "lineage", "domains", "not_after", "sha256", "txt_target", "txt_zone"),
    *("persist", "issuers", "account_uri"),
)


def perform_challenge(challenge: Challenge) -> Line:
    """Build `perform_challenge`: publish this."""
    line: Line = {
        "cmd": "perform_challenge",
        "type": challenge.type,
        "domain": challenge.identifier,
        "token": challenge.token,
    }
    served = challenge.served
    if served is not None:
        # In 2016 this key came before the validation.
        line["z_domain"] = challenge.server_name
    line["validation"] = challenge.validation
    if challenge.txt_domain is not None:
        line["txt_domain"] = challenge.txt_domain
    elif challenge.type == http01.TYPE:
        line["uri"] = challenge.uri
        line["command"] = http01.command(challenge.token, challenge.key_authorization)
    if served is not None:
        line["cert_path"] = served.cert_path
        line["key_path"] = served.key_path
        # In 2016 the port was a string.
        line["port"] = str(served.port)
    line["key_auth"] = challenge.key_authorization
    new: Line = {"id": challenge.id, "identifier_type": challenge.identifier_type}
    if served is not None:
        line["cert_pem"] = served.cert_pem
        new["alpn"] = challenge.alpn
    return {**line, **new, **alias(challenge), **lasting(challenge)}


def lasting(challenge: Challenge) -> Line:
    """Return the keys of a record that stays: whom it allows to issue, and for which account; empty for others."""
    if challenge.need is None:
        return {}
    need = challenge.need
    return {"persist": True, "issuers": list(need.terms.issuers), "account_uri": need.account.uri}


def alias(challenge: Challenge) -> Line:
    """Return the keys that say where the TXT record belongs, empty if its name is not an alias."""
    keys = {"txt_target": challenge.txt_target, "txt_zone": challenge.txt_zone}
    return {name: value for name, value in keys.items() if value is not None}


def cleanup(challenge: Challenge, status: str, problem: Problem | None) -> Line:
    """Build `cleanup`: withdraw this.

    :param status: ``valid``, ``invalid`` or ``pending``.
    :param problem: the CA's problem document.
    """
    return {
        "cmd": "cleanup",
        "type": challenge.type,
        "status": status,
        "domain": challenge.identifier,
        "token": challenge.token,
        "validation": challenge.validation,
        "key_auth": challenge.key_authorization,
        "validated": None,
        "error": problem_text(problem) if problem else None,
        "id": challenge.id,
    }


def problem_of(document: Any) -> Problem:
    """Make a problem document of acme safe to pass on: 4 KiB at most, no control characters."""
    kind = text.one_line(text.of_server(str(document.typ or ""), 256))
    return {"type": kind, "detail": text.of_server(str(document.detail or ""), text.MAX_CHARACTERS - 256)}


def waiting(challenges: Sequence[Challenge], deadline: datetime.datetime) -> Line:
    """Build `await`: the batch is complete. The line repeats it, grouped by the place where a driver publishes.

    :param deadline: when the answers must have come.
    """
    txt: dict[str, list[str]] = {}
    persist: dict[str, list[str]] = {}
    aliases: dict[str, Line] = {}
    http: dict[str, str] = {}
    tls: dict[str, Line] = {}
    for challenge in challenges:
        if challenge.txt_domain is not None:
            group = persist if challenge.persists else txt
            group.setdefault(challenge.txt_domain, []).append(challenge.validation)
            if challenge.txt_target is not None:
                aliases[challenge.txt_domain] = alias(challenge)
        if challenge.uri is not None:
            http[challenge.uri] = challenge.validation
        if challenge.served is not None and challenge.server_name is not None:
            tls[challenge.server_name] = {
                "identifier": challenge.identifier,
                "alpn": challenge.alpn,
                "port": str(challenge.served.port),
                "cert_path": challenge.served.cert_path,
                "key_path": challenge.served.key_path,
                "cert_pem": challenge.served.cert_pem,
            }
    return {
        "cmd": "await",
        "ids": [challenge.id for challenge in challenges],
        "deadline": text.rfc3339(deadline),
        "txt": txt,
        # Apart, since a driver that removes at the end what it found in txt must not remove these.
        **({"persist": persist} if persist else {}),
        **({"aliases": aliases} if aliases else {}),
        "http": http,
        "tls": tls,
    }


def visibility(identifier: str, state: str, observations: Sequence[Mapping[str, str | float]]) -> Line:
    """Build `visibility`: which servers show a challenge.

    :param identifier: id of the challenge.
    :param observations: with keys ``server``, ``address``, ``outcome``, ``seconds``.
    """
    return {"cmd": "visibility", "id": identifier, "state": state, "observations": list(map(dict, observations))}


def result(challenge: Challenge, status: str, problem: Problem | None) -> Line:
    """Build `result`. :param status: ``valid``, ``invalid``, ``pending`` or ``not_asked``."""
    return {"cmd": "result", "id": challenge.id, "status": status, "error": dict(problem) if problem else None}


def certificate(command: str, deployment: Deployment) -> Line:
    """Build the line for a certificate. :param command: ``deploy_cert`` or ``unchanged_cert``."""
    return {
        "cmd": command,
        "domain": deployment.domain,
        "cert_path": deployment.cert_path,
        "key_path": deployment.key_path,
        "chain_path": deployment.chain_path,
        "fullchain_path": deployment.fullchain_path,
        "timestamp": deployment.timestamp,
        "cert_timestamp": deployment.cert_timestamp,
        "id": deployment.id,
        "lineage": deployment.lineage,
        "domains": list(deployment.domains),
        "not_after": deployment.not_after,
        "sha256": deployment.sha256,
    }


def save(title: str | None, temporary: bool) -> Line:
    """Build `save`, with the arguments of Certbot's method."""
    return {"cmd": "save", "title": title, "temporary": temporary}


def restart() -> Line:
    """Build `restart`, for Certbot's method."""
    return {"cmd": "restart"}


def report(saved: Sequence[tuple[str, str]]) -> Line:
    """Build `report`: one message for each certificate that was saved.

    :param saved: paths of the full chains, with the day of expiry as ``YYYY-MM-DD``.
    """
    messages = [
        {
            "priority": 1,
            "on_crash": True,
            "lines": [
                f"Congratulations! Your certificate and chain have been saved at {path}. "
                f"Your cert will expire on {day}."
            ],
        }
        for path, day in saved
    ]
    return {"cmd": "report", "messages": messages}


def error(
    code: str,
    message: str,
    identifier: str | None = None,
    lineage: str | None = None,
    problem: Problem | None = None,
) -> Line:
    """Build `error`.

    :param code: one of `error_codes.CODES`.
    :param identifier: id of the line that it is about.
    :param lineage: name of the certificate that it is about.
    :param problem: the CA's problem document.
    """
    line: Line = {"cmd": "error", "code": code, "message": message}
    more = {"id": identifier, "lineage": lineage, "problem": dict(problem) if problem else None}
    return {**line, **{key: value for key, value in more.items() if value is not None}}


def historic(line: Line) -> Line:
    """Return the line without keys that protocol 0 does not have."""
    return {key: value for key, value in line.items() if key not in _NEW_KEYS}
