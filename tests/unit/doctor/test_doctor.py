"""Hosts as people have them, made of files: which Certbots `doctor` finds, and what it says does not fit."""

from __future__ import annotations

from pathlib import Path

import pytest

from certbot_external_auth.doctor import installations, wording
from certbot_external_auth.doctor.findings import BROKEN, Finding, Kind
from certbot_external_auth.doctor.verb import Report, look

CRON = (
    "SHELL=/bin/sh\n0 */12 * * * root test -x /usr/bin/certbot -a \\! -d /run/systemd/system && "
    "perl -e 'sleep int(rand(43200))' && certbot -q renew --no-random-sleep-on-renew\n"
)


class Host:
    """A root directory of a system that has cron."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.put("usr/sbin/cron")

    def put(self, path: str, text: str = "") -> None:
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)

    def link(self, path: str, target: str) -> None:
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(target)

    def package(self, plugin: str | None = None) -> None:
        """Install Debian's Certbot, and perhaps the package of the plugin."""
        self.put("usr/bin/certbot", "#!/usr/bin/python3\n")
        self.put("usr/lib/python3/dist-packages/certbot-2.1.0.egg-info/PKG-INFO")
        self.put("etc/cron.d/certbot", CRON)
        self.put("usr/lib/systemd/system/certbot.timer", "[Timer]\nOnCalendar=*-*-* 00,12:00:00\n")
        self.put("usr/lib/systemd/system/certbot.service", "[Service]\nExecStart=/usr/bin/certbot -q renew\n")
        self.link("etc/systemd/system/timers.target.wants/certbot.timer", "/usr/lib/systemd/system/certbot.timer")
        if plugin is not None:
            self.put(f"usr/lib/python3/dist-packages/certbot_external_auth-{plugin}.dist-info/METADATA")

    def venv(self, folder: str, plugin: str | None = "1.0.0", configuration: str = "") -> None:
        """Make a virtual environment with Certbot, and perhaps the plugin."""
        self.put(f"{folder}/pyvenv.cfg", f"home = /usr/bin\n{configuration}")
        self.put(f"{folder}/bin/python3")
        # What pip writes if the path of the interpreter has a blank.
        by_a_shell = f"#!/bin/sh\n'''exec' \"/{folder}/bin/python3\" \"$0\" \"$@\"\n' '''\n"
        self.put(f"{folder}/bin/certbot", by_a_shell if " " in folder else f"#!/{folder}/bin/python3\n")
        self.put(f"{folder}/lib/python3.11/site-packages/certbot-5.8.0.dist-info/METADATA")
        if plugin is not None:
            self.put(f"{folder}/lib/python3.11/site-packages/certbot_external_auth-{plugin}.dist-info/METADATA")

    def booted_by_systemd(self) -> None:
        (self.root / "run/systemd/system").mkdir(parents=True)

    def lineage(self, name: str, plugin: str = "external-auth") -> None:
        self.put(f"etc/letsencrypt/renewal/{name}.conf", f"[renewalparams]\nauthenticator = {plugin}\n")

    def look(self, *search_path: str) -> Report:
        return look(self.root, search_path or ("/usr/local/bin", "/usr/bin"), self.root / "etc/letsencrypt")


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def kinds(report: Report) -> list[Kind]:
    return [finding.kind for finding in report.findings]


def test_a_package_with_its_plugin_fits(host: Host) -> None:
    host.package("1.0.0")
    host.booted_by_systemd()
    host.lineage("a.example")
    report = host.look()
    (only,) = report.installations
    assert (only.command, only.kind, only.certbot, only.plugin) == ("/usr/bin/certbot", "package", "2.1.0", "1.0.0")
    assert not report.findings


