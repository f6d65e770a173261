"""One certificate for names at three publishers: BIND, PowerDNS, and a web server for http-01."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import acme_sh, certificates
from tests.support.certbot import Certbot
from tests.support.recover import journal, recover
from tests.support.rehearsals import rehearse
from tests.support.routes_world import BIND, HANDLERS, OUTER, POWERDNS, WEB, World, name, world
from tests.support.two_steps import Tool
from tests.support.words import AUTHENTICATOR, RENEW_NOW, names

VERSION = tuple(map(int, importlib.metadata.version("certbot").split(".")[:2]))
PATIENCE = 120.0
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
    # The last one is in the same group, and has no alias.
    wanted = [delegated, f"*.{delegated}", name(BIND)]
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
    assert other.with_name("other.calls").read_text().split().count("perform") == len(wanted)
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


def test_each_route_is_rehearsed(three: World, tmp_path: Path) -> None:
    path = three.write(tmp_path / "etc")
    words = ["--routes", str(path), "--json", "--http-01-port", str(three.ca.http_port), "--verify-timeout", "2"]
    found = rehearse(*words, *names(name(BIND), name(OUTER), name(WEB)))
    assert found.code == 1, found
    *lines, last = found.lines
    assert last["routes"] == {BIND: "passed", POWERDNS: "skipped", OUTER: "failed", "*": "passed"}
    assert {line["route"]: line["ok"] for line in lines if line["kind"] == "summary"} == {
        BIND: True,
        OUTER: False,
        "*": True,
    }
    # Without names, a section is tried with its own, and the rest cannot be.
    path.write_text(path.read_text().replace("'./at powerdns'", "./none", 1))
    found = rehearse(*words)
    assert found.lines[-1]["routes"] == {BIND: "passed", POWERDNS: "failed", OUTER: "failed", "*": "skipped"}
    assert found.code == 1
    in_use = name(BIND)
    three.bind.change(f"add _acme-challenge.{in_use} 60 TXT {'x' * 43}")
    found = rehearse(*words, *names(in_use, name(WEB)))
    assert (found.code, found.lines[-1]["routes"][BIND], found.lines[-1]["routes"]["*"]) == (2, "failed", "passed")
    assert f"_acme-challenge.{in_use} has TXT records already" in found.stderr
    refused = rehearse("--routes", str(path), "--handler", "x")
    assert refused.code == 2
    assert "--external-auth-routes and --external-auth-handler contradict each other" in refused.stderr


# --- what takes longer ---


@pytest.mark.long
def test_names_of_a_route_that_fails_may_be_left_out(three: World, certbot: Certbot, tmp_path: Path) -> None:
    """Lost: no certificate for all names at one provider, because another one is down."""
    first, second = name(BIND), name(POWERDNS)
    path = three.write(tmp_path / "etc")
    path.write_text(path.read_text().replace("'./at powerdns'", "/bin/true"))
    result = certbot.run("certonly", *routes(path, "--allow-subset-of-names"), *names(first, second))
    assert result.returncode == 0, repr(result)
    assert certificates.names(certbot.live(first)) == [first]
    assert journal(certbot) == []


@pytest.mark.long
@pytest.mark.skipif(VERSION < (5, 3), reason="Certbot 5.3 brought --ip-address")
def test_addresses_have_routes_too(three: World, certbot: Certbot, tmp_path: Path) -> None:
    first = name(BIND)
    path = three.write(tmp_path / "etc", "[127.0.0.1]", f"handler = {HANDLERS / 'minimal.sh'}", "env-file = web.env")
    path.write_text(path.read_text().replace("[*]", "[other.test]"))
    result = certbot.run("certonly", *routes(path), *names(first), "--ip-address", "127.0.0.1")
    assert result.returncode == 0, repr(result)
    assert certificates.addresses(certbot.live(first)) == ["127.0.0.1"]
    path.write_text(path.read_text().replace("[127.0.0.1]", "[127.0.0.2]"))
    renewed = certbot.run(*RENEW_NOW)
    assert "no section is for 127.0.0.1" in renewed.stderr


@pytest.mark.long
def test_a_session_with_routes_is_done_at_once(three: World, certbot: Certbot, tmp_path: Path) -> None:
    first, second = name(BIND), name(POWERDNS)
    path = three.write(tmp_path / "etc")
    with tempfile.TemporaryDirectory(prefix="r-") as runtime:
        # Without a mode, a session is for a driver.
        words = (*routes(path, "--external-auth-mode", "handler"), *names(first, second))
        ended = Tool(certbot, three.ca, Path(runtime)).begin("certonly", *words)
    assert (ended.code, ended["state"]) == (0, "done"), ended.document
    assert certificates.names(certbot.live(first)) == sorted([first, second])


@pytest.mark.long
def test_from_a_handler_to_routes_and_back(three: World, certbot: Certbot, tmp_path: Path) -> None:
    """A publisher that is typed takes the place of the one before, and a command takes the certificate."""
    first = name(BIND)
    path = three.write(tmp_path / "etc")
    by_handler = ["--external-auth-handler", str(tmp_path / "etc" / "at bind")]
    by_handler += ["--external-auth-env-file", str(tmp_path / "etc" / "bind.env")]
    by_handler += ["--external-auth-verify-nameservers", three.bind.server]
    result = certbot.run("certonly", "-n", *AUTHENTICATOR, *by_handler, *names(first))
    assert result.returncode == 0, repr(result)
    deploy = tmp_path / "deploy"
    deploy.write_text('#!/bin/sh\necho "$1 $cbot_lineage" >>"$0.calls"\n')
    deploy.chmod(0o755)
    more = ["-i", "external-auth", "--external-auth-deploy-handler", str(deploy)]
    to_routes = certbot.run("reconfigure", "--cert-name", first, *routes(path, *more))
    assert to_routes.returncode == 0, repr(to_routes)
    kept = certbot.renewal(first)
    assert f"external_auth_routes = {path}" in kept
    assert "external_auth_handler = None\nexternal_auth_env_file = None\n" in kept
    renewed = certbot.run(*RENEW_NOW)
    assert renewed.returncode == 0, repr(renewed)
    assert deploy.with_name("deploy.calls").read_text().split("\n")[:-1] == [f"deploy_cert {first}"]
    folders = ["--config-dir", str(certbot.config_dir), "--work-dir", str(certbot.work_dir)]
    folders += ["--logs-dir", str(certbot.logs_dir)]
    words = [sys.executable, "-m", "certbot_external_auth", "rehearse", *folders, "--publish", "--cert-name", first]
    ended = subprocess.run(words, env=certbot.environment, capture_output=True, text=True, timeout=PATIENCE)
    assert ended.returncode == 0, ended
    (tmp_path / "etc" / "at bind").chmod(0o644)
    ended = subprocess.run(words[:-3] + words[-2:], env=certbot.environment, capture_output=True, text=True)
    assert "chmod +x" in ended.stdout, ended
    (tmp_path / "etc" / "at bind").chmod(0o755)
    back = certbot.run("reconfigure", "--cert-name", first, "-n", *AUTHENTICATOR, *by_handler)
    assert back.returncode == 0, repr(back)
    kept = certbot.renewal(first)
    assert "external_auth_routes = None" in kept
    assert re.search(r"^external_auth_handler = .*at bind", kept, re.MULTILINE)
    assert certbot.run(*RENEW_NOW).returncode == 0


@pytest.mark.long
@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes somebody else")
def test_one_route_publishes_as_another_user(three: World, certbot: Certbot, open_folder: Path, tmp_path: Path) -> None:
    first, second = name(BIND), name(WEB)
    who = open_folder / "who"
    who.touch()
    who.chmod(0o666)
    three.challenges.chmod(0o777)
    handler = open_folder / "web"
    handler.write_text(f'#!/bin/sh\necho "$(id -un) $1" >>"{who}"\n{(HANDLERS / "minimal.sh").read_text()}')
    handler.chmod(0o755)
    path = three.write(tmp_path / "etc", "run-as = nobody")
    path.write_text(path.read_text().replace(str(HANDLERS / "minimal.sh"), str(handler)))
    for folder in (*tmp_path.parents, three.challenges.parent):
        if folder.is_relative_to(tempfile.gettempdir()) and folder != Path(tempfile.gettempdir()):
            folder.chmod(folder.stat().st_mode | 0o055)
    result = certbot.run("certonly", *routes(path), *names(first, second))
    assert result.returncode == 0, repr(result)
    assert set(who.read_text().split()[::2]) == {"nobody"}
    assert list(three.challenges.iterdir()) == []


DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "routes.md"


@pytest.fixture
def documented(three: World, tmp_path: Path) -> Path:
    """The file of the document, with the folders and servers of the test."""
    path = three.write(tmp_path / "etc")
    text = next(iter(re.findall(r"^```ini\n(.*?)^```$", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)))
    for old, new in (
        ("/usr/local/sbin/nsupdate.sh", "./at bind"),
        ("/usr/local/sbin/webroot.sh", str(HANDLERS / "minimal.sh")),
        ("bind.env\n", f"bind.env\nverify-nameservers = {three.bind.server}\n"),
        ("powerdns.env\n", f"powerdns.env\nverify-nameservers = {three.powerdns.server}\n"),
        ("http-01\n", f"http-01\nenv-file = web.env\nverify-nameservers = {three.ca.dns}\n"),
    ):
        assert old in text
        text = text.replace(old, new)
    path.write_text(text.replace("./at bind", "'./at bind'"))
    settings = f"LE_WORKING_DIR='{acme_sh.HOME}'\nPDNS_Url={three.powerdns.api}\nPDNS_ServerId=localhost\n"
    (tmp_path / "etc" / "powerdns.env").write_text(f"{settings}PDNS_Token={three.powerdns.key}\n")
    return path


@pytest.mark.long
@acme_sh.needed
def test_the_document(three: World, certbot: Certbot, documented: Path) -> None:
    """A handler, a provider, and http-01 in one certificate, with the commands of docs/routes.md."""
    before = three.powerdns.records()
    text = DOCUMENT.read_text().replace("\\\n", "").replace("/etc/letsencrypt/routes.ini", str(documented))
    (check,) = re.findall(r"^    certbot-external-auth check (.*)$", text, re.MULTILINE)
    more = ["--http-01-port", str(three.ca.http_port)]
    found = rehearse(*shlex.split(check), *more, environment=certbot.environment)
    assert found.code == 0, found
    shown = text[text.index("    == all routes") :].split("\n\n")[0].replace("    ", "")
    assert found.stdout.rstrip().endswith(shown)
    (issue,) = re.findall(r"^    certbot (certonly .*)$", text, re.MULTILINE)
    result = certbot.run(*shlex.split(issue))
    assert result.returncode == 0, repr(result)
    live = certbot.live("example.org")
    assert certificates.names(live) == ["*.example.org", "example.net", "example.org", "www.example.com"]
    renewed = certbot.run(*RENEW_NOW)
    assert renewed.returncode == 0, repr(renewed)
    assert three.nothing_left(before)


@pytest.mark.long
@acme_sh.needed
def test_a_run_that_is_killed_while_a_provider_publishes(three: World, certbot: Certbot, documented: Path) -> None:
    before = three.powerdns.records()
    first, second = name(BIND), name(POWERDNS)
    words = ["certonly", *routes(documented, "--external-auth-verify-settle", "600")]
    record = f"_acme-challenge.{second}"
    with certbot.started([*words, *names(first, second, f"*.{second}")]) as process:
        deadline = time.monotonic() + PATIENCE
        while len(three.powerdns.txt(record)) < 2:
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.05)
        process.kill()
        process.wait()
    assert len(journal(certbot)) == 2
    documented.unlink()
    ended = recover(certbot, timeout=PATIENCE)
    assert ended.returncode == 0, ended
    assert three.bind.txt(f"_acme-challenge.{first}") == []
    assert three.nothing_left(before)
    assert journal(certbot) == []
