"""Hosts that are put together in another way: other schedulers, other interpreters, files that cannot be read."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import pytest

from certbot_external_auth.doctor.findings import Kind
from certbot_external_auth.doctor.wording import cron_line
from tests.unit.doctor.test_doctor import Host, kinds

RENEWS = "1 1 * * * root certbot renew\n"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def started(host: Host) -> list[tuple[str, bool]]:
    """The programs that renew, and whether they run."""
    return [(each.command, each.active) for each in host.look().schedules.schedules]


def snap(host: Host, plugin: bool = True) -> None:
    """Install Certbot's snap, with the units that snapd writes."""
    host.link("snap/bin/certbot", "/usr/bin/snap")
    host.put("usr/bin/snap", "\x7fELF")
    host.put("snap/certbot/current/lib/python3.12/site-packages/certbot-5.8.0.dist-info/METADATA")
    if plugin:
        host.put("snap/ours/current/lib/python3.12/site-packages/certbot_external_auth-1.0.0.dist-info/METADATA")
    host.booted_by_systemd()
    host.put("etc/systemd/system/snap.certbot.renew.timer", "[Timer]\nUnit=snap.certbot.renew.service\n")
    host.put(
        "etc/systemd/system/snap.certbot.renew.service",
        '[Service]\nExecStart=/usr/bin/snap run --timer="00:00~24:00/2" certbot.renew\n',
    )
    host.link("etc/systemd/system/timers.target.wants/snap.certbot.renew.timer", "/etc/systemd/system/x")


# --- what renews ---


def test_the_timer_of_certbots_snap(host: Host) -> None:
    snap(host)
    assert started(host) == [("/snap/bin/certbot", True)]
    assert kinds(host.look()) == []


@pytest.mark.parametrize("path", ["srv/venv", "home/u/letsencrypt", "root/.pyenv/versions/3.11.4"])
def test_a_certbot_that_only_a_schedule_knows(host: Host, path: str) -> None:
    """Guards against: the Certbot of a schedule is said not to be there, since nobody looked."""
    host.venv("opt/certbot")
    host.venv(path, plugin=None)
    host.put("etc/crontab", f"1 1 * * * root /{path}/bin/certbot renew\n")
    first = host.look().findings[0]
    assert first.kind is Kind.SCHEDULE_WITHOUT_PLUGIN
    assert first.installation is not None
    assert first.installation.command == f"/{path}/bin/certbot"


@pytest.mark.parametrize(
    "table",
    [
        "CERTBOT=/opt/certbot/bin/certbot\n1 1 * * * root $CERTBOT renew\n",
        'CERTBOT="/opt/certbot/bin/certbot"\n1 1 * * * root ${CERTBOT} -q renew\n',
        'FOLDER=/opt/certbot/bin\n1 1 * * * root "$FOLDER/certbot" renew\n',
        "PATH=/opt/certbot/bin:/usr/bin\n1 1 * * * root certbot renew\n",
        '1 1 * * * root "/opt/certbot/bin/certbot" renew\n',
        "1 1 * * * root /opt/certbot/bin/python3 -m certbot -q renew\n",
        "1 1 * * * root /opt/certbot/bin/python -I -m certbot renew\n",
    ],
)
def test_ways_of_writing_a_line_of_cron(host: Host, table: str) -> None:
    host.package()
    (host.root / "etc/cron.d/certbot").unlink()
    host.venv("opt/certbot")
    host.put("etc/crontab", table)
    assert kinds(host.look()) == [Kind.TWO_CERTBOTS]


@pytest.mark.parametrize("folder", ["opt/certbot", "usr/local"])
def test_a_script_that_adds_to_path(host: Host, folder: str) -> None:
    host.venv(folder)
    host.put("etc/cron.daily/renew", "#!/bin/sh\nexport PATH=$PATH:/opt/certbot/bin\ncertbot -q renew\n")
    (host.root / "etc/cron.daily/renew").chmod(0o755)
    assert kinds(host.look()) == []


@pytest.mark.parametrize("place", ["etc/anacrontab", "var/spool/cron/root"])
def test_other_files_of_cron(host: Host, place: str) -> None:
    host.venv("opt/certbot")
    host.put(place, "1 5 certbot.daily /opt/certbot/bin/certbot renew\n")
    assert kinds(host.look()) == []


def test_a_script_of_every_hour_runs_only_if_it_is_executable(host: Host) -> None:
    host.venv("opt/certbot")
    host.put("etc/cron.hourly/renew", "#!/bin/sh\n/opt/certbot/bin/certbot -q renew\n")
    assert kinds(host.look()) == [Kind.NO_SCHEDULE]
    (host.root / "etc/cron.hourly/renew").chmod(0o755)
    assert kinds(host.look()) == []


