"""Near misses, as kinds and facts. `test_report` has the words."""

from __future__ import annotations

import pytest

from certbot_external_auth.challenges import dns01
from certbot_external_auth.visibility.near_miss import Miss, NearMiss, Standing, compare, near_miss
from tests.support.challenges import DIGEST, KEY_AUTHORIZATION

VALUE = "LPsIwTo7o8BoG0-vjCyGQGBWSVIPxI-i_X336eUOQZo"
OTHER = "2FebaBB7vT23KBOhMqZXnL3OROOrk0Zmi4jmmjJmkFU"
TWICE = "_acme-challenge.example.com.example.com"


@pytest.mark.parametrize(
    ("found", "kind"),
    [
        (f"{VALUE} ", Miss.BLANK),
        (f"\t{VALUE}", Miss.BLANK),
        (f"{VALUE[:20]} {VALUE[20:]}", Miss.BLANK),
        (f'"{VALUE}"', Miss.QUOTES),
        (f'\\"{VALUE}\\"', Miss.QUOTES),
        (f"“{VALUE}”", Miss.QUOTES),
        (f"' {VALUE}'", Miss.QUOTES),
        (VALUE.lower(), Miss.CASE),
        (f'"{VALUE.upper()}"', Miss.CASE),
        (KEY_AUTHORIZATION, Miss.KEY_AUTHORIZATION),
        (f'"{KEY_AUTHORIZATION}"', Miss.KEY_AUTHORIZATION),
        (VALUE[:-1], Miss.CUT),
        (VALUE[1:], Miss.CUT),
        (VALUE[:32] + " ", Miss.CUT),
        (f"{VALUE}=", Miss.MORE),
        (f"{VALUE} {OTHER}", Miss.MORE),
        (f"_acme-challenge={VALUE}", Miss.MORE),
        (VALUE, None),
        (OTHER, None),
        (VALUE[:7], None),
        ("", None),
        ("v=spf1 -all", None),
        ("a.b", None),
        ("ü.ü", None),
    ],
)
def test_how_a_value_differs(found: str, kind: Miss | None) -> None:
    assert dns01.validation(KEY_AUTHORIZATION) == VALUE == DIGEST
    assert near_miss(VALUE, found) is kind


def test_one_of_two_is_there() -> None:
    assert compare((VALUE, OTHER), (OTHER, "old")) == Standing((OTHER,), (VALUE,), (), ("old",))
    assert compare((VALUE, OTHER), (OTHER,)).wanted == 2


def test_a_near_miss_is_missing_and_not_foreign() -> None:
    quoted = f'"{VALUE}"'
    near = NearMiss(Miss.QUOTES, VALUE, quoted)
    assert compare((VALUE, OTHER), (quoted, "old", "old")) == Standing((), (VALUE, OTHER), (near,), ("old",))


def test_both_values_in_one_record_are_two_near_misses() -> None:
    both = f"{VALUE} {OTHER}"
    found = compare((VALUE, OTHER), (both,))
    assert found.near == (NearMiss(Miss.MORE, VALUE, both), NearMiss(Miss.MORE, OTHER, both))
    assert found.foreign == ()


def test_a_value_at_the_name_with_the_zone_twice() -> None:
    """Lost: the surest of reasons, where something foreign stands at the name itself."""
    found = compare((VALUE, OTHER), ("old", VALUE.lower()), {TWICE: {VALUE, "old"}})
    assert found.near == (NearMiss(Miss.ZONE_TWICE, VALUE, VALUE, TWICE),)
    assert (found.missing, found.foreign) == ((VALUE, OTHER), ("old", VALUE.lower()))


def test_the_value_of_another_name_is_foreign() -> None:
    """Guards against calling the other of two right values a near miss of the first."""
    assert compare((VALUE, OTHER), (VALUE,)).near == ()
    assert compare((), ("old",)) == Standing(foreign=("old",))


def test_a_value_at_another_name_of_the_batch() -> None:
    found = compare((VALUE,), (OTHER,), beside={"_acme-challenge.b.test": [VALUE]})
    assert found.near == (NearMiss(Miss.OTHER_NAME, VALUE, VALUE, "_acme-challenge.b.test"),)
    assert found.foreign == (OTHER,)
