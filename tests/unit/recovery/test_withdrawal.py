"""Recovery with real handlers and a real journal, but no Certbot: what is called, and what becomes of the file."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import itertools
import os
import secrets
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from certbot_external_auth import cli, journal, recovery
from certbot_external_auth.backends import Context, Finished
from certbot_external_auth.challenges import Challenge
from certbot_external_auth.dialects import BUILT_IN, Facts, dialect
from certbot_external_auth.endpoint import parse
from certbot_external_auth.errors import NOT_TRIED
from certbot_external_auth.handler_setup import dehydrated_config
from certbot_external_auth.journal import Entry
from certbot_external_auth.recovery import by_hand, context, messages
from certbot_external_auth.recovery.reasons import Fix, Kind, Reason
from certbot_external_auth.recovery.verb import NOTHING_LEFT
from certbot_external_auth.settings import Settings
from certbot_external_auth.text import counted
from certbot_external_auth.validation_certificates import tls_files

# A recovery ends every process that has the token, so tests that run at the same time need other tokens.
TOKEN = f"t{secrets.token_hex(21)}"
KEY_AUTHORIZATION = f"{TOKEN}.9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"
_numbers = itertools.count()
RECORDS = '#!/bin/sh\necho "$@ $SECRET" >>"$(dirname "$0")/calls"\nexit ${CODE-0}\n'


@pytest.fixture(autouse=True)
def _as_a_process_that_has_touched_nothing() -> Iterator[None]:
    journal.touched.clear()
    yield
    journal.touched.clear()


def hook(path: Path, text: str = RECORDS) -> str:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


def left(
    tmp_path: Path,
    words: tuple[str, ...],
    typ: str = "dns-01",
    names: tuple[str, ...] = ("a.test",),
    config_files: tuple[str, ...] = (),
    **settings: object,
) -> Entry:
    """What a run of these settings leaves when it dies."""
    # No name server is asked; what is looked for has tests of its own, with servers.
    found = Settings(**{"mode": "handler", "dialect": "dehydrated", "verify": "off", **settings})  # type: ignore[arg-type]
    work = str(tmp_path / "work")
    config = found.dehydrated_config
    facts = Facts("a.test", names, "/etc/le", work, wellknown=found.wellknown, config=config)
    several = [
        Challenge(f"c{number}", typ, name, "dns", TOKEN, KEY_AUTHORIZATION) for number, name in enumerate(names, 1)
    ]
    before = Context(settings=found, facts=facts, words=words, config_files=config_files)
    entry = context.entry_of(before, several, f"2026-01-02T03:04:05.{next(_numbers):03}Z")
    journal.Held.new(work, entry).release()
    return entry


def calls(tmp_path: Path) -> list[str]:
    path = tmp_path / "hooks" / "calls"
    return path.read_text().splitlines() if path.exists() else []


def withdraw(tmp_path: Path, **how: object) -> recovery.Outcome:
    return recovery.withdraw(str(tmp_path / "work"), **how)  # type: ignore[arg-type]


def test_context_comes_back_as_it_was(tmp_path: Path) -> None:
    """Else a handler would be told another thing at the end than at the beginning."""
    words = (hook(tmp_path / "hooks" / "h"), "-x")
    settings = Settings(mode="handler", dialect="dehydrated", hook_chain=True, jobs=5, timeout=7.0, wellknown="/w")
    facts = Facts("a", ("a.test", "*.a.test"), "/c", "/w", "sign_csr", "rsa", "http-01", "/w", True, None, "/d", "/b")
    before = Context(settings=settings, facts=facts, words=words, tls_port=8443)
    challenge = Challenge("c1", "dns-01", "a.test", "dns", TOKEN, KEY_AUTHORIZATION)
    after = context.context_of(context.entry_of(before, [challenge], "now"), "/w", {})
    assert dataclasses.replace(after.settings, dehydrated_config=None) == settings
    assert (after.facts, after.words, after.tls_port) == (facts, words, 8443)
    assert (after.folder, after.recovering) == (os.getcwd(), True)


def test_an_alias_is_remembered(tmp_path: Path) -> None:
    """Else the record would stay at its target for ever."""
    settings = Settings(mode="handler", dialect="lego", verify="off")
    before = Context(settings=settings, facts=Facts(config_dir="/c"), words=(hook(tmp_path / "hooks" / "h"),))
    challenge = Challenge("c1", "dns-01", "a.test", "dns", TOKEN, KEY_AUTHORIZATION, None, "x.acme.test", "acme.test")
    entry = context.entry_of(before, [challenge], "2026-01-02T03:04:05.000Z")
    work = str(tmp_path / "work")
    journal.Held.new(work, entry).release()
    (end,) = context.finished(journal.read_all(work).left[0], work)
    assert (end.challenge.txt_target, end.challenge.txt_zone) == ("x.acme.test", "acme.test")
    (line,) = messages.leftover(entry)
    assert (line["txt_domain"], line["txt_target"], line["txt_zone"]) == (
        "_acme-challenge.a.test",
        "x.acme.test",
        "acme.test",
    )
    assert "x.acme.test." in messages.sentences(entry, work)
    assert withdraw(tmp_path).withdrawn == [entry]
    assert calls(tmp_path) == [f"cleanup x.acme.test. {challenge.validation} "]


@pytest.mark.parametrize("by_hand", [True, False])
def test_what_nobody_could_look_for_is_left(tmp_path: Path, by_hand: bool) -> None:
    """Guards against: a record that stands, forgotten on the word of a handler that removed nothing."""
    path = hook(tmp_path / "hooks" / "h", "#!/bin/sh\nexit 0\n")
    closed = (parse("127.0.0.1:1", 53),)
    entry = left(tmp_path, (path,), verify="auto", verify_timeout=1.0, verify_nameservers=closed)
    outcome = withdraw(tmp_path, by_hand=by_hand)
    assert ([found.id for found in outcome.left], outcome.withdrawn) == ([entry.id], [])
    assert [reason.kind for reason in outcome.reasons.values()] == [Kind.NOT_VERIFIED]
    assert [found.id for found in journal.read_all(str(tmp_path / "work")).left] == [entry.id]


def test_env_file_is_read_again_and_its_values_are_nowhere(tmp_path: Path) -> None:
    env = tmp_path / "env"
    env.write_text("SECRET=hunter2hunter2\n")
    env.chmod(0o600)
    entry = left(tmp_path, (hook(tmp_path / "hooks" / "h"),), env_file=str(env))
    work = str(tmp_path / "work")
    assert "hunter2" not in Path(journal.file_path(work, entry)).read_text()
    assert "hunter2" not in messages.sentences(entry, work) + str(by_hand.commands(entry, work))
    assert withdraw(tmp_path).withdrawn == [entry]
    (call,) = calls(tmp_path)
    assert call.startswith("clean_challenge a.test ")
    assert call.endswith(" hunter2hunter2")


def test_env_file_that_is_gone_is_a_reason(tmp_path: Path) -> None:
    left(tmp_path, (hook(tmp_path / "hooks" / "h"),), env_file=str(tmp_path / "gone"))
    (reason,) = withdraw(tmp_path).reasons.values()
    assert (reason.kind, "--external-auth-env-file" in reason.facts["text"]) == (Kind.NOT_PREPARED, True)
    assert calls(tmp_path) == []


def test_handler_that_everybody_may_write_is_not_run(tmp_path: Path) -> None:
    path = hook(tmp_path / "hooks" / "h")
    left(tmp_path, (path,))
    os.chmod(path, 0o777)
    (reason,) = withdraw(tmp_path).reasons.values()
    assert (reason.kind, path in reason.facts["text"]) == (Kind.NOT_PREPARED, True)
    assert calls(tmp_path) == []


def test_what_a_handler_is_given_may_change_and_what_it_runs_may_not(tmp_path: Path) -> None:
    """Guards against: no recovery with a handler whose command line names a file that it writes."""
    path, zone, folder = hook(tmp_path / "hooks" / "h"), tmp_path / "zone.db", tmp_path / "zones"
    script = tmp_path / "script.sh"
    script.write_text(RECORDS)
    zone.touch()
    folder.mkdir()
    first = left(tmp_path, (path, str(zone), str(folder)))
    (folder / "new").touch()
    zone.write_text("_acme-challenge")
    assert withdraw(tmp_path).withdrawn == [first]
    left(tmp_path, ("/bin/sh", "-u", str(script), str(zone)))
    left(tmp_path, ("/usr/bin/env", path, str(zone)))
    for changed in (script, Path(path)):
        changed.write_text("#!/bin/sh\n# another\n")
    reasons = withdraw(tmp_path).reasons.values()
    assert {reason.kind for reason in reasons} == {Kind.HANDLER_CHANGED}
    assert {reason.facts["paths"] for reason in reasons} == {str(script), path}


def test_a_folder_that_cannot_be_read_is_no_fault_of_the_journal(tmp_path: Path) -> None:
    path, folder = hook(tmp_path / "hooks" / "h"), tmp_path / "closed"
    folder.mkdir()

    def closed(*arguments: object) -> None:
        raise PermissionError(13, "Permission denied")

    with pytest.MonkeyPatch.context() as patch:
        # Root may read every folder.
        patch.setattr(os, "scandir", closed)
        for words in ((path, str(folder)), (str(folder),)):
            assert str(folder) not in left(tmp_path, words).handler.fingerprints


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT])
def test_a_signal_ends_the_command_with_its_handler(tmp_path: Path, number: signal.Signals) -> None:
    pipe = tmp_path / "begun"
    os.mkfifo(pipe)
    left(tmp_path, (hook(tmp_path / "hooks" / "h", f'#!/bin/sh\necho $$ >"{pipe}"\nexec sleep 600\n'),))
    command = [sys.executable, "-m", "certbot_external_auth", "recover", "--work-dir", str(tmp_path / "work")]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as recovering:
        handler = int(pipe.read_text())
        recovering.send_signal(number)
        _, said = recovering.communicate(timeout=30)
    with pytest.raises(ProcessLookupError):
        os.kill(handler, 0)
    assert recovering.returncode == 128 + number
    assert number.name in said
    assert "recover --list" in said
    assert len(journal.read_all(str(tmp_path / "work")).left) == 1


def test_a_handler_that_outlived_a_recovery_is_ended_too(tmp_path: Path) -> None:
    slow = '#!/bin/sh\n[ "$1" != deploy_challenge ] || read x\n'
    path = hook(tmp_path / "hooks" / "h", slow)
    entry, work = left(tmp_path, (path,), timeout=0.1), str(tmp_path / "work")
    held = journal.claim(work, entry)
    assert held is not None
    held.store(dataclasses.replace(entry, reasons={"c1": "exit code 1"}))
    held.release()
    words = [path, "deploy_challenge", "a.test", TOKEN]
    with subprocess.Popen(words, stdin=subprocess.PIPE, start_new_session=True) as orphan:
        try:
            withdraw(tmp_path)
            assert orphan.poll() is not None
        finally:
            orphan.kill()


@pytest.mark.parametrize("how", ["arguments", "environment"])
def test_a_handler_that_became_another_program_is_ended_too(tmp_path: Path, how: str) -> None:
    """A line that ends in exec has no word of the handler's path any more, and need not lead its session."""
    entry = left(tmp_path, (hook(tmp_path / "hooks" / "h"),), timeout=0.1)
    words = ["/bin/sh", "-c", "echo; read x", *([TOKEN] if how == "arguments" else [])]
    environment = {"token": TOKEN} if how == "environment" else {}
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as orphan:
        try:
            assert orphan.stdout is not None
            orphan.stdout.read(1)
            assert withdraw(tmp_path).withdrawn == [entry]
            assert orphan.poll() is not None
        finally:
            orphan.kill()


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_call_about_a_batch_has_what_its_program_is_known_by(name: str) -> None:
    """Guards against: a handler that publishes at a call around the batch, unknown to a recovery."""
    facts = Facts("a.test", ("a.test",), "/etc/le", "/work")
    for typ in dialect(name).challenge_types:
        challenge = Challenge("c1", typ, "a.test", "dns", TOKEN, KEY_AUTHORIZATION)
        calls = [
            *dialect(name).perform([challenge], facts),
            *dialect(name).cleanup([Finished(challenge, "pending")], facts),
        ]
        for call in calls:
            told = "\0".join([*call.arguments, *call.variables.values()])
            assert call.once or challenge.token in told or challenge.validation in told, call


