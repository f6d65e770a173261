"""What a publisher is told about where records belong."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence
from typing import Any

import pytest
from certbot import errors

from certbot_external_auth.challenges import Challenge
from certbot_external_auth.interfaces import BackendAbilities
from certbot_external_auth.run import placing
from tests.support.challenges import DNS, HTTP

SERVERS = ("192.0.2.1:53", "192.0.2.2:53")
BOTH = BackendAbilities(told_aliases=True, told_zones=True)


class Knows:
    """Verification and observer: knows one zone, and that every name is an alias."""

    def __init__(self, zone: str = "example", error: BaseException | None = None, alias: bool = False) -> None:
        self.zone, self.error, self.alias = zone, error, alias
        self.observer = self

    def aliased(self, challenges: Sequence[Challenge]) -> list[Challenge]:
        end = {"txt_target": "x.acme.test", "txt_zone": "acme.test"} if self.alias else {}
        return [dataclasses.replace(one, **end) for one in challenges]

    def whereabouts(self, names: Sequence[str], until: float) -> dict[str, tuple[str, tuple[str, ...]]]:
        if self.error is not None:
            raise self.error
        return dict.fromkeys(names, (self.zone, SERVERS))


def placed(verification: Any, told: BackendAbilities = BOTH) -> list[Challenge]:
    return list(placing.placed([DNS, HTTP], told, verification))


def test_who_is_told_nothing_gets_nothing() -> None:
    assert placed(Knows(alias=True), BackendAbilities()) == [DNS, HTTP]


def test_the_zone_of_a_plain_name_and_of_the_end_of_an_alias() -> None:
    plain, other = placed(Knows())
    assert (plain.zone, plain.name_servers, plain.txt_target) == ("example", SERVERS, None)
    assert other == HTTP
    aliased, _ = placed(Knows(alias=True))
    assert (aliased.zone, aliased.name_servers, aliased.txt_target) == ("acme.test", SERVERS, "x.acme.test")


@pytest.mark.parametrize("zone", ["", "`id`.test", "a\nb"])
def test_a_zone_that_is_not_a_name_is_not_passed_on(zone: str) -> None:
    """Guards against: a program that gets whatever a zone of another person has in it."""
    assert placed(Knows(zone))[0].zone is None


def test_publishing_goes_on_without(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert placed(Knows(error=ValueError("no such thing"))) == [DNS, HTTP]
    assert [record.args for record in caplog.records] == [("ValueError: no such thing",)]


def test_a_signal_still_ends_it() -> None:
    with pytest.raises(errors.SignalExit):
        placed(Knows(error=errors.SignalExit("SIGTERM")))
