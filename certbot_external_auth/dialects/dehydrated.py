"""Dehydrated's hook contract: operations and arguments of its docs/examples/hook.sh, environment of its exports."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from zope.interface import implementer

from certbot_external_auth import tls_files
from certbot_external_auth.challenges import Challenge, dns01, http01, tlsalpn01
from certbot_external_auth.dialects import Call, Facts, by_type
from certbot_external_auth.interfaces import IDialect
from certbot_external_auth.lines import Deployment
from certbot_external_auth.process import Ended

# Dehydrated runs every hook with it, and hooks that write keys rely on it.
UMASK = 0o077


def environment(facts: Facts, challenge_type: str) -> dict[str, str]:
    """The variables Dehydrated exports; CONFIG is absent as it is where there is no configuration file."""
    found = {
        "BASEDIR": facts.config_dir,
        "CERTDIR": os.path.join(facts.config_dir, "live"),
        "ALPNCERTDIR": tls_files.folder(facts.work_dir),
        "COMMAND": facts.command,
        "CHALLENGETYPE": challenge_type,
        "KEY_ALGO": facts.key_algorithm,
        "PRIVATE_KEY_ROLLOVER": "no",
        "alias": facts.alias,
        "altnames": " ".join(facts.names),
    }
    if facts.wellknown is not None:
        found["WELLKNOWN"] = facts.wellknown
    return found


def _triple(challenge: Challenge) -> tuple[str, str, str]:
    """DOMAIN, TOKEN_FILENAME and TOKEN_VALUE; for tls-alpn-01 Dehydrated names an address by its reverse name."""
    if challenge.type == tlsalpn01.TYPE:
        name = tlsalpn01.server_name(challenge.identifier, challenge.identifier_type)
        return name, challenge.token, tlsalpn01.colons(challenge.key_authorization)
    return challenge.identifier, challenge.token, challenge.validation


@implementer(IDialect)
class Dehydrated:
    """See the module."""

    challenge_types = (dns01.TYPE, http01.TYPE, tlsalpn01.TYPE)

    def perform(self, challenges: Sequence[Challenge], facts: Facts) -> list[Call]:
        return self._challenge_calls("deploy_challenge", challenges, facts)

    def cleanup(self, finished: Sequence[Any], facts: Facts) -> list[Call]:
        return self._challenge_calls("clean_challenge", [one.challenge for one in finished], facts)

    def deploy(self, deployment: Deployment, facts: Facts) -> list[Call]:
        return [self._certificate("deploy_cert", deployment, facts, (str(deployment.timestamp),))]

    def unchanged(self, deployment: Deployment, facts: Facts) -> list[Call]:
        return [self._certificate("unchanged_cert", deployment, facts, ())]

    def supported(self, call: Call, ended: Ended) -> bool:
        return True

    @staticmethod
    def _challenge_calls(operation: str, challenges: Sequence[Challenge], facts: Facts) -> list[Call]:
        # Dehydrated knows one challenge type for a certificate, so a chain never mixes them.
        groups = by_type(challenges) if facts.chain else [(challenge,) for challenge in challenges]
        return [
            Call(
                operation=operation,
                arguments=(
                    operation,
                    *(word for one in group for word in _triple(one)),
                ),
                variables=environment(facts, group[0].type),
                umask=UMASK,
                challenges=group,
                identifiers=tuple(dict.fromkeys(one.identifier for one in group)),
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
            umask=UMASK,
            identifiers=(deployment.domain,),
        )
