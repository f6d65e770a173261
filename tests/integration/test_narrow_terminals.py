"""What is written to a terminal of 80 columns: no window breaks a word of it."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from tests.support import tmux
from tests.support.certbot import Certbot
from tests.support.hooks import Hooks
from tests.support.testca import TestCA
from tests.support.words import AUTHENTICATOR, names

WIDTH, HEIGHT = 80, 24
VERIFY = ("--external-auth-verify-timeout", "1")


def ours(lines: list[str]) -> list[str]:
    """Return the broken lines without those that Certbot writes itself, with paths that fit into no window."""
    return [line for line in lines if not re.search(r"community\.letsencrypt\.org|letsencrypt\.log|^\s*/", line)]


def test_the_error_of_a_run(certbot: Certbot, ca: TestCA, scripts: Hooks, domain: str) -> None:
    """Guards against an error that is hard to read in the most usual of windows."""
    silent = scripts.write("silent.sh", "#!/bin/sh\n")
    words = ("certonly", "-n", *AUTHENTICATOR, "--external-auth-handler", silent, *VERIFY)
    wanted = (*words, "--external-auth-verify-nameservers", ca.dns, *names(domain, f"www.{domain}"))
    with tmux.window(certbot.command(wanted), certbot.environment, certbot.cwd, WIDTH, HEIGHT) as window:
        assert window.wait_for_end() == 1
        said, broken = window.everything(), window.broken()
    assert "cannot be seen everywhere" in " ".join(said.split())
    assert ours(broken) == []
    # The log has whole lines.
    assert (
        "raise --external-auth-verify-timeout (now 1 s). --external-auth-verify off asks the CA without"
        in certbot.after_run()
    )


def test_the_error_of_a_run_with_tls(certbot: Certbot, ca: TestCA, scripts: Hooks, domain: str) -> None:
    silent = scripts.write("silent.sh", "#!/bin/sh\n")
    words = ("certonly", "-n", *AUTHENTICATOR, "--external-auth-handler", silent, *VERIFY)
    strict = ("--external-auth-verify", "strict", "--external-auth-verify-nameservers", ca.dns)
    wanted = (*words, *strict, "--preferred-challenges", "tls-alpn-01", *names(domain))
    with tmux.window(certbot.command(wanted), certbot.environment, certbot.cwd, WIDTH, HEIGHT) as window:
        assert window.wait_for_end() == 1
        assert ours(window.broken()) == []


def test_a_check(ca: TestCA, scripts: Hooks, domain: str, tmp_path: Path) -> None:
    silent = scripts.write("silent.sh", "#!/bin/sh\n")
    words = [sys.executable, "-m", "certbot_external_auth", "check", silent]
    wanted = [*words, "--domain", domain, "--nameserver", ca.dns, "--verify-timeout", "1"]
    with tmux.window(wanted, {"PATH": "/usr/bin:/bin"}, tmp_path, WIDTH, HEIGHT) as window:
        assert window.wait_for_end() == 1
        said, broken = window.everything(), window.broken()
    assert "this handler cannot be used yet" in " ".join(said.split())
    assert ours(broken) == []


def test_the_list_of_providers(tmp_path: Path) -> None:
    """Only what a person copies is broken by the window."""
    words = [str(Path(sys.executable).parent / "certbot-external-auth"), "providers", "cloudflare"]
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    with tmux.window(words, environment, tmp_path, 40, HEIGHT) as window:
        assert window.wait_for_end() == 0
        said, broken = window.everything(), window.broken()
    assert "Take " in said
    assert [line for line in broken if not re.search(r"^(/|git |apt-get |certbot|python3 )", line)] == []
