"""Which types a run offers to Certbot, by what carries them out."""

from __future__ import annotations

import pytest

from certbot_external_auth import dialects
from certbot_external_auth.backends import Context
from certbot_external_auth.dialects import Facts
from certbot_external_auth.errors import UsageError
from certbot_external_auth.run.offered_types import OfferedTypes
from certbot_external_auth.settings import Settings


def offered(dialect: str, preferred: str, historic: bool = False) -> OfferedTypes:
    settings = Settings(mode="handler", dialect=dialect, historic=historic)
    context = Context(settings, Facts(), preferred=(preferred,))
    return OfferedTypes(context, dialects.dialect(dialect).challenge_types)


@pytest.mark.parametrize("dialect", ["certbot", "dehydrated", "uacme", "acmetool", "lego-raw"])
def test_hooks_that_build_the_name_themselves(dialect: str) -> None:
    """Guards against a record at the name of dns-01, where the CA does not look."""
    with pytest.raises(UsageError, match=f"the dialect {dialect} supports only"):
        offered(dialect, "dns-account-01").check({"a.test"})


@pytest.mark.parametrize("dialect", ["native", "lego"])
def test_hooks_that_are_told_the_name(dialect: str) -> None:
    assert offered(dialect, "dns-account-01").of("*.a.test") == ["dns-account-01"]


@pytest.mark.parametrize("dialect", ["native", "lego", "certbot", "dehydrated", "uacme", "acmetool", "lego-raw"])
def test_a_record_that_stands_needs_no_hook(dialect: str) -> None:
    """Guards against a renewal that fails because of a call that it does not need."""
    found = offered(dialect, "dns-persist-01")
    found.check({"a.test", "*.a.test"})
    assert found.all_persist({"a.test", "*.a.test"})
    assert not offered(dialect, "dns-01").all_persist({"a.test"})
    assert not found.all_persist(())
    with pytest.raises(UsageError, match="an address can be proven only by"):
        found.check({"192.0.2.1"})


def test_the_plugin_of_2016_does_not_have_it() -> None:
    with pytest.raises(UsageError, match="dns-persist-01"):
        offered("native", "dns-persist-01", historic=True).check({"a.test"})
