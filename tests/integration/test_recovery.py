"""Runs that are killed, and cleanups that fail: what they leave is withdrawn by the next run, or said."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from certbot_external_auth.recovery.verb import NOTHING_LEFT
from tests.support.certbot import Certbot
from tests.support.drivers import Publisher, answer, refusal
from tests.support.hooks import Hooks
from tests.support.json_driver import Send
from tests.support.purity import Line
from tests.support.recover import journal, recover
from tests.support.testca import TestCA
from tests.support.words import AUTHENTICATOR, JSON, handler, names

DEHYDRATED = ("--external-auth-dialect", "dehydrated", "--external-auth-hook-chain", "yes")
HTTP = ("--preferred-challenges", "http")


def killing(scripts: Hooks, inner: str, when: str, name: str = "kills.sh") -> str:
    """A handler that kills its Certbot, as nothing can be prepared for, once it has published."""
    text = f'#!/bin/sh\n{inner} "$@" || exit\n[ -z "$SPARE" ] && {when} && kill -KILL $PPID\nexit 0\n'
    return scripts.write(name, text)


def txt(ca: TestCA, *domains: str) -> list[list[str]]:
    return [ca.txt(f"_acme-challenge.{domain}") for domain in domains]


@pytest.mark.versions
def test_next_run_on_any_lineage_withdraws_what_a_killed_one_left(
    certbot: Certbot, scripts: Hooks, ca: TestCA, domain: str
) -> None:
    """Guards against: records that stay in the zone for ever, one more after each power cut."""
    # At the second one, which of the names that may be.
    path = killing(scripts, scripts.native, '[ "$1" = perform ] && { [ -e first ] || ! touch first; }')
    a, b, c = (f"{letter}.{domain}" for letter in "abc")
    assert certbot.run("certonly", *handler(path), *names(a, b)).returncode == -signal.SIGKILL
    assert all(txt(ca, a, b))
    (file,) = journal(certbot)
    text = file.read_text()
    assert a in text
    assert b in text
    listed = recover(certbot, "--list", "--json").document
    assert {one["txt_domain"] for one in listed["left"][0]["challenges"]} == {f"_acme-challenge.{x}" for x in (a, b)}
    # What it says can be done by hand is what it would do.
    shown = recover(certbot, "--dry-run")
    assert (shown.returncode, shown.stdout.count(f"{path} cleanup")) == (0, 2)
    assert all(txt(ca, a, b))
    begun = {call.env["token"]: call.env["domain"] for call in scripts.calls("perform")}
    scripts.forget()
    result = certbot.run("certonly", *handler(scripts.native), *names(c), env={"SPARE": "1"})
    assert result.returncode == 0, result
    assert txt(ca, a, b) == [[], []]
    assert not journal(certbot)
    assert "Cleaned up after the run of" in result.stderr
    calls = scripts.calls()
    assert [call.operation for call in calls[:4]] == ["pre-cleanup", "cleanup", "cleanup", "post-cleanup"]
    assert {call.env["token"]: call.env["domain"] for call in calls[1:3]} == begun
    assert {call.cwd for call in calls} == {str(certbot.cwd)}
    # Said once, done once.
    again = certbot.run("certonly", *handler(scripts.native), *names(c))
    assert "left behind" not in again.stderr


def test_commands_that_are_shown_do_it_by_hand(certbot: Certbot, scripts: Hooks, ca: TestCA, domain: str) -> None:
    """Guards against: a printed command that does not work when it is pasted."""
    config = scripts.write(
        "config",
        f"export SECRET_OF_CONFIG=xyzzy\nHOOK={scripts.dehydrated}\nHOOK_CHAIN=yes\nCHALLENGETYPE=dns-01\n",
        0o600,
    )
    kill = killing(scripts, scripts.dehydrated, '[ "$1" = deploy_challenge ]')
    words = [*AUTHENTICATOR, "-n", "--external-auth-handler", kill, "--external-auth-dehydrated-config", config]
    killed = certbot.run("certonly", *words, *names(domain, f"*.{domain}"))
    assert killed.returncode == -signal.SIGKILL, killed
    (deployed,) = scripts.calls("deploy_challenge")
    (left,) = recover(certbot, "--list", "--json").document["left"]
    assert "xyzzy" not in str(left)
    environment = {**certbot.environment, "SPARE": "1"}
    for line in left["commands"]:
        subprocess.run(["sh", "-c", line], env=environment, check=True, timeout=30)
    (cleaned,) = scripts.calls("clean_challenge")
    assert cleaned.argv[1:] == deployed.argv[1:]
    same = ("CHALLENGETYPE", "altnames", "alias", "BASEDIR", "CERTDIR", "CONFIG", "SECRET_OF_CONFIG", "COMMAND")
    assert [cleaned.env[name] for name in same] == [deployed.env[name] for name in same]
    assert (cleaned.cwd, cleaned.umask) == (deployed.cwd, deployed.umask)
    assert txt(ca, domain) == [[]]
    assert not journal(certbot)


@pytest.mark.usefixtures("web")
def test_files_of_ours_are_withdrawn_with_the_same_words(
    certbot: Certbot, scripts: Hooks, webroot_folder: Path, domain: str
) -> None:
    """Guards against: files left in a web root, and a hook whose two calls differ."""
    path = killing(scripts, scripts.dehydrated, '[ "$1" = deploy_challenge ]')
    words = [*DEHYDRATED, "--external-auth-wellknown", str(webroot_folder), *HTTP]
    wanted = [f"a.{domain}", f"b.{domain}"]
    assert certbot.run("certonly", *handler(path, *words), *names(*wanted)).returncode == -signal.SIGKILL
    assert len(list(webroot_folder.iterdir())) == 2
    (deployed,) = scripts.calls("deploy_challenge")
    shown = recover(certbot)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "Withdrawn" in shown.stdout
    (cleaned,) = scripts.calls("clean_challenge")
    assert cleaned.argv[1:] == deployed.argv[1:]
    assert cleaned.umask == 0o077
    assert scripts.operations[-1] == "clean_challenge"
    assert list(webroot_folder.iterdir()) == []
    assert not journal(certbot)
    assert recover(certbot).stdout == f"{NOTHING_LEFT}\n"


@pytest.mark.parametrize("operation", ["perform", "post-perform"])
def test_handler_that_outlives_its_run_is_waited_for(
    certbot: Certbot, scripts: Hooks, ca: TestCA, domain: str, operation: str
) -> None:
    """Guards against: a record that a slow script adds after everything was withdrawn."""
    # It gives whoever does not wait for it a second to withdraw, once an attempt is noted, and only then publishes.
    slow = f"""#!/bin/sh
