"""The watch of mode manual: in tmux, under script, on a terminal without any features, and without colour."""

from __future__ import annotations

import datetime
import os
import pty
import re
import shlex
import struct
import subprocess
import termios
import time
from fcntl import ioctl
from pathlib import Path

import pytest

from certbot_external_auth.backends.manual import table_rows
from certbot_external_auth.lineages import certificate
from tests.support import certificates, tmux
from tests.support.certbot import Certbot
from tests.support.processes import converse, end_group
from tests.support.testca import TestCA
from tests.support.webroot import PREFIX, Webroot
from tests.support.words import AUTHENTICATOR, RENEW_NOW, names

COLUMNS, LINES = 60, 24
ZONE_LINE = re.compile(r'^(\S+)\. \d+ IN TXT "(\S+)"$', re.MULTILINE)
COLOUR = re.compile(r"\x1b\[(?:\d+;)*3\d(?:;\d+)*m")
ESCAPE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
PATIENCE = 90.0


def manual(ca: TestCA, *domains: str) -> tuple[str, ...]:
    nameservers = ("--external-auth-verify-nameservers", ca.dns)
    return ("certonly", *AUTHENTICATOR, *nameservers, *names(*domains))


def publish(ca: TestCA, shown: str) -> str:
    """Publish the records that are on the screen, and type nothing."""
    for name, value in ZONE_LINE.findall(shown):
        ca.add_txt(name, value)
    return ""


def again(shown: str) -> list[str]:
    """Return the words of the command for the renewal."""
    (found,) = re.findall(r"^certbot certonly --cert-name .*", shown, re.MULTILINE)
    return shlex.split(found)


def test_in_tmux_it_goes_on_by_itself(certbot: Certbot, ca: TestCA, domain: str) -> None:
    """Guards against a person who has pasted everything and waits without knowing what for."""
    wanted = manual(ca, domain, f"www.{domain}")
    with tmux.window(certbot.command(wanted), certbot.environment, certbot.cwd, COLUMNS, LINES) as window:
        waiting = window.wait_for(r"0 of 2 visible everywhere")
        records = ZONE_LINE.findall(window.everything())
        assert len(records) == 2
        assert f"_acme-challenge.{domain}\n  {ca.dns} " in waiting
        assert "no record" in waiting
        assert "Enter continues at once, Ctrl-C gives up, v shows values." in waiting
        (first, first_value), (second, second_value) = records
        ca.add_txt(first, first_value)
        half = window.wait_for(r"1 of 2 visible everywhere")
        # What is missing stands above what nobody has to look at any more.
        assert half.index(f"{second}\n  {ca.dns} ") < half.index(f"{first}\n  {ca.dns} ")
        assert half.count("visible everywhere") == 1
        assert half.count("Enter continues at once") == 1
        ca.add_txt(second, second_value)
        assert window.wait_for_end() == 0
        everything = window.everything()
    assert everything.count("visible everywhere") == 1
    assert "Everything is visible." in everything
    assert "Not everything is visible" not in everything
    made_again(certbot, ca, everything, certbot.live(domain))


def made_again(certbot: Certbot, ca: TestCA, shown: str, live: Path) -> None:
    """Check the notice at the end: the day is right, the command renews, and `certbot renew` does not."""
    day = certificate.read(str(live)).not_after.date().isoformat()
    said = " ".join(shown[shown.index("The certificate") :].split())
    assert f"expires on {day}" in said
    assert "'certbot renew' cannot renew it" in said
    assert "--external-auth-handler PATH" in said
    assert "one CNAME that makes _acme-challenge.NAME an alias" in said
    before = certificates.serial(live)
    program, *words = again(shown)
    assert program == "certbot"
    react = [(r"Enter continues|Press Enter", lambda text: publish(ca, text))]
    result = certbot.type(*words, "--force-renewal", script=react)
    assert result.returncode == 0, result
    assert certificates.serial(live) != before
    renewed = certbot.run(*RENEW_NOW, "-q")
    assert renewed.returncode == 1
    assert not renewed.ordered
    (sentence,) = (line for line in renewed.stderr.splitlines() if "issued by hand" in line)
    assert f"expires on {day}" in sentence
    # This port is not kept for renewals by Certbot; whoever changes it has it in cli.ini.
    kept = shlex.join(words).partition(" --https-port")[0]
    assert f"certbot {kept} ;" in sentence
    assert "one CNAME that makes _acme-challenge.NAME an alias" in sentence


