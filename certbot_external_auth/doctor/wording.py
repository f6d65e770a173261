"""The words for what was found, and for what to change."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping

from certbot_external_auth.doctor.findings import Finding, Kind
from certbot_external_auth.doctor.installations import Installation

_KINDS = {
    "package": "package of the distribution",
    "venv": "virtual environment",
    "pipx": "pipx",
    "snap": "snap",
    "other": "installed in another way",
}
INSTALL = {
    "package": "apt install ./python3-certbot-external-auth_VERSION_all.deb",
    "pipx": "pipx inject certbot certbot_external_auth-VERSION-py3-none-any.whl",
    "snap": "snap connect certbot:plugin certbot-external-auth   (after 'snap install' of that snap)",
}
"""The command that adds the plugin, by the way in which Certbot was installed; see `install`."""


def described(each: Installation) -> str:
    """Describe a Certbot in one line."""
    plugin = f"plugin {each.plugin}" if each.plugin is not None else "without the plugin"
    if not each.readable:
        plugin = "its Python modules could not be found or read, so it may have the plugin or not"
    same = f", also {', '.join(each.same)}" if each.same else ""
    strange = ", and another user can change it, so root must not start it" if each.strange else ""
    version = each.certbot or "of unknown version"
    return f"{each.command}{same}: Certbot {version}, {_KINDS[each.kind]}, {plugin}{strange}"


def install(each: Installation) -> str:
    """Return the command that adds the plugin to a Certbot."""
    program = shlex.quote(f"{each.command.rpartition('/')[0]}/pip")
    pip = f"{program} install certbot_external_auth-VERSION-py3-none-any.whl"
    return INSTALL.get(each.kind, pip)


def cron_line(each: Installation) -> str:
    """Return the line for /etc/cron.d that renews with a Certbot. In it, ``%`` is a line break; see crontab(5)."""
    program = shlex.quote(each.command).replace("%", r"\%")
    return f"17 */12 * * * root {program} -q renew"


def sentence(finding: Finding) -> str:
    """Say what is wrong, and what to change."""
    return _SENTENCES[finding.kind](finding)


def _no_certbot(_: Finding) -> str:
    return "No Certbot was found where this user may look. If there is none, install one, then this plugin beside it."


def _no_plugin(finding: Finding) -> str:
    if finding.installation is None:
        return (
            f"Every Certbot here can be changed by another user{_renewals(finding)}. Install one as root, then this "
            "plugin beside it."
        )
    return f"No Certbot here has the plugin{_renewals(finding)}. Install it: {install(finding.installation)}"


def _only_strange_plugin(finding: Finding) -> str:
    wrong = "Another user can change every Certbot that has the plugin, so root must not start it"
    if finding.installation is None:
        return f"{wrong}{_renewals(finding)}. Install Certbot as root, then this plugin beside it."
    return f"{wrong}{_renewals(finding)}. Install the plugin here: {install(finding.installation)}"


def _schedule_without_plugin(finding: Finding) -> str:
    assert finding.installation is not None
    place, first, second = finding.schedules[0].place, finding.installation, finding.better
    wrong = f"{place} renews with {first.command}, which does not have the plugin{_renewals(finding)}."
    if second is None:
        return f"{wrong} Add the plugin to it: {install(first)}"
    return (
        f"{wrong} Either add the plugin to it: {install(first)}\n"
        f"Or let {second.command} renew: {_stop(place)}, then write this line into /etc/cron.d/certbot-renew: "
        f"{cron_line(second)}"
    )


def _schedule_unknown(finding: Finding) -> str:
    assert finding.installation is not None
    command = finding.installation.command
    return (
        f"{finding.schedules[0].place} renews with {command}. Its Python modules could not be found or read, so it may "
        f"not have the plugin. To see it, run: {shlex.quote(command)} plugins"
    )


def _schedule_gone(finding: Finding) -> str:
    schedule = finding.schedules[0]
    instead = f" or write {finding.better.command} there" if finding.better is not None else ""
    return (
        f"{schedule.place} starts {schedule.command}, which is not there{_renewals(finding)}. "
        f"Install that Certbot,{instead or ' or remove the entry'}."
    )


def _no_schedule(finding: Finding) -> str:
    nothing = f"No timer and no cron file that was read runs 'certbot renew'{_renewals(finding)}."
    if finding.better is None:
        return nothing
    timer = next((each.place for each in finding.schedules if each.can_be_enabled), None)
    if timer is not None:
        return f"{nothing} {timer} would, but it is not enabled: systemctl enable --now {timer}"
    table = next((each.place for each in finding.schedules if each.place.startswith("/")), None)
    if table is not None:
        why = "cron is not installed, or the entry does nothing here (the file's name or mode, @reboot, systemd)"
        return f"{nothing} {table} would, but {why}."
    line = cron_line(finding.better)
    return f"{nothing} Install cron, and write this line into /etc/cron.d/certbot-renew: {line}"


def _two_schedules(finding: Finding) -> str:
    listed = ", ".join(f"{each.place} ({each.command})" for each in finding.schedules)
    keep = f" Keep the one that starts {finding.better.command}." if finding.better is not None else ""
    return f"Different Certbots renew the same certificates: {listed}.{keep}"


def _two_certbots(finding: Finding) -> str:
    assert finding.installation is not None
    return (
        f"There are several Certbots. 'certbot' in your shell is {finding.installation.command}. They share "
        "/etc/letsencrypt; remove those that you do not need, so that each command finds the same plugins."
    )


def _renewals(finding: Finding) -> str:
    if not finding.lineages:
        return ""
    return f", so these certificates are not renewed: {', '.join(finding.lineages)}"


def _stop(place: str) -> str:
    return f"systemctl disable --now {place}" if place.endswith(".timer") else f"remove its line from {place}"


_SENTENCES: Mapping[Kind, Callable[[Finding], str]] = {
    Kind.NO_CERTBOT: _no_certbot,
    Kind.NO_PLUGIN: _no_plugin,
    Kind.ONLY_STRANGE_PLUGIN: _only_strange_plugin,
    Kind.SCHEDULE_WITHOUT_PLUGIN: _schedule_without_plugin,
    Kind.SCHEDULE_UNKNOWN: _schedule_unknown,
    Kind.SCHEDULE_GONE: _schedule_gone,
    Kind.NO_SCHEDULE: _no_schedule,
    Kind.TWO_SCHEDULES: _two_schedules,
    Kind.TWO_CERTBOTS: _two_certbots,
}
