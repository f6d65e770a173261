"""Set-ups that will fail at the next renewal are found, each with what to do; healthy ones are left in peace."""

from __future__ import annotations

import datetime
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from certbot_external_auth.errors import UsageError
from certbot_external_auth.lineages.handed_over import HandedOver
from certbot_external_auth.rehearsal import publishing, report, wording
from certbot_external_auth.rehearsal.findings import Finding, Kind, Level, Outcome
from certbot_external_auth.rehearsal.rehearsal import Report
from certbot_external_auth.run.run import Run
from tests.support import lineages
from tests.support.another_user import NOBODY
from tests.support.rehearsed import NAME, NOW, SERVER, Bed


@pytest.fixture
def bed(tmp_path: Path) -> Bed:
    return Bed(tmp_path)


def kinds(found: Report) -> list[Kind]:
    return [one.kind for one in (*found.host, *(each for outcome in found.outcomes for each in outcome.findings))]


# --- healthy ---


def _dehydrated(bed: Bed) -> None:
    bed.keeps("external_auth_dialect = dehydrated", f"external_auth_env_file = {bed.env_file()}")


def _stateless(bed: Bed) -> None:
    bed.keeps(publisher="external_auth_mode = stateless")


def _handed_over(bed: Bed) -> None:
    HandedOver(bed.host.config_dir, bed.host.work_dir).baseline()


def _wellknown(bed: Bed) -> None:
    (bed.folder / "web").mkdir()
    bed.keeps(f"external_auth_wellknown = {bed.folder / 'web'}", "pref_challs = http-01,")


def _only_takes(bed: Bed) -> None:
    """Another plugin publishes, and a command takes the certificate, so no person is needed."""
    bed.keeps(publisher=f"external_auth_deploy_handler = {bed.hook}")
    bed.edit("authenticator = external-auth", "authenticator = webroot")


@pytest.mark.parametrize(
    "arrange",
    [lambda _: None, _dehydrated, _stateless, _handed_over, _wellknown, _only_takes],
    ids=lambda one: one.__name__,
)
def test_a_healthy_host_has_no_finding(bed: Bed, arrange: Callable[[Bed], None]) -> None:
    arrange(bed)
    found = bed.look()
    assert kinds(found) == [], list(report.lines(found))
    assert found.level is None


# --- nothing is changed ---


def _damaged_state(bed: Bed) -> None:
    """Once the first of these files is set aside, every certificate counts as not deployed."""
    folder = Path(bed.host.work_dir) / "external-auth"
    folder.mkdir(0o755)
    (folder / "deployments.json").write_text("{")
    (folder / "journal").mkdir(0o755)
    (folder / "journal" / f"{'0' * 32}.json").write_text("{")
    for number in range(20):
        (folder / "journal" / f"{number}.damaged").touch()
    for each in (folder, folder / "journal"):
        (each / ".new-0123").touch()


def _no_state(bed: Bed) -> None:
    Path(bed.host.work_dir).rmdir()


@pytest.mark.parametrize(
    "arrange",
    [_dehydrated, _stateless, _handed_over, _wellknown, _damaged_state, _no_state],
    ids=lambda one: one.__name__,
)
def test_a_rehearsal_changes_nothing(bed: Bed, arrange: Callable[[Bed], None]) -> None:
    arrange(bed)

    def tree() -> dict[str, tuple[int, ...]]:
        found = [bed.folder, *bed.folder.rglob("*")]
        return {
            str(path): (one.st_ino, one.st_mode, one.st_size, one.st_mtime_ns, one.st_ctime_ns)
            for path in found
            for one in [path.lstat()]
        }

    before = tree()
    bed.look()
    assert tree() == before


# --- what will fail ---


def _hook_gone(bed: Bed) -> None:
    bed.hook.unlink()


def _hook_not_executable(bed: Bed) -> None:
    bed.hook.chmod(0o644)


def _hook_with_crlf(bed: Bed) -> None:
    bed.hook.write_bytes(b"#!/bin/sh\r\nexit 0\r\n")


def _interpreter_gone(bed: Bed) -> None:
    bed.hook.write_text("#!/opt/gone/python3\n")


def _hook_for_everyone(bed: Bed) -> None:
    bed.hook.chmod(0o777)


