"""Every sentence about what keeps a CA from issuing, made from its data. Pure functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from certbot_external_auth.permission.finding import Applicant, Finding, Kind
from certbot_external_auth.text import one_line

MAX_SHOWN_RECORDS = 6
MAX_SHOWN_SERVERS = 3
ERRORS = {
    1: "unsupported DNSKEY algorithm",
    2: "unsupported DS digest type",
    5: "DNSSEC indeterminate",
    6: "DNSSEC bogus",
    7: "signature expired",
    8: "signature not yet valid",
    9: "DNSKEY missing",
    10: "RRSIGs missing",
    11: "no zone key bit set",
    12: "NSEC missing",
}
"""The extended errors about DNSSEC (RFC 8914 sections 4.2 to 4.13)."""
_EXPIRED, _NOT_YET, _NO_KEY = 7, 8, 9


def sentence(finding: Finding, applicant: Applicant) -> str:
    """Say what keeps the CA from issuing, and what to do."""
    return f"{what(finding, applicant)} {fix(finding)}"


def what(finding: Finding, applicant: Applicant) -> str:
    """Say what keeps the CA from issuing."""
    if finding.kind is Kind.BOGUS:
        return _bogus(finding)
    if finding.kind is Kind.UNANSWERED:
        return _unanswered(finding)
    return f"{_WHAT[finding.kind](finding, applicant)} {_stands(finding)}"


def fix(finding: Finding) -> str:
    """Say what to do."""
    if finding.kind is Kind.BOGUS:
        return _sign_again(finding)
    if finding.kind is Kind.UNANSWERED:
        return (
            "Every server that the NS records name must know the zone, and answer questions about CAA records; if "
            "there is none, with an empty answer (NOERROR)."
        )
    if finding.kind is Kind.CRITICAL:
        return f"Remove the record with the tag {finding.tag}, or its flag 128."
    if not finding.right:
        return "Let the CA's name stand in an issue record there, or remove these records."
    verb = "Change the record to" if finding.kind in (Kind.OTHER_ACCOUNT, Kind.OTHER_METHODS) else "Add the record"
    return f"{verb}: {finding.owner}. CAA {finding.right}"


def unsaid(names: tuple[str, ...], checked: bool) -> Iterator[str]:
    """Yield what could not be found out.

    :param names: those whose CAA records could not be looked up.
    :param checked: a resolver said something about signatures.
    """
    if names:
        yield f"This machine could not look up the CAA records of {', '.join(names)}, so it says nothing about them."
    if not checked:
        yield "No resolver that was asked confirms a signature, so nothing is said about DNSSEC."


# --- CAA ---


def _other_ca(finding: Finding, applicant: Applicant) -> str:
    names = " or ".join(applicant.issuers)
    return f"CAA records do not let this CA ({names}) issue for {finding.name}."


def _other_account(finding: Finding, applicant: Applicant) -> str:
    return (
        f"CAA records let this CA issue for {finding.name} only to another account than yours, which is "
        f"{applicant.account}."
    )


def _other_methods(finding: Finding, applicant: Applicant) -> str:
    types = " or ".join(applicant.about(finding.name).types)
    return f"CAA records do not let this CA issue for {finding.name} after a challenge of type {types}."


_WHAT: dict[Kind, Callable[[Finding, Applicant], str]] = {
    Kind.OTHER_CA: _other_ca,
    Kind.OTHER_ACCOUNT: _other_account,
    Kind.OTHER_METHODS: _other_methods,
    Kind.NO_CA: lambda finding, _: f"CAA records let no CA issue for {finding.name}.",
    Kind.MALFORMED: lambda finding, _: f"CAA records let no CA issue for {finding.name}, because they are malformed.",
    Kind.CRITICAL: lambda finding, _: (
        f"A CAA record of {finding.name} has the tag {finding.tag} and is marked as critical: a CA that does not know "
        "this tag must not issue."
    ),
}


def _stands(finding: Finding) -> str:
    shown = [one_line(line, 200) for line in finding.says[:MAX_SHOWN_RECORDS]]
    more = ", …" if len(finding.says) > MAX_SHOWN_RECORDS else ""
    return f"At {finding.owner}{_at(finding)} stands: {', '.join(shown)}{more}."


def _at(finding: Finding) -> str:
    """Name the servers that say so, if not all do."""
    shown = ", ".join(finding.servers[:MAX_SHOWN_SERVERS])
    return f", as {shown} has it," if shown else ""


def _unanswered(finding: Finding) -> str:
    said = "; ".join(one_line(line, 120) for line in finding.says[:MAX_SHOWN_SERVERS])
    return (
        f"The name servers do not answer the question about CAA records at {finding.owner} ({said}). A CA must not "
        f"issue for {finding.name} without an answer."
    )


# --- DNSSEC ---


def _bogus(finding: Finding) -> str:
    named = [f"{ERRORS.get(code, 'extended error')} ({code})" for code in finding.errors]
    reason = f": {', '.join(named)}" if named else ""
    text = "".join(f" It says: {one_line(line, 200)}." for line in finding.says if line)
    return (
        f"DNSSEC: the resolver {', '.join(finding.servers)} does not accept the signatures above {finding.owner}"
        f"{reason}.{text} A CA's resolver checks them too, and then cannot see the name at all."
    )


def _sign_again(finding: Finding) -> str:
    # unbound names the code of a missing key for an expired signature, too; its text says which of them it is.
    text = " ".join(finding.says)
    if _EXPIRED in finding.errors or "expired" in text:
        return "Sign the zone again, and find out why its server has stopped doing so."
    if _NOT_YET in finding.errors or "before inception" in text:
        return "Set the clock of the machine that signs the zone, and sign it again."
    if _NO_KEY in finding.errors:
        return "The DS records of the zone above must name a key of the zone: replace them, or remove them."
    return "Sign the zone again, or remove its DS records from the zone above."
