"""Hooks of other clients beyond the straight way: one that declines, one in the wrong dialect, secrets, two scripts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.certbot import Certbot
from tests.support.hooks import Hooks
from tests.support.testca import TestCA
from tests.support.words import RENEW_NOW, handler, handler_for_both, names

SECRET = "hunter2-and-more"


def spoken(scripts: Hooks, dialect: str, *more: str) -> list[str]:
    return handler(scripts.path("speaks-all.py"), "--external-auth-dialect", dialect, *more)


@pytest.mark.versions
@pytest.mark.parametrize("dialect", ["dehydrated", "lego", "lego-raw", "uacme", "acmetool"])
def test_issue_and_renew(certbot: Certbot, ca: TestCA, scripts: Hooks, domain: str, dialect: str) -> None:
    result = certbot.run("certonly", *spoken(scripts, dialect), *names(domain, f"*.{domain}"))
    assert result.returncode == 0, result
    assert certbot.run(*RENEW_NOW).returncode == 0
    assert ca.txt(f"_acme-challenge.{domain}") == []


def test_certbots_own_hooks(certbot: Certbot, ca: TestCA, scripts: Hooks, domain: str, tmp_path: Path) -> None:
    """Both scripts are kept, absolute, and each is called for its own."""
    cleanup = scripts.write("take away.sh", f'#!/bin/sh\necho "$CERTBOT_AUTH_OUTPUT" >>{tmp_path}/seen\n')
    words = spoken(scripts, "certbot", "--external-auth-cleanup-handler", os.path.relpath(cleanup, certbot.cwd))
    result = certbot.run("certonly", *words, *names(domain))
    assert result.returncode == 0, result
    assert certbot.run(*RENEW_NOW, cwd=tmp_path).returncode == 0
    assert (tmp_path / "seen").read_text() == f"published for {domain}\n" * 2
    assert [call.env["CERTBOT_DOMAIN"] for call in scripts.calls()] == [domain] * 2
    ca.clear_txt(f"_acme-challenge.{domain}")


def test_output_that_no_environment_could_hold(certbot: Certbot, scripts: Hooks, domain: str, tmp_path: Path) -> None:
    """Certbot's own cleanup dies of it: Argument list too long."""
    noisy = scripts.write(
        "noisy.sh", f'#!/bin/sh\nhead -c 3000000 /dev/zero | tr "\\0" x\nexec {scripts.path("speaks-all.py")}\n'
    )
    cleanup = scripts.write("cleanup.sh", f'#!/bin/sh\nprintf %s "$CERTBOT_AUTH_OUTPUT" >{tmp_path}/seen\n')
    words = ("--external-auth-dialect", "certbot", "--external-auth-cleanup-handler", cleanup)
    result = certbot.run("certonly", *handler(noisy, *words), *names(domain))
    assert result.returncode == 0, result
    found = (tmp_path / "seen").read_text()
    assert 120_000 < len(found) < 131_072
    assert found.endswith(f"published for {domain}")


def test_without_a_cleanup_handler_one_warning_says_what_stays(
    certbot: Certbot, ca: TestCA, scripts: Hooks, domain: str
) -> None:
    result = certbot.run("certonly", *spoken(scripts, "certbot"), *names(domain, f"b.{domain}"))
    assert result.returncode == 0, result
    assert result.stderr.count("What the handler publishes stays there") == 1
    assert len(ca.txt(f"_acme-challenge.{domain}")) == 1


def test_a_declined_begin_says_how_to_choose_another_type(certbot: Certbot, scripts: Hooks, domain: str) -> None:
    words = spoken(scripts, "uacme", "--preferred-challenges", "http")
    result = certbot.run("certonly", *words, *names(domain))
    assert result.returncode == 1
    assert not result.validated
    assert "the hook declined this challenge; name a type it takes with --preferred-challenges" in result.stderr


def test_a_folder_of_hooks_of_which_none_does_it(certbot: Certbot, scripts: Hooks, domain: str) -> None:
    for name in ("one", "two"):
        scripts.write(f"folder/{name}", "#!/bin/sh\nexit 42\n")
    words = handler(scripts.path("folder"), "--external-auth-dialect", "acmetool")
    result = certbot.run("certonly", *words, *names(domain))
    assert result.returncode == 1
    assert "challenge-dns-start" in result.stderr
    assert "no hook does this (exit code 42)" in result.stderr
    assert not result.validated
    scripts.write("folder/two", "#!/bin/sh\necho quota >&2; exit 1\n")
    result = certbot.run("certonly", *words, *names(domain))
    assert "quota" in result.stderr
    assert "no hook does this" not in result.stderr
    for name in ("one", "two"):
        Path(scripts.path(f"folder/{name}")).chmod(0o644)
    result = certbot.run("certonly", *words, *names(domain))
    assert "of a folder of hooks, dialect acmetool, at least one must be executable" in result.stderr


