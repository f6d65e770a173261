"""Why a web server's answer is wrong and what may help, as data. `test_wording` has the words; the integration tests
have real servers."""

from __future__ import annotations

import pytest

from certbot_external_auth.files.webroot import FileState
from certbot_external_auth.visibility import Expectation, Observation, Outcome, Page, TlsFault
from certbot_external_auth.visibility.near_miss import Miss
from certbot_external_auth.visibility.web.reasons import (
    Help,
    Ipv6Apart,
    Kind,
    NoAddress,
    WrongPage,
    WrongTls,
    advice,
    reasons,
)

FOUR, SIX = "192.0.2.1:80", "[2001:db8::1]:80"
NO = Outcome.WRONG_CONTENT


def place(name: str) -> str:
    return f"http://{name}/t"


def wanted(*names: str) -> list[Expectation]:
    return [Expectation("http-01", name, place(name), ("t.k",), (name,)) for name in names]


def row(
    outcome: Outcome, fact: Page | TlsFault | None = None, address: str = FOUR, name: str = "a.test"
) -> Observation:
    return Observation(place(name), name, address, outcome, fact=fact)


@pytest.mark.parametrize(
    ("page", "kind"),
    [
        (Page(403), Kind.FORBIDDEN),
        (Page(451), Kind.FORBIDDEN),
        (Page(403, login=True), Kind.LOGIN),
        (Page(401, login=True), Kind.LOGIN),
        (Page(404), Kind.MISSING),
        (Page(410), Kind.MISSING),
        (Page(404, token=True), Kind.MISSING),
        (Page(503), Kind.FAULTY),
        (Page(200), Kind.OTHER_PAGE),
        (Page(418), Kind.OTHER_PAGE),
        (Page(303), Kind.OTHER_PAGE),
        (Page(200, token=True), Kind.OTHER_KEY),
        (Page(200, token=True, near=Miss.CUT), Kind.NEARLY),
    ],
)
def test_what_kind_of_page_it_is(page: Page, kind: Kind) -> None:
    assert reasons(wanted("a.test"), [row(NO, page)]) == [WrongPage(kind, FOUR, ("a.test",), page)]


def test_names_with_the_same_trouble_share_a_reason() -> None:
    """Guards against an error with the same sentence for each of a hundred names."""
    names = ("a.test", "b.test", "c.test")
    page = Page(403, "nginx")
    rows = [row(NO, page, name=name) for name in names] + [row(NO, page, SIX, name="a.test")]
    found = reasons(wanted(*names), rows)
    assert found == [WrongPage(Kind.FORBIDDEN, FOUR, names, page), WrongPage(Kind.FORBIDDEN, SIX, ("a.test",), page)]


def test_the_file_of_the_plugin_belongs_to_its_place() -> None:
    file = FileState("/w/t", closed="/w", mode=0o700)
    found = reasons(
        wanted("a.test", "b.test"), [row(NO, Page(403)), row(NO, Page(403), name="b.test")], {place("b.test"): file}
    )
    assert [one.file for one in found if isinstance(one, WrongPage)] == [None, file]


@pytest.mark.parametrize(
    ("six", "four", "silent"),
    [
        (Outcome.TIMEOUT, Outcome.MATCH, True),
        (Outcome.CONNECTION_REFUSED, Outcome.MATCH, True),
        (NO, Outcome.MATCH, False),
        (Outcome.UNREACHABLE, Outcome.MATCH, None),
        (Outcome.NOT_ASKED, Outcome.MATCH, None),
        (Outcome.TIMEOUT, NO, None),
    ],
)
def test_ipv6_beside_ipv4(six: Outcome, four: Outcome, silent: bool | None) -> None:
    found = reasons(wanted("a.test"), [row(four), row(six, address=SIX)])
    assert found == ([] if silent is None else [Ipv6Apart("a.test", SIX, FOUR, silent)])


@pytest.mark.parametrize("outcome", [Outcome.NO_SUCH_NAME, Outcome.NO_RECORD])
def test_a_name_without_an_address(outcome: Outcome) -> None:
    assert reasons(wanted("a.test"), [row(outcome, address="")]) == [NoAddress("a.test")]
    assert reasons(wanted("a.test"), [row(Outcome.SERVFAIL, address="")]) == []


def test_a_wrong_certificate_has_its_names() -> None:
    one = Expectation("tls-alpn-01", "a.test", "a.test", ("00",))
    seen = Observation(
        "a.test", "a.test", "192.0.2.1:443", Outcome.WRONG_CERTIFICATE, ("of x",), fact=TlsFault.OTHER_NAME
    )
    assert reasons([one], [seen]) == [WrongTls(TlsFault.OTHER_NAME, "192.0.2.1:443", ("a.test",), "of x")]


def test_records_are_not_the_business_of_this_module() -> None:
    one = Expectation("dns-01", "a.test", "_acme-challenge.a.test", ("v",))
    assert reasons([one], [Observation(one.place, "ns", "192.0.2.1:53", Outcome.NO_SUCH_NAME)]) == []
    assert advice([], named=False) == []


# --- advice ---

NO_ROUTE = row(Outcome.UNREACHABLE, address=SIX)


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ([row(Outcome.CONNECTION_REFUSED)], Help.START_SERVER),
        ([row(Outcome.CONNECTION_REFUSED), NO_ROUTE], Help.START_SERVER),
        ([row(Outcome.TIMEOUT)], Help.OPEN_THE_WAY),
        ([row(Outcome.TIMEOUT), row(Outcome.CONNECTION_REFUSED)], Help.OPEN_THE_WAY),
        ([NO_ROUTE], Help.NO_ROUTE),
        ([row(Outcome.FAULT)], Help.SEE_TABLE),
        ([row(Outcome.SERVFAIL, address="")], Help.SEE_TABLE),
        ([row(Outcome.TIMEOUT), row(Outcome.NOT_ASKED)], Help.SEE_TABLE),
    ],
)
def test_advice_where_no_server_said_yes_or_no(rows: list[Observation], found: Help) -> None:
    for named in (False, True):
        assert advice(rows, named) == [found]


@pytest.mark.parametrize(
    ("fact", "waits"),
    [
        (Page(404), True),
        (Page(503), True),
        (Page(403), False),
        (Page(401, login=True), False),
        (Page(200), False),
        (None, False),
        (TlsFault.OTHER_DIGEST, True),
        (TlsFault.OTHER_NAME, True),
        (TlsFault.NO_PROTOCOL, False),
        (TlsFault.NO_TLS, False),
    ],
)
def test_more_time_is_advised_only_where_it_may_help(fact: Page | TlsFault | None, waits: bool) -> None:
    more = [Help.MORE_TIME] if waits else []
    assert advice([row(NO, fact)], named=True) == more
    assert advice([row(NO, fact), row(Outcome.TIMEOUT)], named=False) == [*more, Help.OTHER_ADDRESSES]


def test_nothing_is_advised_where_one_address_is_right_and_another_silent() -> None:
    assert advice([row(Outcome.MATCH), row(Outcome.TIMEOUT, address=SIX)], named=False) == []
