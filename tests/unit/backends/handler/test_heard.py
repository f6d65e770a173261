"""What a handler printed when it published, for the cleanup that is told it: whole, on disk as it comes, or unknown."""

from __future__ import annotations

import dataclasses
import errno
import os
import secrets
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from certbot_external_auth import journal, recovery
from certbot_external_auth.backends import Context, Finished
from certbot_external_auth.backends.handler import heard
from certbot_external_auth.backends.handler.backend import HandlerBackend
from certbot_external_auth.challenges import Challenge
from certbot_external_auth.dialects import Facts
from certbot_external_auth.errors import NOT_CALLED, PerformError
from certbot_external_auth.journal import Entry, outputs
from certbot_external_auth.processes import exec_limits
from certbot_external_auth.recovery import by_hand, messages
from certbot_external_auth.recovery import context as recovering
from certbot_external_auth.recovery.reasons import Fix
from certbot_external_auth.settings import Settings

THUMBPRINT = "9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"
# Whoever was given a token is ended by a recovery, so that other tests beside these must have other ones.
TOKEN = secrets.token_hex(20)
NAME = "CERTBOT_AUTH_OUTPUT"
ROOM = exec_limits.MAX_STRING_BYTES - len(NAME) - 2
# As deSEC's: publishes unless it is told what it printed when it did.
HOOK = f"""#!/bin/sh
cd "$(dirname "$0")"
case "${NAME}" in
*published*) echo "withdraw $CERTBOT_DOMAIN" >>calls; rm -f "record-$CERTBOT_DOMAIN" ;;
*) echo "publish $CERTBOT_DOMAIN" >>calls; : >"record-$CERTBOT_DOMAIN"; . ./then ;;
esac
"""


@pytest.fixture
def hook(tmp_path: Path) -> Path:
    path = tmp_path / "hook.sh"
    path.write_text(HOOK)
    path.chmod(0o755)
    (tmp_path / "then").write_text("echo published\n")
    journal.touched.clear()
    return path


def batch(*names: str) -> list[Challenge]:
    tokens = [f"{number:02}{TOKEN}" for number, _ in enumerate(names)]
    return [
        Challenge(f"c{number}", "dns-01", name, "dns", token, f"{token}.{THUMBPRINT}")
        for number, (name, token) in enumerate(zip(names, tokens, strict=True))
    ]


def context(hook: Path, cleanup: tuple[str, ...] | None = None, **more: object) -> Context:
    settings = Settings(mode="handler", dialect="certbot", verify="off", **more)  # type: ignore[arg-type]
    facts = Facts("a.test", ("a.test",), "/etc/le", str(hook.parent / "work"), cleanup_words=cleanup or (str(hook),))
    return Context(settings=settings, facts=facts, words=(str(hook),))


def published(hook: Path, *names: str, cleanup: tuple[str, ...] | None = None) -> HandlerBackend:
    backend = HandlerBackend(context(hook, cleanup))
    backend.perform(batch(*names), lambda begun: None)
    return backend


def told(tmp_path: Path, printing: str) -> bytes:
    """What a cleanup of its own is told of an output."""
    hook = tmp_path / "hook.sh"
    hook.write_text(f"#!/usr/bin/env python3\nimport sys\nprint = sys.stdout.buffer.write\n{printing}\n")
    cleanup = tmp_path / "cleanup.sh"
    # A variable of this size fits into no argument either, so the shell itself writes it.
    cleanup.write_text(f'#!/bin/sh\nprintf %s "${NAME}" >{tmp_path}/told\n')
    for path in (hook, cleanup):
        path.chmod(0o755)
    one = batch("a.test")
    assert published(hook, "a.test", cleanup=(str(cleanup),)).cleanup([Finished(one[0], "valid")]) == []
    return (tmp_path / "told").read_bytes()


def test_the_cleanup_is_told_all_that_was_printed(tmp_path: Path) -> None:
    """Guards against: a record that stays, because its number comes after a long answer of the provider."""
    printing = "print(b'\\n' + b'\\x1b[32m{answer}\\x1b[0m\\n' * 4500 + b'\\xff id=4711\\n')"
    assert told(tmp_path, printing) == b"\x1b[32m{answer}\x1b[0m\n" * 4500 + b"\xff id=4711"


