"""lego's provider `exec`, as data. The words are those of lego's documentation of that provider."""

from __future__ import annotations

import dataclasses

import pytest

from certbot_external_auth.backends import Finished
from certbot_external_auth.dialects.lego import Lego, LegoRaw
from certbot_external_auth.processes.program import Ended
from tests.support.challenges import DEPLOYMENT, DIGEST, DNS, FACTS, KEY_AUTHORIZATION, TOKEN

ALIASED = dataclasses.replace(DNS, txt_target="x.acme.example", txt_zone="acme.example")
NAME_AND_VALUE = ("_acme-challenge.a.example.", DIGEST)
RAW = ("--", "a.example", TOKEN, KEY_AUTHORIZATION)


@pytest.mark.parametrize(
    ("dialect", "words", "variables"), [(Lego(), NAME_AND_VALUE, {}), (LegoRaw(), RAW, {"EXEC_MODE": "RAW"})]
)
def test_publishing_and_withdrawing(dialect: Lego, words: tuple[str, ...], variables: dict[str, str]) -> None:
    (present,) = dialect.perform([DNS], FACTS)
    (cleanup,) = dialect.cleanup([Finished(DNS, "invalid")], FACTS)
    assert present.arguments == ("present", *words)
    assert cleanup.arguments == ("cleanup", *words)
    assert present.variables == cleanup.variables == variables
    assert (present.side_by_side, cleanup.side_by_side) == (True, True)
    assert (present.document, cleanup.document) == (None, None)


def test_the_record_is_named_at_the_end_of_an_alias() -> None:
    (call,) = Lego().perform([ALIASED], FACTS)
    assert call.arguments == ("present", "x.acme.example.", DIGEST)
    assert LegoRaw().perform([ALIASED], FACTS)[0].arguments == ("present", *RAW)
    assert (Lego().told_aliases, LegoRaw().told_aliases) == (True, False)


def test_nothing_else_is_called() -> None:
    assert Lego().deploy(DEPLOYMENT, FACTS) == Lego().unchanged(DEPLOYMENT, FACTS) == []
    (call,) = Lego().perform([DNS], FACTS)
    assert Lego().supported(call, Ended(code=1))
