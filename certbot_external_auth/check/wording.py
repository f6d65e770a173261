"""Every sentence about a step of a trial, made from its data; `verdict` has those about all. Pure functions."""

from __future__ import annotations

from collections.abc import Callable

from certbot_external_auth.backends.handler import mistakes
from certbot_external_auth.challenges import TXT_TYPES, Challenge, http01
from certbot_external_auth.check.advice import Advice, Kind
from certbot_external_auth.check.patience import Waiting, Wanted
from certbot_external_auth.check.results import Level, Result
from certbot_external_auth.dialects import recognise
from certbot_external_auth.text import counted
from certbot_external_auth.visibility import Observation, report

TITLES = {
    "start": "examine the handler",
    "before": "look up the name",
    "publish": "publish a value",
    "second": "publish a second value at the same name",
    "keep": "remove the first value",
    "withdraw": "remove what is still published",
    "stays": "publish one more value beside those that stay",
    "again": "remove the first value again",
    "dash": "publish a value that begins with -",
    "dash-withdraw": "remove that value",
    "chain": "publish two values at the same name in one call",
    "chain-withdraw": "remove both in one call",
    "together": "publish two values at the same name in one batch",
    "together-withdraw": "remove both in one batch",
    "permission": "look up CAA records and DNSSEC",
}
EXPECTED = {
    "start": "it can be started, and no other user can change it",
    "before": "it has no TXT records",
    "publish": "it is visible",
    "second": "both are visible",
    "keep": "only the second one is visible",
    "withdraw": "nothing is left",
    "stays": "it takes the place of an old one",
    "again": "nothing changes, and the handler succeeds",
    "dash": "it is visible",
    "dash-withdraw": "nothing is left",
    "chain": "both are visible",
    "chain-withdraw": "nothing is left",
    "together": "both are visible",
    "together-withdraw": "nothing is left",
    "permission": "nothing keeps the CA from issuing",
}
VARIABLES = {
    "native": "$cbot_validation",
    "dehydrated": "$4",
    "certbot": "$CERTBOT_VALIDATION",
    "lego": "$3",
    "uacme": "$5",
    "acmetool": "$4",
}
"""Where a hook of each dialect finds the value of dns-01."""
MAX_SHOWN_OBSERVATIONS = 6
MAX_NAMED_ADDRESSES = 2


def observed(observation: Observation) -> str:
    """Say what one address answered."""
    # A server without a name of its own goes by its address.
    nameless = observation.address.lstrip("[").startswith(observation.server)
    server = observation.address if nameless else f"{observation.server} {observation.address}".strip()
    return f"{server or observation.place}: {report.words(observation)}"


def seen(result: Result) -> str:
    """Say what came out of a step."""
    parts = [f"{failure.operation}: {failure.happened}" for failure in result.failures]
    if result.sight is not None:
        answers = [observed(observation) for observation in result.sight.shown] or ["there was no server to ask"]
        parts += answers[:MAX_SHOWN_OBSERVATIONS]
        if len(answers) > MAX_SHOWN_OBSERVATIONS:
            parts.append(f"and {len(answers) - MAX_SHOWN_OBSERVATIONS} more")
    return " ".join([*result.findings, *(["; ".join(parts)] if parts else [])])


def asked(result: Result) -> str:
    """Say which addresses were asked, in parentheses; nothing if none was."""
    sight = result.sight
    addresses = (
        sorted({observation.address for observation in sight.observations if observation.address}) if sight else []
    )
    if not addresses:
        return ""
    few = len(addresses) <= MAX_NAMED_ADDRESSES
    return f" (asked {', '.join(addresses) if few else f'{len(addresses)} addresses'})"


def change(result: Result) -> str:
    """Say what to change so that a step passes."""
    return " ".join(sentence(advice) for advice in result.advice)


def reasons(result: Result) -> tuple[str, ...]:
    """Return the likely reasons, unless the step passed."""
    return result.sight.reasons if result.sight is not None and result.level is not Level.PASSED else ()


def waiting(waiting: Waiting) -> str:
    """Say what is waited for, and for how long at most."""
    limit = "without a limit" if waiting.seconds is None else f"at most {counted(waiting.seconds, 'second')}"
    if waiting.wanted is Wanted.HANDLER:
        return f"{TITLES[waiting.step]}: the handler is working; each call may take {limit} (--timeout)"
    not_yet = _NOT_YET.get(waiting.step, "not visible yet")
    return f"{TITLES[waiting.step]}: {not_yet}; the servers are asked again for {limit} (--verify-timeout)"


_GONE_IN = ("keep", "withdraw", "again", "dash-withdraw", "chain-withdraw", "together-withdraw")
_NOT_YET = {"before": "no answer yet", **dict.fromkeys(_GONE_IN, "not gone yet")}


# --- advice ---


def sentence(advice: Advice) -> str:
    """Say what to change."""
    return _SENTENCES[advice.kind](advice)


def _variable(advice: Advice) -> str:
    """Name the variable that has the value, in parentheses; nothing where the dialect has several ways."""
    known = advice.challenge.type in TXT_TYPES and advice.dialect in VARIABLES
    return f" ({VARIABLES[advice.dialect]})" if known else ""


