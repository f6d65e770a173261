"""The sentences about web servers and TLS servers."""

from __future__ import annotations

import pytest

from certbot_external_auth.files.webroot import FileState
from certbot_external_auth.visibility import Page, TlsFault
from certbot_external_auth.visibility.near_miss import Miss
from certbot_external_auth.visibility.web import wording
from certbot_external_auth.visibility.web.reasons import (
    Help,
    Ipv6Apart,
    Kind,
    NoAddress,
    WebReason,
    WrongPage,
    WrongTls,
)

WHERE = "192.0.2.1:80"
NAMES = ("a.test",)
CLOSED = FileState("/w/t", closed="/w", mode=0o700)


def page(kind: Kind, told: Page, file: FileState | None = None) -> WrongPage:
    return WrongPage(kind, WHERE, NAMES, told, file)


@pytest.mark.parametrize(
    ("reason", "begin", "end"),
    [
        (
            page(Kind.FORBIDDEN, Page(403, "nginx", "403 Forbidden"), CLOSED),
            "The server at 192.0.2.1:80 (Server: nginx) refuses access to the file (status 403) for a.test, with the "
            "words “403 Forbidden”. The plugin wrote the file /w/t, but not every user may enter /w (mode 0700).",
            "chmod o+x /w",
        ),
        (
            page(Kind.MISSING, Page(404), FileState("/w/t")),
            "The server at 192.0.2.1:80 does not find the file (status 404) for a.test. The file /w/t is there, but",
            "to where the file is.",
        ),
        (
            page(Kind.LOGIN, Page(200, url="https://sso.test/")),
            "The server at 192.0.2.1:80, to which a redirect led (https://sso.test/), asks for a password",
            "a CA cannot log in.",
        ),
        (
            page(Kind.NEARLY, Page(200, near=Miss.QUOTES, words='"t.k"')),
            "The server at 192.0.2.1:80 sends nearly the right content for a.test: quotation marks are part of it. ",
            "exactly as it is given.",
        ),
        (
            WrongTls(TlsFault.NO_PROTOCOL, WHERE, NAMES, "certificate of b.test"),
            "The server at 192.0.2.1:80 does not know the protocol acme-tls/1 (ALPN), for a.test: the ordinary server "
            "answers (certificate of b.test).",
            "(--preferred-challenges).",
        ),
        (
            Ipv6Apart("a.test", "[2001:db8::1]:80", WHERE, silent=True),
            "The IPv6 address of a.test, [2001:db8::1]:80, does not answer, while 192.0.2.1:80 is right. A CA asks an",
            "or remove the AAAA record.",
        ),
        (NoAddress("a.test"), "a.test has no address", "by dns-01."),
    ],
)
def test_sentences(reason: WebReason, begin: str, end: str) -> None:
    said = wording.sentence(reason)
    assert said.startswith(begin)
    assert said.endswith(end)


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("file", [None, CLOSED, FileState("/w/t"), FileState("/w/t", gone=True)])
def test_every_kind_has_a_sentence(kind: Kind, file: FileState | None) -> None:
    assert "a.test" in wording.sentence(page(kind, Page(200, near=Miss.CUT), file))


@pytest.mark.parametrize("kind", Kind)
def test_without_files_no_sentence_speaks_of_one_that_the_plugin_wrote(kind: Kind) -> None:
    reason = WrongPage(kind, WHERE, NAMES, Page(200, near=Miss.CUT), stateless=True)
    said = wording.sentence(reason)
    known = kind in (Kind.MISSING, Kind.OTHER_KEY, Kind.NEARLY)
    assert ("certbot-external-auth thumbprint" in said) is known


@pytest.mark.parametrize("fault", TlsFault)
def test_every_fault_has_a_sentence(fault: TlsFault) -> None:
    said = wording.sentence(WrongTls(fault, WHERE, NAMES, "certificate of b.test"))
    assert WHERE in said
    assert "a.test" in said
    assert "{" not in said


def test_only_the_first_names_are_named() -> None:
    names = tuple(f"{letter}.test" for letter in "abcdefg")
    said = wording.sentence(WrongPage(Kind.MISSING, WHERE, names, Page(404)))
    assert "for a.test, b.test, c.test, d.test, e.test and 2 more. " in said


@pytest.mark.parametrize("kind", Help)
def test_every_advice_has_a_sentence(kind: Help) -> None:
    assert wording.help_sentence(kind, 120).endswith((".", "…"))
    assert ("(now 120 s)" in wording.help_sentence(kind, 120)) is (kind is Help.MORE_TIME)
