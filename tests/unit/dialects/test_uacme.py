"""uacme's hooks, as data. Words and variables are those of its manual page, "HOOK SCRIPT"."""

from __future__ import annotations

import pytest

from certbot_external_auth.backends import Finished
from certbot_external_auth.dialects.uacme import Uacme
from certbot_external_auth.processes.program import Ended
from tests.support.challenges import ALPN, DEPLOYMENT, DIGEST, DNS, FACTS, HTTP, KEY_AUTHORIZATION, TOKEN

WORDS = {
    "dns-01": ("dns-01", "a.example", TOKEN, DIGEST),
    "http-01": ("http-01", "b.example", TOKEN, KEY_AUTHORIZATION),
    "tls-alpn-01": ("tls-alpn-01", "192.0.2.1", TOKEN, DIGEST),
}


def test_begin() -> None:
    calls = Uacme().perform([DNS, HTTP, ALPN], FACTS)
    assert [call.arguments for call in calls] == [("begin", *words) for words in WORDS.values()]
    assert calls[0].variables == {
        "UACME_METHOD": "begin",
        "UACME_TYPE": "dns-01",
        "UACME_IDENT": "a.example",
        "UACME_TOKEN": TOKEN,
        "UACME_AUTH": DIGEST,
    }
    assert {call.side_by_side for call in calls} == {True}


@pytest.mark.parametrize(
    ("status", "method"), [("valid", "done"), ("invalid", "failed"), ("pending", "failed"), ("not_asked", "failed")]
)
def test_the_end_of_a_challenge(status: str, method: str) -> None:
    """Guards against: `done` for a challenge that failed, and `failed` for one that the CA has validated."""
    (call,) = Uacme().cleanup([Finished(DNS, status)], FACTS)
    assert call.arguments == (method, *WORDS["dns-01"])
    assert (call.operation, call.variables["UACME_METHOD"]) == (method, method)


def test_only_the_exit_code_of_begin_counts() -> None:
    (begin,) = Uacme().perform([DNS], FACTS)
    (done,) = Uacme().cleanup([Finished(DNS, "valid")], FACTS)
    assert Uacme().supported(begin, Ended(code=1))
    assert not Uacme().supported(done, Ended(code=1))


def test_nothing_else_is_called() -> None:
    assert Uacme().deploy(DEPLOYMENT, FACTS) == Uacme().unchanged(DEPLOYMENT, FACTS) == []
