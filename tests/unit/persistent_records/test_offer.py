"""What a server may offer, and which draft it speaks."""

from __future__ import annotations

from typing import Any

import pytest

from certbot_external_auth.persistent_records import Draft, OfferError, Problem, of_challenge, of_directory, trust

URL = "https://acme.ca.example/acct/1"
NEW = {"issuerDomainNames": ["ca.example"], "accountHashPrefix": "https://acme.ca.example/h/"}


@pytest.mark.parametrize(
    ("meta", "challenge", "draft"),
    [
        ({}, {"issuer-domain-names": ["ca.example"]}, Draft.D00),
        ({}, {"issuer-domain-names": ["ca.example"], "accounturi": URL}, Draft.D01),
        ({"issuerDomainNames": ["ca.example"]}, {"issuer-domain-names": ["ca.example"]}, Draft.D00),
        (NEW, {"issuerDomainNames": ["ca.example", "ca.example.net"]}, Draft.D02),
    ],
)
def test_the_draft_is_told_by_the_directory_then_by_the_challenge(
    meta: dict[str, Any], challenge: dict[str, Any], draft: Draft
) -> None:
    """Guards against: a record in a form that the CA does not read."""
    assert of_challenge(meta, challenge, URL).draft is draft


def test_the_directory_alone_tells_what_to_publish() -> None:
    """Guards against: an order that is spent only to learn the CA's name."""
    assert of_directory({"caaIdentities": ["CA.example."]}).issuers == ("ca.example",)
    found = of_directory(NEW)
    assert (found.draft, found.hash_prefix) == (Draft.D02, NEW["accountHashPrefix"])


@pytest.mark.parametrize(
    ("meta", "challenge", "problem"),
    [
        ({}, {}, Problem.NO_ISSUERS),
        ({}, {"issuer-domain-names": []}, Problem.NO_ISSUERS),
        ({}, {"issuer-domain-names": "ca.example"}, Problem.NO_ISSUERS),
        ({}, {"issuer-domain-names": [f"ca{number}.example" for number in range(11)]}, Problem.TOO_MANY_ISSUERS),
        ({}, {"issuer-domain-names": ["ca.example", "CA.example"]}, Problem.BAD_ISSUER),
        ({}, {"issuer-domain-names": ["ca.example; policy=wildcard"]}, Problem.BAD_ISSUER),
        ({}, {"issuer-domain-names": [7]}, Problem.BAD_ISSUER),
        ({}, {"issuer-domain-names": ["ca.example"], "accounturi": URL + "1"}, Problem.OTHER_ACCOUNT),
        ({}, {"issuer-domain-names": ["ca.example"], "accounturi": [URL]}, Problem.OTHER_ACCOUNT),
        ({}, {"issuerDomainNames": ["ca.example"]}, Problem.NO_PREFIX),
        (NEW, {"issuer-domain-names": ["ca.example"]}, Problem.NO_ISSUERS),
        (NEW, {"issuerDomainNames": ["other.example"]}, Problem.ISSUER_MISSING),
        (
            {**NEW, "caaIdentities": ["ca.example"]},
            {"issuerDomainNames": ["ca.example", "ca.example.net"]},
            Problem.ISSUER_NOT_IN_CAA,
        ),
        (
            {**NEW, "accountHashPrefix": "https://x.example/;policy="},
            {"issuerDomainNames": ["ca.example"]},
            Problem.BAD_PREFIX,
        ),
        ({**NEW, "accountHashPrefix": None}, {"issuerDomainNames": ["ca.example"]}, Problem.BAD_PREFIX),
    ],
)
def test_an_offer_that_is_not_well_formed_is_refused(
    meta: dict[str, Any], challenge: dict[str, Any], problem: Problem
) -> None:
    """Guards against: a hostile server's text in a record, and another account than ours."""
    with pytest.raises(OfferError) as raised:
        of_challenge(meta, challenge, URL)
    assert raised.value.problem is problem


@pytest.mark.parametrize("meta", [{}, {"caaIdentities": []}, {"caaIdentities": "ca.example"}, {"caaIdentities": [7]}])
def test_a_directory_that_does_not_tell_is_refused(meta: dict[str, Any]) -> None:
    """Guards against: a record without the CA's name."""
    with pytest.raises(OfferError):
        of_directory(meta)


@pytest.mark.parametrize("name", ["", "ca.example.", "CA.example", "ca_.example", "-ca.example", "1.2.3.4", "a" * 64])
def test_a_name_that_is_not_normalized_is_not_an_issuer(name: str) -> None:
    """Guards against: text in a record that is not a name."""
    assert not trust.is_issuer(name)


def test_a_thumbprint_has_43_characters() -> None:
    """Guards against: a typed thumbprint that is a hash of another kind."""
    assert trust.is_thumbprint("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs")
    assert not trust.is_thumbprint("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs=")
