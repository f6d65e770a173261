"""The native calling convention."""

from __future__ import annotations

import dataclasses
import json

import pytest

from certbot_external_auth.backends import Finished
from certbot_external_auth.challenges import Challenge
from certbot_external_auth.dialects import Facts
from certbot_external_auth.dialects.native import Native, variable
from certbot_external_auth.processes.program import Ended
from tests.support.challenges import ALPN, DEPLOYMENT, FACTS, LASTING

TOKEN = "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
KEY_AUTHORIZATION = f"{TOKEN}.9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"
DNS = Challenge("c1", "dns-01", "example.org", "dns", TOKEN, KEY_AUTHORIZATION)
HTTP = Challenge("c2", "http-01", "example.org", "dns", TOKEN, KEY_AUTHORIZATION)


def test_the_value_is_that_of_rfc_8555() -> None:
    """The example of section 8.4 with the key authorization of section 8.1."""
    assert DNS.validation == "LPsIwTo7o8BoG0-vjCyGQGBWSVIPxI-i_X336eUOQZo"
    assert HTTP.validation == KEY_AUTHORIZATION


@pytest.mark.parametrize(
    ("value", "text"), [(None, ""), (True, "true"), (False, "false"), (["a", "b"], "a b"), (3, "3"), ("x y", "x y")]
)
def test_values_as_variables(value: object, text: str) -> None:
    assert variable(value) == text


def test_historic_fields_are_plain_and_new_ones_are_not() -> None:
    """A variable called `id` would surprise scripts that never heard of it."""
    call = Native().perform([DNS], Facts())[1]
    line = json.loads(call.document or b"")
    assert json.loads(call.variables["cbot_json"]) == line
    for name in ("type", "domain", "token", "validation", "txt_domain", "key_auth", "cmd"):
        assert call.variables[name] == call.variables[f"cbot_{name}"] == line[name]
    assert "id" not in call.variables
    assert call.variables["cbot_id"] == "c1"
    assert call.challenges == (DNS,)


def test_the_calls_around_a_batch_are_alone() -> None:
    """Guards against: post-perform, at which a handler writes its zone, while a challenge is published."""
    published = Native().perform([DNS, HTTP], Facts())
    withdrawn = Native().cleanup([Finished(DNS, "valid"), Finished(HTTP, "valid")], Facts())
    for calls in (published, withdrawn):
        assert [call.side_by_side for call in calls] == [False, True, True, False]
        assert json.loads(calls[0].document or b"")["ids"] == ["c1", "c2"]


def test_a_script_for_a_shell_is_no_variable() -> None:
    call = Native().perform([HTTP], Facts())[1]
    assert not {"command", "cbot_command"} & set(call.variables)
    assert "printf" in json.loads(call.document or b"")["command"]


def test_cleanup_says_where_the_value_stands() -> None:
    """Every author of a handler expects it there, and with `set -u` its absence ends the script."""
    calls = Native().cleanup([Finished(DNS, "valid"), Finished(HTTP, "not_asked")], Facts())
    assert [call.operation for call in calls] == ["pre-cleanup", "cleanup", "cleanup", "post-cleanup"]
    assert calls[1].variables["cbot_txt_domain"] == "_acme-challenge.example.org"
    assert calls[2].variables["cbot_uri"].startswith("http://example.org/.well-known/acme-challenge/")
    assert (calls[1].variables["status"], calls[2].variables["status"]) == ("valid", "pending")
    assert "txt_domain" not in calls[1].variables


@pytest.mark.parametrize(
    ("operation", "code", "stdout", "supported"),
    [
        ("pre-perform", 1, "NotImplemented\n", False),
        ("pre-perform", 1, "no", True),
        ("perform", 1, "NotImplemented", True),
        ("persist", 1, "NotImplemented", True),
    ],
)
def test_not_implemented(operation: str, code: int, stdout: str, supported: bool) -> None:
    """A handler may decline everything but publishing."""
    call = next(one for one in Native().perform([DNS, LASTING], Facts()) if one.operation == operation)
    assert Native().supported(call, Ended(code=code, stdout=stdout)) is supported


def test_every_variable_of_a_call_is_the_dialects_own() -> None:
    """Guards against: a field that one operation lacks, and that the handler gets from Certbot's environment then."""
    challenges = [DNS, HTTP, ALPN]
    finished = [Finished(dataclasses.replace(DNS, txt_target="x.example", txt_zone="example"), "valid")]
    calls = [*Native().perform([*challenges, finished[0].challenge], FACTS), *Native().cleanup(finished, FACTS)]
    calls += Native().perform([LASTING], FACTS)
    calls += [*Native().deploy(DEPLOYMENT, FACTS), *Native().unchanged(DEPLOYMENT, FACTS)]
    found = {name for call in calls for name in call.variables if name.startswith("cbot_")}
    assert found == set(Native.own_variables)