def test_who_recovers_is_not_ended_for_knowing_the_token(tmp_path: Path) -> None:
    """A script that was given the token, and asks for the recovery."""
    left(tmp_path, (hook(tmp_path / "hooks" / "h"),), timeout=0.1)
    words = [sys.executable, "-m", "certbot_external_auth", "recover", "--work-dir", str(tmp_path / "work")]
    done = subprocess.run(["/bin/sh", "-c", '"$@"; exit $?', TOKEN, *words], timeout=60, check=False)
    assert done.returncode == 0
    assert not journal.read_all(str(tmp_path / "work")).left


def test_each_run_tries_once_and_three_in_all(tmp_path: Path) -> None:
    path = hook(tmp_path / "hooks" / "h", RECORDS.replace("${CODE-0}", "3"))
    left(tmp_path, (path,))
    for attempt in (1, 2, 3):
        (entry,) = withdraw(tmp_path).left
        assert entry.attempts == attempt
        assert withdraw(tmp_path) == recovery.Outcome()
        journal.touched.clear()
    assert withdraw(tmp_path) == recovery.Outcome(given_up=[entry])
    assert withdraw(tmp_path) == recovery.Outcome()
    assert len(calls(tmp_path)) == 3
    (entry,) = withdraw(tmp_path, by_hand=True).left
    assert (entry.attempts, len(calls(tmp_path))) == (4, 4)