def _taker_gone(bed: Bed) -> None:
    bed.keeps(f"external_auth_deploy_handler = {bed.folder / 'takes'}")


def _only_takes_and_gone(bed: Bed) -> None:
    _only_takes(bed)
    bed.hook.unlink()


def _env_file_gone(bed: Bed) -> None:
    bed.keeps(f"external_auth_env_file = {bed.folder / 'gone.env'}")


def _env_file_open(bed: Bed) -> None:
    bed.keeps(f"external_auth_env_file = {bed.env_file(0o644)}")


def _env_file_broken(bed: Bed) -> None:
    path = bed.env_file()
    path.write_text("TOKEN xyzzy\n")
    bed.keeps(f"external_auth_env_file = {path}")


def _wellknown_gone(bed: Bed) -> None:
    bed.keeps(f"external_auth_wellknown = {bed.folder / 'gone'}")


def _wrong_option(bed: Bed) -> None:
    bed.keeps("external_auth_timeout = soon")


def _edited_to_true(bed: Bed) -> None:
    bed.keeps("external_auth_env_file = True")


def _broken_renewal_file(bed: Bed) -> None:
    bed.edit("[renewalparams]", "[renewalparams")


def _certificate_gone(bed: Bed) -> None:
    bed.live("cert").resolve().unlink()


def _certificate_broken(bed: Bed) -> None:
    bed.live("cert").write_text("no certificate")


def _key_gone(bed: Bed) -> None:
    bed.live("privkey").resolve().unlink()


def _key_of_another_user(bed: Bed) -> None:
    os.chown(bed.live("privkey"), 65534, -1)


def _key_open(bed: Bed) -> None:
    bed.live("privkey").chmod(0o666)


def _account_gone(bed: Bed) -> None:
    shutil.rmtree(bed.account)


def _account_key_broken(bed: Bed) -> None:
    (bed.account / "private_key.json").write_text("{}")


def _other_account(bed: Bed) -> None:
    bed.edit("account = abc", "account = def")


def _pending(bed: Bed) -> None:
    HandedOver(bed.host.config_dir, bed.host.work_dir).record(NAME, "0" * 64)


def _deployment_cut_off(bed: Bed) -> None:
    HandedOver(bed.host.config_dir, bed.host.work_dir).begin(NAME)


def _wildcard_without_files(bed: Bed) -> None:
    bed.keeps(publisher="external_auth_mode = stateless")
    (bed.live("cert")).write_bytes(lineages.certificate(f"*.{NAME}"))


def _journal_is_a_file(bed: Bed) -> None:
    (Path(bed.host.work_dir) / "external-auth").write_text("")


WILL_FAIL: list[tuple[Callable[[Bed], None], Kind, str]] = [
    (_hook_gone, Kind.PUBLISHER, "does not exist"),
    (_hook_not_executable, Kind.PUBLISHER, "chmod"),
    (_hook_with_crlf, Kind.PUBLISHER, "CR"),
    (_interpreter_gone, Kind.PUBLISHER, "/opt/gone/python3"),
    (_hook_for_everyone, Kind.PUBLISHER, "chmod"),
    (_taker_gone, Kind.PUBLISHER, "--external-auth-deploy-handler"),
    (_only_takes_and_gone, Kind.PUBLISHER, "--external-auth-deploy-handler"),
    (_env_file_gone, Kind.PUBLISHER, "gone.env"),
    (_env_file_open, Kind.PUBLISHER, "chmod"),
    (_env_file_broken, Kind.PUBLISHER, "secrets.env"),
    (_wellknown_gone, Kind.PUBLISHER, "gone"),
    (_wrong_option, Kind.OPTIONS, "--external-auth-timeout"),
    (_edited_to_true, Kind.OPTIONS, "external_auth_env_file"),
    (_broken_renewal_file, Kind.RENEWAL_FILE, "correct it"),
    (_certificate_gone, Kind.CERTIFICATE, "cert.pem"),
    (_certificate_broken, Kind.CERTIFICATE, "cert.pem"),
    (_key_gone, Kind.KEY, "privkey.pem"),
    (_key_of_another_user, Kind.KEY, "another user"),
    (_key_open, Kind.KEY, "mode 0666"),
    (_account_gone, Kind.ACCOUNT, "certbot register"),
    (_account_key_broken, Kind.ACCOUNT, "private_key.json"),
    (_other_account, Kind.ACCOUNT, "def"),
    (_pending, Kind.PENDING, "certbot install --cert-name a.example"),
    (_deployment_cut_off, Kind.PENDING, "certbot install"),
    (_wildcard_without_files, Kind.PUBLISHER, "*.a.example"),
    (_journal_is_a_file, Kind.JOURNAL, "external-auth"),
]


