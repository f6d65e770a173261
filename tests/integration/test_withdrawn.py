"""What is said to be withdrawn is gone: hooks that tell their two jobs apart by what they printed, runs that die."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.certbot import Certbot
from tests.support.hooks import Hooks
from tests.support.recover import journal, recover
from tests.support.testca import TestCA
from tests.support.words import handler, names

DIALECT = ("--external-auth-dialect", "certbot")


def both(scripts: Hooks, *more: str, launcher: str = "") -> list[str]:
    """One hook for both ways. :param launcher: words before it where it publishes."""
    path = scripts.path("tells-by-output.py")
    return handler(f"{launcher}{path}", *DIALECT, "--external-auth-cleanup-handler", path, *more)


def wait(ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def stopped(
    certbot: Certbot, scripts: Hooks, number: int, prints: str, *domains: str, launcher: str = ""
) -> tuple[list[str], str]:
    """A run that a signal ends while its hook, which has published for the last name, has not come back.

    :returns: the names in the order of the calls, and stderr.
    """
    record = Path(f"{scripts.record}.stopped")
    environment = {"STOPS": "1", "PRINTS": prints}
    with certbot.started(["certonly", *both(scripts, launcher=launcher), *names(*domains)], environment) as process:
        wait(record.exists)
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
    # A hook that outlived its Certbot is ended by whoever recovers; this one would sleep until then.
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if f"RECORD={scripts.record}".encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                os.kill(int(pid), signal.SIGKILL)
        except OSError:
            continue
    record.unlink()
    return [call.env["CERTBOT_DOMAIN"] for call in scripts.calls("publish")], said.decode()


def there(ca: TestCA, *domains: str) -> list[bool]:
    return [bool(ca.txt(f"_acme-challenge.{name}")) for name in domains]


@pytest.mark.parametrize(
    ("number", "prints", "launcher"),
    [
        (signal.SIGKILL, "progress", ""),
        (signal.SIGTERM, "progress", ""),
        (signal.SIGINT, "last", ""),
        (signal.SIGKILL, "last", "nice -n 1 "),
    ],
)
def test_one_that_may_publish_is_not_called_to_withdraw(
    certbot: Certbot, scripts: Hooks, ca: TestCA, domain: str, number: signal.Signals, prints: str, launcher: str
) -> None:
    """Guards against: two records, published once more by the recovery that said they were withdrawn."""
    (a, b), said = stopped(certbot, scripts, number, prints, f"a.{domain}", f"b.{domain}", launcher=launcher)
    assert scripts.operations.count("publish") == 2
    if number is not signal.SIGKILL:
        assert "may still be there" in said
        assert there(ca, a, b) == [False, True]
    shown = recover(certbot)
    assert scripts.operations.count("publish") == 2
    assert there(ca, a, b) == [False, True]
    assert shown.returncode == 1
    assert [b in line for line in shown.stdout.splitlines() if line.startswith("Withdrawn")] in ([], [False])
    assert "Nothing is left" not in shown.stdout
    assert f"still visible at 127.0.0.1 {ca.dns}" in shown.stdout
    # The same to a run, which goes on with its own work.
    result = certbot.run("certonly", *both(scripts), *names(f"c.{domain}"))
    assert result.returncode == 0, result
    assert scripts.operations.count("publish") == 3
    (left,) = journal(certbot)
    # What is pasted does not publish either, and makes nobody forget it.
    for text in recover(certbot, "--list", "--json").document["left"][0]["commands"]:
        subprocess.run(["sh", "-c", text], env=certbot.environment, check=True, timeout=30)
    assert (scripts.operations.count("publish"), journal(certbot)) == (3, [left])
    # Whoever has removed it need do nothing else.
    ca.clear_txt(f"_acme-challenge.{b}")
    shown = recover(certbot)
    assert (shown.returncode, journal(certbot)) == (0, []), shown
    assert "no server shows it any more" in shown.stdout


def test_what_a_stopped_call_had_printed_is_told_to_a_hook_that_somebody_has_called(
    certbot: Certbot, scripts: Hooks, ca: TestCA, domain: str
) -> None:
    (a, b), _ = stopped(certbot, scripts, signal.SIGKILL, "first", f"a.{domain}", f"b.{domain}")
    assert recover(certbot).returncode == 1
    assert there(ca, a, b) == [False, True]
    (left,) = journal(certbot)
    assert recover(certbot, left.stem).returncode == 0
    assert (there(ca, a, b), journal(certbot)) == ([False, False], [])
    assert scripts.operations.count("publish") == 2


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_what_a_failed_call_printed_is_no_proof(
    certbot: Certbot, scripts: Hooks, ca: TestCA, domain: str, stream: str
) -> None:
    """Guards against: a cleanup that publishes, since the output of a failed call has no record id."""
    result = certbot.run("certonly", *both(scripts), *names(f"a.{domain}", f"b.{domain}"), env={"FAILS": stream})
    assert result.returncode == 1
    # What no server shows after the whole look was not published.
    assert (scripts.operations, journal(certbot)) == (["publish", "publish", "withdraw"], []), result
    assert there(ca, f"a.{domain}", f"b.{domain}") == [False, False]


def test_what_its_handler_does_not_withdraw_is_not_said_to_be(
    certbot: Certbot, scripts: Hooks, ca: TestCA, domain: str
) -> None:
    """Lost once: the record of a hook that ends with 0 whatever became of it."""
    killing = scripts.write(
        "kills.sh", f'#!/bin/sh\n[ "$1" = perform ] || exit 0\n{scripts.native} "$@"\nkill -KILL $PPID\n'
    )
    certbot.run("certonly", *handler(killing), *names(domain))
    result = certbot.run("certonly", *handler(scripts.native), *names(f"x.{domain}"))
    assert result.returncode == 0, result
    assert ("Cleaned up after" in result.stderr, "still visible at" in result.stderr) == (False, True)
    shown = recover(certbot)
    assert (shown.returncode, "Withdrawn" in shown.stdout, len(journal(certbot))) == (1, False, 1)
    ca.clear_txt(f"_acme-challenge.{domain}")
    shown = recover(certbot)
    assert (shown.returncode, shown.stdout.count("Withdrawn")) == (0, 1)


def test_where_nobody_looks_that_is_said(certbot: Certbot, scripts: Hooks, domain: str) -> None:
    killing = scripts.write("kills.sh", f'#!/bin/sh\n{scripts.native} "$@"\n[ "$1" != perform ] || kill -KILL $PPID\n')
    certbot.run("certonly", *handler(killing, "--external-auth-verify", "off"), *names(domain))
    shown = recover(certbot)
    assert (shown.returncode, shown.stdout.count("the plugin could not check it")) == (0, 1)


def test_cleanup_that_fails_since_nothing_is_there_counts_once_that_is_seen(
    certbot: Certbot, scripts: Hooks, ca: TestCA, domain: str
) -> None:
    """Lost once: the trust in a journal that grew by a batch with each renewal, and in a `recover` that never ended
    well."""
    gone = scripts.write(
        "gone.sh",
        f'#!/bin/sh\n{scripts.native} "$@" || exit\n[ "$1" != cleanup ] || {{ echo "nochg" >&2; exit 5; }}\n',
    )
    result = certbot.run("certonly", *handler(gone), *names(domain))
    assert (result.returncode, journal(certbot)) == (0, []), result
    (line,) = [line for line in result.stderr.splitlines() if "counts as withdrawn" in line]
    assert "exit code 5" in line
    # Where it is still there, the last words are kept.
    stays = scripts.write("stays.sh", f'#!/bin/sh\n[ "$1" != cleanup ] || {{ echo no >&2; exit 6; }}\n{gone} "$@"\n')
    result = certbot.run("certonly", *handler(stays), *names(f"b.{domain}"))
    assert (result.returncode, len(journal(certbot))) == (0, 1), result
    shown = recover(certbot, "--list").stdout
    assert "exit code 6; still visible at" in shown
    assert "it printed: no" in shown
    ca.clear_txt(f"_acme-challenge.b.{domain}")
    shown = recover(certbot)
    assert (shown.returncode, "exit code 6" in shown.stdout, journal(certbot)) == (0, True, []), shown