def killed_while_it_withdraws(tmp_path: Path) -> int:
    """A process that withdraws what was left; how it ended."""
    words = [
        sys.executable,
        "-c",
        "import sys; from certbot_external_auth import recovery; recovery.withdraw(*sys.argv[1:])",
    ]
    return subprocess.run([*words, str(tmp_path / "work")], timeout=60, check=False).returncode


def test_a_try_that_was_killed_is_none_of_the_three(tmp_path: Path) -> None:
    """Guards against: a batch that is given up because the host lost its power three times."""
    spare = tmp_path / "hooks" / "spare"
    path = hook(tmp_path / "hooks" / "h", f'#!/bin/sh\n[ -e "{spare}" ] || kill -KILL $PPID\n')
    batch = left(tmp_path, (path,), names=("a.test", "b.test"))
    for times in range(1, recovery.ATTEMPTS + 2):
        assert killed_while_it_withdraws(tmp_path) == -signal.SIGKILL
        (remaining,) = journal.read_all(str(tmp_path / "work")).left
        assert (remaining.attempts, remaining.interrupted) == (times, times)
        assert remaining.reason(remaining.challenges[0]).endswith(
            f", and {counted(times, 'recovery was', 'recoveries were')} interrupted"
        )
    spare.touch()
    assert [entry.id for entry in withdraw(tmp_path).withdrawn] == [batch.id]


