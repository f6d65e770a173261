"""One certificate for names at three publishers: BIND, PowerDNS, and a web server for http-01."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import certificates
from tests.support.certbot import Certbot
from tests.support.recover import journal, recover
from tests.support.routes_world import BIND, OUTER, POWERDNS, WEB, World, name, world
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


def test_what_a_run_killed_in_the_second_group_left_is_withdrawn(
    three: World, certbot: Certbot, tmp_path: Path
) -> None:
    """Guards against: the record of one group that stays in its zone for ever."""
    before = three.powerdns.records()
    first, second = name(BIND), name(POWERDNS)
    path = three.write(tmp_path / "etc", then="kill -KILL $PPID")
    result = certbot.run("certonly", *routes(path), *names(first, f"*.{first}", second))
    assert result.returncode == -signal.SIGKILL, repr(result)
    assert len(three.bind.txt(f"_acme-challenge.{first}")) == 2
    assert len(three.powerdns.txt(f"_acme-challenge.{second}")) == 1
    assert len(journal(certbot)) == 2
    # What withdraws needs no routes.
    path.unlink()
    ended = recover(certbot)
    assert ended.returncode == 0, ended
    assert three.bind.txt(f"_acme-challenge.{first}") == []
    assert three.nothing_left(before)
    assert journal(certbot) == []


def test_a_delegated_name_and_a_route_that_changes(three: World, certbot: Certbot, tmp_path: Path) -> None:
    """The target of a CNAME decides. A renewal reads the file again."""
    delegated, target = name(OUTER), name(BIND)
    three.bind.change(f"add _acme-challenge.{delegated} 60 CNAME {target}.")
    before = three.powerdns.records()
    path = three.write(tmp_path / "etc")
    wanted = [delegated, f"*.{delegated}"]
    result = certbot.run("certonly", *routes(path, "--external-auth-verify", "strict"), *names(*wanted))
    assert result.returncode == 0, repr(result)
    assert certificates.names(certbot.live(delegated)) == sorted(wanted)
    serial = certificates.serial(certbot.live(delegated))
    text = path.read_text()
    # Now no section is for the target, so the name's own counts, and its handler cannot change this zone.
    path.write_text(text.replace(f"[{BIND}]", "[elsewhere.test]"))
    refused = certbot.run(*RENEW_NOW)
    assert refused.returncode == 1, repr(refused)
    assert f"*** has no zone for _acme-challenge.{delegated}" in refused.stderr, repr(refused)
    other = tmp_path / "etc" / "other"
    other.write_text('#!/bin/sh\necho "$1" >>"$0.calls"\nexec "${0%/*}/at bind" "$@"\n')
    other.chmod(0o755)
    path.write_text(text.replace("'./at bind'", "./other"))
    renewed = certbot.run(*RENEW_NOW)
    assert renewed.returncode == 0, repr(renewed)
    assert other.with_name("other.calls").read_text().split().count("perform") == 2
    assert certificates.serial(certbot.live(delegated)) != serial
    assert three.nothing_left(before)
    assert three.bind.txt(target) == []


def test_everything_that_is_wrong_is_said_before_the_order(three: World, certbot: Certbot, tmp_path: Path) -> None:
    path = three.write(tmp_path / "etc", "[a.test]", f"handler = {tmp_path}/none", "env-file = bind.env", "[b.test]")
    result = certbot.run("certonly", *routes(path), *names("x.a.test", "x.b.test"))
    line = path.read_text().split("\n").index("[b.test]") + 1
    assert f"{path}:{line}: the section [b.test] does not say who publishes" in result.stderr
    path.write_text(path.read_text().replace("[*]", "[rest.test]").replace("[b.test]\n", ""))
    (tmp_path / "etc" / "bind.env").chmod(0o644)
    result = certbot.run("certonly", *routes(path), *names("x.a.test", "x.b.test"))
    assert f"{path}: no section is for x.b.test" in result.stderr
    assert f"[a.test]: The handler {tmp_path}/none does not exist" in result.stderr
    assert f"chmod 600 {tmp_path}/etc/bind.env" in result.stderr
    path.chmod(0o666)
    result = certbot.run("certonly", *routes(path), *names("x.a.test"))
    assert f"run: chmod o-w {path}" in result.stderr
    assert not result.ordered
