"""What mode manual says to a person. No other test of this mode quotes whole sentences."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from certbot_external_auth.accounts import Account
from certbot_external_auth.backends.manual import instructions
from certbot_external_auth.backends.manual.instructions import NoPerson
from certbot_external_auth.backends.manual.renewal_reminder import Reminder
from certbot_external_auth.challenges import Challenge, Served
from certbot_external_auth.persistent_records import Draft, Need, Terms

TOKEN = "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
KEY_AUTHORIZATION = f"{TOKEN}.9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"
SERVED = Served("/w/a.crt.pem", "/w/a.key.pem", "PEM", 5001)
REMINDER = Reminder("www.example.org", ("-a", "external-auth", "--external-auth-verify", "off"), "2027-02-23")


def challenge(kind: str, identifier: str = "a.test", key_authorization: str = KEY_AUTHORIZATION) -> Challenge:
    served = SERVED if kind.startswith("tls") else None
    return Challenge("c1", kind, identifier, "dns", TOKEN, key_authorization, served=served)


def test_a_record_can_be_pasted_in_three_forms() -> None:
    made = replace(challenge("dns-01"), txt_target="x.acme.test")
    assert instructions.instructions([made], 80, zones={"x.acme.test": "acme.test"}) == (
        "Create this TXT record:\n"
        "\n"
        "x.acme.test\n"
        "  in the zone acme.test, with the name x:\n"
        f"  {made.validation}\n"
        "\n"
        "_acme-challenge.a.test is an alias (CNAME) of x.acme.test. The CA follows it, so\n"
        "the record belongs there.\n"
        "\n"
        "As lines of a zone file:\n"
        "\n"
        f'x.acme.test. 60 IN TXT "{made.validation}"\n'
        "\n"
        "Or with nsupdate:\n"
        "\n"
        "nsupdate <<'END'\n"
        f'update add x.acme.test. 60 IN TXT "{made.validation}"\n'
        "send\n"
        "END"
    )


def test_a_record_that_stays_is_shown_with_whom_it_serves() -> None:
    """Guards against a person who cannot see what the record allows, or a zone file that refuses a long text."""
    account = Account("https://ca.example/acct/" + "1" * 250, "t" * 43)
    need = Need("a.test", True, Terms(Draft.D01, ("ca.example", "ca2.example")), account)
    made = Challenge("c1", "dns-persist-01", "a.test", "dns", "", "", need=need)
    text = instructions.instructions([made, challenge("dns-01")], 80)
    whole = " ".join(text.split())
    assert "The record of a.test stays: do not remove it. It lets ca.example or ca2.example issue for" in whole
    assert account.uri in whole
    [line] = [one for one in text.splitlines() if one.startswith("_validation-persist.a.test. 60 IN TXT")]
    strings = re.findall(r'"([^"]*)"', line)
    assert ("".join(strings), max(map(len, strings))) == (need.value(), 255)
    [shown] = [lines for place, lines in instructions.values([made], {}).items() if place.startswith("_validation")]
    assert shown == ["_validation-persist.a.test", f"  {need.value()}"]


@pytest.mark.parametrize(
    ("zone", "line"),
    [
        ("a.test", "  in the zone a.test, with the name _acme-challenge:\n"),
        ("_acme-challenge.a.test", "  in the zone _acme-challenge.a.test, at its top (@):\n"),
        ("b.test", ""),
        ("", ""),
    ],
)
def test_the_zone_and_the_name_in_it_are_said(zone: str, line: str) -> None:
    """Guards against a name that a web panel completes once more: it asks for the zone and the rest of the name."""
    made = challenge("dns-01")
    text = instructions.instructions([made], 80, zones={made.place: zone})
    assert f"\n{made.place}\n{line}  {made.validation}\n" in text
    (lines,) = instructions.values([made], {made.place: zone}).values()
    assert "\n".join(lines) == f"{made.place}\n{line}  {made.validation}"


def test_what_to_publish_can_be_shown_again() -> None:
    second = challenge("dns-01", key_authorization=f"{TOKEN}.other")
    made = [challenge("dns-01"), second, challenge("http-01"), challenge("tls-alpn-01")]
    found = instructions.values(made, {})
    assert found[made[0].place] == [made[0].place, f"  {made[0].validation}", f"  {second.validation}"]
    assert found[made[2].place] == [made[2].place, f"  {KEY_AUTHORIZATION}"]
    assert found[made[3].place] == ["a.test (tls-alpn-01)", "  certificate /w/a.crt.pem", "  key /w/a.key.pem"]


def test_an_item_of_a_list_is_wrapped_below_itself() -> None:
    assert instructions.item("one two " * 8, 40).splitlines() == [
        "  one two one two one two one two one",
        "    two one two one two one two",
    ]


def test_values_of_one_name_stand_under_it() -> None:
    first, second = challenge("dns-01"), challenge("dns-01", key_authorization=f"{TOKEN}.other")
    other = challenge("dns-01", "b.test")
    text = instructions.instructions([first, other, second], 80)
    assert text.startswith("Create these 3 TXT records:\n")
    assert f"_acme-challenge.a.test\n  {first.validation}\n  {second.validation}\n_acme-challenge.b.test\n" in text
    assert "add each of them, and replace none." in text
    assert "replace none" not in instructions.instructions([first, other], 80)


def test_a_file_can_be_pasted() -> None:
    text = instructions.instructions([challenge("http-01")], 80)
    assert f"http://a.test/.well-known/acme-challenge/{TOKEN}\n  {KEY_AUTHORIZATION}\n" in text
    assert f"printf '%s' '{KEY_AUTHORIZATION}' > .well-known/acme-challenge/{TOKEN}" in text


def test_a_certificate_has_all_that_a_server_needs() -> None:
    text = instructions.instructions([challenge("tls-alpn-01")], 80)
    for fact in ("server name  a.test", "ALPN         acme-tls/1", "port         5001", "certificate  /w/a.crt.pem"):
        assert f"\n  {fact}\n" in text
    command = "openssl s_server -quiet -www -accept 5001 -cert /w/a.crt.pem -key /w/a.key.pem -alpn acme-tls/1"
    assert f"\n{command}" in text
    assert "is in use" not in text
    assert "several names on one machine" not in text


def test_what_stands_in_the_way_of_openssl_is_said() -> None:
    several = [challenge("tls-sni-01"), challenge("tls-sni-01", "b.test")]
    text = instructions.instructions(several, 80, port_in_use=True)
    assert "Port 5001 of this machine is in use." in text
    assert "several names on one machine" in " ".join(text.split())
    assert "  ALPN         (none)\n" in text
    assert "-alpn" not in text


def test_each_type_has_its_own_part() -> None:
    kinds = ("dns-01", "http-01", "tls-alpn-01")
    parts = [instructions.instructions([challenge(kind)], 80) for kind in kinds]
    assert instructions.instructions([challenge(kind) for kind in kinds], 80) == "\n\n".join(parts)


def test_what_can_be_removed_is_listed() -> None:
    record = replace(challenge("dns-01"), txt_target="x.acme.test")
    made = [record, challenge("http-01"), challenge("tls-alpn-01")]
    assert instructions.removals(made) == (
        "You can now remove:\n"
        f'  x.acme.test. TXT "{record.validation}"\n'
        f"  http://a.test/.well-known/acme-challenge/{TOKEN}\n"
        "  the certificate for a.test, port 5001"
    )


@pytest.mark.parametrize("width", [30, 60, 200])
def test_the_notice_fits_and_its_command_is_whole(width: int) -> None:
    lines = instructions.renewal_notice(REMINDER, width).splitlines()
    assert REMINDER.command in lines
    assert max(len(line) for line in lines if line != REMINDER.command) <= min(width, 100)
    text = " ".join(lines)
    for fact in ("www.example.org", "2027-02-23", "--external-auth-handler PATH", "an alias of a name in a zone"):
        assert fact in text


def test_a_renewal_is_refused_in_one_line() -> None:
    text = instructions.not_renewable(REMINDER)
    assert "\n" not in text
    for fact in ("www.example.org", "2027-02-23", f"{REMINDER.command} ;", "handler PATH", "mode json"):
        assert fact in text
    assert "expires" not in instructions.not_renewable(replace(REMINDER, last_day=None))


@pytest.mark.parametrize("reason", NoPerson)
def test_a_refusal_names_the_modes_that_need_no_person(reason: NoPerson) -> None:
    text = instructions.refusal(reason)
    assert text.startswith("Mode manual needs a ")
    assert instructions.SCRIPT in text
    assert instructions.PROGRAM in text


def test_sentences_are_wrapped_and_words_are_not_broken() -> None:
    word = "x" * 50
    assert instructions.wrapped(f"short {word} short", 10) == f"short\n{word}\nshort"
    assert instructions.wrapped("a-b " * 20, 40).splitlines()[0] == ("a-b " * 10).strip()
    assert instructions.paragraph(["One.", "Two."], 80) == "One.\nTwo."