@pytest.mark.parametrize("mode", ["json", "manual"])
def test_a_run_that_is_killed_before_it_could_tell_has_told_nobody(tmp_path: Path, mode: str) -> None:
    """Guards against: three killed runs that count as reports, although they reported nothing."""
    told = left(tmp_path, (), mode=mode)
    left(tmp_path, (hook(tmp_path / "hooks" / "h", "#!/bin/sh\nkill -KILL $PPID\n"),))
    assert killed_while_it_withdraws(tmp_path) == -signal.SIGKILL
    (entry,) = (one for one in journal.read_all(str(tmp_path / "work")).left if one.id == told.id)
    assert entry.attempts == 0


def test_what_ends_every_process_that_withdraws_it_is_not_tried_for_ever(tmp_path: Path) -> None:
    path = hook(tmp_path / "hooks" / "h", "#!/bin/sh\nkill -KILL $PPID\n")
    batch, work = left(tmp_path, (path,)), str(tmp_path / "work")
    held = journal.claim(work, batch)
    assert held is not None
    before = recovery.INTERRUPTIONS - 1
    held.store(dataclasses.replace(batch, attempts=before, interrupted=before))
    held.release()
    assert killed_while_it_withdraws(tmp_path) == -signal.SIGKILL
    assert killed_while_it_withdraws(tmp_path) == 0
    assert [entry.id for entry in withdraw(tmp_path).given_up] == [batch.id]


