"""The sentences of `reasons`: why http-01 or a TLS challenge is not answered, and what may help. Pure functions."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence

from certbot_external_auth.challenges import tlsalpn01
from certbot_external_auth.files.webroot import FileState
from certbot_external_auth.visibility import Page, TlsFault
from certbot_external_auth.visibility.near_miss import Miss
from certbot_external_auth.visibility.web.reasons import (
    Help,
    Ipv6Apart,
    Kind,
    NoAddress,
    WebReason,
    WrongPage,
    WrongTls,
)

MAX_NAMED = 5
"""Names in one sentence."""


def sentence(reason: WebReason) -> str:
    """Say what the reason is and what to do."""
    match reason:
        case WrongPage():
            return _wrong_page(reason)
        case WrongTls():
            shown = f" ({reason.shown})" if reason.shown else ""
            return _TLS[reason.fault].format(address=reason.address, names=_names(reason.names), shown=shown)
        case Ipv6Apart():
            return _ipv6(reason)
        case NoAddress():
            return (
                f"{reason.name} has no address (no A or AAAA record), so no CA can ask its server. Create the record, "
                "or prove this name by dns-01."
            )


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return ", ".join(names[:MAX_NAMED]) + more


def _ipv6(reason: Ipv6Apart) -> str:
    does = "does not answer" if reason.silent else "answers something else"
    return (
        f"The IPv6 address of {reason.name}, {reason.address}, {does}, while {reason.good} is right. A CA asks an IPv6 "
        "address first. Make the same server answer there, or remove the AAAA record."
    )


# --- http-01 ---


def _wrong_page(reason: WrongPage) -> str:
    who = f"The server at {reason.address}"
    software = f" (Server: {reason.page.software})" if reason.page.software else ""
    moved = f", to which a redirect led ({reason.page.url})," if reason.page.url else ""
    return f"{who}{software}{moved} {_DOES[reason.kind](reason)}{_begins(reason.page)}. {_what_to_do(reason)}"


def _begins(page: Page) -> str:
    return f", with the words “{page.words}”" if page.words and not page.token and page.near is None else ""


_NEAR: dict[Miss | None, str] = {
    Miss.BLANK: "a blank stands before it or in it",
    Miss.QUOTES: "quotation marks are part of it",
    Miss.CASE: "letters are written in another case",
    Miss.MORE: "something else stands before or behind it",
    Miss.CUT: "a part of it is missing",
}
_DOES: dict[Kind, Callable[[WrongPage], str]] = {
    Kind.LOGIN: lambda one: f"asks for a password (status {one.page.status}) for {_names(one.names)}",
    Kind.FORBIDDEN: lambda one: f"refuses access to the file (status {one.page.status}) for {_names(one.names)}",
    Kind.MISSING: lambda one: f"does not find the file (status {one.page.status}) for {_names(one.names)}",
    Kind.FAULTY: lambda one: f"reports an error of its own (status {one.page.status}) for {_names(one.names)}",
    Kind.OTHER_KEY: lambda one: f"sends the right token, but not with the key of this account, for {_names(one.names)}",
    Kind.NEARLY: lambda one: f"sends nearly the right content for {_names(one.names)}: {_NEAR[one.page.near]}",
    Kind.OTHER_PAGE: lambda one: f"sends another page (status {one.page.status}) for {_names(one.names)}",
}


def _what_to_do(reason: WrongPage) -> str:
    if reason.stateless and reason.kind in _STATELESS:
        return _STATELESS[reason.kind]
    if reason.kind in (Kind.FORBIDDEN, Kind.MISSING) and reason.file is not None:
        return _about_file(reason.kind, reason.file)
    return _TO_DO[reason.kind]


_PASSED_ON = (
    "If it is a proxy, a CDN or another host's server that answers, it must pass requests below "
    "/.well-known/acme-challenge/ on to where the file is."
)
_TO_DO = {
    Kind.LOGIN: "Let it answer requests below /.well-known/acme-challenge/ without a login: a CA cannot log in.",
    Kind.FORBIDDEN: "Make the file readable for the web server, and let it enter every folder above: with umask 077, "
    "what a handler makes can be read by its owner only. If they are, a rule of the server forbids it (deny, a hidden "
    f"folder, SELinux). {_PASSED_ON}",
    Kind.MISSING: f"Check that the file is in the folder from which this server serves this name. {_PASSED_ON}",
    Kind.FAULTY: "The server's own log has the reason.",
    Kind.OTHER_KEY: "Another ACME client, with its own account, answers for this name, or the file is that of another "
    "account.",
    Kind.NEARLY: "Publish the key authorization exactly as it is given.",
    Kind.OTHER_PAGE: f"It must send the key authorization alone. {_PASSED_ON}",
}
_THUMBPRINT = "certbot-external-auth thumbprint prints the thumbprint, and the lines for the web server."
_STATELESS = {
    Kind.MISSING: f"It must answer every token from the thumbprint of this account. {_THUMBPRINT} {_PASSED_ON}",
    Kind.OTHER_KEY: "It answers from the thumbprint of another account. A dry run has an account of its own, so it "
    f"fails here; so does a run with another --server or --account, or after a new registration. {_THUMBPRINT}",
    Kind.NEARLY: "It must send the token, a full stop and the thumbprint, and nothing else. " + _THUMBPRINT,
}


def _about_file(kind: Kind, file: FileState) -> str:
    if file.gone:
        return f"The plugin wrote the file {file.path}, and it is not there any more: another program has removed it."
    if file.closed:
        what, right = ("read", "o+r") if file.closed == file.path else ("enter", "o+x")
        return (
            f"The plugin wrote the file {file.path}, but not every user may {what} {file.closed} (mode "
            f"{file.mode:04o}). Let the web server {what} it, for example by: chmod {right} {shlex.quote(file.closed)}"
        )
    if kind is Kind.FORBIDDEN:
        return (
            f"The file {file.path} is there, and every user may read it: a rule of the server forbids it (deny, a "
            "hidden folder, SELinux)."
        )
    return (
        f"The file {file.path} is there, but this server does not serve that folder for this name. Point its "
        f"/.well-known/acme-challenge/ there. {_PASSED_ON}"
    )


# --- TLS ---

_ALPN = f"the protocol {tlsalpn01.ALPN} (ALPN)"
_TLS = {
    TlsFault.NO_TLS: "The server at {address} does not speak TLS, for {names}. Let a TLS server answer there.",
    TlsFault.NO_PROTOCOL: f"The server at {{address}} does not know {_ALPN}, for {{names}}: the ordinary server "
    "answers{shown}. Let a server that selects this protocol and has the certificate answer at this port "
    "(--external-auth-mode manual shows one for a test), or reload it if it is set up already. Otherwise use another "
    "challenge type (--preferred-challenges).",
    TlsFault.UNKNOWN_NAME: "The server at {address} refuses the server name (SNI), for {names}: it has no certificate "
    "for it. Give it the certificate of the challenge, and reload it.",
    TlsFault.NO_HANDSHAKE: "The TLS handshake with {address} fails, for {names}; the table has the server's error.",
    TlsFault.OTHER_NAME: "The server at {address} presents another certificate{shown}, for {names}. Give it the "
    "certificate of the challenge for this server name (SNI), and reload it.",
    TlsFault.NO_DIGEST: "The server at {address} presents an ordinary certificate{shown}, for {names}. It must "
    "present that of the challenge to clients that offer only " + _ALPN + ".",
    TlsFault.OTHER_DIGEST: "The server at {address} presents the certificate of another challenge, for {names}: of an "
    "earlier order, or of another account. Replace it, and reload the server.",
    TlsFault.MALFORMED: "The certificate that {address} presents for {names} is not as the standard wants it; the "
    "table says what is wrong. Present the one that the plugin made.",
}


# --- advice ---

MORE_TIME = "If it only needs more time, raise --external-auth-verify-timeout (now {timeout:.0f} s)."
_HELP = {
    Help.NO_ROUTE: "This machine has no route to any of the servers, so it cannot see what a CA sees.",
    Help.START_SERVER: "No server listens there (connection refused): start it, or open the port.",
    Help.OPEN_THE_WAY: "No server answers there: check that it is running, and that no firewall on the way drops what "
    "is sent. If only this machine may not connect to it, a CA may.",
    Help.SEE_TABLE: "No server said whether it is there; the table has the reasons.",
    Help.OTHER_ADDRESSES: "If the CA finds other addresses for these names (a private CA, a split horizon), name the "
    "name servers that tell it with --external-auth-verify-nameservers HOST[:PORT],…",
}


def help_sentence(kind: Help, timeout: float) -> str:
    """Say what may help. :param timeout: seconds that were waited at most."""
    return MORE_TIME.format(timeout=timeout) if kind is Help.MORE_TIME else _HELP[kind]
