"""The challenge types of 2026 through a provider: an engine that is told the name of a record."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from certbot_external_auth.challenges import dnsaccount01
from tests.support import new_ca
from tests.support.certbot import Certbot, Result
from tests.support.httpreq_server import PASSWORD, USER, Server, httpreq_server
from tests.support.new_ca import ISSUER, NewCA
from tests.support.words import AUTHENTICATOR, RENEW_NOW, names

pytestmark = [new_ca.needed, pytest.mark.long]


@pytest.fixture
def server(ca: NewCA) -> Iterator[Server]:
    with httpreq_server(ca) as found:
        yield found


def issue(certbot: Certbot, server: Server, folder: Path, kind: str, domain: str, mode: str = "") -> Result:
    env_file = folder / "httpreq.env"
    env_file.write_text(
        f"HTTPREQ_ENDPOINT={server.url}/\nHTTPREQ_USERNAME={USER}\nHTTPREQ_PASSWORD={PASSWORD}\nHTTPREQ_MODE={mode}\n"
    )
    env_file.chmod(0o600)
    provider = ("-n", *AUTHENTICATOR, "--external-auth-provider", "httpreq", "--external-auth-env-file", str(env_file))
    return certbot.run("certonly", *provider, "--preferred-challenges", kind, *names(domain, f"*.{domain}"))


def uri(certbot: Certbot) -> str:
    [path] = certbot.config_dir.glob("accounts/**/regr.json")
    return str(json.loads(path.read_text())["uri"])


def test_dns_account_01(ca: NewCA, certbot: Certbot, server: Server, tmp_path: Path, domain: str) -> None:
    issued = issue(certbot, server, tmp_path, "dns-account-01", domain)
    assert issued.returncode == 0, issued
    place = f"{dnsaccount01.label(uri(certbot))}._acme-challenge.{domain}"
    assert {body["fqdn"] for _, body in server.requests} == {f"{place}."}
    assert ca.txt(place) == []


def test_dns_persist_01(ca: NewCA, certbot: Certbot, server: Server, tmp_path: Path, domain: str) -> None:
    """Guards against a record that the provider removes at the end, or that a recovery does."""
    issued = issue(certbot, server, tmp_path, "dns-persist-01", domain)
    assert issued.returncode == 0, issued
    place, value = f"_validation-persist.{domain}", f"{ISSUER}; accounturi={uri(certbot)}; policy=wildcard"
    assert server.requests == [("/present", {"fqdn": f"{place}.", "value": value})]
    assert not list(certbot.work_dir.glob("external-auth/outputs/*"))
    assert certbot.run(*RENEW_NOW).returncode == 0
    assert len(server.requests) == 1
    assert ca.txt(place) == [value]


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("dns-account-01", "supports only dns-01"),
        ("dns-persist-01", "The provider httpreq has no call that adds such a record."),
    ],
)
def test_an_engine_that_builds_the_name(
    certbot: Certbot, server: Server, tmp_path: Path, domain: str, kind: str, said: str
) -> None:
    refused = issue(certbot, server, tmp_path, kind, domain, "RAW")
    assert refused.returncode == 1
    assert said in refused.stderr
    assert server.requests == []