def test_in_tmux_enter_names_what_is_missing(certbot: Certbot, ca: TestCA, domain: str) -> None:
    """Guards against a person in a hurry who learns only from the CA which value was missing, and never why."""
    wanted = manual(ca, domain, f"*.{domain}", f"www.{domain}")
    with tmux.window(certbot.command(wanted), certbot.environment, certbot.cwd, COLUMNS, LINES) as window:
        window.wait_for(r"0 of 2 visible everywhere")
        name = f"_acme-challenge.{domain}"
        value = dict(ZONE_LINE.findall(window.everything()))[name]
        ca.add_txt(name, value)
        window.wait_for(r"1 of 2 there")
        window.keys("Enter")
        window.wait_for("Type y and Enter")
        window.keys("y", "Enter")
        assert window.wait_for_end() == 1
        said = " ".join(window.everything().split())
    warning = said[said.index("Not everything is visible") :]
    assert f"_acme-challenge.www.{domain} ({ca.dns}: no record)" in warning
    assert f"_acme-challenge.{domain} ({ca.dns}: 1 of 2 there; missing: " in warning
    # The other one may not have been typed yet.
    assert "replaces" not in warning
    assert "You can now remove" in warning


def test_in_tmux_the_reason_comes_while_it_waits(certbot: Certbot, ca: TestCA, domain: str) -> None:
    """Guards against a reason that comes after Enter, when the order is spent. Nothing is typed here."""
    with tmux.window(certbot.command(manual(ca, domain)), certbot.environment, certbot.cwd, 80, 24) as window:
        window.wait_for(r"0 of 1 visible everywhere")
        ((name, value),) = ZONE_LINE.findall(window.everything())
        ca.add_txt(name, f'"{value}"')
        window.wait_for(table_rows.LIKELY)
        ca.clear_txt(name)
        ca.add_txt(name, value)
        assert window.wait_for_end() == 0


def test_in_tmux_a_key_shows_the_values_of_many_names(certbot: Certbot, ca: TestCA, domain: str) -> None:
    """Guards against values that scroll out of a window of 80 columns and 24 lines, and so cannot be pasted."""
    wanted = manual(ca, *(f"n{number}.{domain}" for number in range(15)))
    with tmux.window(certbot.command(wanted), certbot.environment, certbot.cwd, 80, 24) as window:
        window.wait_for(r"0 of 15 visible everywhere")
        records = ZONE_LINE.findall(window.everything())
        assert not any(value in window.screen() for _, value in records)
        (first, value), *rest = records
        ca.add_txt(first, value)
        window.wait_for(r"1 of 15 visible everywhere")
        window.keys("v")
        pages = window.wait_for(r"Page 1 of 2")
        window.keys("v")
        pages += window.wait_for(r"Page 2 of 2")
        # What is there already need not be shown.
        assert [f"{name}\n  {value}\n" in pages for name, value in records] == [False] + [True] * len(rest)
        window.keys("v")
        window.wait_for(r"1 of 15 visible everywhere")
        for name, value in rest:
            ca.add_txt(name, value)
        assert window.wait_for_end() == 0


def test_in_tmux_ctrl_c_into_a_pipe_lists_what_to_remove(certbot: Certbot, ca: TestCA, domain: str) -> None:
    """Guards against records that nobody removes: Ctrl-C ends `tee` before the list is written."""
    command = shlex.join(certbot.command(manual(ca, domain)))
    # The first tee ends at Ctrl-C, as it does for a person.
    shell = ["sh", "-c", f"({command} 2>&1; echo ended >&3) 3>/dev/tty | (trap - INT; exec tee out)"]
    with tmux.window(shell, certbot.environment, certbot.cwd, 80, 24) as window:
        window.wait_for(r"no record")
        window.keys("C-c")
        window.wait_for("You can now remove")
        window.wait_for_end()
        said = window.everything()
    assert f"_acme-challenge.{domain}. TXT" in said[said.index("You can now remove") :]