def test_tries_that_failed_count_whatever_was_killed_between(tmp_path: Path) -> None:
    spare = tmp_path / "hooks" / "spare"
    path = hook(tmp_path / "hooks" / "h", f'#!/bin/sh\n[ -e "{spare}" ] || kill -KILL $PPID\nexit 3\n')
    left(tmp_path, (path,))
    counts = []
    for _ in range(recovery.ATTEMPTS):
        spare.unlink(missing_ok=True)
        assert killed_while_it_withdraws(tmp_path) == -signal.SIGKILL
        spare.touch()
        (entry,) = withdraw(tmp_path).left
        counts.append((entry.attempts, entry.interrupted))
        journal.touched.clear()
    assert counts == [(2, 1), (4, 2), (6, 3)]
    assert len(withdraw(tmp_path).given_up) == 1


@pytest.mark.parametrize("mode", ["json", "manual"])
def test_nobody_is_asked_who_cannot_be(tmp_path: Path, mode: str) -> None:
    """Not even when it is named: a driver's lines have no business on this stdout."""
    entry = left(tmp_path, (), mode=mode)
    outcome = withdraw(tmp_path, named=[entry.id], by_hand=True)
    assert [reason.kind for reason in outcome.reasons.values()] == [Kind.AS_RECORDED]
    assert by_hand.fix(entry, str(tmp_path / "work")) is Fix.REMOVE_AND_CONFIRM
    assert by_hand.commands(entry, str(tmp_path / "work")) == [
        f"rm -f {journal.file_path(str(tmp_path / 'work'), entry)}"
    ]


def test_http_file_is_removed_also_where_the_handler_is_gone(tmp_path: Path) -> None:
    path, www = hook(tmp_path / "hooks" / "h"), tmp_path / "www"
    www.mkdir()
    (www / TOKEN).touch()
    left(tmp_path, (path,), typ="http-01", wellknown=str(www))
    os.unlink(path)
    (reason,) = withdraw(tmp_path).reasons.values()
    assert (reason.kind, reason.facts) == (Kind.HANDLER_GONE, {"paths": path})
    assert list(www.iterdir()) == []


def test_a_folder_of_hooks_is_called_and_shown_hook_by_hook(tmp_path: Path) -> None:
    paths = [hook(tmp_path / "hooks" / name) for name in ("one", "two")]
    entry = left(tmp_path, (str(tmp_path / "hooks"),), dialect="acmetool")
    (line,) = by_hand.commands(entry, str(tmp_path / "work"))
    assert [path in line for path in paths] == [True, True]
    assert withdraw(tmp_path).withdrawn == [entry]
    assert len(calls(tmp_path)) == 2


def test_only_what_was_chosen(tmp_path: Path) -> None:
    path = hook(tmp_path / "hooks" / "h")
    first, second = left(tmp_path, (path,)), left(tmp_path, (path,))
    assert withdraw(tmp_path, config_dir="/other") == recovery.Outcome()
    assert withdraw(tmp_path, named=[second.id]).withdrawn == [second]
    assert withdraw(tmp_path, config_dir="/etc/le").withdrawn == [first]


