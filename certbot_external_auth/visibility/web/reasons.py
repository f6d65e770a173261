"""Find the likely reason why http-01 or a TLS challenge is not answered, and what may help. Pure functions; `wording`
has the sentences."""

from __future__ import annotations

import enum
import http
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from certbot_external_auth.challenges import TLS_TYPES, http01
from certbot_external_auth.files.webroot import FileState
from certbot_external_auth.visibility import Expectation, Observation, Outcome, Page, Says, TlsFault
from certbot_external_auth.visibility.verdict import answered, said

TYPES = (http01.TYPE, *TLS_TYPES)
_MISSING = (http.HTTPStatus.NOT_FOUND, http.HTTPStatus.GONE)
_FORBIDDEN = (http.HTTPStatus.FORBIDDEN, http.HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS)
_SILENT = (Outcome.TIMEOUT, Outcome.CONNECTION_REFUSED)
_WITHOUT_ADDRESS = (Outcome.NO_SUCH_NAME, Outcome.NO_RECORD)


class Kind(enum.Enum):
    """What a web server sent instead of the key authorization."""

    LOGIN = "login"
    """A page that asks for a password."""
    FORBIDDEN = "forbidden"
    MISSING = "missing"
    FAULTY = "faulty"
    """The server reports an error of its own."""
    OTHER_KEY = "other_key"
    """The right token with the key of another account."""
    NEARLY = "nearly"
    """The key authorization, but cut, in quotes, or with something before or behind it."""
    OTHER_PAGE = "other_page"


@dataclass(frozen=True)
class WrongPage:
    """A web server does not send the key authorization.

    :ivar address: where it was asked.
    :ivar names: the names for which it sends this.
    :ivar page: what it sends.
    :ivar file: the file that the plugin itself has written; None if it has written none, or cannot look.
    :ivar stateless: the server must answer from the thumbprint of the account, without a file.
    """

    kind: Kind
    address: str
    names: tuple[str, ...]
    page: Page
    file: FileState | None = None
    stateless: bool = False


@dataclass(frozen=True)
class WrongTls:
    """A server does not answer a TLS challenge.

    :ivar address, names: see `WrongPage`.
    :ivar shown: the certificate, in words; empty if there was none.
    """

    fault: TlsFault
    address: str
    names: tuple[str, ...]
    shown: str = ""


@dataclass(frozen=True)
class Ipv6Apart:
    """The IPv6 address of a name does not answer as its IPv4 address does, which is right.

    :ivar silent: it does not answer at all.
    :ivar good: an IPv4 address that answers.
    """

    name: str
    address: str
    good: str
    silent: bool


@dataclass(frozen=True)
class NoAddress:
    """The DNS says that a name has no address."""

    name: str


WebReason = WrongPage | WrongTls | Ipv6Apart | NoAddress


def of_web(expectations: Sequence[Expectation]) -> list[Expectation]:
    """Return the expectations that web servers and TLS servers must meet."""
    return [one for one in expectations if one.type in TYPES]


def reasons(
    expectations: Sequence[Expectation],
    observations: Sequence[Observation],
    files: Mapping[str, FileState] | None = None,
    stateless: bool = False,
) -> list[WebReason]:
    """Return the likely reasons, each once, with all names that it holds for.

    :param files: by place, the file that the plugin itself has written.
    :param stateless: see `WrongPage`.
    """
    names = {one.place: one.identifier for one in of_web(expectations)}
    found: dict[WebReason, list[str]] = {}
    for row in observations:
        if row.place in names:
            rows = [one for one in observations if one.place == row.place]
            for reason in _of_row(row, names[row.place], rows, (files or {}).get(row.place)):
                found.setdefault(_told(reason, stateless), []).append(names[row.place])
    return [_named(reason, for_names) for reason, for_names in found.items()]


def _told(reason: WebReason, stateless: bool) -> WebReason:
    return replace(reason, stateless=stateless) if isinstance(reason, WrongPage) else reason