@pytest.mark.parametrize("name", ["certbot.disabled", "certbot.dpkg-dist", "certbot~"])
def test_a_file_that_cron_passes_over(host: Host, name: str) -> None:
    """Guards against: an entry that was put out of use counts as one that renews."""
    host.put("etc/debian_version", "12.0\n")
    host.venv("opt/certbot")
    host.put(f"etc/cron.d/{name}", "1 1 * * * root /opt/certbot/bin/certbot renew\n")
    assert kinds(host.look()) == [Kind.NO_SCHEDULE]


@pytest.mark.parametrize("line", ["@reboot root {} renew", "1 1 * * * root {} renew --dry-run"])
def test_what_does_not_renew_in_time(host: Host, line: str) -> None:
    host.venv("opt/certbot")
    host.put("etc/crontab", line.format("/opt/certbot/bin/certbot") + "\n")
    assert kinds(host.look()) == [Kind.NO_SCHEDULE]


def test_a_drop_in_replaces_what_the_timer_starts(host: Host) -> None:
    """Guards against: the fix that an administrator made is not seen, and is asked for again."""
    host.package()
    host.venv("opt/certbot")
    host.booted_by_systemd()
    own = "[Service]\nExecStart=\nExecStart=/opt/certbot/bin/certbot \\\n  -q renew\n"
    host.put("etc/systemd/system/certbot.service.d/override.conf", own)
    assert kinds(host.look()) == [Kind.TWO_CERTBOTS]


def test_a_drop_in_that_only_adds_a_hook(host: Host) -> None:
    host.package("1.0.0")
    host.booted_by_systemd()
    host.put("etc/systemd/system/certbot.service.d/hook.conf", "[Service]\nExecStartPost=/bin/true\n")
    assert kinds(host.look()) == []


def test_a_timer_that_is_not_enabled_is_named(host: Host) -> None:
    """Fedora and EPEL leave certbot-renew.timer disabled."""
    host.put("usr/bin/certbot", "#!/usr/bin/python3 -s\n")
    host.put("usr/lib/python3.12/site-packages/certbot-2.9.0.dist-info/METADATA")
    host.put("usr/local/lib/python3.12/site-packages/certbot_external_auth-1.0.0.dist-info/METADATA")
    host.put("usr/lib/systemd/system/certbot-renew.timer", "[Timer]\nOnCalendar=daily\n")
    host.put(
        "usr/lib/systemd/system/certbot-renew.service",
        "[Service]\nExecStart=/usr/bin/certbot renew --noninteractive $PRE_HOOK\n",
    )
    host.booted_by_systemd()
    (only,) = host.look().findings
    assert only.kind is Kind.NO_SCHEDULE
    assert [(each.place, each.can_be_enabled) for each in only.schedules] == [("certbot-renew.timer", True)]
    host.link("etc/systemd/system/timers.target.wants/certbot-renew.timer", "/usr/lib/systemd/system/x")
    assert kinds(host.look()) == []


def test_a_table_without_cron_renews_nothing(host: Host) -> None:
    """Guards against: doctor says that everything fits on a small system, which has no cron."""
    (host.root / "usr/sbin/cron").unlink()
    host.venv("opt/certbot")
    host.put("etc/cron.d/renew", "1 1 * * * root /opt/certbot/bin/certbot renew\n")
    (only,) = host.look().findings
    assert only.kind is Kind.NO_SCHEDULE
    assert [schedule.place for schedule in only.schedules] == ["/etc/cron.d/renew"]
    host.put("usr/sbin/crond")
    assert kinds(host.look()) == []


@pytest.mark.parametrize("folder", ["srv/two words", "srv/it's", "srv/100%"])
def test_the_line_for_cron_works_for_every_path(host: Host, folder: str) -> None:
    """Guards against: cron cuts the path at its blank, or the command at ``%``."""
    host.venv(folder)
    path = f"/{folder}/bin/certbot"
    (only,) = host.look(f"/{folder}/bin").findings
    assert only.kind is Kind.NO_SCHEDULE
    assert only.better is not None
    line = cron_line(only.better)
    command = line.split(" root ")[1].replace(r"\%", "%")
    assert shlex.split(command) == [path, "-q", "renew"]
    assert re.search(r"(?<!\\)%", line) is None
    if "'" not in folder:
        host.put("etc/cron.d/certbot-renew", f"{line}\n")
        assert started(host) == [(path, True)]


# --- the Certbots ---


@pytest.mark.parametrize("first", ["#!/bin/bash", "#!/bin/sh", "#!/usr/bin/env bash", "\x7fELF"])
def test_a_wrapper_is_not_judged_by_the_modules_of_the_system(host: Host, first: str) -> None:
    """Guards against: a wrapper that starts the Certbot with the plugin is said to lack it."""
    host.package()
    (host.root / "lib").symlink_to("usr/lib")
    host.venv("opt/certbot")
    host.put("usr/local/bin/certbot", f'{first}\nexec /opt/certbot/bin/certbot "$@"\n')
    host.put("etc/crontab", "1 1 * * * root /usr/local/bin/certbot renew\n")
    wrapper = host.look().installations[0]
    assert (wrapper.command, wrapper.readable, wrapper.certbot) == ("/usr/local/bin/certbot", False, None)