def test_debians_timer_that_runs_the_certbot_without_the_plugin(host: Host) -> None:
    """Guards against: the certificate is issued from a virtual environment, and nobody renews it."""
    host.package()
    host.venv("opt/certbot")
    host.booted_by_systemd()
    host.lineage("a.example")
    host.lineage("other.example", "nginx")
    first = host.look().findings[0]
    assert first.kind is Kind.SCHEDULE_WITHOUT_PLUGIN
    assert first.schedules[0].place == "certbot.timer"
    assert first.installation is not None
    assert first.installation.command == "/usr/bin/certbot"
    assert first.better is not None
    assert first.better.command == "/opt/certbot/bin/certbot"
    assert first.lineages == ("a.example",)


def test_without_systemd_cron_is_what_renews(host: Host) -> None:
    host.package()
    host.venv("opt/certbot")
    (active,) = (each for each in host.look().schedules.schedules if each.active)
    assert (active.place, active.command) == ("/etc/cron.d/certbot", "certbot")
    assert host.look().findings[0].kind is Kind.SCHEDULE_WITHOUT_PLUGIN


def test_the_plugin_is_in_no_certbot(host: Host) -> None:
    host.package()
    host.lineage("a.example")
    first = host.look().findings[0]
    assert (first.kind, first.lineages) == (Kind.NO_PLUGIN, ("a.example",))


def test_no_certbot_at_all(host: Host) -> None:
    assert kinds(host.look()) == [Kind.NO_CERTBOT]


def test_an_entry_whose_certbot_is_gone(host: Host) -> None:
    host.venv("opt/certbot")
    host.put("etc/crontab", "1 1 * * * root /opt/gone/bin/certbot renew -q\n")
    assert kinds(host.look()) == [Kind.SCHEDULE_GONE]


def test_a_certbot_that_only_cron_names_is_there(host: Host) -> None:
    """Guards against: "which is not there", of a Certbot that renews every night."""
    host.package()
    host.venv("srv/certbot")
    host.put("etc/cron.d/own", "1 2 * * * root /srv/certbot/bin/certbot -q renew\n")
    host.put("etc/cron.d/certbot")
    report = host.look()
    assert [each.command for each in report.installations] == ["/usr/bin/certbot", "/srv/certbot/bin/certbot"]
    assert kinds(report) == [Kind.TWO_CERTBOTS]


def test_root_is_not_told_to_start_what_another_user_can_change(host: Host) -> None:
    """Guards against: a user who becomes root by a Certbot in the own home directory."""
    host.package()
    host.venv("home/eve/venv")
    host.link("home/eve/.local/bin/certbot", "/home/eve/venv/bin/certbot")
    (host.root / "home/eve/venv").chmod(0o777)
    report = host.look()
    assert [each.strange for each in report.installations] == [False, True]
    assert kinds(report)[0] is Kind.ONLY_STRANGE_PLUGIN
    assert Kind.SCHEDULE_WITHOUT_PLUGIN in kinds(report)
    assert not any(finding.better for finding in report.findings)
    assert all(map(wording.sentence, report.findings))
    (host.root / "usr/bin/certbot").unlink()
    advice = "\n".join(map(wording.sentence, host.look().findings))
    assert "/home/eve" not in advice


def test_a_version_that_another_user_has_made_up_reaches_no_terminal(host: Host) -> None:
    host.venv("home/eve/.local", plugin="1\x1b[2J")
    host.put("home/eve/.local/lib/python3.11/site-packages/certbot_external_auth-1\n-.dist-info/METADATA")
    assert [each.plugin for each in host.look().installations] == [None]


def test_nothing_renews(host: Host) -> None:
    host.venv("opt/certbot")
    host.put("etc/crontab", "# 1 1 * * * root /opt/certbot/bin/certbot renew\n2 2 * * * root certbot certificates\n")
    assert kinds(host.look()) == [Kind.NO_SCHEDULE]


@pytest.mark.parametrize(
    "line",
    [
        "1 1 * * * root /opt/certbot/bin/certbot -q renew",
        "1 1 * * * root cd / && test -x /x && /opt/certbot/bin/certbot renew --post-hook 'reload it'",
        "@daily root sleep 5; /opt/certbot/bin/certbot --config-dir /etc/letsencrypt renew | logger",
    ],
)
def test_entries_of_cron(host: Host, line: str) -> None:
    host.venv("opt/certbot")
    host.put("var/spool/cron/crontabs/root", line + "\n")
    assert not host.look().findings


