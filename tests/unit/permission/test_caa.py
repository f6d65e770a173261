"""CAA records, by the rules of RFC 8659 and RFC 8657."""

from __future__ import annotations

import pytest

from certbot_external_auth.permission import caa
from certbot_external_auth.permission.caa import Issue, Record, climb, judge, parsed, right
from certbot_external_auth.permission.finding import Applicant, Kind
from certbot_external_auth.permission.look import Sight
from certbot_external_auth.permission.lookup import Standing
from certbot_external_auth.permission.wording import sentence

ACCOUNT = "https://ca.test/acct/1"
OURS = Applicant(("ca.test",), ACCOUNT, ("dns-01", "http-01"))


def issue(*values: str, tag: str = "issue") -> list[Record]:
    return [Record(0, tag, value) for value in values]


def test_the_way_to_the_root() -> None:
    assert list(climb("a.B.example.org.")) == ["a.b.example.org", "b.example.org", "example.org", "org"]
    assert list(climb("*.example.org")) == ["example.org", "org"]


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("ca.test", Issue("ca.test")),
        (" CA.Test \t", Issue("ca.test")),
        ("ca.test;", Issue("ca.test")),
        (";", Issue()),
        ("", Issue()),
        ("ca.test; a=1;b = 2 ", Issue("ca.test", (("a", "1"), ("b", "2")))),
        ("ca.test; a=1;", None),
        ("ca.test; a=1; ", None),
        ("ca.test;;", None),
        ("ca.test; a=", Issue("ca.test", (("a", ""),))),
        ("; a=1", Issue("", (("a", "1"),))),
        ("ca.test; A-b=x=y:z", Issue("ca.test", (("a-b", "x=y:z"),))),
        ("ca test", None),
        ("-ca.test", None),
        ("ca.test.", None),
        ("ca.test; a", None),
        ("ca.test; a=b c", None),
        ("ca.test;; a=1", None),
        ("ca.test; a=\x7f", None),
        ("ca.test; -a=1", None),
    ],
)
def test_the_value_of_an_issue_record(value: str, found: Issue | None) -> None:
    assert parsed(value) == found


@pytest.mark.parametrize(
    ("records", "wildcard", "kind"),
    [
        ([], False, None),
        (issue("ca.test"), False, None),
        (issue("their.test"), False, Kind.OTHER_CA),
        (issue("their.test", "ca.test"), False, None),
        (issue(";"), False, Kind.NO_CA),
        (issue(";", "ca.test"), False, None),
        (issue("ca test"), False, Kind.MALFORMED),
        (issue("ca test", ";"), False, Kind.MALFORMED),
        (issue("ca test", "ca.test"), False, None),
        ([Record(0, "iodef", "mailto:a@b.test")], False, None),
        ([*issue("ca.test"), *issue(";", tag="issuewild")], False, None),
        ([*issue("ca.test"), *issue(";", tag="issuewild")], True, Kind.NO_CA),
        ([*issue(";"), *issue("ca.test", tag="issuewild")], True, None),
        (issue("their.test"), True, Kind.OTHER_CA),
        (issue(";", tag="issuewild"), False, None),
        ([*issue("ca.test"), Record(128, "tomorrow", "")], False, Kind.CRITICAL),
        ([*issue("ca.test"), Record(1, "tomorrow", "")], False, None),
        ([Record(128, "issue", "ca.test"), Record(128, "issuemail", ";")], False, None),
        ([Record(128, "contactemail", "a@b.test")], False, Kind.CRITICAL),
        (issue(f"ca.test; accounturi={ACCOUNT}"), False, None),
        (issue(f"ca.test; accounturi={ACCOUNT}/"), False, Kind.OTHER_ACCOUNT),
        (issue(f"ca.test; accounturi={ACCOUNT}; accounturi={ACCOUNT}"), False, Kind.OTHER_ACCOUNT),
        (issue("ca.test; accounturi=x", f"ca.test; accounturi={ACCOUNT}"), False, None),
        (issue("ca.test; validationmethods=tls-alpn-01,dns-01"), False, None),
        (issue("ca.test; validationmethods=tls-alpn-01"), False, Kind.OTHER_METHODS),
        (issue("ca.test; validationmethods=DNS-01"), False, Kind.OTHER_METHODS),
        (issue("ca.test; validationmethods="), False, Kind.OTHER_METHODS),
        (issue("ca.test; validationmethods=dns-01,,http-01"), False, Kind.OTHER_METHODS),
        (issue("ca.test; validationmethods=dns-01; validationmethods=dns-01"), False, Kind.OTHER_METHODS),
        # Neither of the two records allows both the account and a type.
        (
            issue("ca.test; accounturi=x", f"ca.test; accounturi={ACCOUNT}; validationmethods=x"),
            False,
            Kind.OTHER_METHODS,
        ),
    ],
)
def test_what_records_let_a_ca_do(records: list[Record], wildcard: bool, kind: Kind | None) -> None:
    assert judge(records, wildcard, OURS) is kind


@pytest.mark.parametrize("newer", ["dns-account-01", "dns-persist-01"])
def test_a_method_covers_no_other_one(newer: str) -> None:
    records = issue("ca.test; validationmethods=dns-01")
    assert judge(records, False, Applicant(("ca.test",), None, (newer,))) is Kind.OTHER_METHODS
    assert judge(records, False, Applicant(("ca.test",), None, (newer, "dns-01"))) is None


def test_what_is_not_known_is_no_reason() -> None:
    assert judge(issue("their.test"), False, Applicant((), ACCOUNT, ("dns-01",))) is None
    assert judge(issue("ca.test; accounturi=x"), False, Applicant(("ca.test",), None, ("dns-01",))) is None
    assert judge(issue(";"), False, Applicant()) is Kind.NO_CA


def test_the_record_that_would_be_right() -> None:
    assert right(issue("their.test"), False, OURS) == '0 issue "ca.test"'
    assert right([*issue("ca.test"), *issue(";", tag="issuewild")], True, OURS) == '0 issuewild "ca.test"'
    both = issue("ca.test; accounturi=x; validationmethods=tls-alpn-01")
    assert right(both, False, OURS) == f'0 issue "ca.test; accounturi={ACCOUNT}; validationmethods=dns-01,http-01"'
    assert right(issue("their.test; accounturi=x"), False, OURS) == '0 issue "ca.test"'
    assert right(issue("their.test"), False, Applicant()) == ""
    for records in (both, issue("their.test"), issue(";")):
        made = right(records, False, OURS)
        value = made.partition('"')[2].rstrip('"')
        assert judge([*records, *issue(value)], False, OURS) is None, made
    assert str(caa.Record(0, "issue", "ca.test")) == '0 issue "ca.test"'


def test_a_wildcard_is_not_proven_by_a_web_server() -> None:
    records = tuple(issue("ca.test; validationmethods=http-01"))
    told = {"a.test": (Standing("a.test", records),)}
    (found,) = Sight(("a.test", "*.a.test"), dict(told), {}).findings(OURS)
    assert (found.kind, found.name) == (Kind.OTHER_METHODS, "*.a.test")
    assert found.right == '0 issue "ca.test; validationmethods=dns-01"'
    assert "issue for *.a.test after a challenge of type dns-01. At" in sentence(found, OURS)
    assert Sight(("*.a.test",), dict(told), {}).findings(Applicant(("ca.test",))) == []