def test_of_too_much_the_end_is_told_and_that_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert told(tmp_path, f"print(b'x' * {ROOM})") == b"x" * ROOM
    assert not caplog.records
    found = told(tmp_path, f"print(b'y' + b'x' * {ROOM * 9} + b'id=4711')")
    assert (len(found), found[-7:]) == (ROOM, b"id=4711")
    assert [NAME in one.getMessage() for one in caplog.records] == [True]


def test_a_character_is_not_cut_and_nul_is_left_out(tmp_path: Path) -> None:
    assert heard.fitting("\u00e4\u00e4", 3) == "\u00e4"
    assert heard.told(b"  a\0b\xff \n") == "ab\udcff"
    assert told(tmp_path, "print(b'a\\0b')") == b"ab"


def test_what_the_environment_leaves_no_room_for_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards against: a cleanup that the system does not start, because its variables are too large."""
    limit = exec_limits.measure((), dict(os.environ)).total + exec_limits.RESERVED_BYTES + 20_000
    monkeypatch.setattr(exec_limits, "system_limit", lambda: limit)
    found = told(tmp_path, "print(b'x' * 100_000 + b'id')")
    assert 10_000 < len(found) < 20_000
    assert found.endswith(b"id")


# --- one program for both ---


@pytest.mark.parametrize(("fault", "said"), [("exit 5", "exit code 5"), ("exec sleep 600", "had not ended after")])
def test_handler_that_printed_nothing_and_failed_is_not_called_to_clean_up(hook: Path, fault: str, said: str) -> None:
    """It would publish: by what it printed alone it can tell what it is called for."""
    (hook.parent / "then").write_text(f'case "$CERTBOT_DOMAIN" in b.test) {fault} ;; esac; echo published\n')
    backend = HandlerBackend(context(hook, timeout=1.0))
    with pytest.raises(PerformError, match=said):
        backend.perform(batch("a.test", "b.test"), lambda begun: None)
    (failure,) = backend.cleanup([Finished(one, "not_asked") for one in batch("a.test", "b.test")])
    assert (failure.identifiers, failure.happened) == (("b.test",), NOT_CALLED)
    assert (hook.parent / "calls").read_text().split("\n")[:-1] == [
        "publish a.test",
        "publish b.test",
        "withdraw a.test",
    ]


def test_handler_that_succeeds_without_a_word_is_called_as_certbot_does(hook: Path) -> None:
    """One that tells by whether there is such a variable at all."""
    hook.write_text(f'#!/bin/sh\necho "${{{NAME}-none}}" >>{hook.parent}/calls\n')
    assert published(hook, "a.test").cleanup([Finished(batch("a.test")[0], "valid")]) == []
    assert (hook.parent / "calls").read_text() == "none\n\n"


@pytest.mark.parametrize("cleanup", ["{hook}", "nice -n 1 {hook}", "env {hook}", "{wrapper}"])
@pytest.mark.parametrize("fault", ["echo HTTP 503; exit 1", "echo working; exec sleep 600"])
def test_output_of_a_call_that_did_not_end_well_is_no_proof(hook: Path, cleanup: str, fault: str) -> None:
    """Guards against: a cleanup that publishes, since the hook looks for its record's number in an error message."""
    (hook.parent / "then").write_text(f'case "$CERTBOT_DOMAIN" in b.test) {fault} ;; esac; echo published\n')
    wrapper = hook.parent / "cleanup.sh"
    wrapper.write_text(f"#!/bin/sh\nexec {hook}\n")
    wrapper.chmod(0o755)
    words = tuple(cleanup.format(hook=hook, wrapper=wrapper).split())
    backend = HandlerBackend(context(hook, words, timeout=1.0))
    with pytest.raises(PerformError):
        backend.perform(batch("a.test", "b.test"), lambda begun: None)
    assert backend.kept_outputs == {"c0": "published"}
    (failure,) = backend.cleanup([Finished(each, "not_asked") for each in batch("a.test", "b.test")])
    assert (failure.identifiers, failure.happened, failure.ids) == (("b.test",), NOT_CALLED, ("c1",))
    assert (hook.parent / "calls").read_text().count("publish b.test") == 1


# --- a run that is killed ---

