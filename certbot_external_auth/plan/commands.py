"""The commands that move certificates from Dehydrated to Certbot, as data. Pure functions."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from certbot_external_auth.plan import keeping
from certbot_external_auth.plan.domains_txt import Line
from certbot_external_auth.plan.keeping import Keeping, Settings, Version
from certbot_external_auth.text import flag_words

ADDRESSES_SINCE: Version = (5, 3)
"""The first Certbot with `--ip-address`, by its CHANGELOG.md."""


class Obstacle(enum.Enum):
    """Why a command must not be run as it is."""

    NEEDS_NEWER_CERTBOT = "needs_newer_certbot"
    """The certificate has an IP address."""
    SAME_NAME = "same_name"
    """Another line has the same name, and Certbot keeps one certificate for a name."""
    OTHER_CERTIFICATE = "other_certificate"
    """Certbot has a certificate of that name, with other names in it. It would be replaced."""
    CERTIFICATE_UNREADABLE = "certificate_unreadable"
    """Certbot has a certificate of that name, and it is not known which names it has."""
    OWN_SETTINGS_UNREADABLE = "own_settings_unreadable"


@dataclass(frozen=True)
class Own:
    """The configuration of one certificate.

    :ivar settings: all settings, with those of the main configuration; None if it cannot be read.
    :ivar problem: why it cannot.
    """

    path: str
    settings: Settings | None
    problem: str = ""


@dataclass(frozen=True)
class Certificate:
    """One line of domains.txt as a command of Certbot.

    :ivar words: the command.
    :ivar keepings: what keeps the settings that this certificate alone has.
    :ivar obstacles: why not to run the command, with a detail.
    :ivar renew_days: what Certbot's renewal file must have.
    :ivar present: Certbot has this certificate already.
    """

    line: Line
    words: tuple[str, ...]
    keepings: tuple[Keeping, ...] = ()
    obstacles: tuple[tuple[Obstacle, str], ...] = ()
    own: Own | None = None
    renew_days: str | None = None
    present: bool = False


@dataclass(frozen=True)
class Main:
    """The main configuration.

    :ivar folder: where its relative paths begin.
    :ivar env_file: the handler's, whose variables it may use.
    """

    path: str
    folder: str
    settings: Settings
    env_file: str | None = None

    def words(self, prefix: str = "--external-auth-") -> tuple[str, ...]:
        """Return the flags by which it is read. :param prefix: of the flags."""
        more = () if self.env_file is None else (f"{prefix}env-file", self.env_file)
        return (f"{prefix}dehydrated-config", self.path, *more)


Present = Mapping[str, frozenset[str] | None]
"""By lineage, the names in Certbot's certificate; None if they cannot be read."""


def account(main: Main) -> tuple[str, ...]:
    """Return the command that gives Certbot an account at the CA."""
    email, url = main.settings["CONTACT_EMAIL"], keeping.directory(main.settings)
    words = ["certbot", "register", "-n", "--agree-tos"]
    words += ["-m", email] if email else ["--register-unsafely-without-email"]
    return (*words, *(["--server", url] if url != keeping.LETSENCRYPT else []))


def rehearsal(main: Main, lines: Sequence[Line]) -> tuple[str, ...] | None:
    """Return the command that tries the hook without a CA; None if no line has a name to try it with."""
    names = [name.removeprefix("*.") for line in lines for name in line.domains]
    words = ("certbot-external-auth", "check", *main.words("--"), "--domain")
    return (*words, names[0]) if names else None


def certificates(
    main: Main, lines: Sequence[Line], own: Mapping[str, Own], present: Present, version: Version
) -> list[Certificate]:
    """Return a command for each line, those with settings of their own first.

    :param own: the configurations of single certificates, by alias.
    """
    count = Counter(line.lineage for line in lines)
    made = [
        _certificate(main, line, own.get(line.alias), _obstacles(line, count, present, version), present, version)
        for line in lines
    ]
    return sorted(made, key=lambda one: one.own is None)


def _certificate(
    main: Main,
    line: Line,
    own: Own | None,
    obstacles: Sequence[tuple[Obstacle, str]],
    present: Present,
    version: Version,
) -> Certificate:
    settings = own.settings if own is not None and own.settings is not None else main.settings
    kept = keeping.general(settings, version)
    alone = [one for one in kept if one not in keeping.general(main.settings, version)]
    alone += keeping.own(settings, main.settings, main.folder)
    flags = [word for one in (*kept, *keeping.own(settings, main.settings, main.folder)) for word in one.flags]
    if own is not None and own.settings is None:
        obstacles = [*obstacles, (Obstacle.OWN_SETTINGS_UNREADABLE, own.problem)]
    return Certificate(
        line,
        (*_start(main), *flag_words(line.lineage), *_names(line), *flags),
        tuple(alone),
        tuple(obstacles),
        own,
        keeping.renew_days(kept),
        present.get(line.lineage) == line.identifiers,
    )


def _start(main: Main) -> Iterable[str]:
    return ["certbot", "certonly", "-n", "--configurator", "external-auth", *main.words()]


def _names(line: Line) -> list[str]:
    domains = [word for name in line.domains for word in ("-d", name)]
    return [*domains, *(word for address in line.addresses for word in ("--ip-address", address))]


def _obstacles(line: Line, count: Mapping[str, int], present: Present, version: Version) -> list[tuple[Obstacle, str]]:
    found = []
    if line.addresses and version < ADDRESSES_SINCE:
        found.append((Obstacle.NEEDS_NEWER_CERTBOT, ".".join(map(str, ADDRESSES_SINCE))))
    if count[line.lineage] > 1:
        found.append((Obstacle.SAME_NAME, line.lineage))
    if line.lineage in present:
        there = present[line.lineage]
        if there is None:
            found.append((Obstacle.CERTIFICATE_UNREADABLE, line.lineage))
        elif there != line.identifiers:
            found.append((Obstacle.OTHER_CERTIFICATE, " ".join(sorted(there))))
    return found
