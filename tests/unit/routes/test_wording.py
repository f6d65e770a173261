"""Every kind of problem has a sentence, with file and line in front and what to do."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

from certbot_external_auth.routes import ini, wording
from certbot_external_auth.routes.keys import KEYS
from certbot_external_auth.routes.problem import Kind, Problem, RoutesError


def test_every_kind_has_a_sentence() -> None:
    for kind in Kind:
        text = wording.sentence("/etc/routes.ini", Problem(kind, 7, defaultdict(lambda: "FACT")))
        assert text.startswith("/etc/routes.ini:7: ")
        assert "FACT" in text or kind is Kind.NO_SECTION


DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "routes.md"


def test_the_errors_of_the_document() -> None:
    """Its example, with a letter changed and a line removed."""
    text = DOCUMENT.read_text()
    (example, *_) = re.findall(r"^```ini\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert ini.parse(example)[1] == []
    wrong = re.sub(r"^provider = .*\n", "", example.replace("env-file = bind", "env-flie = bind"), flags=re.MULTILINE)
    shown = RoutesError("/etc/letsencrypt/routes.ini", ini.parse(wrong)[1]).problems
    assert len(shown) == 2
    assert "\n".join(f"    {one}" for one in shown) in text


def test_the_keys_of_the_document() -> None:
    text = DOCUMENT.read_text()
    assert {key for key in KEYS if f"`{key}`" not in text} == set()


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