def test_a_link_to_the_directory_of_programs_is_not_a_second_certbot(host: Host) -> None:
    """On Debian, /bin is a link to /usr/bin, and both are in PATH."""
    host.package("1.0.0")
    (host.root / "bin").symlink_to("usr/bin")
    host.booted_by_systemd()
    assert kinds(host.look("/usr/local/bin", "/usr/bin", "/bin", ".", "")) == []


def test_an_interpreter_in_bin(host: Host) -> None:
    host.put("usr/bin/certbot", "#!/bin/python3\n")
    (host.root / "bin").symlink_to("usr/bin")
    (host.root / "lib").symlink_to("usr/lib")
    host.put("usr/local/lib/python3.11/dist-packages/certbot_external_auth-1.0.0.dist-info/METADATA")
    assert host.look().installations[0].plugin == "1.0.0"


def test_links_that_lead_nowhere_or_in_a_circle(host: Host) -> None:
    host.venv("opt/certbot")
    host.link("usr/bin/certbot", "/opt/gone/bin/certbot")
    host.link("usr/local/bin/certbot", "certbot")
    host.put("etc/crontab", "1 1 * * * root /usr/bin/certbot renew\n")
    report = host.look()
    assert "/usr/bin/certbot" not in [each.command for each in report.installations]
    assert Kind.SCHEDULE_GONE in kinds(report)


def test_modules_of_the_python_before_an_upgrade_do_not_count(host: Host) -> None:
    """Guards against: after an upgrade of the system, the plugin lies where the new Python does not look."""
    host.put("usr/bin/certbot", "#!/usr/bin/python3\n")
    host.put("usr/bin/python3.13")
    host.link("usr/bin/python3", "python3.13")
    host.put("usr/lib/python3/dist-packages/certbot-4.0.0.dist-info/METADATA")
    host.put("usr/local/lib/python3.11/dist-packages/certbot_external_auth-1.0.0.dist-info/METADATA")
    (only,) = host.look().installations
    assert (only.certbot, only.plugin) == ("4.0.0", None)


def test_modules_that_root_installed_for_itself(host: Host) -> None:
    host.put("root/.local/bin/certbot", "#!/usr/bin/python3\n")
    for name in ("certbot-5.8.0", "certbot_external_auth-1.0.0"):
        host.put(f"root/.local/lib/python3.11/site-packages/{name}.dist-info/METADATA")
    (only,) = host.look().installations
    assert (only.kind, only.certbot, only.plugin) == ("other", "5.8.0", "1.0.0")


def test_the_paths_of_certbots_snap_are_one_certbot(host: Host) -> None:
    """Certbot's own instructions link /usr/bin/certbot to the snap. Its Python runs the verbs of this plugin."""
    snap(host)
    host.link("usr/bin/certbot", "/snap/bin/certbot")
    host.put("snap/certbot/current/bin/certbot", "#!/bin/sh\n")
    report = host.look("/usr/bin", "/snap/bin", "/snap/certbot/current/bin")
    (only,) = report.installations
    assert (only.command, only.kind, only.plugin) == ("/usr/bin/certbot", "snap", "1.0.0")
    assert kinds(report) == []


def test_a_snap_where_the_distribution_has_no_directory_snap(host: Host) -> None:
    """Fedora."""
    host.link("var/lib/snapd/snap/bin/certbot", "/usr/bin/snap")
    host.put("usr/bin/snap", "\x7fELF")
    modules = "var/lib/snapd/snap/{}/current/lib/python3.12/site-packages/{}.dist-info/METADATA"
    host.put(modules.format("certbot", "certbot-5.8.0"))
    host.put(modules.format("ours", "certbot_external_auth-1.0.0"))
    (only,) = host.look("/usr/bin").installations
    assert (only.kind, only.certbot, only.plugin) == ("snap", "5.8.0", "1.0.0")


# --- what cannot be read ---


def test_a_directory_of_tables_that_cannot_be_listed_is_named(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards against: "could not look" is reported as "not there"."""
    host.venv("opt/certbot")
    host.put("var/spool/cron/crontabs/root", RENEWS)
    listed = os.listdir

    def refuse(path: Path) -> list[str]:
        if str(path).endswith("crontabs"):
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(os, "listdir", refuse)
    assert any("/var/spool/cron/crontabs" in each for each in host.look().schedules.unreadable)


@pytest.mark.parametrize("place", ["etc/cron.daily/x", "etc/cron.d/x", "etc/systemd/system/x.timer", "opt/x"])
@pytest.mark.parametrize("target", ["/gone", "x"])
def test_links_among_what_is_read(host: Host, place: str, target: str) -> None:
    host.venv("opt/certbot")
    host.put("etc/crontab", "1 1 * * * root /opt/certbot/bin/certbot renew\n")
    host.link(place, target)
    assert kinds(host.look()) == []
