"""`rehearse --publish` with a real name server: one value there and back, and what is wrong with a token or a hook."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from certbot_external_auth.rehearsal.findings import Kind, Level
from certbot_external_auth.rehearsal.rehearsal import Report, Wanted, rehearse
from tests.support import lineages, web
from tests.support.bind import Bind
from tests.support.hooks import Hooks
from tests.support.rehearsed import NAME, NOW, SERVER, Bed

PLACE = f"_acme-challenge.{NAME}"
PATIENCE = 60.0
RECORDS = """\
a A 127.0.0.2
a A 127.0.0.3
forbidden CAA 0 issue ";"
"""
TOOL = [sys.executable, "-m", "certbot_external_auth"]


@pytest.fixture(scope="module")
def dns() -> Iterator[Bind]:
    with Bind("example", records=RECORDS) as found:
        yield found


@pytest.fixture
def bed(tmp_path: Path, dns: Bind) -> Bed:
    found = Bed(tmp_path)
    shutil.copy(Hooks(tmp_path / "hooks", tmp_path / "calls").path("updates.sh"), found.hook)
    shutil.copy(dns.key_file, tmp_path / "key")
    keeps(found, dns)
    return found


def keeps(bed: Bed, dns: Bind, fault: str = "", timeout: int = 60, **more: str) -> None:
    """Let the hook have a fault. :param timeout: seconds for a call, for which a recovery waits, too."""
    secrets = {"SERVER": f"{dns.address} {dns.port}", "KEY_FILE": str(bed.folder / "key"), "FAULT": fault, **more}
    path = bed.env_file()
    path.write_text("".join(f'{name}="{value}"\n' for name, value in secrets.items()))
    bed.keeps(
        "external_auth_dialect = dehydrated",
        f"external_auth_env_file = {path}",
        f'external_auth_verify_nameservers = "{dns.server}"',
        "external_auth_verify_timeout = 2",
        f"external_auth_timeout = {timeout}",
    )


def published(bed: Bed) -> Report:
    return rehearse(bed.host, Wanted(publish=True, dns=False), NOW)


def kinds(found: Report) -> list[Kind]:
    return [one.kind for outcome in found.outcomes for one in outcome.findings]


def started(bed: Bed) -> subprocess.Popen[str]:
    words = ["rehearse", "--publish", "--config-dir", bed.host.config_dir, "--work-dir", bed.host.work_dir]
    words += ["--logs-dir", str(bed.folder)]
    return subprocess.Popen([*TOOL, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} does not appear"
        time.sleep(0.02)


def test_one_value_goes_there_and_back(bed: Bed, dns: Bind) -> None:
    found = published(bed)
    assert (kinds(found), found.level) == ([], None)
    assert dns.txt(PLACE) == []
    assert "_acme-challenge.a.example/IN" in dns.log or "a.example" in dns.log


def test_a_token_that_the_server_does_not_take_any_more(bed: Bed, dns: Bind) -> None:
    key = bed.folder / "key"
    key.write_text(key.read_text().replace('secret "', 'secret "AAAA'))
    found = published(bed)
    assert found.level is Level.PROBLEM
    (one,) = [each for each in found.outcomes[0].findings if each.kind is Kind.NOT_PUBLISHED]
    assert one.facts["secrets"] == str(bed.folder / "secrets.env")


@pytest.mark.parametrize(("fault", "kind"), [("nothing", Kind.NOT_PUBLISHED), ("leaves", Kind.NOT_WITHDRAWN)])
def test_a_hook_with_a_fault(bed: Bed, dns: Bind, fault: str, kind: Kind) -> None:
    keeps(bed, dns, fault)
    (one,) = (found := published(bed)).outcomes[0].findings
    assert kinds(found) == [kind]
    # No server has refused anything.
    assert not one.facts.get("secrets")
    dns.change(f"delete {PLACE} TXT")


def test_a_name_in_use_is_not_touched(bed: Bed, dns: Bind) -> None:
    dns.change(f'add {PLACE} 1 TXT "something of another client"')
    assert kinds(published(bed)) == [Kind.IN_USE]
    assert dns.txt(PLACE) == ["something of another client"]
    dns.change(f"delete {PLACE} TXT")


def test_one_that_fails_does_not_hide_the_others(bed: Bed, dns: Bind) -> None:
    """Two of three are published in one batch with one that cannot be: its zone is nowhere."""
    conf = Path(bed.host.config_dir) / "renewal" / f"{NAME}.conf"
    kept = [*conf.read_text().split("key_type = ecdsa\n")[1].splitlines(), "external_auth_jobs = 3"]
    for name in (NAME, "b.example", "c.elsewhere"):
        lineages.one(Path(bed.host.config_dir), name, SERVER, kept)
        other = Path(bed.host.config_dir) / "renewal" / f"{name}.conf"
        other.write_text(other.read_text().replace("account = none", "account = abc"))
    found = {one.lineage: [each.kind for each in one.findings] for one in published(bed).outcomes}
    assert found == {NAME: [], "b.example": [], "c.elsewhere": [Kind.NOT_PUBLISHED]}


def test_killed_in_the_middle_and_recovered(bed: Bed, dns: Bind) -> None:
    keeps(bed, dns, "interrupted", timeout=5, MARK=str(bed.folder))
    with started(bed) as process:
        wait_for(bed.folder / "publishing")
        assert dns.txt(PLACE) != []
        process.send_signal(signal.SIGKILL)
    keeps(bed, dns)
    words = ["recover", "--work-dir", bed.host.work_dir]
    assert subprocess.run([*TOOL, *words], capture_output=True, timeout=PATIENCE).returncode == 0
    assert dns.txt(PLACE) == []


def test_a_signal_leaves_nothing(bed: Bed, dns: Bind) -> None:
    keeps(bed, dns, "interrupted", MARK=str(bed.folder))
    with started(bed) as process:
        wait_for(bed.folder / "publishing")
        process.send_signal(signal.SIGTERM)
        said, complained = process.communicate(timeout=PATIENCE)
    assert (process.returncode, said) == (128 + signal.SIGTERM, "")
    assert complained.startswith("SIGTERM: stopped. ")
    assert dns.txt(PLACE) == []
    assert os.listdir(Path(bed.host.work_dir) / "external-auth" / "journal") == []


def test_it_makes_room_for_a_certbot_that_starts(bed: Bed, dns: Bind) -> None:
    keeps(bed, dns, "interrupted", MARK=str(bed.folder))
    with started(bed) as process:
        wait_for(bed.folder / "publishing")
        with (Path(bed.host.config_dir) / ".certbot.lock").open("w") as lock:
            fcntl.lockf(lock, fcntl.LOCK_EX)
            said, _ = process.communicate(timeout=PATIENCE)
    assert "because a Certbot runs" in said
    assert dns.txt(PLACE) == []
    assert os.listdir(Path(bed.host.work_dir) / "external-auth" / "journal") == []


def test_an_address_that_serves_another_certificate_is_named(bed: Bed, dns: Bind, tmp_path: Path) -> None:
    """Guards against: one of several servers that was not reloaded."""
    port = web.free_port("127.0.0.2")
    bed.keeps(f'external_auth_verify_nameservers = "{dns.server}"', f"https_port = {port}")
    old = tmp_path / "old.pem"
    old.write_bytes(lineages.certificate(NAME))
    server = "server {{ listen {}:{} ssl; ssl_certificate {}; ssl_certificate_key {}; }}"
    key, saved = bed.live("privkey"), bed.live("fullchain")
    right, wrong = (server.format(where, port, cert, key) for where, cert in (("127.0.0.2", saved), ("127.0.0.3", old)))
    with web.nginx(tmp_path, right + wrong, port, "127.0.0.2"):
        found = rehearse(bed.host, Wanted(served=True, dns=False), NOW)
    (one,) = [each for outcome in found.outcomes for each in outcome.findings]
    assert (one.kind, one.facts["address"]) == (Kind.SERVED_OTHER, f"127.0.0.3:{port}")
    silent = rehearse(bed.host, Wanted(served=True, dns=False), NOW)
    assert kinds(silent) == [Kind.NOT_SERVED] * 2
    assert silent.level is Level.WARNING


def test_a_caa_record_that_lets_no_ca_issue(bed: Bed, dns: Bind) -> None:
    """Of two certificates, only the one with such a record has a finding."""
    conf = Path(bed.host.config_dir) / "renewal" / f"{NAME}.conf"
    kept = conf.read_text().split("key_type = ecdsa\n")[1].splitlines()
    lineages.one(Path(bed.host.config_dir), "forbidden.example", SERVER, kept)
    other = conf.with_name("forbidden.example.conf")
    other.write_text(other.read_text().replace("account = none", "account = abc"))
    found = rehearse(bed.host, Wanted(), NOW)
    assert {one.lineage: [each.kind for each in one.findings] for one in found.outcomes} == {
        NAME: [],
        "forbidden.example": [Kind.NOT_PERMITTED],
    }
