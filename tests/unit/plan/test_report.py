"""The words of a plan, and that the whole text is a shell script."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from certbot_external_auth.plan import commands, keeping, report
from certbot_external_auth.plan.commands import Main, Obstacle, Own
from certbot_external_auth.plan.domains_txt import Flaw, Line, Unusable, parse
from certbot_external_auth.plan.keeping import Kind
from certbot_external_auth.plan.report import Plan
from certbot_external_auth.plan.services import Found, Gap, Unread
from tests.unit.plan.test_commands import MAIN as PLAIN

SETTINGS = {**PLAIN.settings, "RENEW_DAYS": "10", "PRIVATE_KEY_RENEW": "no", "PRIVATE_KEY_ROLLOVER": "yes"}
MAIN = Main(PLAIN.path, PLAIN.folder, {**SETTINGS, "ACME_PROFILE": "p q", "DEHYDRATED_USER": "acme"})
FOUND: tuple[Found | Unread, ...] = (
    Found("nginx", "/etc/nginx/site\n\x1b[2Jrm -rf x", 7, "a.test"),
    Found("haproxy", "/etc/haproxy/haproxy.cfg", 3),
    Found("cron", "/etc/cron.daily/dehydrated", 0),
    Unread("nginx", "/etc/nginx/x", Gap.LEADS_ELSEWHERE, "/srv/x"),
    Unread("dovecot", "/etc/dovecot", Gap.UNREADABLE, "Permission denied"),
)


def plan(text: str = "a.test\nb.test > web\n", found: tuple[Found | Unread, ...] = FOUND, **more: object) -> Plan:
    read = parse(text, "domains.txt")
    lines = [one for one in read if isinstance(one, Line)]
    own = {"web": Own("/certs/web/config", {**MAIN.settings, "KEY_ALGO": "rsa"})}
    return Plan(
        main=MAIN,
        certdir="/certs",
        config_dir="/le",
        account=commands.account(MAIN),
        rehearsal=commands.rehearsal(MAIN, lines),
        kept=keeping.general(MAIN.settings, (2, 1)),
        certificates=tuple(commands.certificates(MAIN, lines, own, {}, (2, 1))),
        unusable=tuple(one for one in read if isinstance(one, Unusable)),
        found=found,
    )


def commands_of(text: str) -> list[str]:
    """What a shell would run, one a line."""
    script = 'for name in certbot certbot-external-auth sed rm; do eval "$name() { echo $name \\"\\$@\\"; }"; done\n'
    ended = subprocess.run(["bash", "-c", script + text], capture_output=True, text=True, check=True)
    assert ended.stderr == ""
    return ended.stdout.splitlines()


def test_it_is_a_script_in_the_order_of_the_move() -> None:
    """Lost: what is printed for people runs, and what only explains does not; not even a newline in a path."""
    run = commands_of(report.text(plan()))
    assert [line.split()[1] for line in run if line.startswith("certbot")] == [
        "register",
        "check",
        "certonly",
        "certonly",
    ]
    assert [line for line in run if not line.startswith(("certbot", "sed -i"))] == []
    assert "--cert-name web" in run[2]
    assert "/le/renewal/web.conf" in run[3]


def test_a_command_with_an_obstacle_is_not_run() -> None:
    text = report.text(plan("a.test\na.test b.test\nip:192.0.2.7\n"))
    assert [line.split()[1] for line in commands_of(text)] == ["register", "check"]
    assert "several lines have the name a.test" in text
    assert "# certbot certonly -n" in text


def test_what_is_said_of_servers_and_timers() -> None:
    text = report.text(plan()).replace("\n# ", " ")
    for words in (
        "nginx /etc/nginx/site rm -rf x:7: write /le/live/a.test",
        "haproxy /etc/haproxy/haproxy.cfg:3: write /le/live",
        "cron /etc/cron.daily/dehydrated",
        "nginx /etc/nginx/x leads to /srv/x, which was not read",
        "dovecot /etc/dovecot could not be read: Permission denied",
        "--external-auth-run-as acme",
        "PRIVATE_KEY_ROLLOVER=yes: Certbot cannot do this.",
        "ACME_PROFILE=p q: Certbot 4.0 or newer is needed",
    ):
        assert words in text
    assert "\x1b" not in text
    nothing = report.text(plan(found=())).replace("\n# ", " ")
    assert "No file that was read names the old folder" in nothing
    assert "No file that was read runs it" in nothing
    assert "not looked at" not in nothing


@pytest.mark.parametrize("line", report.text(plan()).splitlines())
def test_comments_fit_a_terminal(line: str) -> None:
    assert not line.startswith("#") or len(line) <= report.COLUMNS


def test_every_kind_has_a_sentence() -> None:
    assert set(report._KINDS) == set(Kind)
    assert set(report._OBSTACLES) == set(Obstacle)
    assert set(report._FLAWS) == set(Flaw)
    assert set(report._GAPS) == set(Gap)


def test_a_plan_is_complete_if_every_line_can_be_run() -> None:
    assert plan().complete
    assert not plan("a.test > x/y\n").complete
    assert not plan("a.test\na.test\n").complete


def test_the_time_of_renewal_is_set_once(tmp_path: Path) -> None:
    """Lost: a renewal file that Certbot does not read any more, since a key stands there twice."""
    file = tmp_path / "a.conf"
    file.write_text("# renew_before_expiry = 30 days\nversion = 5.8.0\n[renewalparams]\n")
    for days in ("10", "12"):
        subprocess.run(report._written(days, str(file)), check=True)
    text = "renew_before_expiry = 12 days\n# renew_before_expiry = 30 days\nversion = 5.8.0\n[renewalparams]\n"
    assert file.read_text() == text