@pytest.mark.parametrize(("arrange", "kind", "fact"), WILL_FAIL, ids=[one.__name__ for one, *_ in WILL_FAIL])
def test_what_will_fail_is_found_with_what_to_do(
    bed: Bed, arrange: Callable[[Bed], None], kind: Kind, fact: str
) -> None:
    if arrange is _key_of_another_user and os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    arrange(bed)
    found = bed.look()
    assert found.level is Level.PROBLEM
    assert set(kinds(found)) == {kind}, list(report.lines(found))
    assert fact in "\n".join(report.lines(found))


@pytest.mark.parametrize(
    ("before", "after", "kind", "said"),
    [
        (SERVER, "http://[::1", Kind.ACCOUNT, "http://[::1 is not the URL of a CA's directory"),
        (SERVER, "https://ca.example/\0", Kind.RENEWAL_FILE, "it has a NUL character"),
        ("[renewalparams]", f"[renewalparams]\nhttps_port = {'9' * 5000}", None, ""),
    ],
)
def test_an_odd_value_spoils_no_other_certificate(
    bed: Bed, before: str, after: str, kind: Kind | None, said: str
) -> None:
    both = ("authenticator = external-auth", f"external_auth_handler = {bed.hook}")
    lineages.one(Path(bed.host.config_dir), "z.example", SERVER, both)
    bed.edit(before, after)
    odd, other = bed.look().outcomes
    assert [one.kind for one in odd.findings] == ([] if kind is None else [kind])
    assert said in " ".join(wording.sentence(one) for one in odd.findings)
    assert other.level is not None
    assert other.not_after


def test_names_of_files_that_no_certbot_has_given(bed: Bed, capfd: pytest.CaptureFixture[str]) -> None:
    """They may be anything: what a terminal would obey, or octets that are not UTF-8. Certbot reads no hidden one."""
    folder = Path(bed.host.config_dir) / "renewal"
    for name in (b"\x1b]0;x\x07\x9b.conf", b"\xff.conf", b".hidden.conf"):
        (folder / os.fsdecode(name)).write_bytes(b"\xff")
    (folder / f"{NAME}.conf").unlink()
    found = bed.look()
    assert len(found.outcomes) == 2
    print("\n".join(report.lines(found)))
    shown = capfd.readouterr().out
    assert "\x1b" not in shown
    assert "FAIL  \\xff " in shown


def test_a_certificate_whose_renewal_file_names_no_ca_is_one_of_certbots_default(bed: Bed) -> None:
    from certbot_external_auth.console.certbot_folders import DEFAULT_SERVER

    bed.edit(f"server = {SERVER}\n", "")
    (found,) = bed.look().outcomes
    assert [one.kind for one in found.findings] == [Kind.ACCOUNT]
    assert f"Certbot has no account at {DEFAULT_SERVER}" in wording.sentence(found.findings[0])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_is_told_so_and_not_that_renewals_would_fail(open_folder: Path) -> None:
    bed = Bed(open_folder)
    (Path(bed.host.config_dir) / "live").chmod(0o700)
    os.seteuid(NOBODY)
    try:
        with pytest.raises(UsageError, match=r"belongs to another user .*Run this as the user who runs Certbot"):
            bed.look()
    finally:
        os.seteuid(0)


def test_a_certificate_that_may_be_there_is_not_to_be_removed(bed: Bed) -> None:
    for there, advice in ((True, "Correct that."), (False, "Issue the certificate again")):
        bed.live("cert").unlink()
        if there:
            os.mkfifo(bed.live("cert"))
        (found,) = bed.look().outcomes
        assert advice in wording.sentence(found.findings[0])


def test_a_certificate_near_its_end_is_overdue(bed: Bed) -> None:
    late = NOW + datetime.timedelta(days=365 * lineages.YEARS - 3)
    assert kinds(bed.look(late)) == [Kind.OVERDUE]


