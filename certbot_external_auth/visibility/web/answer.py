"""Read the answer of a web server, and find in it what a person recognizes it by."""

from __future__ import annotations

import http.client
import re
import socket
import zlib
from dataclasses import dataclass
from typing import cast

from certbot_external_auth import __version__
from certbot_external_auth.endpoint import Endpoint, is_address
from certbot_external_auth.text import one_line
from certbot_external_auth.visibility.web.connection import BoundedReader, connect, handshake
from certbot_external_auth.visibility.web.redirects import Target

MAX_ANSWER_BYTES = 65536
"""Read of an answer at most, headers included."""
MAX_BODY_BYTES = 1024
"""Of a body that can be right. A key authorization has 87, or more if the token is long; blanks may follow."""
MAX_WORDS_CHARACTERS = 80
"""Of a body, shown to a person."""
GZIP = 16 + zlib.MAX_WBITS
"""Makes zlib read the format of gzip."""
_TITLE = re.compile(r"<title[^>]*>([^<]{1,400})", re.IGNORECASE)
_UNSEEN = re.compile(r"<(style|script)\b.*?(?:</\1\s*>|$)|<!--.*?(?:-->|$)|<[^>]*>?", re.IGNORECASE | re.DOTALL)
_PASSWORD = re.compile(r"""<input\b[^>]*\btype\s*=\s*["']?password\b""", re.IGNORECASE)
_LOGIN = re.compile(r"\b(?:log[ -]?in|sign[ -]?in|anmelden|single sign-on)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Answer:
    """What a web server sent.

    :ivar phrase: the words behind the status.
    :ivar software: the Server header; empty if there is none.
    :ivar body: the beginning of the body, unpacked: one byte more than can be right.
    :ivar packed: it was sent in gzip, which was not asked for.
    """

    status: int
    phrase: str
    location: str | None
    software: str
    body: bytes
    packed: bool = False


def get(target: Target, endpoint: Endpoint, until: float) -> Answer:
    """Send a request, and return the answer.

    :raises ConnectionFailedError: if there is no connection.
    :raises OSError: if the connection or the handshake fails.
    :raises http.client.HTTPException: if the answer is not HTTP.
    :raises ValueError: the same, where http.client does not notice.
    """
    link = connect(endpoint, until)
    try:
        if target.scheme == "https":
            link = handshake(link, None if is_address(target.host) else target.host, (), until)
        link.sendall(_request(target))
        reader = BoundedReader(link, until, MAX_ANSWER_BYTES)
        answer = http.client.HTTPResponse(cast(socket.socket, reader), method="GET")
        answer.begin()
        # One byte more than can be right, so that more bytes are noticed.
        body = answer.read(MAX_BODY_BYTES + 1)
        if len(body) <= MAX_BODY_BYTES and answer.length:
            raise http.client.IncompleteRead(body, answer.length)
        unpacked = _unpacked(body) if answer.getheader("Content-Encoding", "").strip().lower() == "gzip" else None
    finally:
        link.close()
    return Answer(
        answer.status,
        answer.reason,
        answer.getheader("Location"),
        answer.getheader("Server", ""),
        body if unpacked is None else unpacked,
        packed=unpacked is not None,
    )


def _unpacked(body: bytes) -> bytes | None:
    """Return the beginning of what gzip has packed; None if it is not gzip.

    The CAs written in Go unpack gzip whether or not the server was asked for it, since Go's client asks for it.
    """
    try:
        return zlib.decompressobj(GZIP).decompress(body, MAX_BODY_BYTES + 1)
    except zlib.error:
        return None


def words(body: bytes) -> str:
    """Return the title of a page, or else the first words that a browser would show."""
    text = body.decode("utf-8", "replace")
    title = _TITLE.search(text)
    shown = title[1] if title else _UNSEEN.sub(" ", text) if "<" in text else text
    return one_line(shown, MAX_WORDS_CHARACTERS)


def asks_for_password(status: int, body: bytes) -> bool:
    """Tell whether a person would have to log in (RFC 9110 section 15.5.2)."""
    text = body.decode("utf-8", "replace")
    title = _TITLE.search(text)
    return status == http.HTTPStatus.UNAUTHORIZED or bool(
        _PASSWORD.search(text) or (title is not None and _LOGIN.search(title[1]))
    )


def _request(target: Target) -> bytes:
    lines = (
        f"GET {target.path} HTTP/1.1",
        f"Host: {target.authority}",
        f"User-Agent: certbot-external-auth/{__version__}",
        "Accept: */*",
        "Accept-Encoding: identity",
        "Connection: close",
    )
    return "\r\n".join([*lines, "", ""]).encode("ascii")
