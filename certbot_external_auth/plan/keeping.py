"""Which settings of Dehydrated would change a certificate, and what keeps each of them in Certbot. Pure functions."""

from __future__ import annotations

import enum
import posixpath
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

Settings = Mapping[str, str]
"""The values of Dehydrated's settings, by name."""
Version = tuple[int, ...]
"""Of the running Certbot: major and minor."""
PROFILES_SINCE: Version = (4, 0)
"""The first Certbot with `--preferred-profile`, by its CHANGELOG.md."""
LETSENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"
"""The CA of both if none is named."""
_PRESETS = {
    "letsencrypt": "CA_LETSENCRYPT",
    "letsencrypt-test": "CA_LETSENCRYPT_TEST",
    "zerossl": "CA_ZEROSSL",
    "buypass": "CA_BUYPASS",
    "buypass-test": "CA_BUYPASS_TEST",
    "google": "CA_GOOGLE",
    "google-test": "CA_GOOGLE_TEST",
}
_CURVES = {"prime256v1": "secp256r1"}
"""Dehydrated's names of elliptic curves, where Certbot has another."""
_USUAL_RENEW_DAYS = ("", "30", "32")
"""Dehydrated's defaults, 0.7.0 and newer. Certbot's own is as good."""
OF_A_CERTIFICATE = frozenset(
    """
    ACME_PROFILE CHALLENGETYPE HOOK HOOK_CHAIN KEYSIZE KEY_ALGO OCSP_FETCH OCSP_MUST_STAPLE ORDER_TIMEOUT
    PREFERRED_CHAIN PRIVATE_KEY_RENEW PRIVATE_KEY_ROLLOVER RENEW_DAYS WELLKNOWN
    """.split()  # noqa: SIM905 - a list of literals would be 14 lines
)
"""What Dehydrated takes from the configuration of one certificate. It ignores all else that stands there."""


class Kind(enum.Enum):
    """What becomes of a setting."""

    KEPT = "kept"
    """By flags of Certbot."""
    FIRST_KEY_IS_NEW = "first_key_is_new"
    """By a flag, but Certbot does not take over the key that is there."""
    IN_THE_RENEWAL_FILE = "in_the_renewal_file"
    """There is no flag; a line in Certbot's renewal file keeps it."""
    CERTBOT_CANNOT = "certbot_cannot"
    NEEDS_NEWER_CERTBOT = "needs_newer_certbot"


@dataclass(frozen=True)
class Keeping:
    """A setting, and what keeps it.

    :ivar settings: names and values.
    :ivar flags: of Certbot.
    """

    settings: tuple[tuple[str, str], ...]
    kind: Kind
    flags: tuple[str, ...] = ()


def general(settings: Settings, version: Version) -> tuple[Keeping, ...]:
    """Say what keeps the settings of a configuration that would change a certificate."""
    return tuple(found for rule in _RULES for found in rule(settings, version))


def own(settings: Settings, main: Settings, folder: str) -> tuple[Keeping, ...]:
    """Say what keeps the settings of one certificate that the plugin would take from the main configuration.

    :param settings: with those of the certificate.
    :param folder: of the main configuration, where a relative HOOK begins.
    """
    changed = {name for name in OF_A_CERTIFICATE if settings[name] not in (main[name], "")}
    flags = {
        "CHALLENGETYPE": ("--preferred-challenges", settings["CHALLENGETYPE"]),
        "HOOK": ("--external-auth-handler", _command(settings["HOOK"], folder)),
        "HOOK_CHAIN": ("--external-auth-hook-chain", "yes" if settings["HOOK_CHAIN"] == "yes" else "no"),
        "WELLKNOWN": ("--external-auth-wellknown", posixpath.join(folder, settings["WELLKNOWN"])),
    }
    return tuple(_kept({name: settings[name]}, *words) for name, words in flags.items() if name in changed)


