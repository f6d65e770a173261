"""Certbot's manual hooks, as data. The variables are those of its documentation, "Pre and Post Validation Hooks"."""

from __future__ import annotations

import dataclasses

import pytest

from certbot_external_auth.backends import Finished
from certbot_external_auth.dialects.certbot import CertbotManual
from certbot_external_auth.processes.program import Ended
from tests.support.challenges import DEPLOYMENT, DIGEST, DNS, FACTS, HTTP, KEY_AUTHORIZATION, TOKEN

EVERYBODY = {"CERTBOT_ALL_DOMAINS": "a.example,b.example", "CERTBOT_ALL_IDENTIFIERS": "a.example,b.example"}
OF_DNS = {
    "CERTBOT_DOMAIN": "a.example",
    "CERTBOT_IDENTIFIER": "a.example",
    "CERTBOT_VALIDATION": DIGEST,
    "CERTBOT_REMAINING_CHALLENGES": "1",
    **EVERYBODY,
}
OF_HTTP = {
    "CERTBOT_DOMAIN": "b.example",
    "CERTBOT_IDENTIFIER": "b.example",
    "CERTBOT_VALIDATION": KEY_AUTHORIZATION,
    "CERTBOT_REMAINING_CHALLENGES": "0",
    "CERTBOT_TOKEN": TOKEN,
    **EVERYBODY,
}
WITH_CLEANUP = dataclasses.replace(FACTS, cleanup_words=("/cleanup", "-x"))


def test_publishing_is_told_by_variables_alone() -> None:
    calls = CertbotManual().perform([DNS, HTTP], FACTS)
    assert [(call.operation, call.arguments, call.document, call.words) for call in calls] == (
        [("auth-hook", (), None, None)] * 2
    )
    assert [call.variables for call in calls] == [OF_DNS, OF_HTTP]


def test_only_http_01_has_a_token() -> None:
    """Guards against: a hook that writes a file for dns-01, since it tells the two apart by this variable."""
    calls = CertbotManual().perform([DNS, HTTP, DNS], FACTS)
    assert ["CERTBOT_TOKEN" in call.variables for call in calls] == [False, True, False]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_last_call_is_alone(count: int) -> None:
    """Guards against: a hook that reloads its server after the last challenge, before the others are written."""
    challenges = [DNS] * count
    finished = [Finished(one, "valid") for one in challenges]
    for calls in (CertbotManual().perform(challenges, FACTS), CertbotManual().cleanup(finished, WITH_CLEANUP)):
        assert [call.side_by_side for call in calls] == [True] * (count - 1) + [False]


def test_withdrawing_is_the_cleanup_handlers_and_is_told_the_output() -> None:
    finished = [Finished(DNS, "valid", output=" id 7\n"), Finished(HTTP, "invalid", output=None)]
    calls = CertbotManual().cleanup(finished, WITH_CLEANUP)
    assert [(call.operation, call.arguments, call.words) for call in calls] == (
        [("cleanup-hook", (), ("/cleanup", "-x"))] * 2
    )
    assert [call.variables for call in calls] == [
        {**OF_DNS, "CERTBOT_AUTH_OUTPUT": "id 7"},
        {**OF_HTTP, "CERTBOT_AUTH_OUTPUT": ""},
    ]


def test_nothing_else_is_called() -> None:
    assert CertbotManual().cleanup([Finished(DNS, "valid")], FACTS) == []
    assert CertbotManual().deploy(DEPLOYMENT, FACTS) == CertbotManual().unchanged(DEPLOYMENT, FACTS) == []


def test_every_failure_counts() -> None:
    (call,) = CertbotManual().perform([DNS], FACTS)
    assert CertbotManual().supported(call, Ended(code=1))
