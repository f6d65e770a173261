"""Handlers that fail: the CA is not asked, what was begun is withdrawn, and the message says what happened."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.support.certbot import Certbot
from tests.support.hooks import Hooks
from tests.support.ports import ADDRESS
from tests.support.testca import TestCA
from tests.support.webroot import Webroot
from tests.support.words import handler, names

DEHYDRATED = ("--external-auth-dialect", "dehydrated")
CHAIN = (*DEHYDRATED, "--external-auth-hook-chain", "yes")


def alive(process: int) -> bool:
    """Whether it runs; what is dead and only not yet waited for does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except FileNotFoundError:
        return False


@pytest.mark.parametrize(
    ("script", "options", "begin", "end"),
    [
        pytest.param("publishes.py", (), "perform", "cleanup", id="native"),
        pytest.param("publishes-as-dehydrated.py", DEHYDRATED, "deploy_challenge", "clean_challenge", id="dehydrated"),
    ],
)
def test_failure_at_one_name_ends_the_run_before_the_ca_is_asked(
    certbot: Certbot,
    scripts: Hooks,
    ca: TestCA,
    domain: str,
    script: str,
    options: tuple[str, ...],
    begin: str,
    end: str,
) -> None:
    """Guards against: failed validations that the CA counts, records left, and an error without advice."""
    bad, other = f"bad.{domain}", f"good.{domain}"
    path = scripts.path(script)
    env = {"FAIL_AT": f"{begin}:{bad}"}
    result = certbot.run("certonly", *handler(path, *options), *names(other, bad), env=env)
    assert result.returncode == 1, result
    assert not result.validated
    for expected in (path, bad, "exit code 3", "the provider says no", "quota exceeded"):
        assert expected in result.stderr
    assert "Traceback" not in result.stderr
    begun = [call.argv[1:] or call.env["token"] for call in scripts.calls(begin)]
    withdrawn = [call.argv[1:] or call.env["token"] for call in scripts.calls(end)]
    assert begun == withdrawn
    assert ca.txt(f"_acme-challenge.{other}") == []


def test_failing_chain_names_every_identifier(certbot: Certbot, scripts: Hooks, domain: str) -> None:
    """Guards against: an error that does not name every domain of a chain."""
    wanted = [f"a.{domain}", f"b.{domain}"]
    result = certbot.run(
        "certonly", *handler(scripts.dehydrated, *CHAIN), *names(*wanted), env={"FAIL_AT": "deploy_challenge"}
    )
    assert result.returncode == 1
    assert not result.validated
    assert all(name in result.stderr for name in wanted)
    assert scripts.operations == ["startup_hook", "deploy_challenge", "clean_challenge", "exit_hook"]


def test_challenge_the_ca_refuses_is_cleaned_and_explained(certbot: Certbot, scripts: Hooks, domain: str) -> None:
    """Guards against: no reason of the CA, on the terminal or for the script."""
    words = (*handler(scripts.native), "--external-auth-verify", "off")
    result = certbot.run("certonly", *words, *names(domain), env={"FORGET": domain})
    assert result.returncode == 1
    assert result.validated
    assert domain in result.stdout
    (cleanup,) = scripts.calls("cleanup")
    assert cleanup.env["status"] == "invalid"
    assert "urn:ietf:params:acme:error:unauthorized" in cleanup.env["error"]


def test_http_file_that_nobody_wrote_is_a_refusal(certbot: Certbot, scripts: Hooks, web: Webroot, domain: str) -> None:
    """Guards against losing the difference between a script that says it is done and a file that is there."""
    failing = scripts.write("failing.sh", '#!/bin/sh\necho "upload for $domain: 401 Unauthorized" >&2\nexit 0\n')
    result = certbot.run("certonly", *handler(failing), "--preferred-challenges", "http", *names(domain))
    assert result.returncode == 1
    assert {status for _, status in web.asked} == {404}
    assert not result.validated
    assert "wrong content" in result.stderr
    assert f"  | upload for {domain}: 401 Unauthorized\n" in result.stderr


def test_failing_cleanup_does_not_take_the_certificate_away(certbot: Certbot, scripts: Hooks, domain: str) -> None:
    """Guards against: a valid certificate that is dropped, and a record that stays without a message."""
    two = [f"a.{domain}", f"b.{domain}"]
    result = certbot.run("certonly", *handler(scripts.native), *names(*two), env={"FAIL_AT": "cleanup"})
    assert result.returncode == 0, result
    assert scripts.operations.count("cleanup") == 2
    assert all(name in result.stderr for name in two)
    assert "exit code 3" in result.stderr


