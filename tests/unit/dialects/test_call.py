"""What every dialect hands to the handler."""

from __future__ import annotations

import os

import pytest

from certbot_external_auth.backends import Finished
from certbot_external_auth.dialects import BUILT_IN, Call, Facts, by_type, dialect
from tests.support.challenges import ALPN, DEPLOYMENT, DNS, FACTS, HTTP


def test_a_call_is_alone_unless_its_dialect_says_otherwise() -> None:
    """Guards against: a call around the batch that overlaps the calls of the batch."""
    call = Call("pre-perform")
    assert (call.side_by_side, call.optional, call.once) == (False, False, False)
    assert (call.umask, call.document, call.words, call.folder) == (None, None, None, None)


def test_groups_keep_the_order_of_first_appearance() -> None:
    assert by_type([HTTP, DNS, HTTP]) == [(HTTP, HTTP), (DNS,)]
    assert by_type([]) == []


@pytest.mark.parametrize("name", BUILT_IN)
def test_each_challenge_is_in_one_call_of_each_kind(name: str) -> None:
    """Guards against: a challenge that is not published or not withdrawn."""
    found = dialect(name)
    challenges = [one for one in (DNS, HTTP, ALPN) if one.type in found.challenge_types]
    facts = Facts(names=FACTS.names, cleanup_words=("/bin/true",))
    for calls in (
        found.perform(challenges, facts),
        found.cleanup([Finished(one, "valid") for one in challenges], facts),
    ):
        assert [one for call in calls for one in call.challenges] == challenges


@pytest.mark.parametrize("name", BUILT_IN)
def test_calls_do_not_depend_on_the_environment(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards against: a dialect that reads more than what it is given."""
    found, challenges = dialect(name), [DNS]
    before = [found.perform(challenges, FACTS), found.deploy(DEPLOYMENT, FACTS)]
    for variable in (*os.environ, "LEGO_DISABLE_CNAME_SUPPORT"):
        monkeypatch.setenv(variable, "true")
    assert [found.perform(challenges, FACTS), found.deploy(DEPLOYMENT, FACTS)] == before