def test_one_certbot_under_several_paths_is_one(host: Host) -> None:
    host.venv("opt/certbot")
    host.link("usr/bin/certbot", "/opt/certbot/bin/certbot")
    (only,) = host.look().installations
    assert (only.command, only.same) == ("/usr/bin/certbot", ("/opt/certbot/bin/certbot",))


def test_a_virtual_environment_over_the_systems_packages(host: Host) -> None:
    host.put("usr/lib/python3/dist-packages/certbot_external_auth-0.9.dist-info/METADATA")
    host.venv("opt/own", plugin=None, configuration="include-system-site-packages = true\n")
    assert host.look().installations[0].plugin == "0.9"


def test_a_snap_whose_plugin_is_a_snap_of_its_own(host: Host) -> None:
    host.link("snap/bin/certbot", "/usr/bin/snap")
    host.put("usr/bin/snap", "\x7fELF")
    host.put("snap/certbot/current/lib/python3.12/site-packages/certbot-5.8.0.dist-info/METADATA")
    host.put("snap/ours/current/lib/python3.12/site-packages/certbot_external_auth-1.0.0.dist-info/METADATA")
    (only,) = host.look().installations
    assert (only.kind, only.certbot, only.plugin) == ("snap", "5.8.0", "1.0.0")


def test_two_schedules_with_different_certbots(host: Host) -> None:
    host.package("1.0.0")
    host.venv("opt/certbot")
    host.put("etc/crontab", "1 1 * * * root /opt/certbot/bin/certbot renew\n")
    assert kinds(host.look()) == [Kind.TWO_SCHEDULES]


def test_a_script_that_cannot_be_read_is_not_called_one_without_the_plugin(host: Host) -> None:
    host.venv("opt/certbot")
    host.put("usr/bin/certbot", "\x7fELF")
    host.put("etc/crontab", "1 1 * * * root /usr/bin/certbot renew\n")
    assert kinds(host.look())[0] is Kind.SCHEDULE_UNKNOWN


def test_a_timer_that_is_masked_or_not_enabled_renews_nothing(host: Host) -> None:
    host.package("1.0.0")
    host.booted_by_systemd()
    host.link("etc/systemd/system/certbot.timer", "/dev/null")
    assert kinds(host.look()) == [Kind.NO_SCHEDULE]


def test_what_cannot_be_read_is_listed(host: Host) -> None:
    host.venv("opt/certbot")
    (host.root / "etc/crontab").mkdir(parents=True)
    assert any("/etc/crontab" in line for line in host.look().lines())


def test_a_directory_that_cannot_be_read_is_listed(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards against: "no cron file runs it", said to a user who may not read root's."""
    host.venv("opt/certbot")
    for path in ("etc/cron.d", "etc/systemd/system", "var/spool/cron/crontabs"):
        # A link to itself cannot be followed, by root either.
        host.link(path, str(host.root / path))
    (host.root / "root").mkdir()
    monkeypatch.setattr(installations, "_is_closed", lambda folder: folder == host.root / "root")
    lines = "\n".join(host.look().lines())
    for path in ("/root: ", "/etc/cron.d: ", "/etc/systemd/system: ", "/var/spool/cron/crontabs: "):
        assert f"  {path}" in lines


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_has_words(kind: Kind, host: Host) -> None:
    """Every finding says what to do, and names the certificates that are not renewed."""
    host.package()
    host.venv("opt/certbot")
    report = host.look()
    bad, good = report.installations[1], report.installations[0]
    finding = Finding(kind, report.schedules.schedules, good, bad, ("a.example",))
    assert wording.sentence(finding)
    assert kind not in BROKEN - {Kind.NO_CERTBOT} or "a.example" in wording.sentence(finding)
