"""What to change in a handler, and what was seen of its work, in sentences. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence

from certbot_external_auth.challenges import TLS_TYPES, Challenge, dns01, http01
from certbot_external_auth.check.looking import Sight
from certbot_external_auth.check.steps import Step
from certbot_external_auth.errors import Failure
from certbot_external_auth.settings import CHAINING_DIALECTS
from certbot_external_auth.visibility import Observation, report

VALUE = {
    "native": "$cbot_validation",
    "dehydrated": "$4",
    "certbot": "$CERTBOT_VALIDATION",
    "lego": "$3",
    "uacme": "$5",
    "acmetool": "$4",
}
"""Where a script finds the value of dns-01."""
_SHOWN = 6


def observed(one: Observation) -> str:
    """One observation."""
    # Without a name of its own a server goes by its address.
    bare = one.address.lstrip("[").startswith(one.server)
    where = one.address if bare else f"{one.server} {one.address}".strip()
    return f"{where or one.place}: {report.words(one)}"


def seen(failures: Sequence[Failure], sight: Sight | None) -> str:
    """What came out of a step."""
    sentences = [f"{one.operation}: {one.happened}" for one in failures]
    if sight is not None:
        told = [observed(one) for one in sight.shown] or ["nobody was there to be asked"]
        sentences += told[:_SHOWN] + ([f"and {len(told) - _SHOWN} more"] if len(told) > _SHOWN else [])
    return "; ".join(sentences)


def change(
    step: Step,
    failures: Sequence[Failure],
    sight: Sight | None,
    made: Challenge,
    dialect: str,
    other: str | None,
    trial: bool,
) -> str:
    """What to change so that a step passes.

    :param made: a challenge of the step.
    :param other: the dialect for which the handler seems to be written.
    :param trial: another way is tried further on.
    """
    sentences = [*dict.fromkeys(one.mend for one in failures if one.mend)]
    where = f" ({VALUE[dialect]})" if dialect in VALUE and made.type == dns01.TYPE else ""
    if step.key == "dash":
        sentences.append(
            f"One of 64 values begins so. See that no program takes it{where} for an option: put -- before it, or "
            "give it through stdin or a variable."
        )
    elif step.publish and not failures and sight is not None:
        sentences.append(_unpublished(step, sight, made, other))
    elif step.key == "second":
        sentences.append("A certificate for a name and its wildcard needs two values at one name.")
    elif step.publish and not sentences:
        sentences.append("What it printed says why; see below.")
    elif not step.publish:
        sentences.append(_unwithdrawn(step, failures, sight, made, where))
    if trial and dialect in CHAINING_DIALECTS:
        sentences.append("--external-auth-hook-chain yes mends this if the steps in one call below pass.")
    elif trial:
        sentences.append("One certificate with both can be had all the same if the steps in one order below pass.")
    return " ".join(filter(None, sentences))


def _unpublished(step: Step, sight: Sight, made: Challenge, other: str | None) -> str:
    if not sight.answered:
        return unanswered(made)
    if not sight.missing:
        return "Not everybody who was asked answered, so a part of this is not known."
    if len(step.present) > 1:
        return (
            f"{_of_two(step, sight)}A certificate for {made.identifier} together with *.{made.identifier} cannot be "
            "issued so. Let it add, and keep what is there (nsupdate: no 'update delete' before 'update add'; most "
            "APIs: send the old values along with the new one)."
        )
    if other is not None:
        return f"It looks like a hook of another dialect: --dialect {other}"
    return f"It ended with success, but did not do it, or not there. {_task(made)} End with another code if it fails."


def _of_two(step: Step, sight: Sight) -> str:
    """Which of two values is not there, where the reasons do not tell it."""
    if sight.lost:
        return "" if sight.reasons else "It replaces the value instead of adding one. "
    if step.key == "chain":
        return "It knows no chains: it takes the first value of the call alone. "
    return "It does not add the second value. "


def unanswered(made: Challenge) -> str:
    """What to do where nobody who was asked said anything."""
    if made.type == dns01.TYPE:
        return "Nobody could be asked; name a server that answers about this zone with --nameserver."
    return f"See that the server of {made.identifier} runs, and that it can be reached from here."


def txt_name(made: Challenge) -> str:
    """Where the TXT record belongs."""
    return made.txt_target or made.txt_domain or ""


def _task(made: Challenge) -> str:
    if made.type == dns01.TYPE:
        return (
            f"Let it write the TXT record {txt_name(made)} into the zone that these servers have, and end when it is "
            "there; if that takes its time, give --verify-timeout."
        )
    if made.type == http01.TYPE:
        return f"Let it make every server of {made.identifier} answer {made.uri} with the key authorization alone."
    assert made.type in TLS_TYPES
    chosen = f", choosing the protocol {made.alpn}," if made.alpn else ""
    return f"Let every server of {made.identifier} present the certificate to who asks for {made.server_name}{chosen}."


def _unwithdrawn(step: Step, failures: Sequence[Failure], sight: Sight | None, made: Challenge, where: str) -> str:
    if sight is not None and sight.left:
        return f"Let it remove what it is called for{where}; now more stays behind with every certificate."
    if sight is not None and sight.missing:
        return (
            f"It removes every value. Let it remove only the one it is called for{where}, with nsupdate by: update "
            f'delete {txt_name(made)} TXT "VALUE". An order of another host for the same name still needs its own.'
        )
    if failures and step.again:
        return "Let it end with success when nothing is there to remove: after an interruption it is called again."
    if failures:
        return "It did its work, and ended with a failure all the same: Certbot's log will have an error every time."
    return "Not everybody who was asked answered, so a part of this is not known."