if [ -z "$SPARE" ] && [ "$1" = {operation} ]; then
    kill -KILL $PPID
    until grep -qs '"attempts": 1' "{certbot.work_dir}"/external-auth/journal/*.json; do sleep 0.05; done
    until [ -e cleaned ] || [ "${{n:=20}}" = 0 ]; do n=$((n - 1)) && sleep 0.05; done
fi
[ "$1" != cleanup ] || touch cleaned
case {operation} in
post-*)
    if [ "$1" = perform ]; then
        echo "export domain='$domain' validation='$validation' type='$type'" >gathered
        exit
    elif [ "$1" = {operation} ]; then
        . ./gathered
        set perform
    fi ;;
esac
{scripts.native} "$@" || exit
"""
    assert (
        certbot.run("certonly", *handler(scripts.write("slow.sh", slow)), *names(domain)).returncode == -signal.SIGKILL
    )
    assert not scripts.calls("perform")
    certbot.environment["SPARE"] = "1"
    assert recover(certbot).returncode == 0
    assert [call.operation for call in scripts.calls("perform", "cleanup")] == ["perform", "cleanup"]
    assert txt(ca, domain) == [[]]
    assert not journal(certbot)


def test_second_interrupt_leaves_the_journal_true(certbot: Certbot, scripts: Hooks, ca: TestCA, domain: str) -> None:
    """Guards against: a forgotten record after a second interrupt."""
    stop = '[ -z "$SPARE" ] && [ "$1" = pre-cleanup ] && kill -INT $PPID && sleep 9'
    text = f'#!/bin/sh\n{scripts.native} "$@" || exit\n{stop}\nexit 0\n'
    # Its exit code is Certbot's own, and 0 in old ones.
    certbot.run("certonly", *handler(scripts.write("impatient.sh", text)), *names(domain))
    assert [call.operation for call in scripts.calls("cleanup")] == []
    assert txt(ca, domain) != [[]]
    assert len(journal(certbot)) == 1
    certbot.environment["SPARE"] = "1"
    assert recover(certbot).returncode == 0
    assert (txt(ca, domain), journal(certbot)) == ([[]], [])


def test_changed_handler_is_said_and_not_run(certbot: Certbot, scripts: Hooks, ca: TestCA, domain: str) -> None:
    """Guards against: running another program as root, at the path of the earlier handler."""
    path = killing(scripts, scripts.native, '[ "$1" = perform ]')
    certbot.run("certonly", *handler(path), *names(domain))
    assert txt(ca, domain) != [[]]
    scripts.forget()
    os.rename(path, f"{path}.away")
    gone = certbot.run("certonly", *handler(scripts.native), *names(f"x.{domain}"))
    assert (gone.returncode, len(journal(certbot))) == (0, 1), gone
    assert f"the handler is gone ({path})" in gone.stderr
    scripts.write("kills.sh", "#!/bin/sh\ntouch ran\n")
    shown = recover(certbot)
    assert (shown.returncode, len(journal(certbot))) == (1, 1)
    assert f"the handler has changed since ({path})" in shown.stdout
    assert not (certbot.cwd / "ran").exists()
    # Naming it is looking at it; what this one leaves there is not withdrawn.
    named = recover(certbot, journal(certbot)[0].stem)
    assert (named.returncode, len(journal(certbot))) == (1, 1)
    assert (certbot.cwd / "ran").exists()
    ca.clear_txt(f"_acme-challenge.{domain}")
    named = recover(certbot, journal(certbot)[0].stem)
    assert (named.returncode, journal(certbot)) == (0, [])
    unknown = recover(certbot, "f" * 32)
    assert (unknown.returncode, "is not in the journal" in unknown.stderr) == (2, True)


def test_failed_cleanup_is_tried_three_times_and_never_forgotten(
    certbot: Certbot, scripts: Hooks, ca: TestCA, domain: str
) -> None:
    """Guards against: a forgotten record after a failed cleanup, and a host that tries for ever."""
    a, b = f"a.{domain}", f"b.{domain}"
    fail = {"FAIL_AT": f"cleanup:{a}"}
    result = certbot.run("certonly", *handler(scripts.native), *names(a, b), env=fail)
    assert result.returncode == 0, result
    assert "certbot-external-auth recover" in result.stderr
    assert [bool(found) for found in txt(ca, a, b)] == [True, False]
    said = []
    for _ in range(4):
        scripts.forget()
        result = certbot.run("certonly", *handler(scripts.native), *names(a, b), env=fail)
        assert result.returncode == 0, result
        said.append(("cleanup: exit code 3" in result.stderr, scripts.operations.count("cleanup")))
    assert said == [(True, 1)] * 3 + [(False, 0)]
    (left,) = recover(certbot, "--list", "--json").document["left"]
    assert (left["attempts"], [one["domain"] for one in left["challenges"]]) == (3, [a])
    # By hand, what is mended goes on.
    assert recover(certbot).returncode == 0
    assert txt(ca, a) == [[]]
    assert not journal(certbot)


def test_cleanup_of_a_later_run_is_told_what_was_printed(
    certbot: Certbot, scripts: Hooks, ca: TestCA, domain: str, tmp_path: Path
) -> None:
    """Guards against: a record that stays because the hook did not get its number back."""
    hook = scripts.write(
        "auth.sh", f'#!/bin/sh\n"{scripts.path("speaks-all.py")}" >&2; echo record-"$CERTBOT_DOMAIN"\n'
    )
    seen = tmp_path / "seen"
    cleanup = scripts.write(
        "cleanup.sh", f'#!/bin/sh\necho "$CERTBOT_AUTH_OUTPUT" >>{seen}; [ -e {tmp_path}/mended ]\n'
    )
    words = handler(hook, "--external-auth-dialect", "certbot", "--external-auth-cleanup-handler", cleanup)
    result = certbot.run("certonly", *words, *names(domain))
    assert result.returncode == 0, result
    assert f"record-{domain}" not in result.stderr
    (tmp_path / "mended").touch()
    ca.clear_txt(f"_acme-challenge.{domain}")
    assert recover(certbot).returncode == 0
    assert seen.read_text().split() == [f"record-{domain}"] * 2
    assert not journal(certbot)


def test_program_is_told_what_it_left(certbot: Certbot, ca: TestCA, webroot_folder: Path, domain: str) -> None:
    """Guards against: forgotten records of a job that was killed, or could not remove them."""
    publisher = Publisher(ca, webroot_folder)

    def refusing(line: Line, send: Send) -> None:
        if line["cmd"] == "cleanup":
            answer(send, **refusal(line, "dns.locked", "the zone is locked"))
        else:
            publisher(line, send)

    a, b = f"a.{domain}", f"b.{domain}"
    with certbot.started(["certonly", *JSON, *names(a)]) as process:
        assert process.stdout is not None
        while b"await" not in process.stdout.readline():
            pass
        process.kill()
        process.wait(10)
    told = [certbot.drive("certonly", *JSON, *names(b), policy=refusing)]
    told += [certbot.drive("certonly", *JSON, *names(b), policy=publisher) for _ in range(4)]
    listed = [[(one["domain"], one["reason"]) for one in run.lines[0]["leftover"]] for run in told]
    first = (a, "the run ended before it was withdrawn")
    second = (b, "cleanup: it refused (dns.locked: the zone is locked)")
    assert listed == [[first], [first, second], [first, second], [second], []]
    assert told[0].lines[0]["leftover"][0]["txt_domain"] == f"_acme-challenge.{a}"
    shown = recover(certbot, "--list")
    assert (shown.returncode, len(journal(certbot))) == (0, 2)
    for text in (a, b, "the zone is locked", f"--confirm {journal(certbot)[0].stem}"):
        assert text in shown.stdout
    confirmed = recover(certbot, "--confirm", journal(certbot)[0].stem)
    assert (confirmed.returncode, len(journal(certbot))) == (0, 1), confirmed


def test_person_is_told_what_is_left(certbot: Certbot, scripts: Hooks, domain: str) -> None:
    """Guards against: a forgotten record that a person made before the terminal was closed."""

    def kill(shown: str) -> str:
        certbot.terminate(signal.SIGKILL)
        return "\n"

    certbot.type("certonly", *AUTHENTICATOR, *names(domain), script=[("Press Enter|goes on", kill)])
    assert len(journal(certbot)) == 1
    texts = [certbot.run("certonly", *handler(scripts.native), *names(f"x.{domain}")).stderr for _ in range(4)]
    assert [f"_acme-challenge.{domain}." in text for text in texts] == [True, True, True, False]
    assert "Remove it by hand" in texts[0]
    assert len(journal(certbot)) == 1


def test_run_that_goes_on_is_left_alone(
    certbot: Certbot, scripts: Hooks, ca: TestCA, tmp_path: Path, domain: str
) -> None:
    """Guards against: a timer that cleans up after a run that is still alive."""
    kill = killing(scripts, scripts.native, '[ "$1" = perform ]')
    certbot.run("certonly", *handler(kill), *names(domain))
    ready, go = tmp_path / "ready", tmp_path / "go"
    os.mkfifo(ready)
    os.mkfifo(go)
    waits = scripts.write(
        "waits.sh",
        f'#!/bin/sh\n{scripts.native} "$@" || exit\n[ "$1" = post-perform ] || exit 0\necho >{ready}\nread x <{go}\n',
    )
    # With what the killed run left put back after the start, both are there for the same name.
    (old,) = journal(certbot)
    kept = shutil.copy(old, tmp_path)
    old.unlink()
    with certbot.started(["certonly", *handler(waits), *names(domain, f"y.{domain}")]) as process:
        ready.read_bytes()
        shutil.copy(kept, old)
        old.chmod(0o600)
        scripts.forget()
        shown = recover(certbot)
        assert "Left alone" in shown.stdout
        assert (shown.returncode, scripts.operations) == (0, [])
        assert len(journal(certbot)) == 2
        go.write_text("\n")
        assert process.wait(60) == 0
    assert [path.name for path in journal(certbot)] == [old.name]
    assert recover(certbot).returncode == 0
    assert not journal(certbot)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A work directory on a file system of 512 KiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(folder)], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"only root may mount a small file system: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_full_disk_is_one_sentence_before_anything_is_published(
    certbot: Certbot, scripts: Hooks, small_disk: Path, domain: str
) -> None:
    """Guards against: a record that is in no journal."""
    certbot.work_dir = small_disk
    assert certbot.run("certonly", *handler(scripts.native), *names(domain)).returncode == 0
    scripts.forget()
    with (small_disk / "fill").open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"x" * 4096):
            continue
    result = certbot.run("certonly", *handler(scripts.native), *names(f"x.{domain}"))
    assert result.returncode == 1
    assert "No space left on device" in result.stderr
    assert "--work-dir" in result.stderr
    assert "Traceback" not in result.stderr
    assert "cleanup" not in scripts.operations
    assert "perform" not in scripts.operations
    assert not journal(certbot)
    (small_disk / "fill").unlink()
    assert certbot.run("certonly", *handler(scripts.native), *names(f"x.{domain}")).returncode == 0