RUN = """
import sys
from pathlib import Path
sys.path[0:0] = [sys.argv[1]]
from tests.unit.backends.handler.test_heard import batch, context, journal, recovering, HandlerBackend
hook = Path(sys.argv[2])
found, several = context(hook, **eval(sys.argv[3])), batch(*sys.argv[4:])
book, backend = journal.Journal(str(hook.parent / "work")), HandlerBackend(found)
book.open(recovering.entry_of(found, several, "2026-01-02T03:04:05.000Z"))
backend.hear(book.hear)
backend.perform(several, book.begin)
book.keep(backend.kept_outputs)
sys.stdin.read()
"""


def killed(hook: Path, *names: str, **settings: object) -> Entry:
    """What a run leaves that its hook kills."""
    root = str(Path(__file__).resolve().parents[4])
    words = [sys.executable, "-c", RUN, root, str(hook), repr(settings), *names]
    assert subprocess.run(words, stdin=subprocess.DEVNULL, timeout=60, check=False).returncode == -signal.SIGKILL
    (entry,) = journal.read_all(str(hook.parent / "work")).left
    return entry


def records(hook: Path) -> list[str]:
    return sorted(path.name.removeprefix("record-") for path in hook.parent.glob("record-*"))


WAITS = "echo 'published \x1b[1m'; until grep -qs '\x1b' work/external-auth/outputs/*; do sleep 0.02; done; "
KILLS_AT_B = 'case "$CERTBOT_DOMAIN" in b.test) kill -KILL $PPID; exit ;; esac; echo published\n'


def test_what_is_not_known_is_not_called_and_left_with_its_reason(hook: Path) -> None:
    (hook.parent / "then").write_text(KILLS_AT_B)
    entry, work = killed(hook, "a.test", "b.test"), str(hook.parent / "work")
    (left,) = recovery.withdraw(work).left
    assert ([each.identifier for each in left.challenges], records(hook)) == (["b.test"], ["b.test"])
    assert NOT_CALLED in left.reason(left.challenges[0])
    assert by_hand.fix(left, work) is Fix.REMOVE
    assert "could publish again, or remove other records" in messages.sentences(left, work)
    # Nor by who takes the commands for what they look like.
    for text in by_hand.commands(left, work):
        subprocess.run(["sh", "-c", text], check=True, timeout=30, stdin=subprocess.DEVNULL)
    assert [each.id for each in journal.read_all(work).left] == [entry.id]
    assert (hook.parent / "calls").read_text().count("publish b.test") == 1
    # To name it is the consent.
    journal.touched.clear()
    (hook.parent / "then").write_text("")
    recovery.withdraw(work, named=[entry.id], by_hand=True)
    assert (hook.parent / "calls").read_text().count("publish b.test") == 2


@pytest.mark.parametrize("jobs", [1, 3])
def test_what_a_call_that_ended_well_printed_is_known_after_a_kill(hook: Path, jobs: int) -> None:
    """Each piece is on the disk when it has come; the run is killed by the last hook, which waits for that."""
    work = hook.parent / "work"
    (hook.parent / "then").write_text(
        f"echo published; case $CERTBOT_DOMAIN in c.test) ;; *) exit ;; esac\n"
        f"until [ $(ls {work}/external-auth/outputs | grep -c ended) = 2 ]; do sleep 0.02; done\n"
        f"until [ $(grep -l published {work}/external-auth/outputs/* | wc -l) = 3 ]; do sleep 0.02; done\n"
        "kill -KILL $PPID\n"
    )
    entry = killed(hook, "a.test", "b.test", "c.test", jobs=jobs)
    assert records(hook) == ["a.test", "b.test", "c.test"]
    (left,) = recovery.withdraw(str(work)).left
    assert ([each.identifier for each in left.challenges], records(hook)) == (["c.test"], ["c.test"])
    # Who names the batch has the hook called, and then what there is can only help.
    journal.touched.clear()
    assert [found.id for found in recovery.withdraw(str(work), named=[entry.id], by_hand=True).withdrawn] == [entry.id]
    assert records(hook) == []
    assert os.listdir(work / "external-auth" / "outputs") == []


def test_commands_by_hand_have_what_was_printed_if_that_is_known(hook: Path) -> None:
    """Guards against: a pasted line that publishes again, and one behind it that makes the journal forget."""
    (hook.parent / "then").write_text(KILLS_AT_B.replace("kill", WAITS + "kill"))
    entry, work = killed(hook, "a.test", "b.test"), str(hook.parent / "work")
    lines = by_hand.commands(entry, work)
    assert "\x1b" not in str(lines)
    assert "rm -f" not in str(lines)
    subprocess.run(["sh", "-c", "\n".join(lines)], check=True, timeout=30)
    assert (records(hook), [found.id for found in journal.read_all(work).left]) == (["b.test"], [entry.id])
    outputs.end(work, entry.id, "c1")
    subprocess.run(["sh", "-c", "\n".join(by_hand.commands(entry, work))], check=True, timeout=30)
    assert (records(hook), journal.read_all(work).left) == ([], [])


