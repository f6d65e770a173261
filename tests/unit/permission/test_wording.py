"""The sentences about what keeps a CA from issuing."""

from __future__ import annotations

import pytest

from certbot_external_auth.permission.finding import Applicant, Finding, Kind
from certbot_external_auth.permission.wording import sentence, unsaid

OURS = Applicant(("ca.test",), "https://ca.test/acct/1", ("dns-01",))
RECORD = '0 issue "their.test"'
RIGHT = '0 issue "ca.test"'
EXPECTED = {
    Kind.OTHER_CA: "CAA records do not let this CA (ca.test) issue for a.test. At test stands: "
    '0 issue "their.test". Add the record: test. CAA 0 issue "ca.test"',
    Kind.NO_CA: 'CAA records let no CA issue for a.test. At test stands: 0 issue "their.test". '
    'Add the record: test. CAA 0 issue "ca.test"',
    Kind.MALFORMED: "CAA records let no CA issue for a.test, because they are malformed. At test stands: "
    '0 issue "their.test". Add the record: test. CAA 0 issue "ca.test"',
    Kind.CRITICAL: "A CAA record of a.test has the tag tomorrow and is marked as critical: a CA that does not know "
    'this tag must not issue. At test stands: 0 issue "their.test". Remove the record with the tag tomorrow, or its '
    "flag 128.",
    Kind.OTHER_ACCOUNT: "CAA records let this CA issue for a.test only to another account than yours, which is "
    'https://ca.test/acct/1. At test stands: 0 issue "their.test". Change the record to: test. CAA 0 issue "ca.test"',
    Kind.OTHER_METHODS: "CAA records do not let this CA issue for a.test after a challenge of type dns-01. At test "
    'stands: 0 issue "their.test". Change the record to: test. CAA 0 issue "ca.test"',
    Kind.UNANSWERED: 'The name servers do not answer the question about CAA records at test (0 issue "their.test"). A '
    "CA must not issue for a.test without an answer. Every server that the NS records name must know the zone, and "
    "answer questions about CAA records; if there is none, with an empty answer (NOERROR).",
    Kind.BOGUS: "DNSSEC: the resolver 127.0.0.1:53 does not accept the signatures above test: signature expired (7). "
    'It says: 0 issue "their.test". A CA\'s resolver checks them too, and then cannot see the name at all. Sign the '
    "zone again, and find out why its server has stopped doing so.",
}


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_has_a_sentence(kind: Kind) -> None:
    servers, errors = (("127.0.0.1:53",), (7,)) if kind is Kind.BOGUS else ((), ())
    finding = Finding(kind, "a.test", "test", (RECORD,), RIGHT, "tomorrow", servers, errors)
    assert sentence(finding, OURS) == EXPECTED[kind]


def test_what_only_some_servers_have_names_them() -> None:
    finding = Finding(Kind.NO_CA, "a.test", "a.test", ('0 issue ";"',), servers=("ns1 192.0.2.1:53",))
    assert sentence(finding, OURS) == (
        'CAA records let no CA issue for a.test. At a.test, as ns1 192.0.2.1:53 has it, stands: 0 issue ";". Let the '
        "CA's name stand in an issue record there, or remove these records."
    )


def test_a_fault_of_the_keys_is_fixed_above_and_one_of_the_clock_here() -> None:
    def fixed(*errors: int) -> str:
        return sentence(Finding(Kind.BOGUS, "a.test", "a.test", servers=("r",), errors=errors), OURS)

    assert fixed(9).endswith(
        "The DS records of the zone above must name a key of the zone: replace them, or remove them."
    )
    assert "Set the clock" in fixed(8)
    assert fixed(99).startswith(
        "DNSSEC: the resolver r does not accept the signatures above a.test: extended error (99)."
    )
    assert fixed().endswith("or remove its DS records from the zone above.")


def test_what_is_not_known_is_said() -> None:
    assert list(unsaid((), True)) == []
    assert list(unsaid(("a.test", "b.test"), False)) == [
        "This machine could not look up the CAA records of a.test, b.test, so it says nothing about them.",
        "No resolver that was asked confirms a signature, so nothing is said about DNSSEC.",
    ]