def directory(settings: Settings) -> str:
    """Return the URL of the CA's directory, as Dehydrated finds it."""
    named = settings["CA"]
    return settings[_PRESETS[named]] if named in _PRESETS else named or LETSENCRYPT


def renew_days(keepings: tuple[Keeping, ...]) -> str | None:
    """Return RENEW_DAYS, if only the renewal file keeps it."""
    days = (dict(one.settings)["RENEW_DAYS"] for one in keepings if one.kind is Kind.IN_THE_RENEWAL_FILE)
    return next(days, None)


def _command(hook: str, folder: str) -> str:
    """Return HOOK as the plugin's flag has it. Dehydrated looks up a name without a slash on PATH."""
    return shlex.quote(posixpath.join(folder, hook) if "/" in hook else hook)


def _kept(settings: Settings, *flags: str, kind: Kind = Kind.KEPT) -> Keeping:
    return Keeping(tuple(settings.items()), kind, flags)


def _ca(settings: Settings, version: Version) -> Iterator[Keeping]:
    url = directory(settings)
    if url != LETSENCRYPT:
        yield _kept({"CA": settings["CA"]}, "--server", url)


def _key(settings: Settings, version: Version) -> Iterator[Keeping]:
    """The defaults differ: Dehydrated's is secp384r1, Certbot's secp256r1."""
    algorithm, size = settings["KEY_ALGO"], settings["KEYSIZE"]
    if algorithm == "rsa":
        yield _kept({"KEY_ALGO": algorithm, "KEYSIZE": size}, "--key-type", "rsa", "--rsa-key-size", size)
    else:
        curve = _CURVES.get(algorithm, algorithm)
        yield _kept({"KEY_ALGO": algorithm}, "--key-type", "ecdsa", "--elliptic-curve", curve)


def _reused_key(settings: Settings, version: Version) -> Iterator[Keeping]:
    # Dehydrated makes a new key for "yes" only.
    if settings["PRIVATE_KEY_RENEW"] != "yes":
        value = {"PRIVATE_KEY_RENEW": settings["PRIVATE_KEY_RENEW"]}
        yield _kept(value, "--reuse-key", kind=Kind.FIRST_KEY_IS_NEW)


def _switches(settings: Settings, version: Version) -> Iterator[Keeping]:
    if settings["OCSP_MUST_STAPLE"] == "yes":
        yield _kept({"OCSP_MUST_STAPLE": "yes"}, "--must-staple")
    for name in ("PRIVATE_KEY_ROLLOVER", "OCSP_FETCH"):
        if settings[name] == "yes":
            yield _kept({name: "yes"}, kind=Kind.CERTBOT_CANNOT)


def _order(settings: Settings, version: Version) -> Iterator[Keeping]:
    if settings["PREFERRED_CHAIN"]:
        yield _kept({"PREFERRED_CHAIN": settings["PREFERRED_CHAIN"]}, "--preferred-chain", settings["PREFERRED_CHAIN"])
    if settings["ACME_PROFILE"]:
        profile = {"ACME_PROFILE": settings["ACME_PROFILE"]}
        if version >= PROFILES_SINCE:
            yield _kept(profile, "--preferred-profile", settings["ACME_PROFILE"])
        else:
            yield _kept(profile, kind=Kind.NEEDS_NEWER_CERTBOT)
    if settings["ORDER_TIMEOUT"] not in ("", "0"):
        yield _kept({"ORDER_TIMEOUT": settings["ORDER_TIMEOUT"]}, "--issuance-timeout", settings["ORDER_TIMEOUT"])


def _days(settings: Settings, version: Version) -> Iterator[Keeping]:
    if settings["RENEW_DAYS"] not in _USUAL_RENEW_DAYS:
        yield _kept({"RENEW_DAYS": settings["RENEW_DAYS"]}, kind=Kind.IN_THE_RENEWAL_FILE)


_RULES: tuple[Callable[[Settings, Version], Iterator[Keeping]], ...] = (
    _ca,
    _key,
    _reused_key,
    _switches,
    _order,
    _days,
)
