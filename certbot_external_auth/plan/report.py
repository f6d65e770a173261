"""A whole plan as text: commands for a shell, and comments. Every sentence stands here. Pure functions."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from certbot_external_auth.plan.commands import Certificate, Main, Obstacle
from certbot_external_auth.plan.domains_txt import Flaw, Unusable
from certbot_external_auth.plan.keeping import Keeping, Kind
from certbot_external_auth.plan.services import SERVERS, TIMERS, Found, Gap, Unread
from certbot_external_auth.text import one_line

COLUMNS = 100


@dataclass(frozen=True)
class Plan:
    """What is to be done to move from Dehydrated to Certbot.

    :ivar certdir: Dehydrated's folder of certificates.
    :ivar config_dir: Certbot's configuration directory.
    :ivar kept: what keeps the settings of the main configuration.
    :ivar found: what names the old folder or runs Dehydrated, and what was not looked at.
    """

    main: Main
    certdir: str
    config_dir: str
    account: tuple[str, ...]
    rehearsal: tuple[str, ...] | None
    kept: tuple[Keeping, ...]
    certificates: tuple[Certificate, ...]
    unusable: tuple[Unusable, ...]
    found: tuple[Found | Unread, ...]

    @property
    def complete(self) -> bool:
        """Whether every line has become a command that can be run."""
        return not self.unusable and not any(one.obstacles for one in self.certificates)


_KINDS = {
    Kind.KEPT: "",
    Kind.FIRST_KEY_IS_NEW: "Certbot makes a new key first, and then keeps that one. If you publish a hash of the key "
    "(TLSA), publish the new one too.",
    Kind.IN_THE_RENEWAL_FILE: "no flag keeps this. The command writes it into Certbot's renewal file.",
    Kind.CERTBOT_CANNOT: "Certbot cannot do this.",
    Kind.NEEDS_NEWER_CERTBOT: "Certbot 4.0 or newer is needed to keep this. Without it the CA chooses.",
}
_OBSTACLES = {
    Obstacle.NEEDS_NEWER_CERTBOT: "Do not run this: for an IP address, Certbot {} or newer is needed.",
    Obstacle.SAME_NAME: "Do not run this as it is: several lines have the name {}, and each replaces the certificate "
    "of the one before. Give each line an alias (> NAME) in domains.txt.",
    Obstacle.OTHER_CERTIFICATE: "Do not run this as it is: Certbot has a certificate of this name, for {}. It would be "
    "replaced. Change --cert-name.",
    Obstacle.CERTIFICATE_UNREADABLE: "Do not run this as it is: Certbot has a certificate {}, which cannot be read. "
    "Run the plan as root.",
    Obstacle.OWN_SETTINGS_UNREADABLE: "Do not run this as it is: this certificate has settings of its own, which "
    "cannot be read: {}",
}
_FLAWS = {
    Flaw.NO_NAME: "the line has no name.",
    Flaw.SEVERAL_ALIASES: "the line has several aliases, {}. Keep one.",
    Flaw.ALIAS_IS_A_PATH: "Certbot names files by the alias {}. Choose one without / and without a dot in front.",
    Flaw.NOT_A_NAME: "{} cannot be in a certificate. Write names as in DNS (xn--… for international names).",
}
_GAPS = {
    Gap.LEADS_ELSEWHERE: "leads to {}, which was not read",
    Gap.UNREADABLE: "could not be read: {}",
    Gap.TOO_LONG: "is longer than {} bytes, and was not read",
    Gap.TOO_MANY: "has more than {} files, and the others were not read",
}


def text(plan: Plan) -> str:
    """Write a plan."""
    parts = [
        _comment(
            f"A plan to move from Dehydrated to Certbot, for {plan.main.path}. Nothing has been changed. Read it, then "
            "run its commands in this order, as root."
        ),
        _step("Give Certbot an account at the CA, unless it has one there.", plan.account),
        *([_step("Try the hook without a CA.", plan.rehearsal)] if plan.rehearsal else []),
        "\n".join(_settings(plan)),
        _comment("Get the certificates. Dehydrated's own files stay as they are."),
        *("\n".join(_certificate(one, plan.config_dir)) for one in plan.certificates),
        *(_comment(f"{one.place}: not in this plan: {_FLAWS[one.flaw].format(one.detail)}") for one in plan.unusable),
        "\n".join(_servers(plan)),
        "\n".join(_timers(plan)),
        *(["\n".join(_unread(plan))] if any(isinstance(one, Unread) for one in plan.found) else []),
    ]
    return "\n\n".join(parts)


def _comment(sentence: str, indent: str = "") -> str:
    """Write a sentence as a comment. A newline in a path must not end it."""
    first, rest = f"# {indent}", f"# {indent}{'  ' if indent else ''}"
    words = textwrap.TextWrapper(COLUMNS, initial_indent=first, subsequent_indent=rest)
    words.break_long_words = words.break_on_hyphens = False
    return words.fill(one_line(sentence, 4000))


def _step(sentence: str, words: Sequence[str]) -> str:
    return f"{_comment(sentence)}\n{shlex.join(words)}"


def _settings(plan: Plan) -> Iterator[str]:
    yield _comment(
        "These settings of Dehydrated would change the certificates. The flags after each of them keep it, and the "
        "commands below have these flags."
    )
    yield from _keepings(plan.kept)
    user = plan.main.settings["DEHYDRATED_USER"]
    if user:
        yield _comment(
            f"DEHYDRATED_USER={user}: the hook runs as the user who runs Certbot. To publish as {user}, add to each "
            f"command: --external-auth-run-as {user}",
            "  ",
        )


def _keepings(kept: Iterable[Keeping]) -> Iterator[str]:
    for one in kept:
        names = ", ".join(f"{name}={value}" for name, value in one.settings)
        said = ". ".join(filter(None, (shlex.join(one.flags), _KINDS[one.kind])))
        yield _comment(f"{names}: {said}", "  ")


def _certificate(one: Certificate, config_dir: str) -> Iterator[str]:
    own = f", with settings of its own in {one.own.path}" if one.own else ""
    yield _comment(f"{one.line.place}: {one.line.alias}{own}")
    yield from _keepings(one.keepings)
    if one.present:
        yield _comment("Certbot has this certificate already.")
    for obstacle, detail in one.obstacles:
        yield _comment(_OBSTACLES[obstacle].format(detail))
    command = shlex.join(one.words)
    if one.renew_days:
        command += f" &&\n    {shlex.join(_written(one.renew_days, f'{config_dir}/renewal/{one.line.lineage}.conf'))}"
    # What stands behind an obstacle is shown, and does nothing if the plan is run as a script.
    yield "\n".join(f"# {line}" for line in command.split("\n")) if one.obstacles else command


def _written(days: str, file: str) -> list[str]:
    """Return a command that sets the time of renewal. Certbot does not read a file that sets it twice."""
    line = f"renew_before_expiry = {days} days"
    return ["sed", "-i", "-e", f"1i {line}", "-e", "/^renew_before_expiry *=/d", file]


def _servers(plan: Plan) -> Iterator[str]:
    live = f"{plan.config_dir}/live"
    named = [one for one in plan.found if isinstance(one, Found) and one.service in SERVERS]
    if not named:
        yield _comment(
            f"Let your servers use the new files, {live}/NAME, in place of {plan.certdir}/NAME. No file that was read "
            f"names the old folder ({', '.join(SERVERS)})."
        )
        return
    yield _comment(
        "Let your servers use the new files. Until then they use Dehydrated's, which nothing renews when Dehydrated is "
        f"stopped. These lines name {plan.certdir}:"
    )
    for one in named:
        new = f"{live}/{one.alias}" if one.alias else live
        yield _comment(f"{one.service} {one.path}:{one.line}: write {new}", "  ")


def _timers(plan: Plan) -> Iterator[str]:
    named = [one for one in plan.found if isinstance(one, Found) and one.service in TIMERS]
    if not named:
        yield _comment(f"Stop Dehydrated. No file that was read runs it ({', '.join(TIMERS)}).")
        return
    yield _comment(
        "Stop Dehydrated when all this works. If a flag is given to it there, that flag wins over the configuration, "
        "and this plan does not have it:"
    )
    for one in named:
        yield _comment(f"{one.service} {one.path}{f':{one.line}' if one.line else ''}", "  ")


def _unread(plan: Plan) -> Iterator[str]:
    yield _comment("These places were not looked at. They may name the old folder, too:")
    for one in plan.found:
        if isinstance(one, Unread):
            yield _comment(f"{one.service} {one.path} {_GAPS[one.gap].format(one.detail)}", "  ")
