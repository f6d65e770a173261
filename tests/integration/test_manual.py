"""Mode manual with a person at a terminal of 60 columns, without colour."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import certificates
from tests.support.certbot import Certbot
from tests.support.hooks import Hooks
from tests.support.testca import TestCA
from tests.support.webroot import Webroot
from tests.support.words import AUTHENTICATOR, RENEW_NOW, handler, names

COLUMNS = 60
PLAIN = {"TERM": "dumb", "NO_COLOR": "1"}
ENTER = r"Press Enter .*(\n.*)*?up\.\n"
ENTER_AGAIN = r"0:0\d  _acme-challenge\S+ at [^\n]*"
"""The first line of a watch that goes on."""
ZONE_LINE = re.compile(r'^(\S+)\. \d+ IN TXT "(\S+)"$', re.MULTILINE)


def publish_shown(ca: TestCA) -> Callable[[str], str]:
    """Return a person who publishes the lines of the zone file that are on the screen, then presses Enter."""

    def react(shown: str) -> str:
        for name, value in ZONE_LINE.findall(shown):
            ca.add_txt(name, value)
        return "\n"

    return react


@pytest.mark.versions
def test_base_and_wildcard_by_dns_on_one_screen(certbot: Certbot, ca: TestCA, domain: str) -> None:
    """Guards against values broken at the edge of the window, of which a person would paste half."""
    result = certbot.type(
        *("certonly", *AUTHENTICATOR, *names(domain, f"*.{domain}")),
        script=[(ENTER, publish_shown(ca))],
        columns=COLUMNS,
        env=PLAIN,
    )
    assert result.returncode == 0, result
    assert certificates.names(certbot.live(domain)) == [f"*.{domain}", domain]
    assert result.stdout.count("Press Enter") == 1
    records = ZONE_LINE.findall(result.stdout)
    assert [name for name, _ in records] == [f"_acme-challenge.{domain}"] * 2
    assert "replace none" in " ".join(result.stdout.split())
    ours = result.stdout[result.stdout.index("Create these") : result.stdout.index("Press Enter")]
    assert "\x1b" not in ours
    for _, value in records:
        assert f"  {value}\n" in result.stdout
        assert f'update add _acme-challenge.{domain}. 60 IN TXT "{value}"\n' in result.stdout
    told = result.stdout.index("You can now remove")
    assert all(value in result.stdout[told:] for _, value in records)


def test_sentences_fit_the_window(certbot: Certbot, ca: TestCA, domain: str) -> None:
    """Guards against sentences that are unreadable on a phone or in a narrow window."""
    result = certbot.type(
        *("certonly", *AUTHENTICATOR, *names(domain, f"*.{domain}")),
        script=[(ENTER, publish_shown(ca))],
        columns=COLUMNS,
        env=PLAIN,
    )
    begin = result.stdout.index("Create these")
    ours = result.stdout[begin : result.stdout.index("up.", begin)].splitlines()
    too_wide = [line for line in ours if len(line) > COLUMNS and domain not in line]
    assert too_wide == []


def test_files_by_http(certbot: Certbot, web: Webroot, domain: str, tmp_path: Path) -> None:
    """A person pastes the commands into the shell of the web server."""
    served = tmp_path / "server"
    served.mkdir()

    def paste(shown: str) -> str:
        commands = re.findall(r"^\(umask .*\n(?:.+\n)*", shown, re.MULTILINE)
        for command in commands:
            text = command.replace("/tmp/certbot", str(served))
            subprocess.run(["sh", "-euc", text], cwd=served, check=True, stdout=subprocess.DEVNULL)
        for path in served.rglob(".well-known/acme-challenge/*"):
            (web.folder / path.name).write_bytes(path.read_bytes())
        return "\n"

    wanted = names(domain, f"www.{domain}")
    words = ("certonly", *AUTHENTICATOR, "--preferred-challenges", "http", *wanted)
    result = certbot.type(*words, script=[(ENTER, paste)], columns=COLUMNS, env=PLAIN)
    assert result.returncode == 0, result
    assert result.stdout.count("Press Enter") == 1
    assert f"http://{domain}/.well-known/acme-challenge/" in result.stdout


def test_deploy_tells_where_the_files_are(certbot: Certbot, ca: TestCA, domain: str) -> None:
    """Guards against a person who does not know that the last step is theirs."""
    words = ("run", "--configurator", "external-auth", *names(domain))
    result = certbot.type(*words, script=[(ENTER, publish_shown(ca))], columns=COLUMNS, env=PLAIN)
    assert result.returncode == 0, result
    shown = "".join(result.stdout.split())
    assert str(certbot.live(domain, "fullchain")) in shown
    assert str(certbot.live(domain, "privkey")) in shown


def test_person_who_did_nothing_is_told_by_the_ca(certbot: Certbot, domain: str) -> None:
    """Guards against hiding the CA's reason from a person who pressed Enter too early."""
    result = certbot.type(
        *("certonly", *AUTHENTICATOR, *names(domain)),
        script=[(ENTER, "\n"), (r"on checking\.\n", "\n"), (ENTER_AGAIN, "\n"), (r"on checking\.\n", "y\n")],
        columns=COLUMNS,
        env=PLAIN,
    )
    assert result.returncode == 1
    assert result.stdout.count("Not everything is visible from here.") == 2
    assert f"  _acme-challenge.{domain}" in result.stdout[result.stdout.index("Not everything is visible") :]
    assert "You can now remove" in result.stdout
    assert "unauthorized" in result.stdout or "No TXT record" in result.stdout


@pytest.mark.parametrize(("key", "reason"), [("\x03", "Ctrl-C"), ("\x04", "end of input")])
def test_person_may_give_up(certbot: Certbot, domain: str, key: str, reason: str) -> None:
    """Guards against a request to the CA after the person gave up."""

    def give_up(shown: str) -> str:
        if key == "\x03":
            # The terminal of a test does not send signals by itself.
            certbot.terminate(2)
            return ""
        return key

    words = ("certonly", *AUTHENTICATOR, *names(domain))
    result = certbot.type(*words, script=[(ENTER, give_up)], columns=COLUMNS, env=PLAIN)
    assert result.returncode == 1, reason
    assert not result.validated
    assert "You can now remove" in result.stdout
    assert "Traceback" not in result.stdout


def test_without_a_terminal_the_other_modes_are_named(certbot: Certbot, domain: str) -> None:
    """Guards against a refusal that names no other mode to a person who runs the command in a script."""
    result = certbot.run("certonly", *AUTHENTICATOR, *names(domain))
    assert result.returncode == 1
    assert not result.asked_ca
    for expected in ("terminal", "--external-auth-mode handler", "--external-auth-mode json"):
        assert expected in result.stderr


def test_renewal_fails_and_names_the_other_modes(certbot: Certbot, scripts: Hooks, ca: TestCA, domain: str) -> None:
    """Guards against a certificate that does not renew, without a reason. The way out that is named works."""
    words = ("certonly", *AUTHENTICATOR, *names(domain))
    first = certbot.type(*words, script=[(ENTER, publish_shown(ca))], columns=COLUMNS, env=PLAIN)
    assert first.returncode == 0
    result = certbot.run(*RENEW_NOW, "-q")
    assert result.returncode == 1
    assert not result.ordered
    for expected in ("--external-auth-mode handler", "--external-auth-mode json"):
        assert expected in result.stderr
    mended = certbot.run(*RENEW_NOW, *handler(scripts.native))
    assert mended.returncode == 0, mended
    assert certbot.run(*RENEW_NOW, "-q").returncode == 0
