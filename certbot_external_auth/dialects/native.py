"""The plugin's own calling convention, kept from 2016. Pure functions.

The operation is the first argument. Each field of the JSON line is a variable with ``cbot_`` in front; fields that the
plugin had in 2016 are also variables without it. The whole line is in ``cbot_json`` and on stdin. A handler that does
not support an operation prints ``NotImplemented`` on stdout and exits with a code other than 0.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

from zope.interface import implementer

from certbot_external_auth.challenges import TYPES, Challenge
from certbot_external_auth.challenges.finished import Finished
from certbot_external_auth.dialects import Call, Facts
from certbot_external_auth.interfaces import IDialect
from certbot_external_auth.lineages.deployment import Deployment
from certbot_external_auth.processes.program import Ended
from certbot_external_auth.protocol import lines
from certbot_external_auth.protocol.lines import Line

_NOT_A_VARIABLE = ("command", "cert_pem")
"""Fields with several lines, which only the JSON line has. The certificate is also in the file at cert_path."""

# Those of all operations: what one of them lacks must not come from elsewhere.
_FIELDS = """
    cmd type domain domains token tokens validation key_auth id ids identifier_type txt_domain txt_target txt_zone uri
    z_domain alpn port cert_path key_path chain_path fullchain_path status validated error timestamp cert_timestamp
    lineage not_after sha256 persist issuers account_uri json
""".split()  # noqa: SIM905 - a list of literals would be 30 lines


def variable(value: Any) -> str:
    """Render a JSON value as the text of a variable.

    Items of a list are separated by spaces, null is empty, booleans are ``true`` and ``false``.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return " ".join(map(variable, value))
    return str(value)


def variables(line: Line) -> dict[str, str]:
    """Return the variables for a line."""
    historic = lines.historic(line)
    exported: dict[str, str] = {}
    for key, value in line.items():
        if key in _NOT_A_VARIABLE:
            continue
        if key in historic:
            exported[key] = variable(value)
        exported[f"cbot_{key}"] = variable(value)
    return {**exported, "cbot_json": json.dumps(line)}


def _call(operation: str, line: Line, challenges: tuple[Challenge, ...], identifiers: tuple[str, ...]) -> Call:
    return Call(
        operation=operation,
        arguments=(operation,),
        variables=variables(line),
        document=json.dumps(line).encode() + b"\n",
        challenges=challenges,
        identifiers=identifiers,
    )


def _frame(operation: str, challenges: Sequence[Challenge]) -> Call:
    """Return a call before or after all calls of the batch."""
    line = {
        "cmd": operation,
        "domains": [challenge.identifier for challenge in challenges],
        "ids": [challenge.id for challenge in challenges],
        # Recovery recognizes a program that outlives its Certbot by these.
        "tokens": [challenge.token for challenge in challenges if challenge.token],
    }
    text = json.dumps(line)
    fields = {f"cbot_{key}": variable(value) for key, value in line.items()}
    return Call(
        operation=operation,
        arguments=(operation,),
        variables={"cmd": operation, **fields, "cbot_json": text},
        document=text.encode() + b"\n",
        identifiers=tuple(dict.fromkeys(challenge.identifier for challenge in challenges)),
    )


@implementer(IDialect)
class Native:
    """See the module."""

    challenge_types = TYPES
    told_aliases = True
    persists = True
    own_variables = tuple(f"cbot_{field}" for field in _FIELDS)

    def perform(self, challenges: Sequence[Challenge], facts: Facts) -> list[Call]:
        return [_frame("pre-perform", challenges), *map(self._publish, challenges), _frame("post-perform", challenges)]

    def cleanup(self, finished: Sequence[Finished], facts: Facts) -> list[Call]:
        challenges = [one.challenge for one in finished]
        calls = [self._withdraw(one) for one in finished]
        return [_frame("pre-cleanup", challenges), *calls, _frame("post-cleanup", challenges)]

    def deploy(self, deployment: Deployment, facts: Facts) -> list[Call]:
        return [self._certificate("deploy_cert", deployment)]

    def unchanged(self, deployment: Deployment, facts: Facts) -> list[Call]:
        return [self._certificate("unchanged_cert", deployment)]

    def supported(self, call: Call, ended: Ended) -> bool:
        declined = ended.code not in (None, 0) and ended.stdout.strip() == "NotImplemented"
        return not declined or call.operation in ("perform", "persist")

    @staticmethod
    def _publish(challenge: Challenge) -> Call:
        operation = "persist" if challenge.persists else "perform"
        call = _call(operation, lines.perform_challenge(challenge), (challenge,), (challenge.identifier,))
        return dataclasses.replace(call, side_by_side=True)

    @staticmethod
    def _withdraw(one: Finished) -> Call:
        """Return the cleanup call. The line of 2016 does not say where the value stands, so variables say it."""
        challenge: Challenge = one.challenge
        line = lines.cleanup(challenge, one.cleanup_status, one.problem)
        call = _call("cleanup", line, (challenge,), (challenge.identifier,))
        where = {
            "cbot_txt_domain": variable(challenge.txt_domain),
            "cbot_uri": variable(challenge.uri),
            "cbot_z_domain": variable(challenge.server_name),
            **({"cbot_txt_target": challenge.txt_target} if challenge.txt_target else {}),
            **({"cbot_txt_zone": challenge.txt_zone} if challenge.txt_zone else {}),
        }
        return dataclasses.replace(call, variables={**call.variables, **where}, side_by_side=True)

    @staticmethod
    def _certificate(operation: str, deployment: Deployment) -> Call:
        return _call(operation, lines.certificate(operation, deployment), (), (deployment.domain,))
