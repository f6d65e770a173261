"""The calls of an engine's program, as data."""

from __future__ import annotations

import dataclasses
import json

import pytest

from certbot_external_auth import dialects
from certbot_external_auth.backends import Finished
from certbot_external_auth.errors import UsageError
from certbot_external_auth.interfaces import DialectAbilities
from certbot_external_auth.processes.program import Ended
from certbot_external_auth.providers.dialect import TOKEN, ProviderDialect, dialect_of
from certbot_external_auth.providers.httpreq import Httpreq
from certbot_external_auth.settings import PROVIDER, Settings
from tests.support.challenges import DEPLOYMENT, DIGEST, DNS, FACTS, KEY_AUTHORIZATION
from tests.support.challenges import TOKEN as VALUE

ALIASED = dataclasses.replace(DNS, txt_target="x.acme.example", txt_zone="acme.example")


def dialect(**settings: str) -> ProviderDialect:
    return ProviderDialect(Httpreq(settings), "")


def test_adding_and_removing() -> None:
    (add,) = dialect().perform([DNS], FACTS)
    (remove,) = dialect().cleanup([Finished(DNS, "valid", output="id=17\nkey='x'")], FACTS)
    assert add.words == remove.words == tuple(Httpreq({}).program(""))
    assert (add.arguments, remove.arguments) == (
        ("add", "_acme-challenge.a.example", ""),
        ("remove", "_acme-challenge.a.example", ""),
    )
    assert add.side_by_side
    assert remove.side_by_side
    assert add.document is not None
    value, document = add.document.decode().splitlines()
    assert value == DIGEST
    told = {"identifier": "a.example", "token": VALUE, "key_authorization": KEY_AUTHORIZATION}
    assert json.loads(document) == {**told, "name_servers": []}
    assert remove.document is not None
    assert remove.document.decode().splitlines()[2:] == ["id=17", "key='x'"]


def test_no_value_is_an_argument_and_recovery_recognises_the_program() -> None:
    (add,) = dialect().perform([DNS], FACTS)
    assert not any(DIGEST in word or VALUE in word for word in add.arguments)
    assert add.variables == {TOKEN: VALUE}


def test_the_end_of_an_alias() -> None:
    (add,) = dialect().perform([ALIASED], FACTS)
    assert add.arguments == ("add", "x.acme.example", "acme.example")
    assert dialect().told_aliases
    assert not dialect(HTTPREQ_MODE="RAW").told_aliases


def test_a_name_with_the_account_in_it_needs_an_engine_that_is_told_the_name() -> None:
    challenge = dataclasses.replace(DNS, type="dns-account-01", account_label="_ujmmovf2vn55tgye._acme-challenge")
    (add,) = dialect().perform([challenge], FACTS)
    assert add.arguments[1] == challenge.record_name
    assert dialect().challenge_types == ("dns-01", "dns-account-01")
    assert dialect(HTTPREQ_MODE="RAW").challenge_types == ("dns-01",)


def test_what_is_not_known_is_nothing() -> None:
    (remove,) = dialect().cleanup([Finished(DNS, "pending", output=None)], FACTS)
    assert remove.document is not None
    assert remove.document.decode().splitlines()[2:] == []


def test_nothing_else_is_called() -> None:
    assert dialect().deploy(DEPLOYMENT, FACTS) == dialect().unchanged(DEPLOYMENT, FACTS) == []
    (add,) = dialect().perform([DNS], FACTS)
    assert dialect().supported(add, Ended(code=1))


def test_its_stdout_is_for_removing_only() -> None:
    abilities = DialectAbilities.of(dialect())
    assert (abilities.told_output, abilities.private_output, abilities.output_variable) == (True, True, None)


def test_which_dialect_belongs_to_settings() -> None:
    assert isinstance(dialect_of(Settings("handler", provider="httpreq", dialect=PROVIDER)), ProviderDialect)
    assert type(dialect_of(Settings("handler", dialect="lego"))).__name__ == "Lego"


def test_an_earlier_version_calls_nothing_for_a_provider() -> None:
    """What it does with a dialect that it does not know: it says so, and the batch stays in the journal."""
    with pytest.raises(UsageError, match="'provider'"):
        dialects.dialect(PROVIDER)


def test_what_is_masked_besides_the_env_file() -> None:
    given = {"HTTPREQ_PASSWORD": "secret", "HOME": "/root"}
    assert dialect().settings(given) == {"HTTPREQ_PASSWORD": "secret"}