def test_an_older_journal_has_what_it_noted(hook: Path) -> None:
    """Written by a version that had no files for it, which took what was empty for nothing."""
    found, several = context(hook), batch("a.test", "b.test")
    entry = recovering.entry_of(found, several, "2026-01-02T03:04:05.000Z")
    work = str(hook.parent / "work")
    held = journal.Held.new(work, entry)
    held.store(dataclasses.replace(entry, outputs={"c0": "published\n"}))
    held.release()
    (left,) = journal.read_all(work).left
    # A file without an end has only a part, or what a call printed that failed.
    for each in left.challenges:
        outputs.append(work, left.id, each.id, b"publi")
    assert [recovering.output(left, each, work) for each in left.challenges] == ["published\n", None]
    assert f"{NAME}=published " in by_hand.commands(left, work)[-1]


def test_files_of_outputs_are_bounded_private_and_tidied(tmp_path: Path) -> None:
    work, batches = str(tmp_path), [journal.new_id(), journal.new_id()]
    for _ in range(30):
        outputs.append(work, batches[0], "c1", b"x" * 60_000)
    outputs.append(work, batches[0], "c1", b"end")
    outputs.append(work, batches[0], "../c2", b"end")
    path = Path(outputs.path(work, batches[0], "c1"))
    assert outputs.MIN_KEPT_BYTES <= path.stat().st_size <= outputs.MAX_FILE_BYTES
    assert path.stat().st_mode & 0o777 == 0o600
    printed, ended = outputs.read(work, batches[0], "c1")
    assert (printed[-4:], ended) == (b"xend", False)
    outputs.end(work, batches[0], "c1")
    assert outputs.read(work, batches[0], "c1")[1]
    assert sorted(os.listdir(path.parent)) == [path.name, f"{path.name}.ended"]
    # What lies there without a batch is nobody's.
    journal.Journal(work).open(Entry(batches[1], "2026-01-02T03:04:05.000Z", "handler", "/etc/le"))
    assert os.listdir(path.parent) == []


def test_tidying_removes_nothing_if_the_journal_cannot_be_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guards against: outputs that a recovery needs, gone since no descriptor was free."""
    work, one = str(tmp_path), journal.new_id()
    journal.Held.new(work, Entry(one, "2026-01-02T03:04:05.000Z", "handler", "/etc/le")).release()
    outputs.append(work, one, "c1", b"x")
    opened = os.open

    def busy(path: Any, *more: Any, **others: Any) -> int:
        if path == "journal":
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return opened(path, *more, **others)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", busy)
        outputs.tidy(work, "journal")
    outputs.tidy(work, "journal")
    assert outputs.read(work, one, "c1")[0] == b"x"


@pytest.mark.parametrize("what", ["pipe", "link", "writable"])
def test_what_another_user_may_have_written_is_not_read(
    hook: Path, caplog: pytest.LogCaptureFixture, what: str
) -> None:
    """It is said once, however many times the batch is looked at."""
    work, one = (
        str(hook.parent / "work"),
        recovering.entry_of(context(hook), batch("a.test"), "2026-01-02T03:04:05.000Z"),
    )
    outputs.append(work, one.id, "c0", b"published")
    outputs.end(work, one.id, "c0")
    path = Path(outputs.path(work, one.id, "c0"))
    if what == "writable":
        path.chmod(0o666)
    else:
        path.unlink()
        os.mkfifo(path) if what == "pipe" else path.symlink_to("/etc/hostname")
    for _ in range(3):
        assert recovering.output(one, one.challenges[0], work) is None
    assert [record.getMessage().count("cannot be read") for record in caplog.records] == [1]


def test_a_run_goes_on_where_it_cannot_be_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    book = journal.Journal(str(tmp_path))
    book.open(Entry(journal.new_id(), "2026-01-02T03:04:05.000Z", "handler", "/etc/le"))

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(outputs, "append", full)
    for _ in range(3):
        book.hear("c1", b"x")
    assert [one.getMessage().count("No space left") for one in caplog.records] == [1]