def _named(reason: WebReason, names: Sequence[str]) -> WebReason:
    if isinstance(reason, (WrongPage, WrongTls)):
        return replace(reason, names=tuple(dict.fromkeys(names)))
    return reason


def _of_row(row: Observation, name: str, rows: Sequence[Observation], file: FileState | None) -> Iterator[WebReason]:
    """Yield the reasons that one answer shows, without the names."""
    apart = _apart(row, name, rows)
    if apart is not None:
        yield apart
    if row.outcome in _WITHOUT_ADDRESS and not row.address:
        yield NoAddress(name)
    elif isinstance(row.fact, Page):
        # Of a file only its state counts here: many names may have the same trouble.
        yield WrongPage(_kind(row.fact), row.address, (), row.fact, file)
    elif isinstance(row.fact, TlsFault):
        yield WrongTls(row.fact, row.address, (), "".join(row.seen[:1]))


def _kind(page: Page) -> Kind:
    if page.status == http.HTTPStatus.OK and (page.near is not None or page.token):
        return Kind.OTHER_KEY if page.near is None else Kind.NEARLY
    if page.login:
        return Kind.LOGIN
    if page.status in _FORBIDDEN:
        return Kind.FORBIDDEN
    if page.status in _MISSING:
        return Kind.MISSING
    return Kind.FAULTY if page.status >= http.HTTPStatus.INTERNAL_SERVER_ERROR else Kind.OTHER_PAGE


def _apart(row: Observation, name: str, rows: Sequence[Observation]) -> Ipv6Apart | None:
    if not row.address.startswith("["):
        return None
    good = [one.address for one in rows if one.outcome is Outcome.MATCH and not one.address.startswith("[")]
    if not good or not (row.outcome in _SILENT or row.outcome.says is Says.NO):
        return None
    return Ipv6Apart(name, row.address, good[0], silent=row.outcome in _SILENT)


# --- advice ---


class Help(enum.Enum):
    """What may help."""

    MORE_TIME = enum.auto()
    """Give it more time."""
    NO_ROUTE = enum.auto()
    """This machine has no route to any of the servers."""
    START_SERVER = enum.auto()
    """No server listens at the port."""
    OPEN_THE_WAY = enum.auto()
    """No server answers: it is down, or a firewall drops what is sent."""
    SEE_TABLE = enum.auto()
    """No server said yes or no, for reasons that the table has."""
    OTHER_ADDRESSES = enum.auto()
    """The CA may find other addresses than these."""


def advice(observations: Sequence[Observation], named: bool) -> list[Help]:
    """Return what may help, by what came of it.

    :param observations: of http-01 and the TLS types.
    :param named: the administrator named the servers that are asked for addresses.
    """
    if not observations:
        return []
    if not answered(observations):
        return [_unanswered(observations)]
    found = [Help.MORE_TIME] if any(map(_may_come, observations)) else []
    return found if named or Says.NO not in said(observations) else [*found, Help.OTHER_ADDRESSES]


def _may_come(row: Observation) -> bool:
    """Tell whether time alone may help: a file may still be copied, and a server may still load a certificate."""
    if isinstance(row.fact, Page):
        return _kind(row.fact) in (Kind.MISSING, Kind.FAULTY)
    return row.fact in (TlsFault.OTHER_DIGEST, TlsFault.OTHER_NAME, TlsFault.UNKNOWN_NAME)


def _unanswered(observations: Sequence[Observation]) -> Help:
    outcomes = {row.outcome for row in observations}
    if not all(row.address for row in observations):
        return Help.SEE_TABLE
    if outcomes == {Outcome.UNREACHABLE}:
        return Help.NO_ROUTE
    outcomes.discard(Outcome.UNREACHABLE)
    if outcomes == {Outcome.CONNECTION_REFUSED}:
        return Help.START_SERVER
    return Help.OPEN_THE_WAY if outcomes <= set(_SILENT) else Help.SEE_TABLE