def test_what_somebody_takes_meanwhile_is_not_said_to_be_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two who recover at once: the slower one saw it lying there, and then that it could not have it."""
    entry, work = left(tmp_path, (hook(tmp_path / "hooks" / "h"),)), str(tmp_path / "work")
    looked, held = journal.read_all, contextlib.ExitStack()

    def look_and_be_slow(place: str) -> journal.Contents:
        sights = looked(place)
        other = journal.claim(work, entry) if sights.left else None
        if other is not None:
            held.callback(other.release)
        return sights

    monkeypatch.setattr(journal, "read_all", look_and_be_slow)
    with held:
        assert withdraw(tmp_path, by_hand=True) == recovery.Outcome(running=[entry])
    assert calls(tmp_path) == []


def test_journal_that_cannot_be_changed_stops_nothing_and_calls_nothing(tmp_path: Path) -> None:
    """Without the count on disk, what kills this process too would be tried for ever."""
    entry = left(tmp_path, (hook(tmp_path / "hooks" / "h"),))
    with failing_to_write(errno.EIO):
        outcome = withdraw(tmp_path)
    assert outcome.reasons == {(entry.id, "c1"): Reason(Kind.JOURNAL_UNCHANGEABLE, {"text": os.strerror(errno.EIO)})}
    assert calls(tmp_path) == []
    journal.touched.clear()
    assert withdraw(tmp_path).withdrawn == [entry]


def test_program_is_told_three_times(tmp_path: Path) -> None:
    batch, work = left(tmp_path, (), mode="json"), str(tmp_path / "work")
    told = []
    for _ in range(4):
        told.append([entry.id for entry in recovery.tell(work)])
        assert recovery.tell(work) == []
        journal.touched.clear()
    assert told == [[batch.id]] * 3 + [[]]
    assert stat.S_IMODE(os.stat(journal.file_path(work, batch)).st_mode) == 0o600


@pytest.mark.parametrize("mode", ["json", "manual"])
def test_files_of_ours_go_also_where_somebody_is_told(tmp_path: Path, mode: str) -> None:
    """A private key among them."""
    entry, work = left(tmp_path, (), typ="tls-alpn-01", mode=mode), str(tmp_path / "work")
    folder = tls_files.folder(work)
    tls_files.write(folder, "a.test", b"certificate", b"key")
    assert recovery.tell(work) == [entry]
    assert withdraw(tmp_path) == recovery.Outcome()
    assert os.listdir(folder) == []


def test_what_could_not_be_tried_is_no_attempt(tmp_path: Path) -> None:
    """A package that is upgraded, or a folder that is not mounted, for three runs: the fourth must try."""
    path = hook(tmp_path / "hooks" / "h")
    batch = left(tmp_path, (path,))
    os.rename(path, f"{path}.away")
    for _ in range(3):
        assert [entry.attempts for entry in withdraw(tmp_path).left] == [0]
        journal.touched.clear()
    os.rename(f"{path}.away", path)
    (again,) = withdraw(tmp_path).withdrawn
    assert (again.id, len(calls(tmp_path))) == (batch.id, 1)


def test_no_run_is_silent_about_what_is_left(tmp_path: Path) -> None:
    said: list[str] = []
    entry = left(tmp_path, (hook(tmp_path / "hooks" / "h"),))
    messages.report(
        recovery.Outcome(given_up=[entry, entry]), "/my work", say=lambda text, *values: said.append(text % values)
    )
    assert said == [
        "Earlier runs left something behind for a.test, and no run tries to remove it any more. To see it, run: "
        "certbot-external-auth recover --work-dir '/my work' --list"
    ]


@contextlib.contextmanager
def failing_to_write(number: int) -> Iterator[None]:
    def fail(*arguments: object) -> None:
        raise OSError(number, os.strerror(number))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "write", fail)
        yield


@pytest.mark.parametrize("by_hand", [False, True])
def test_withdrawing_needs_no_room(tmp_path: Path, by_hand: bool) -> None:
    """On a full disk; and a process tries it once there, since its attempts cannot be counted."""
    path = hook(tmp_path / "hooks" / "h", RECORDS.replace("exit ${CODE-0}", '[ -e "$(dirname "$0")/mended" ]'))
    entry = left(tmp_path, (path,))
    with failing_to_write(errno.ENOSPC):
        (remaining,) = withdraw(tmp_path, by_hand=by_hand).left
        assert remaining.reasons == {"c1": "clean_challenge: exit code 1"}
        if not by_hand:
            assert (withdraw(tmp_path), len(calls(tmp_path))) == (recovery.Outcome(), 1)
        journal.touched.clear()
        (tmp_path / "hooks" / "mended").touch()
        assert withdraw(tmp_path, by_hand=by_hand).withdrawn == [entry]


def test_a_person_is_not_kept_from_it_by_a_journal_that_cannot_be_written(tmp_path: Path) -> None:
    entry = left(tmp_path, (hook(tmp_path / "hooks" / "h"),))
    with failing_to_write(errno.EIO):
        assert withdraw(tmp_path, by_hand=True).withdrawn == [entry]


def test_told_all_where_nothing_can_be_noted(tmp_path: Path) -> None:
    both = [left(tmp_path, (), mode="json") for _ in range(2)]
    with failing_to_write(errno.ENOSPC):
        told = recovery.tell(str(tmp_path / "work"))
        assert recovery.tell(str(tmp_path / "work")) == []
    assert {one.id for one in told} == {one.id for one in both}


def test_a_recovery_leaves_time_for_its_run(tmp_path: Path) -> None:
    """What had no turn is no attempt as long as something is withdrawn, and is the first the next time."""
    names, now = ("a.test", "b.test", "c.test", "x.test"), 0.0
    path = hook(tmp_path / "hooks" / "h")
    batch = left(tmp_path, (path,), names=names, timeout=200.0)
    last = left(tmp_path, (path,), names=("d.test",), timeout=200.0)

    def passes() -> float:
        # As if each call took most of its time.
        return now + 150.0 * len(calls(tmp_path))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("certbot_external_auth.recovery.withdrawal.time.monotonic", passes)
        first, second = withdraw(tmp_path).left
        assert [(each.identifier, first.reasons[each.id]) for each in first.challenges] == [
            ("x.test", f"clean_challenge: {NOT_TRIED}")
        ]
        assert (first.id, first.attempts, second.id, second.attempts) == (batch.id, 0, last.id, 0)
        assert second.reasons == {"c1": NOT_TRIED}
        assert withdraw(tmp_path) == recovery.Outcome()
        journal.touched.clear()
        now -= 150.0 * len(calls(tmp_path))
        assert {entry.id for entry in withdraw(tmp_path).withdrawn} == {batch.id, last.id}


def test_a_hook_that_came_to_the_folder_since_is_not_run(tmp_path: Path) -> None:
    hook(tmp_path / "hooks" / "one")
    batch = left(tmp_path, (str(tmp_path / "hooks"),), dialect="acmetool")
    new = hook(tmp_path / "hooks" / "two")
    assert withdraw(tmp_path).reasons == {(batch.id, "c1"): Reason(Kind.HANDLER_CHANGED, {"paths": new})}
    assert calls(tmp_path) == []
    assert [entry.id for entry in withdraw(tmp_path, named=[batch.id], by_hand=True).withdrawn] == [batch.id]


@pytest.mark.parametrize("what", ["config", "more.d/a.sh", "more.d/b.sh"])
def test_a_configuration_that_changed_since_is_not_run(tmp_path: Path, what: str) -> None:
    """It is a script as much as the handler is."""
    (tmp_path / "more.d").mkdir()
    config = tmp_path / "config"
    for name, text in (("config", f"CONFIG_D={tmp_path}/more.d\n"), ("more.d/a.sh", "export SECRET=x\n")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600)
    files = dehydrated_config.read(str(config)).files
    assert files == (str(config), str(tmp_path / "more.d" / "a.sh"))
    left(tmp_path, (hook(tmp_path / "hooks" / "h"),), dehydrated_config=str(config), config_files=files)
    with (tmp_path / what).open("a") as file:
        file.write(f"\ntouch {tmp_path}/ran\n")
    (tmp_path / what).chmod(0o600)
    (batch,) = withdraw(tmp_path).left
    assert str(tmp_path / what) in batch.reasons["c1"]
    assert (calls(tmp_path), (tmp_path / "ran").exists()) == ([], False)
    assert [entry.id for entry in withdraw(tmp_path, named=[batch.id], by_hand=True).withdrawn] == [batch.id]
    assert (tmp_path / "ran").exists()


def test_why_something_is_passed_over_is_said_by_hand_and_once_in_a_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    work = str(tmp_path / "work")
    left(tmp_path, (hook(tmp_path / "hooks" / "h"),))
    bad = Path(journal.folder(work)) / f"{journal.new_id()}.json"
    bad.write_text("{")
    bad.chmod(0o600)
    newer = bad.with_name(f"{journal.new_id()}.json")
    newer.write_text('{"version": 2}')
    newer.chmod(0o600)
    said: list[str] = []
    for _ in range(2):
        outcome = recovery.Outcome(aside={newer.name: "it is of another version"})
        messages.report(outcome, work, say=lambda text, *values: said.append(text % values))
    assert [f"({newer.name}: it is of another version)" in text for text in said] == [True]
    assert cli.main(["recover", "--work-dir", work]) == 1
    assert f"{bad}.damaged: it is not JSON\n" in capsys.readouterr().out
    # The challenges in that file may still be published, even if nothing else is left.
    for words in ([], ["--list"], ["--dry-run"], ["--list", "--json"]):
        assert cli.main(["recover", "--work-dir", work, *words]) == 1
        assert NOTHING_LEFT not in capsys.readouterr().out


def test_commands_remove_files_of_ours_and_do_without_a_folder_that_is_gone(tmp_path: Path) -> None:
    path, www, work = hook(tmp_path / "hooks" / "h"), tmp_path / "w w w", str(tmp_path / "work")
    www.mkdir()
    entry = left(tmp_path, (path,), typ="http-01", wellknown=str(www))
    entry = dataclasses.replace(entry, handler=dataclasses.replace(entry.handler, folder=str(tmp_path / "gone")))
    (www / TOKEN).touch()
    for line in by_hand.commands(entry, work):
        subprocess.run(["sh", "-c", line], check=True, timeout=30)
    assert (list(www.iterdir()), len(calls(tmp_path)), journal.read_all(work).left) == ([], 1, [])


def on_disk(tmp_path: Path) -> Entry:
    """The only batch that is in the journal now."""
    (entry,) = journal.read_all(str(tmp_path / "work")).left
    return entry


def test_the_journal_has_what_is_left_of_a_batch(tmp_path: Path) -> None:
    """Guards against: a second call for what is withdrawn, and a count that a later run begins again."""
    fails = '#!/bin/sh\necho "$@" >>"$(dirname "$0")/calls"\n[ "$2" != b.test ]\n'
    left(tmp_path, (hook(tmp_path / "hooks" / "h", fails),), names=("a.test", "b.test"))
    (shown,) = withdraw(tmp_path).left
    noted = on_disk(tmp_path)
    assert noted == shown
    assert [challenge.identifier for challenge in noted.challenges] == ["b.test"]
    assert (noted.attempts, noted.interrupted, list(noted.reasons)) == (1, 0, ["c2"])


def test_a_batch_about_which_nothing_new_is_known_is_not_written_again(tmp_path: Path) -> None:
    """Guards against: a write, and two syncs, in each run for each batch that cannot be tried."""
    path = hook(tmp_path / "hooks" / "h")
    left(tmp_path, (path,))
    os.unlink(path)
    withdraw(tmp_path)
    first = on_disk(tmp_path)
    inode = os.stat(journal.file_path(str(tmp_path / "work"), first)).st_ino
    journal.touched.clear()
    withdraw(tmp_path)
    assert os.stat(journal.file_path(str(tmp_path / "work"), first)).st_ino == inode


@pytest.mark.parametrize("mode", ["json", "manual"])
def test_a_report_is_an_attempt_that_came_to_its_end(tmp_path: Path, mode: str) -> None:
    """Guards against: reports that never end, since each of them counts as interrupted."""
    left(tmp_path, (), mode=mode)
    for times in range(1, recovery.ATTEMPTS + 1):
        (shown,) = withdraw(tmp_path).left
        assert (shown.attempts, on_disk(tmp_path).attempts, on_disk(tmp_path).interrupted) == (times, times, 0)
        journal.touched.clear()
    assert len(withdraw(tmp_path).given_up) == 1
