"""Dehydrated's hook contract. Pure functions.

Operations and arguments are those of its docs/examples/hook.sh, variables are those that it exports.
"""

from __future__ import annotations

import dataclasses
import posixpath
from collections.abc import Sequence

from zope.interface import implementer

from certbot_external_auth.challenges import Challenge, dns01, http01, tlsalpn01
from certbot_external_auth.challenges.finished import Finished
from certbot_external_auth.dialects import Call, Facts, by_type
from certbot_external_auth.errors import problem_text
from certbot_external_auth.interfaces import IDialect
from certbot_external_auth.lineages.deployment import Deployment
from certbot_external_auth.processes.program import Ended

UMASK = 0o077
"""Dehydrated runs every hook with it, and hooks that write keys rely on it."""
ALPN_CERTS = "external-auth/alpn-certs"
"""Folder below Certbot's work directory where `tls_files` writes the validation certificates."""


def folders(facts: Facts) -> dict[str, str]:
    """Return the variables that Dehydrated exports from its start on.

    CONFIG is absent without a configuration file.
    """
    exported = {
        **facts.exports,
        "CERTDIR": posixpath.join(facts.config_dir, "live"),
        "ALPNCERTDIR": posixpath.join(facts.work_dir, ALPN_CERTS),
        "COMMAND": facts.command,
    }
    if facts.wellknown is not None:
        exported["WELLKNOWN"] = facts.wellknown
    if facts.config is not None:
        exported["CONFIG"] = facts.config
        exported["BASEDIR"] = facts.basedir or facts.config_dir
    return exported


def settings(facts: Facts) -> dict[str, str]:
    """Return the variables that a user sets in Dehydrated's configuration, and can set elsewhere if there is none."""
    return {"BASEDIR": facts.config_dir} if facts.config is None else {}


def environment(facts: Facts, challenge_type: str) -> dict[str, str]:
    """Return the variables that Dehydrated exports while it works on a certificate."""
    return {
        **folders(facts),
        "CHALLENGETYPE": challenge_type,
        "KEY_ALGO": facts.key_algorithm,
        "PRIVATE_KEY_ROLLOVER": "no",
        "alias": facts.alias,
        "altnames": " ".join(facts.names),
    }


def _startup(facts: Facts) -> Call:
    return Call(
        operation="startup_hook",
        arguments=("startup_hook",),
        variables=folders(facts),
        settings=settings(facts),
        umask=UMASK,
        optional=True,
        once=True,
    )


def _invalid(one: Finished, facts: Facts) -> Call:
    """Report a failed challenge with its own name. Dehydrated reports the last name of the certificate instead."""
    challenge: Challenge = one.challenge
    name, _, _ = _triple(challenge)
    return Call(
        operation="invalid_challenge",
        arguments=("invalid_challenge", name, problem_text(one.problem or {})),
        variables=environment(facts, challenge.type),
        settings=settings(facts),
        umask=UMASK,
        identifiers=(challenge.identifier,),
        optional=True,
    )


def _triple(challenge: Challenge) -> tuple[str, str, str]:
    """Return DOMAIN, TOKEN_FILENAME and TOKEN_VALUE.

    For tls-alpn-01, Dehydrated names an address by its reverse name.
    """
    if challenge.type == tlsalpn01.TYPE:
        name = tlsalpn01.server_name(challenge.identifier, challenge.identifier_type)
        return name, challenge.token, tlsalpn01.colons(challenge.key_authorization)
    return challenge.identifier, challenge.token, challenge.validation


@implementer(IDialect)
class Dehydrated:
    """See the module."""

    challenge_types = (dns01.TYPE, http01.TYPE, tlsalpn01.TYPE)

    def perform(self, challenges: Sequence[Challenge], facts: Facts) -> list[Call]:
        return [_startup(facts), *self._challenge_calls("deploy_challenge", challenges, facts)]

    def cleanup(self, finished: Sequence[Finished], facts: Facts) -> list[Call]:
        invalid = [_invalid(one, facts) for one in finished if one.status == "invalid"]
        return [*invalid, *self._challenge_calls("clean_challenge", [one.challenge for one in finished], facts)]

    def deploy(self, deployment: Deployment, facts: Facts) -> list[Call]:
        deploy = self._certificate("deploy_cert", deployment, facts, (str(deployment.timestamp),))
        # sync_cert has no name in front, and at the end the request file, which Certbot does not keep.
        arguments = ("sync_cert", *deploy.arguments[2:6], "")
        sync = dataclasses.replace(deploy, operation="sync_cert", arguments=arguments, optional=True)
        return [_startup(facts), sync, deploy]

    def unchanged(self, deployment: Deployment, facts: Facts) -> list[Call]:
        unchanged = self._certificate("unchanged_cert", deployment, facts, ())
        return [_startup(facts), dataclasses.replace(unchanged, optional=True)]

    def exit(self, facts: Facts, error: str) -> list[Call]:
        """Return the call for the end of the process. The backend makes it if it called the hook before.

        :param error: what ended the process, empty after success.
        """
        return [
            Call(
                operation="exit_hook",
                arguments=("exit_hook", error) if error else ("exit_hook",),
                variables=environment(facts, facts.challenge_type),
                settings=settings(facts),
                umask=UMASK,
                optional=True,
                once=True,
            )
        ]

    def supported(self, call: Call, ended: Ended) -> bool:
        return True

    @staticmethod
    def _challenge_calls(operation: str, challenges: Sequence[Challenge], facts: Facts) -> list[Call]:
        # Dehydrated uses one challenge type for a certificate, so one of its chains never has two.
        groups = by_type(challenges) if facts.chain else [(challenge,) for challenge in challenges]
        surroundings = {kind: environment(facts, kind) for kind in {group[0].type for group in groups}}
        return [
            Call(
                operation=operation,
                arguments=(operation, *(word for one in group for word in _triple(one))),
                variables=surroundings[group[0].type],
                settings=settings(facts),
                umask=UMASK,
                challenges=group,
                identifiers=tuple(dict.fromkeys(one.identifier for one in group)),
                side_by_side=not facts.chain,
            )
            for group in groups
        ]

    @staticmethod
    def _certificate(operation: str, deployment: Deployment, facts: Facts, more: tuple[str, ...]) -> Call:
        return Call(
            operation=operation,
            arguments=(
                operation,
                deployment.domain,
                deployment.key_path,
                deployment.cert_path,
                deployment.fullchain_path or "",
                deployment.chain_path or "",
                *more,
            ),
            variables=environment(facts, facts.challenge_type),
            settings=settings(facts),
            umask=UMASK,
            identifiers=(deployment.domain,),
        )
