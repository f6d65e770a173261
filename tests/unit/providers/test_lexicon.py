"""Engine lexicon: what it says about providers."""

from __future__ import annotations

import pytest

from certbot_external_auth.providers import examine
from certbot_external_auth.providers.engine import Kind, Problem
from tests.support import engines

SETTINGS = {"PATH": "/usr/bin:/bin"}
TOKEN, SERVER = "LEXICON_POWERDNS_AUTH_TOKEN", "LEXICON_POWERDNS_PDNS_SERVER"

here = engines.here
pytestmark = pytest.mark.usefixtures("here")


def problems(name: str, **more: str) -> list[Problem]:
    return examine.problems("lexicon", name, {**SETTINGS, **more})


def test_one_that_needs_more_packages_is_refused_in_lexicons_words() -> None:
    (problem,) = problems("route53")
    assert problem.kind is Kind.REFUSED
    assert "pip install dns-lexicon[route53]" in problem.facts["why"]
    (problem,) = problems("auto")
    assert problem.kind is Kind.REFUSED


def test_which_variables_lexicon_needs_it_says_only_when_the_provider_is_made() -> None:
    (problem,) = problems("powerdns")
    assert problem.kind is Kind.NONE_SET
    assert problem.facts["names"][:2] == [TOKEN, SERVER]
    (problem,) = problems("powerdns", **{TOKEN: "x"})
    assert problem.kind is Kind.SAID
    assert problem.facts["text"] == "PowerDNSProviderError: PowerDNS API endpoint not defined (pdns_server)"
    assert problems("powerdns", **{TOKEN: "x", SERVER: "http://192.0.2.1"}) == []
