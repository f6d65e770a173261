"""dns-account-01: the name of the record has a label of the account, so several accounts can prove one name."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator

import pytest

from certbot_external_auth.challenges import dnsaccount01
from tests.support import certificates, new_ca
from tests.support.certbot import Certbot
from tests.support.hooks import Hooks
from tests.support.new_ca import NewCA
from tests.support.words import RENEW_NOW, handler, names

pytestmark = new_ca.needed
WORDS = ("--preferred-challenges", "dns-account-01")
ENTER = r"Press Enter .*(\n.*)*?up\.\n"
ZONE_LINE = re.compile(r'^(\S+)\. \d+ IN TXT "(\S+)"$', re.MULTILINE)


@pytest.fixture(scope="module")
def ca() -> Iterator[NewCA]:
    with NewCA() as found:
        yield found


@pytest.fixture
def domain(ca: NewCA) -> str:
    return f"t{uuid.uuid4().hex[:12]}.test"


def label(certbot: Certbot) -> str:
    """Return the label of the account that a Certbot has, from its own file."""
    [path] = certbot.config_dir.glob("accounts/**/regr.json")
    return dnsaccount01.label(json.loads(path.read_text())["uri"])


@pytest.mark.versions
def test_a_name_with_its_wildcard_by_a_handler(ca: NewCA, certbot: Certbot, scripts: Hooks, domain: str) -> None:
    """Guards against two values at the name of dns-01, which belongs to another client."""
    issued = certbot.run("certonly", *handler(scripts.native, *WORDS), *names(domain, f"*.{domain}"))
    assert issued.returncode == 0, issued
    assert issued.validated
    assert certificates.names(certbot.live(domain)) == [f"*.{domain}", domain]
    place = f"{label(certbot)}._acme-challenge.{domain}"
    performed = scripts.calls("perform")
    assert [call.env["type"] for call in performed] == ["dns-account-01"] * 2
    assert {call.env["cbot_txt_domain"] for call in scripts.calls("perform", "cleanup")} == {place}
    assert len({call.env["validation"] for call in performed}) == 2
    assert ca.txt(place) == []
    renewed = certbot.run(*RENEW_NOW)
    assert renewed.returncode == 0, renewed
    assert renewed.validated
    assert len(scripts.calls("perform")) == 4