def test_in_tmux_ctrl_c_cleans_up(certbot: Certbot, ca: TestCA, domain: str) -> None:
    """Guards against a broken terminal, and against records left after a person changed their mind."""
    command = shlex.join(certbot.command(manual(ca, domain)))
    shell = ["sh", "-c", f"trap : INT; {command}; echo ended $?; stty -a"]
    with tmux.window(shell, certbot.environment, certbot.cwd, COLUMNS, LINES) as window:
        window.wait_for(r"0 of 1 visible everywhere")
        window.keys("C-c")
        assert window.wait_for_end() == 0
        said = window.everything()
    assert "ended 1" in said
    assert "echo" in said[said.index("ended 1") :].split()
    left = said[said.index("You can now remove") :]
    assert f"_acme-challenge.{domain}" in left
    assert "Traceback" not in said


def test_a_line_for_each_change_where_nothing_can_be_refreshed(
    certbot: Certbot, ca: TestCA, web: Webroot, domain: str
) -> None:
    """Guards against an unreadable serial console or log file; here with http-01."""

    def put(shown: str) -> str:
        for name, value in re.findall(rf"{PREFIX}(\S+)\n  (\S+)$", shown, re.MULTILINE):
            (web.folder / name).write_text(value)
        return ""

    words = ("--preferred-challenges", "http", "--http-01-port", str(ca.http_port))
    result = certbot.type(*manual(ca, domain), *words, script=[(r"wrong content", put)], columns=COLUMNS)
    assert result.returncode == 0, result
    shown = result.stdout[result.stdout.index("up.\n") + 4 : result.stdout.index("Everything is visible.")]
    place = f"{domain} (http-01) at {domain} 127.0.0.1:{ca.http_port}"
    told = re.sub(r"\d:\d\d ", "", " ".join(shown.split()))
    assert told == f"{place}: wrong content: 404 Not Found {place}: visible"
    assert "\x1b" not in shown
    assert max(map(len, shown.splitlines())) <= COLUMNS


@pytest.mark.parametrize("plain", [False, True])
def test_under_script_and_without_colour(
    certbot: Certbot, ca: TestCA, domain: str, tmp_path: Path, plain: bool
) -> None:
    """Guards against a recorded session without colours, or with colours that were turned off."""
    typescript = tmp_path / "typescript"
    line = shlex.join(certbot.command(manual(ca, domain)))
    leader, follower = pty.openpty()
    ioctl(follower, termios.TIOCSWINSZ, struct.pack("4H", LINES, COLUMNS, 0, 0))
    process = subprocess.Popen(
        ["script", "-q", "-e", "-c", line, str(typescript)],
        env={**certbot.environment, "TERM": "xterm-256color", **({"NO_COLOR": "1"} if plain else {})},
        cwd=certbot.cwd,
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
    )
    try:
        os.close(follower)
        steps = [(r"0 of 1 visible everywhere", lambda text: publish(ca, text))]
        converse(leader, steps, time.monotonic() + PATIENCE)
        assert process.wait(PATIENCE) == 0
    finally:
        os.close(leader)
        end_group(process)
    recorded = typescript.read_text().replace("\r", "")
    ours = recorded[recorded.index("Certbot continues when") : recorded.index("Everything is visible.")]
    assert bool(COLOUR.search(ours)) is not plain
    readable = ESCAPE.sub("", ours)
    assert f"_acme-challenge.{domain}\n  {ca.dns} " in readable
    assert "no record" in readable
    assert "1 of 1 visible everywhere." in readable
    assert max(map(len, readable.splitlines())) <= COLUMNS


def test_verify_off_asks_a_person_only(certbot: Certbot, ca: TestCA, domain: str) -> None:
    """Guards against failing in networks from which nothing can be checked."""

    def react(shown: str) -> str:
        publish(ca, shown)
        return "\n"

    words = (*manual(ca, domain), "--external-auth-verify", "off")
    result = certbot.type(*words, script=[(r"Press Enter when", react)], columns=200, env={"TERM": "xterm"})
    assert result.returncode == 0, result
    assert "visible everywhere" not in result.stdout
    assert "no record" not in result.stdout
    assert datetime.date.today().isoformat() < re.findall(r"expires on (\S+)\.", result.stdout)[0]
