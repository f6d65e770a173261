"""A command for each line of domains.txt, and why one must not be run."""

from __future__ import annotations

import pytest

from certbot_external_auth.plan import commands
from certbot_external_auth.plan.commands import Certificate, Main, Obstacle, Own
from certbot_external_auth.plan.domains_txt import Line, parse
from certbot_external_auth.plan.keeping import Kind
from tests.unit.plan.test_keeping import MAIN as SETTINGS

MAIN = Main("/etc/dehydrated/config", "/etc/dehydrated", {**SETTINGS, "CONTACT_EMAIL": "a@b.test"})
KEY = ["--key-type", "ecdsa", "--elliptic-curve", "secp384r1"]
START = ["certbot", "certonly", "-n", "--configurator", "external-auth"]
START += ["--external-auth-dehydrated-config", "/etc/dehydrated/config"]


def lines(*texts: str) -> list[Line]:
    return [one for one in parse("\n".join(texts), "d") if isinstance(one, Line)]


def made(*texts: str, **more: object) -> list[Certificate]:
    given = {"own": {}, "present": {}, "version": (5, 8), "main": MAIN, **more}
    return commands.certificates(given["main"], lines(*texts), given["own"], given["present"], given["version"])  # type: ignore[arg-type]


def test_a_line_names_its_certificate_and_keeps_the_key() -> None:
    (one,) = made("a.test *.a.test ip:192.0.2.7 > web")
    names = ["-d", "a.test", "-d", "*.a.test", "--ip-address", "192.0.2.7"]
    assert list(one.words) == [*START, "--cert-name", "web", *names, *KEY]
    assert (one.keepings, one.obstacles) == ((), ())


def test_a_certificate_with_settings_of_its_own_comes_first() -> None:
    """Lost: its key, hook or type, in a command that looks like all others."""
    own = Own("/certs/b.test/config", {**MAIN.settings, "KEY_ALGO": "rsa", "CHALLENGETYPE": "dns-01"})
    first, second = made("a.test", "b.test", own={"b.test": own})
    assert (first.line.alias, second.line.alias) == ("b.test", "a.test")
    flags = ["--key-type", "rsa", "--rsa-key-size", "4096", "--preferred-challenges", "dns-01"]
    assert list(first.words[-len(flags) :]) == flags
    assert [dict(one.settings) for one in first.keepings] == [
        {"KEY_ALGO": "rsa", "KEYSIZE": "4096"},
        {"CHALLENGETYPE": "dns-01"},
    ]
    assert {one.kind for one in first.keepings} == {Kind.KEPT}


def test_settings_that_cannot_be_read_are_not_taken_as_absent() -> None:
    (one,) = made("a.test", own={"a.test": Own("/x", None, "no access")})
    assert one.obstacles == ((Obstacle.OWN_SETTINGS_UNREADABLE, "no access"),)


@pytest.mark.parametrize(
    ("text", "present", "version", "obstacle"),
    [
        ("ip:192.0.2.7", {}, (5, 2), (Obstacle.NEEDS_NEWER_CERTBOT, "5.3")),
        ("a.test", {"a.test": frozenset({"a.test", "x.test"})}, (5, 8), (Obstacle.OTHER_CERTIFICATE, "a.test x.test")),
        ("a.test", {"a.test": None}, (5, 8), (Obstacle.CERTIFICATE_UNREADABLE, "a.test")),
    ],
)
def test_a_command_that_must_not_be_run(
    text: str, present: object, version: object, obstacle: tuple[Obstacle, str]
) -> None:
    (one,) = made(text, present=present, version=version)
    assert one.obstacles == (obstacle,)


def test_two_lines_of_the_same_name() -> None:
    """Dehydrated issues them in turn into one folder; the second one would replace the first one's names."""
    found = [one.obstacles for one in made("a.test", "a.test b.test", "a.test c.test > c")]
    assert found == [((Obstacle.SAME_NAME, "a.test"),)] * 2 + [()]


def test_a_certificate_that_certbot_has_already() -> None:
    assert [one.present for one in made("a.test", "b.test", present={"a.test": frozenset({"a.test"})})] == [True, False]


def test_what_only_the_renewal_file_keeps() -> None:
    main = Main(MAIN.path, MAIN.folder, {**MAIN.settings, "RENEW_DAYS": "10"})
    assert [one.renew_days for one in made("a.test", main=main)] == ["10"]
    assert [one.renew_days for one in made("a.test")] == [None]


def test_the_account() -> None:
    assert commands.account(MAIN) == ("certbot", "register", "-n", "--agree-tos", "-m", "a@b.test")
    other = Main(MAIN.path, MAIN.folder, {**SETTINGS, "CONTACT_EMAIL": "", "CA": "https://ca.test/dir"})
    assert commands.account(other)[4:] == ("--register-unsafely-without-email", "--server", "https://ca.test/dir")


def test_the_hook_is_tried_with_the_first_name() -> None:
    words = ("certbot-external-auth", "check", "--dehydrated-config", MAIN.path, "--domain")
    assert commands.rehearsal(MAIN, lines("ip:192.0.2.7", "*.a.test > a")) == (*words, "a.test")
    assert commands.rehearsal(MAIN, lines("ip:192.0.2.7")) is None
