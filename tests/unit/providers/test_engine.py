"""Which variables are missing."""

from __future__ import annotations

from certbot_external_auth.providers.engine import Variable, missing

KEY, EMAIL, TOKEN, TTL = Variable("KEY"), Variable("EMAIL"), Variable("TOKEN", group=1), Variable("TTL", group=None)
ALL = (KEY, EMAIL, TOKEN, TTL)


def test_one_complete_group_is_enough() -> None:
    assert missing(ALL, {"TOKEN": "t"}) == []
    assert missing(ALL, {"KEY": "k", "EMAIL": "e"}) == []


def test_of_a_group_that_is_begun_the_rest_is_missing() -> None:
    """Guards against: a person who has set the key, and is told about the token."""
    assert missing(ALL, {"KEY": "k"}) == [EMAIL]


def test_without_anything_the_smallest_group_is_missing() -> None:
    assert missing(ALL, {}) == [TOKEN]
    assert missing(ALL, {"TTL": "60"}) == [TOKEN]


def test_an_empty_value_is_none() -> None:
    assert missing((KEY,), {"KEY": ""}) == [KEY]


def test_a_provider_may_need_nothing() -> None:
    assert missing((), {}) == []
    assert missing((TTL,), {}) == []
