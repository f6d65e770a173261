"""Which values at a name are of no use to anybody."""

from __future__ import annotations

import pytest

from certbot_external_auth.check import occupied
from certbot_external_auth.visibility import Observation, Outcome

DIGEST = "LPsIwTo7o8BoG0-vjCyGQGBWSVIPxI-i_X336eUOQZo"


@pytest.mark.parametrize(
    ("values", "asked", "from_wildcard", "useless"),
    [
        (("none",), "", False, True),
        (("",), "", False, True),
        ((DIGEST,), "", False, False),
        (("none", DIGEST), "", False, False),
        (("v=spf1 -all",), "end.example", False, False),
        (("",), "end.example", False, True),
        (("v=spf1 -all",), "", True, False),
    ],
)
def test_placeholders(values: tuple[str, ...], asked: str, from_wildcard: bool, useless: bool) -> None:
    """Guards against: a record for mail that is replaced, at the end of an alias; another client's order that fails."""
    row = Observation("_acme-challenge.a.test", "ns1", "192.0.2.1:53", Outcome.OTHER_VALUES, values, asked=asked)
    assert occupied.placeholders_only([row], from_wildcard) is useless