@pytest.mark.parametrize(
    ("answers", "dialect", "likely"),
    [
        ("echo unknown operation $1, known are deploy_challenge clean_challenge; exit 1", "native", "dehydrated"),
        ("echo NotImplemented; exit 1", "dehydrated", "native"),
        ("echo 'Usage: hook present|cleanup FQDN VALUE' >&2; exit 2", "native", "lego"),
        ("exit 42", "dehydrated", "acmetool"),
        ("set -u; echo $CERTBOT_VALIDATION", "lego", "certbot"),
    ],
)
def test_a_hook_in_the_wrong_dialect_is_recognised(
    certbot: Certbot, scripts: Hooks, domain: str, answers: str, dialect: str, likely: str
) -> None:
    hook = scripts.write("hook.sh", f"#!/bin/sh\n{answers}\n")
    result = certbot.run("certonly", *handler(hook, "--external-auth-dialect", dialect), *names(domain))
    assert result.returncode == 1
    assert f"It looks like a hook of another dialect: --external-auth-dialect {likely}" in result.stderr


@pytest.mark.parametrize("interpreter", ["", "/bin/sh "])
def test_a_hook_that_takes_no_notice_of_another_dialect_is_recognised(
    certbot: Certbot, scripts: Hooks, domain: str, interpreter: str
) -> None:
    """Good hooks of Dehydrated's end with success when they are called for what they do not know."""
    hook = scripts.write("hook.sh", '#!/bin/sh\ncase $1 in deploy_challenge) echo "$4" ;; esac\n')
    result = certbot.run("certonly", *handler(interpreter + hook), *names(domain))
    assert result.returncode == 1
    assert "looks like a hook of another dialect: --external-auth-dialect dehydrated" in result.stderr
    right = handler(interpreter + hook, "--external-auth-dialect", "dehydrated")
    assert "another dialect" not in certbot.run("certonly", *right, *names(domain)).stderr


@pytest.mark.parametrize("kind", ["tls-alpn-01", "http-01"])
def test_a_dialect_that_cannot_carry_the_type(certbot: Certbot, scripts: Hooks, domain: str, kind: str) -> None:
    result = certbot.run("certonly", *spoken(scripts, "lego", "--preferred-challenges", kind), *names(domain))
    assert result.returncode == 1
    assert f"--preferred-challenges {kind}: the dialect lego supports only dns-01" in result.stderr
    assert not result.asked_ca


def test_cleanup_handler_of_another_dialect_is_refused(certbot: Certbot, scripts: Hooks, domain: str) -> None:
    words = spoken(scripts, "lego", "--external-auth-cleanup-handler", scripts.native)
    result = certbot.run("certonly", *words, *names(domain))
    assert result.returncode == 1
    assert "--external-auth-cleanup-handler works only with the dialect certbot, not lego" in result.stderr
    assert not result.asked_ca


# --- the env file ---


@pytest.fixture
def env_file(tmp_path: Path) -> Path:
    path = tmp_path / "provider.env"
    path.write_text(f"# of the provider\nPROVIDER_KEY='{SECRET}'\nPROVIDER_ZONE=z\n")
    path.chmod(0o600)
    return path


def test_env_file_reaches_the_handler_and_no_log(certbot: Certbot, scripts: Hooks, domain: str, env_file: Path) -> None:
    """Guards against: a provider's key in a log."""
    talks = scripts.write("talks.sh", f'#!/bin/sh\necho "key is $PROVIDER_KEY"\nexec {scripts.native} "$@"\n')
    words = handler_for_both(talks, "--external-auth-env-file", os.path.relpath(env_file, certbot.cwd))
    result = certbot.run("certonly", "-vv", *words, *names(domain))
    assert result.returncode == 0, result
    renewed = certbot.run(*RENEW_NOW)
    assert renewed.returncode == 0, renewed
    assert {call.env["PROVIDER_KEY"] for call in scripts.calls()} == {SECRET}
    for one in (result, renewed):
        assert SECRET not in one.log + one.stdout + one.stderr
        assert "key is ***" in one.log
    assert SECRET not in certbot.renewal(domain)
    env_file.write_text(f"PROVIDER_KEY={SECRET}2\n")
    failing = scripts.write("talks.sh", '#!/bin/sh\necho "key is $PROVIDER_KEY"\nexit 1\n')
    assert failing == talks
    failed = certbot.run(*RENEW_NOW)
    assert failed.returncode == 1
    assert SECRET not in failed.log + failed.stdout + failed.stderr


@pytest.mark.parametrize(
    ("mode", "content", "said"),
    [
        (0o644, "A=b\n", "run: chmod 600"),
        (0o600, "export A=b\n", "line 1 begins with export"),
        (None, "", "cannot be read (No such file or directory)"),
    ],
)
def test_env_file_that_may_not_be_used(
    certbot: Certbot, scripts: Hooks, domain: str, env_file: Path, mode: int | None, content: str, said: str
) -> None:
    env_file.write_text(content)
    if mode is None:
        env_file.unlink()
    else:
        env_file.chmod(mode)
    words = handler(scripts.native, "--external-auth-env-file", str(env_file))
    result = certbot.run("certonly", *words, *names(domain))
    assert result.returncode == 1
    assert f"--external-auth-env-file: {env_file}" in result.stderr
    assert said in result.stderr
    assert not result.asked_ca


def test_contract_variables_win_over_the_env_file(
    certbot: Certbot, scripts: Hooks, domain: str, env_file: Path
) -> None:
    env_file.write_text("domain=other.example\n")
    words = handler(scripts.native, "--external-auth-env-file", str(env_file))
    assert certbot.run("certonly", *words, *names(domain)).returncode == 0
    assert {call.env["domain"] for call in scripts.calls("perform")} == {domain}