def test_a_person_and_a_driver_are_said_and_are_no_failure(bed: Bed) -> None:
    for mode, kind in (("manual", Kind.BY_HAND), ("json", Kind.BY_DRIVER)):
        bed.keeps(publisher=f"external_auth_mode = {mode}")
        found = bed.look()
        assert kinds(found) == [kind]
        assert found.level is not Level.PROBLEM


def test_the_command_beside_a_driver_that_takes_certificates_is_checked(bed: Bed) -> None:
    bed.keeps("external_auth_deploy_handler = /opt/gone", publisher="external_auth_mode = json")
    assert set(kinds(bed.look())) == {Kind.PUBLISHER, Kind.BY_DRIVER}


def test_a_running_certbot_is_said_and_its_lock_is_not_taken(bed: Bed) -> None:
    lock = Path(bed.host.work_dir) / ".certbot.lock"
    code = "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.lockf(f, fcntl.LOCK_EX); print(); sys.stdin.read()"
    command = [sys.executable, "-c", code, str(lock)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        other.stdout.readline()
        assert kinds(bed.look()) == [Kind.LOCKED]
        other.stdin.close()
    assert kinds(bed.look()) == []


def test_other_certificates_are_left_out_unless_they_are_named(bed: Bed) -> None:
    lineages.one(Path(bed.host.config_dir), "b.example", SERVER, ["authenticator = webroot"])
    assert [one.lineage for one in bed.look().outcomes] == [NAME]


def test_equal_settings_are_checked_once(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    from certbot_external_auth.backends.handler.backend import HandlerBackend

    calls = []
    prepare = HandlerBackend.prepare
    monkeypatch.setattr(HandlerBackend, "prepare", lambda self, *roles: (calls.append(1), prepare(self, *roles)))
    options = (Path(bed.host.config_dir) / "renewal" / f"{NAME}.conf").read_text().splitlines()
    kept = options[options.index("[renewalparams]") + 1 :]
    for number in range(5):
        lineages.one(Path(bed.host.config_dir), f"n{number}.example", SERVER, kept[3:])
    assert len(bed.look().outcomes) == 6
    assert len(calls) == 1


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_has_a_sentence(kind: Kind) -> None:
    from collections import defaultdict

    from certbot_external_auth.rehearsal.findings import Finding

    facts = defaultdict(lambda: "fact")
    assert wording.sentence(Finding(kind, facts))


def test_the_command_prints_a_line_each_and_its_exit_code_tells_the_truth(bed: Bed) -> None:
    command = [sys.executable, "-m", "certbot_external_auth", "rehearse"]
    command += ["--config-dir", bed.host.config_dir, "--work-dir", bed.host.work_dir, "--logs-dir", str(bed.folder)]
    good = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (good.returncode, good.stderr) == (0, "")
    assert good.stdout.startswith(f"ok    {NAME}  ends ")
    bed.hook.unlink()
    bad = subprocess.run([*command, "--json"], capture_output=True, text=True, timeout=60)
    assert bad.returncode == 1
    assert json.loads(bad.stdout)["certificates"][0]["findings"][0]["code"] == "publisher"
    none = subprocess.run([*command, "--cert-name", "x"], capture_output=True, text=True, timeout=60)
    assert none.returncode == 2


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.example", "dns"), ("*.a.example", "dns"), ("192.0.2.1", "ip"), ("2001:db8::1", "ip")],
)
def test_a_test_value_for_an_address_is_that_of_an_address(name: str, kind: str) -> None:
    """Guards against: a reverse name or a URL for a name that is an address."""

    class OfHttp(Run):
        def __init__(self) -> None:
            self.usable_types = lambda identifier, addresses: ["http-01"]

    assert publishing._challenge(OfHttp(), name).identifier_type == kind


def test_the_worst_come_last_where_a_terminal_shows_them() -> None:
    bad = Outcome("a.test", findings=[Finding(Kind.PUBLISHER, {"text": "x"})])
    doubtful = Outcome("b.test", findings=[Finding(Kind.PUBLISHER_DOUBT, {"text": "x"})])
    said = report.lines(Report([], [bad, doubtful, Outcome("c.test")]))
    assert [line[:6] for line in said if "test" in line] == ["ok    ", "warn  ", "FAIL  "]