def _dash(advice: Advice) -> str:
    return (
        f"One value in 64 begins with '-'. Make sure that no program takes it{_variable(advice)} for an option: put -- "
        "before it, or pass it through stdin or a variable."
    )


def _not_published(advice: Advice) -> str:
    return (
        f"The handler reported success, but the servers do not have the value. {_task(advice.challenge)} If it cannot "
        "do that, it must exit with a non-zero code."
    )


def _task(challenge: Challenge) -> str:
    if challenge.type in TXT_TYPES:
        return (
            f"Let it write the TXT record {challenge.record_name} to the zone that these servers serve, and exit when "
            "the record is there; if that takes longer, raise --verify-timeout."
        )
    if challenge.type == http01.TYPE:
        return (
            f"Let it make every server of {challenge.identifier} answer {challenge.place} with the key authorization "
            "alone."
        )
    protocol = f" and select the protocol {challenge.alpn}" if challenge.alpn else ""
    return (
        f"Let it make every server of {challenge.identifier} present the certificate to a client that asks for "
        f"{challenge.place}{protocol}."
    )


def _unanswered(advice: Advice) -> str:
    if advice.challenge.type in TXT_TYPES:
        return (
            "No name server said whether the record is there; each answer stands above. With --nameserver, name one "
            "that serves this zone."
        )
    return (
        f"No server answered. Check that the server of {advice.challenge.identifier} is running, and that this machine "
        "can reach it."
    )


def _keep_both(advice: Advice) -> str:
    name = advice.challenge.identifier
    return (
        f"A certificate for {name} together with *.{name} cannot be issued this way. Let the handler add a value and "
        "keep the others (nsupdate: no 'update delete' before 'update add'; most APIs: send the old values along with "
        "the new one)."
    )


def _leaves(advice: Advice) -> str:
    return (
        f"Let the handler remove the value that it is called for{_variable(advice)}. As it is, every certificate "
        "leaves more behind."
    )


def _removes_all(advice: Advice) -> str:
    return (
        f"The handler removes every value. Let it remove only the one that it is called for{_variable(advice)}, with "
        f'nsupdate by: update delete {advice.challenge.record_name} TXT "VALUE". If another host has an order for the '
        "same name, it still needs its own value."
    )


def _fixed(text: str) -> Callable[[Advice], str]:
    return lambda advice: text


_SENTENCES: dict[Kind, Callable[[Advice], str]] = {
    Kind.FIX: lambda advice: advice.detail,
    Kind.SEE_OUTPUT: _fixed("The handler's output says why; see below."),
    Kind.OTHER_DIALECT: lambda advice: f"The handler looks like a hook of another dialect: --dialect {advice.detail}",
    Kind.ASKS_A_PERSON: _fixed(mistakes.sentence(mistakes.ASKS_A_PERSON)),
    Kind.DASH_IS_NO_OPTION: _dash,
    Kind.NOT_PUBLISHED: _not_published,
    Kind.UNANSWERED: _unanswered,
    Kind.PARTLY_ANSWERED: _fixed("Some servers did not answer, so part of the result is unknown."),
    Kind.TWO_VALUES_NEEDED: _fixed("A certificate for a name and its wildcard needs two values at one name."),
    Kind.REPLACES: _fixed("The handler replaces the value instead of adding one."),
    Kind.IGNORES_CHAIN: _fixed("The handler does not support chains: it used only the first value of the call."),
    Kind.DOES_NOT_ADD: _fixed("The handler did not add the second value."),
    Kind.KEEP_BOTH: _keep_both,
    Kind.LEAVES: _leaves,
    Kind.NOT_REMOVED: lambda advice: (
        f"The handler did not remove the value that it was called for{_variable(advice)}. The step "
        f"'{TITLES['stays']}' shows whether more stays with every certificate."
    ),
    Kind.MAKES_ROOM: _fixed(
        "The value stays until the next one takes its place, as at acme-dns. No certificate leaves more behind."
    ),
    Kind.PLACEHOLDER: lambda advice: (
        f"The name has {advice.detail} already. That is not a value of a challenge, so the CA ignores it, and the "
        "check goes on. Some handlers leave such a text where a provider must have one."
    ),
    Kind.OCCUPIED: lambda advice: (
        f"The name has {advice.detail} already. You said with --not-empty that no order needs these values."
    ),
    Kind.NOT_SET_AT_CLEANUP: lambda advice: recognise.use_instead(advice.detail),
    Kind.REMOVES_ALL: _removes_all,
    Kind.FAILS_WHEN_GONE: _fixed(
        "Let the handler succeed when there is nothing to remove: after an interruption it is called again."
    ),
    Kind.FAILS_AFTER_WORK: _fixed(
        "The handler removed the value, but reported a failure. Every run would log an error."
    ),
    Kind.TRY_CHAIN: _fixed("If the steps with one call below pass, --external-auth-hook-chain yes solves this."),
    Kind.TRY_TOGETHER: _fixed("If the steps with one batch below pass, one certificate can still contain both."),
}
