"""dns-persist-01: a record that stays; where it stands, nothing is published, and nobody is asked."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator

import pytest

from tests.support import certificates, new_ca
from tests.support.certbot import Certbot
from tests.support.hooks import Hooks
from tests.support.new_ca import ISSUER, NewCA
from tests.support.words import RENEW_NOW, handler, names

pytestmark = new_ca.needed
WORDS = ("--preferred-challenges", "dns-persist-01")


@pytest.fixture(scope="module")
def ca() -> Iterator[NewCA]:
    with NewCA() as found:
        yield found


@pytest.fixture
def domain(ca: NewCA) -> str:
    return f"t{uuid.uuid4().hex[:12]}.test"


def account(certbot: Certbot) -> str:
    """Return the URL of the account that a Certbot has, from its own file."""
    [path] = certbot.config_dir.glob("accounts/**/regr.json")
    return str(json.loads(path.read_text())["uri"])


@pytest.mark.versions
def test_missing_then_standing(ca: NewCA, certbot: Certbot, scripts: Hooks, domain: str) -> None:
    """Guards against a handler that is called at each renewal, and a record that is removed."""
    issued = certbot.run("certonly", *handler(scripts.native, *WORDS), *names(domain, f"*.{domain}"))
    assert issued.returncode == 0, issued
    assert issued.validated
    assert certificates.names(certbot.live(domain)) == [f"*.{domain}", domain]
    value = f"{ISSUER}; accounturi={account(certbot)}; policy=wildcard"
    [call] = scripts.calls("persist")
    assert (call.env["cbot_txt_domain"], call.env["cbot_validation"]) == (f"_validation-persist.{domain}", value)
    assert scripts.operations == ["pre-perform", "persist", "post-perform"]
    assert ca.txt(f"_validation-persist.{domain}") == [value]
    scripts.forget()
    renewed = certbot.run(*RENEW_NOW)
    assert renewed.returncode == 0, renewed
    assert renewed.validated
    assert scripts.operations == []
