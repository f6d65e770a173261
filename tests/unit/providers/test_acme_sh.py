"""Engine acme.sh: which copy is used, and what its program does, with real shells and scripts of our own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from certbot_external_auth.providers.acme_sh import AcmeSh
from certbot_external_auth.providers.engine import Kind
from tests.support import acme_sh

SCRIPT = """\
dns_own_info='Own
Options:
 OWN_Token the token
'
dns_own_add() {
  OWN_Token="${OWN_Token:-$(_readaccountconf_mutable OWN_Token)}"
  if [ -z "$OWN_Token" ]; then
    _err "no token"
    return 1
  fi
  _saveaccountconf_mutable OWN_Token "$OWN_Token"
  _saveaccountconf OWN_Login "$OWN_Token"
  _savedomainconf OWN_Token "$OWN_Token"
  _savedomainconf OWN_id "$OWN_ID"
  _info "added $1 $2 with $OWN_Token"
  [ -z "$OWN_SLOW" ] || sleep 60
}
dns_own_rm() {
  _info "removing $(_readdomainconf OWN_id)"
  _cleardomainconf OWN_id
}
"""
PATH = os.defpath


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An acme.sh with one script, in a folder with a blank."""
    found = tmp_path / "acme home"
    (found / "dnsapi").mkdir(parents=True)
    shutil.copy(acme_sh.HOME / "acme.sh", found)
    (found / "dnsapi" / "dns_own.sh").write_text(SCRIPT)
    return found


def run(
    home: Path, operation: str, state: str = "", shell: str = "", **settings: str
) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": PATH, "LE_WORKING_DIR": str(home), **settings}
    words = AcmeSh(environment).program("own")
    words[0] = shell or words[0]
    return subprocess.run(
        [*words, operation, "_acme-challenge.a.test", "a.test"],
        input=f"-value\n{{}}\n{state}",
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


@acme_sh.needed
@pytest.mark.parametrize("shell", ["/bin/sh", "/bin/bash"])
def test_state_goes_from_adding_to_removing_and_nothing_is_saved(home: Path, shell: str) -> None:
    before = sorted(home.rglob("*"))
    record = "it's 17; $(touch /tmp/never)"
    added = run(home, "add", shell=shell, OWN_Token="a-secret", OWN_ID=record)
    assert added.returncode == 0, added
    assert "added _acme-challenge.a.test -value with a-secret" in added.stderr
    # The record's number, and no setting of the user's.
    assert "OWN_id" in added.stdout
    assert "a-secret" not in added.stdout
    removed = run(home, "remove", added.stdout, shell=shell)
    assert (removed.returncode, removed.stdout) == (0, ""), removed
    assert f"removing {record}" in removed.stderr
    assert sorted(home.rglob("*")) == before


@acme_sh.needed
def test_two_at_the_same_time_do_not_mix(home: Path) -> None:
    """Guards against: a certificate's record that stays, because another certificate's number took its place."""
    numbers = [str(number) for number in range(8)]
    with ThreadPoolExecutor(4) as pool:
        added = list(pool.map(lambda number: run(home, "add", OWN_Token="a-secret", OWN_ID=number), numbers))
        removed = list(pool.map(lambda one: run(home, "remove", one.stdout).stderr, added))
    assert removed == [f"removing {number}\n" for number in numbers]


@acme_sh.needed
def test_what_the_script_returns_is_the_result(home: Path) -> None:
    failed = run(home, "add")
    assert failed.returncode == 1
    assert "no token" in failed.stderr


@acme_sh.needed
def test_saved_secrets_are_used_if_the_user_names_their_folder(home: Path, tmp_path: Path) -> None:
    saved = tmp_path / "config"
    saved.mkdir()
    conf = saved / "account.conf"
    conf.write_text("LOG_FILE='/nowhere/log'\nSAVED_OWN_Token='a-secret'\n")
    conf.chmod(0o644)
    settings = {"PATH": PATH, "LE_WORKING_DIR": str(home), "LE_CONFIG_HOME": str(saved)}
    engine = AcmeSh(settings)
    assert [problem.kind for problem in engine.problems("own")] == [Kind.SECRETS_READABLE]
    conf.chmod(0o600)
    assert engine.problems("own") == []
    assert engine.saved["OWN_Token"] == "a-secret"
    assert [one.group for each in engine.providers() for one in each.variables] == [None]
    # Certbot looks who can change it, because acme.sh runs it.
    assert str(conf) in engine.program("own")
    added = run(home, "add", LE_CONFIG_HOME=str(saved))
    assert added.returncode == 0, added
    assert "with a-secret" in added.stderr
    assert [path.name for path in saved.iterdir()] == ["account.conf"]
    assert conf.read_text() == "LOG_FILE='/nowhere/log'\nSAVED_OWN_Token='a-secret'\n"


@acme_sh.needed
def test_its_folder_is_gone_after_it_was_ended(home: Path, tmp_path: Path) -> None:
    environment = {"PATH": PATH, "LE_WORKING_DIR": str(home), "OWN_Token": "a-secret", "OWN_SLOW": "1"}
    words = [*AcmeSh(environment).program("own"), "add", "a", ""]
    with subprocess.Popen(
        words,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        assert process.stdout is not None
        process.stdin.write("value\n{}\n")
        process.stdin.close()
        assert "added" in process.stderr.readline()
        # As at its time limit, the group gets the signal.
        os.killpg(process.pid, signal.SIGTERM)
        # What the provider has told is not lost.
        assert "OWN_id" in process.stdout.read()
        assert process.wait(timeout=30) == 143


@acme_sh.needed
def test_which_copy_is_used(home: Path, tmp_path: Path) -> None:
    assert AcmeSh({"LE_WORKING_DIR": str(tmp_path), "PATH": PATH}).installed() is not None
    at_home = tmp_path / ".acme.sh"
    at_home.symlink_to(home)
    assert AcmeSh({"HOME": str(tmp_path), "PATH": PATH}).installed() is None
    assert "own" in [each.name for each in AcmeSh({"HOME": str(tmp_path), "PATH": PATH}).providers()]
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "acme.sh").symlink_to(home / "acme.sh")
    on_path = AcmeSh({"HOME": "/nowhere", "PATH": f"{programs}:{PATH}"})
    assert on_path.program("own")[2] == str(home / "acme.sh")


@acme_sh.needed
def test_a_program_that_only_starts_acme_sh_is_not_sourced(tmp_path: Path) -> None:
    """Debian's /usr/bin/acme.sh is one: sourced, it would replace the shell."""
    starter = tmp_path / "acme.sh"
    starter.write_text('#!/bin/sh\nexec /usr/share/acme.sh/acme.sh "$@"\n')
    starter.chmod(0o755)
    assert AcmeSh({"LE_WORKING_DIR": str(tmp_path), "PATH": PATH}).installed() is not None


@acme_sh.needed
def test_curl_or_wget_is_needed(home: Path) -> None:
    missing = AcmeSh({"LE_WORKING_DIR": str(home), "PATH": "/nowhere"}).installed()
    assert missing is not None
    assert missing.what == "curl or wget"
