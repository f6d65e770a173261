"""One certificate for names at three publishers: BIND, PowerDNS, and a web server for http-01."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import certificates
from tests.support.certbot import Certbot
from tests.support.routes_world import BIND, POWERDNS, WEB, World, name, world
from tests.support.words import AUTHENTICATOR, RENEW_NOW, names

pytestmark = pytest.mark.xdist_group("routes")


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("routes")) as found:
        yield found


@pytest.fixture
def certbot(three: World, tmp_path: Path) -> Certbot:
    return Certbot(tmp_path / "host", three.ca)


def routes(path: Path, *more: str) -> list[str]:
    return ["-n", *AUTHENTICATOR, "--external-auth-routes", str(path), *more]


def test_one_certificate_from_three_publishers(three: World, certbot: Certbot, tmp_path: Path) -> None:
    before = three.powerdns.records()
    first, second, third = name(BIND), name(POWERDNS), name(WEB)
    wanted = [first, f"*.{first}", second, f"*.{second}", third]
    path = three.write(tmp_path / "etc")
    result = certbot.run("certonly", *routes(path), *names(*wanted))
    assert result.returncode == 0, repr(result)
    assert certificates.names(certbot.live(first)) == sorted(wanted)
    renewed = certbot.run(*RENEW_NOW)
    assert renewed.returncode == 0, renewed
    assert three.nothing_left(before)
    assert three.bind.txt(f"_acme-challenge.{first}") == []
    kept = (certbot.config_dir / "renewal" / f"{first}.conf").read_text()
    assert re.findall(r"^external_auth_(?!verify)(\w+) = (.*)$", kept, re.MULTILINE) == [("routes", str(path))]