def test_hanging_handler_is_ended_with_all_it_started(certbot: Certbot, scripts: Hooks, domain: str) -> None:
    """Guards against: a script that hangs and blocks all renewals of a host."""
    path = scripts.path("hangs.sh")
    result = certbot.run("certonly", *handler(path, "--external-auth-timeout", "1"), *names(domain))
    assert result.returncode == 1
    assert "1 second" in result.stderr
    assert "--external-auth-timeout" in result.stderr
    assert "waiting for the provider" in result.stderr
    started = [int(word) for word in Path(f"{scripts.record}.pids").read_text().split()]
    assert len(started) == 2
    assert not any(map(alive, started))


def test_ended_handler_is_not_waited_for_because_of_its_child(certbot: Certbot, scripts: Hooks, domain: str) -> None:
    """Guards against: a run that waits for a process in the background."""
    path = scripts.path("leaves-a-child.sh")
    result = certbot.run("certonly", *handler(path, "--external-auth-timeout", "60"), *names(domain))
    child = int(Path(f"{scripts.record}.pids").read_text())
    if alive(child):
        os.kill(child, signal.SIGKILL)
    assert result.returncode == 1
    assert "exit code 4" in result.stderr


def test_killed_handler_is_said_to_be_killed(certbot: Certbot, scripts: Hooks, domain: str) -> None:
    """Guards against: a message that blames the script for a signal of the kernel or an administrator."""
    result = certbot.run("certonly", *handler(scripts.path("is-killed.sh")), *names(domain))
    assert result.returncode == 1
    assert "SIGKILL" in result.stderr
    assert "about to be killed" in result.stderr


def test_noise_is_bounded_and_cleaned(certbot: Certbot, scripts: Hooks, domain: str) -> None:
    """Guards against: a full disk, a changed terminal, or a failure because of much output."""
    result = certbot.run("certonly", "-v", *handler(scripts.path("noisy.py")), *names(domain))
    assert result.returncode == 0, result
    assert f"perform {domain}: line 0 of perform" in result.log
    assert len(result.log) < 30_000_000
    for text in (result.log, result.stdout, result.stderr):
        assert not {"\x1b", "\x07", "\0", "\u202e"} & set(text)


def test_noisy_failure_shows_only_the_last_lines(certbot: Certbot, scripts: Hooks, domain: str) -> None:
    """Guards against: the reason of a failure below thousands of lines."""
    result = certbot.run("certonly", *handler(scripts.path("noisy.py")), *names(domain), env={"NOISY_END": "5"})
    assert result.returncode == 1
    assert "exit code 5" in result.stderr
    assert "no line end at the end" in result.stderr
    assert len(result.stderr) < 20_000


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT])
def test_signal_ends_the_handler_and_cleans(
    certbot: Certbot, scripts: Hooks, ca: TestCA, domain: str, number: signal.Signals
) -> None:
    """Guards against: records that stay, and a script that goes on, when a service is stopped."""
    script = scripts.write(
        "stops-certbot.sh",
        f"""#!/bin/sh
{scripts.native} "$@" || exit
[ "$1" = perform ] || exit 0
sleep 600 &
echo "$! $$" >"$RECORD.pids"
kill -{number.name[3:]} $PPID
wait
""",
    )
    result = certbot.run("certonly", *handler(script), *names(domain))
    assert result.returncode == (1 if number == signal.SIGINT else -number), result
    assert not any(map(alive, map(int, Path(f"{scripts.record}.pids").read_text().split())))
    assert scripts.operations[-1] == "post-cleanup"
    assert ca.txt(f"_acme-challenge.{domain}") == []
    assert not result.validated


def test_hook_that_overwrites_is_named_before_the_ca_is_asked(certbot: Certbot, scripts: Hooks, domain: str) -> None:
    """Guards against: no advice about the most common mistake of hooks: the second value replaces the first."""
    hook = scripts.path("overwrites.py")
    result = certbot.run("certonly", *handler(hook), *names(domain, f"*.{domain}"))
    assert result.returncode == 1
    assert not result.validated
    assert [call.env["status"] for call in scripts.calls("cleanup")] == ["pending", "pending"]
    for part in (
        f"_acme-challenge.{domain}\n  {ADDRESS}",
        "1 of 2 there; missing: ",
        f"The handler {hook} replaces what stands at the name",
        "--external-auth-hook-chain yes",
        "--external-auth-verify off asks the CA without this check.",
        "The CA was not asked to validate anything.",
    ):
        assert part in result.stderr, part
