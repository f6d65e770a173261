"""The drivers in examples/drivers and in docs/json.md, as they stand there: each issues, renews, and fails."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support import certificates
from tests.support.certbot import PATIENCE, Certbot
from tests.support.hooks import Hooks
from tests.support.testca import TestCA
from tests.support.words import names

ROOT = Path(__file__).resolve().parents[2]
DRIVERS = {
    "bash": [str(ROOT / "examples/drivers/bash/driver.sh")],
    "python": [sys.executable, str(ROOT / "examples/drivers/python/driver.py")],
}
BOTH = ("--configurator", "external-auth")


@pytest.fixture
def done(certbot: Certbot, tmp_path: Path) -> Path:
    """What the program of the drivers has done; Certbot's folders are where a driver that knows none finds them."""
    found = tmp_path / "done"
    certbot.environment["DONE"] = str(found)
    certbot.cli_ini.write_text(
        f"config-dir = {certbot.config_dir}\nwork-dir = {certbot.work_dir}\nlogs-dir = {certbot.logs_dir}\n"
        f"server = {certbot.ca.directory}\nagree-tos = true\nregister-unsafely-without-email = true\n"
        f"external-auth-verify-nameservers = {certbot.ca.dns}\n"
    )
    return found


def run(certbot: Certbot, words: list[str], env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    certbot.forget_logs()
    ended = subprocess.run(
        words,
        env={**certbot.environment, **(env or {})},
        cwd=certbot.cwd,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        stdin=subprocess.DEVNULL,
    )
    certbot.after_run()
    return ended


def calls(done: Path) -> list[list[str]]:
    found = [line.split() for line in done.read_text().splitlines()] if done.exists() else []
    done.unlink(missing_ok=True)
    return found


def operations(done: Path) -> list[str]:
    return [words[0] for words in calls(done)]


@pytest.mark.parametrize("language", DRIVERS)
def test_driver_writes_where_an_alias_leads(
    certbot: Certbot, scripts: Hooks, ca: TestCA, domain: str, done: Path, language: str
) -> None:
    """Lost: the record, which cannot stand beside an alias (CNAME)."""
    target = f"x.{domain}.elsewhere"
    ca.manage("set-cname", {"host": f"_acme-challenge.{domain}.", "target": f"{target}."})
    start = [*DRIVERS[language], scripts.path("publishes-for-drivers.py")]
    issued = run(certbot, [*start, "certonly", "-a", "external-auth", *names(domain)])
    assert issued.returncode == 0, issued
    assert [words[:2] for words in calls(done)] == [["add", target], ["remove", target]]


@pytest.mark.parametrize("language", DRIVERS)
def test_driver_issues_renews_and_says_no(
    certbot: Certbot, scripts: Hooks, ca: TestCA, domain: str, done: Path, language: str
) -> None:
    """Guards against: example drivers that do not work."""
    start = [*DRIVERS[language], scripts.path("publishes-for-drivers.py")]
    issued = run(certbot, [*start, "certonly", *BOTH, *names(domain, f"*.{domain}")])
    assert issued.returncode == 0, issued
    assert certificates.names(certbot.live(domain)) == [f"*.{domain}", domain]
    assert operations(done) == ["add", "add", "remove", "remove", "deploy"]
    assert issued.stdout == ""
    assert ca.txt(f"_acme-challenge.{domain}") == []

    before = certificates.serial(certbot.live(domain))
    renew = ["renew", "-q", "--no-random-sleep-on-renew"]
    renewed = run(certbot, [*start, *renew, "--force-renewal"])
    assert renewed.returncode == 0, renewed
    assert certificates.serial(certbot.live(domain)) != before
    assert operations(done) == ["add", "add", "remove", "remove", "deploy"]
    assert run(certbot, [*start, *renew]).returncode == 0
    assert operations(done) == []

    refused = run(certbot, [*start, "certonly", *BOTH, *names(f"full.{domain}")], {"FULL": "full"})
    assert refused.returncode == 1
    assert "exit.3" in refused.stderr
    assert "challenge.not_published" in refused.stderr
    assert not certbot.live(f"full.{domain}").exists()


def test_bash_driver_passes_on_that_it_is_to_end(certbot: Certbot, domain: str, done: Path, tmp_path: Path) -> None:
    """Guards against: a record that stays when a job is cancelled, because Certbot does not get the signal."""
    program = tmp_path / "program"
    program.write_text('#!/bin/sh\necho "$@" >>"$DONE"\n[ "$1" != add ] || kill -TERM "$PPID"\n')
    program.chmod(0o755)
    ended = run(certbot, [*DRIVERS["bash"], str(program), "certonly", *BOTH, *names(domain)])
    assert ended.returncode != 0
    assert operations(done) == ["add", "remove"]
    assert "certbot.interrupted" in ended.stderr


def test_bash_driver_does_nothing_for_what_is_no_line(tmp_path: Path) -> None:
    """Guards against: a record that is added twice, and a certificate under the name of another lineage."""
    lines = [
        {"cmd": "hello", "protocol": "1.0"},
        {"cmd": "perform_challenge", "id": "c1", "type": "dns-01", "domain": "a.test", "validation": "v"}
        | {"txt_domain": "_acme-challenge.a.test"},
        {
            "cmd": "deploy_cert",
            "id": "d1",
            "lineage": "line",
            "domain": "a.test",
            "fullchain_path": "f",
            "key_path": "k",
        },
        {"cmd": "summary", "ok": True},
    ]
    texts = ["Processing /etc/…", *(text for line in lines for text in (json.dumps(line), "", "no JSON", "3"))]
    (tmp_path / "lines").write_text("\n".join(texts) + "\n")
    certbot, program, done = tmp_path / "certbot", tmp_path / "program", tmp_path / "done"
    certbot.write_text(f"#!/bin/sh\ncat {tmp_path}/lines\n")
    program.write_text(f'#!/bin/sh\necho "$@" >>{done}\n')
    for one in (certbot, program):
        one.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    # This Certbot ends before the driver has looked, or after; both must do.
    for _ in range(3):
        ended = subprocess.run(
            [*DRIVERS["bash"], str(program), "certonly"], env={"PATH": path}, stdin=subprocess.DEVNULL, timeout=PATIENCE
        )
        assert ended.returncode == 0
        assert calls(done) == [["add", "_acme-challenge.a.test", "v"], ["deploy", "line", "f", "k"]]


def shown(page: str) -> str:
    (block,) = re.findall(
        r"```python\n(from certbot_external_auth\.client .*?)```", (ROOT / page).read_text(), re.DOTALL
    )
    return str(block)


def test_the_page_shows_a_driver_that_works(certbot: Certbot, ca: TestCA, domain: str, done: Path) -> None:
    """Guards against: a driver on the page that does not work when it is copied."""
    block = shown("docs/json.md")
    program = certbot.cwd / "driver.py"
    program.write_text(
        "import json, os, urllib.request\n"
        "def post(path, **body):\n"
        "    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))\n"
        "    opener.open(os.environ['CHALLTESTSRV'] + '/' + path, json.dumps(body).encode()).read()\n"
        "def add_txt(name, value): post('set-txt', host=name + '.', value=value)\n"
        "def remove_txt(name, value): post('clear-txt', host=name + '.')\n"
        "def reload_with(path): assert os.path.exists(path)\n" + block.replace("w.example", domain)
    )
    ended = run(certbot, [sys.executable, str(program)])
    assert ended.returncode == 0, ended
    assert certificates.names(certbot.live(domain)) == [domain]
    assert ca.txt(f"_acme-challenge.{domain}") == []
