"""The forms of records that tools read. tests/integration/test_persist.py lets the tools read them."""

from __future__ import annotations

import dns.zone
import pytest

from certbot_external_auth.accounts import foreign
from certbot_external_auth.errors import UsageError
from certbot_external_auth.persist import formats
from certbot_external_auth.persist.formats import Records
from certbot_external_auth.persistent_records.record import value

TEXT = "ca.example; accounturi=https://ca.example/a'1"
LONG = "ca.example; accounturi=https://ca.example/" + "x" * 300
APEX = Records("_validation-persist.example.com", (TEXT, "b; accounturi=c"), ("one may",))
BELOW = Records("_validation-persist.www.example.com", (LONG,))
SERVER = "https://ca.example/directory"
ZONES = ("example.com",)


def test_a_zone_file_has_absolute_names_and_short_strings() -> None:
    """Guards against: a name that is taken as relative, and a string of more than 255 characters."""
    assert list(formats.zone([APEX, BELOW], ())) == [
        "; one may",
        f'_validation-persist.example.com. 3600 IN TXT "{TEXT}"',
        '_validation-persist.example.com. 3600 IN TXT "b; accounturi=c"',
        f'_validation-persist.www.example.com. 3600 IN TXT "{LONG[:255]}" "{LONG[255:]}"',
    ]


def test_every_character_that_a_record_can_have_survives_a_zone_file() -> None:
    """Guards against: a character of an account's URL that means something in a zone file."""
    every = "".join(map(chr, range(0x21, 0x7F)))
    account = "https://ca.example/" + "".join(one for one in every if not foreign(f"https://ca.example/{one}", SERVER))
    text = value("ca.example", account, True, 7)
    assert len(account) > 100
    lines = "\n".join(formats.zone([Records("_validation-persist.example.com", (text * 4,))], ()))
    zone = dns.zone.from_text(lines, "example.com.", check_origin=False, relativize=False)
    [record] = zone.get_rdataset("_validation-persist.example.com.", "TXT")
    assert b"".join(record.strings).decode() == text * 4


def test_each_name_is_a_message_of_its_own_to_nsupdate() -> None:
    """Guards against: names of several zones in one message, which servers refuse; and anything but adding."""
    lines = list(formats.nsupdate([APEX, BELOW], ()))
    assert lines.count("send") == 2
    assert all(line.startswith(("update add ", "; ", "send")) for line in lines)


def test_octodns_gets_escaped_semicolons_and_whole_texts() -> None:
    """Guards against: octoDNS's refusal of plain semicolons."""
    lines = list(formats.octodns([BELOW, APEX], ZONES))
    assert lines[0] == "# in the file of the zone: example.com.yaml"
    assert "  - 'ca.example\\; accounturi=https://ca.example/a''1'" in lines
    assert lines.index("_validation-persist:") < lines.index("_validation-persist.www:")


def test_terraform_gets_one_resource_for_each_name() -> None:
    """Guards against: two resources that own the same records, and an expression within a text."""
    odd = Records("_validation-persist.a-b.example.com", ("x; accounturi=https://c/${a}%{b}",))
    alike = [Records(f"_validation-persist.{name}.example.com", ("y",)) for name in ("a_b", "a.b")]
    lines = list(formats.terraform([APEX, odd, *alike], ZONES))
    assert lines[1] == 'resource "dns_txt_record_set" "persist_example_com" {'
    assert '    "x; accounturi=https://c/$${a}%%{b}",' in lines
    names = [line for line in lines if line.startswith("resource")]
    assert len(set(names)) == 4


def test_the_longest_zone_holds_a_name() -> None:
    """Guards against: a record in the zone above a delegation."""
    assert BELOW.in_zone(("com", "www.example.com", "example.com")) == ("www.example.com", "_validation-persist")


@pytest.mark.parametrize("name", ["octodns", "terraform"])
def test_a_zone_is_needed(name: str) -> None:
    """Guards against: a zone that is guessed."""
    write = formats.FORMATS[name]
    assert write is not None
    with pytest.raises(UsageError, match="--zone www"):
        list(write([BELOW], ("example.org",)))
