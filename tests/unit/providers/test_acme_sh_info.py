"""What is read from a script of acme.sh, without running it."""

from __future__ import annotations

import pytest

from certbot_external_auth.providers import acme_sh_info
from certbot_external_auth.providers.engine import Variable
from tests.support import acme_sh

SCRIPT = """\
#!/usr/bin/env sh
dns_made_up_info='Made Up
 Sells domains.
Site: made-up.example
Docs: made-up.example/docs#dns
Options:
 MU_Key API Key
 MU_Secret: API Secret
 MU_Ttl TTL. Default: "60".
 MU_Region Region
 MU_Zone The zone
 MU_Never Not used by the script
Issues: made-up.example/issues
'

dns_made_up_add() {
  MU_Key="${MU_Key:-$(_readaccountconf_mutable MU_Key)}"
  if [ -z "$MU_Key" ] || [ -z "$MU_Secret" ]; then
    _err "You did not specify them."
    return 1
  fi
  if [ -z "$MU_Region" ]; then
    MU_Region=eu
  fi
  use "$MU_Ttl" "$MU_Zone"
}
"""
ALTERNATIVE = """\
dns_two_info='Two
Options:
 TWO_Key API Key
 TWO_Email Mail
OptionsAlt:
 TWO_Token API Token
 TWO_Account Account
'
dns_two_add() {
  if [ "$TWO_Token" ]; then
    use "$TWO_Account"
  else
    if [ -z "$TWO_Key" ] || [ -z "$TWO_Email" ]; then
      return 1
    fi
  fi
}
"""


def groups(text: str) -> dict[str, int | None]:
    return {each.name: each.group for each in acme_sh_info.provider("x", text).variables}


def test_title_link_and_variables() -> None:
    found = acme_sh_info.provider("made_up", SCRIPT)
    assert (found.name, found.title, found.url) == ("made_up", "Made Up", "https://made-up.example/docs#dns")
    assert found.variables[:2] == (Variable("MU_Key", "API Key"), Variable("MU_Secret", "API Secret"))


def test_a_variable_is_needed_if_the_script_returns_without_it() -> None:
    assert groups(SCRIPT) == {"MU_Key": 0, "MU_Secret": 0, "MU_Ttl": None, "MU_Region": None, "MU_Zone": None}


def test_one_of_two_ways_is_enough() -> None:
    assert groups(ALTERNATIVE) == {"TWO_Key": 0, "TWO_Email": 0, "TWO_Token": 1, "TWO_Account": None}


@pytest.mark.parametrize(
    "condition",
    ['[ -z "$A" ] && [ -z "$B" ]', '[ -z "$A$B" ]', '[ "$C" ]; then\n    use\n  elif [ -z "$A" ]'],
)
def test_a_variable_that_something_else_may_replace_is_not_needed(condition: str) -> None:
    """Guards against: an order that is refused although the script would work."""
    info = "dns_x_info='X\nOptions:\n A one\n B other\n'\n"
    text = f"{info}f() {{\n  if {condition}; then\n    return 1\n  fi\n  use $A $B\n}}"
    assert groups(text) == {"A": None, "B": None}


def test_a_script_of_your_own_need_not_describe_itself() -> None:
    assert acme_sh_info.provider("mine", "dns_mine_add() { :; }").variables == ()
    assert acme_sh_info.provider("mine", "").title == "mine"


def test_the_one_list_that_is_json() -> None:
    text = """dns_j_info='[
  {"name":"J_Token","usage":"The token.","required":"1"},
  {"name":"J_BASE","usage":"A URL","required":"0"}
]'"""
    assert acme_sh_info.provider("j", text).variables == (
        Variable("J_Token", "The token."),
        Variable("J_BASE", "A URL", None),
    )


@acme_sh.needed
def test_every_script_of_debian() -> None:
    """The figures of docs/providers.md."""
    found = [acme_sh_info.provider(path.stem, path.read_text()) for path in (acme_sh.HOME / "dnsapi").glob("dns_*.sh")]
    assert len(found) >= 190
    assert [each.name for each in found if not each.title] == []
    needing = [each for each in found if any(one.group is not None for one in each.variables)]
    assert len(needing) / len(found) > 0.8
    by_name = {each.name: each for each in found}
    needs = {one.name for one in by_name["dns_pdns"].variables if one.group == 0}
    assert needs == {"PDNS_Url", "PDNS_ServerId", "PDNS_Token"}
