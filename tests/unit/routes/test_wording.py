"""Every kind of problem has a sentence, with file and line in front and what to do."""

from __future__ import annotations

from collections import defaultdict

from certbot_external_auth.routes import wording
from certbot_external_auth.routes.problem import Kind, Problem


def test_every_kind_has_a_sentence() -> None:
    for kind in Kind:
        text = wording.sentence("/etc/routes.ini", Problem(kind, 7, defaultdict(lambda: "FACT")))
        assert text.startswith("/etc/routes.ini:7: ")
        assert "FACT" in text or kind is Kind.NO_SECTION


def test_the_sentences() -> None:
    def said(kind: Kind, **facts: str) -> str:
        return wording.sentence("r.ini", Problem(kind, 0, facts))

    assert said(Kind.UNKNOWN_KEY, key="hnadler", text="handler") == (
        "r.ini: 'hnadler' is not a key of a route; did you mean handler?"
    )
    assert said(Kind.UNKNOWN_KEY, key="z", text="").endswith("verify-nameservers, challenge.")
    assert "write [a.example], which stands for that name and all below it" in said(
        Kind.NO_DOMAIN, section="*.a.example", text="a.example"
    )
    assert "xn--" in said(Kind.NO_DOMAIN, section="bücher", text="")
    assert said(Kind.UNKNOWN_TYPE, text="dns", more="dns-01").endswith("did you mean dns-01?")
