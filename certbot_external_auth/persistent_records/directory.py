"""Fetches what a CA says about itself in its directory (RFC 8555 section 7.1.1).

The library acme drops the fields that it does not know, and draft 02 of dns-persist-01 has two new ones.
"""

from __future__ import annotations

import json
import queue
from typing import Any

from certbot_external_auth import threads
from certbot_external_auth.text import one_line

MAX_BYTES = 1_000_000
"""Longest directory that is read. Real ones have about 1000 bytes."""
LIMIT_SECONDS = 20.0
"""How long the whole answer may take."""
_CHUNK = 4096


class DirectoryError(Exception):
    """A directory that could not be fetched.

    :param why: in words, cleaned.
    """

    def __init__(self, server: str, why: str) -> None:
        self.server = server
        self.why = one_line(why)
        super().__init__(f"The directory {server} could not be fetched: {self.why}.")


def fetch_meta(server: str, verify: bool = True) -> dict[str, Any]:
    """Return the field ``meta`` of a directory; empty if it has none.

    The libraries' settings apply as they do to Certbot: REQUESTS_CA_BUNDLE, HTTPS_PROXY.

    :param server: URL of the directory.
    :param verify: False as with Certbot's ``--no-verify-ssl``.
    :raises DirectoryError: if it cannot be fetched.
    """
    done: queue.SimpleQueue[bytes | Exception] = queue.SimpleQueue()

    def work() -> None:
        try:
            done.put(_fetched(server, verify))
        except Exception as error:
            # The caller waits for an answer.
            done.put(error)

    # A server that sends one byte at a time never lets the library's own limit pass, so the wait has a limit itself.
    if not threads.start(work, "directory"):
        raise DirectoryError(server, "this machine has no thread left")
    try:
        found = done.get(timeout=LIMIT_SECONDS)
    except queue.Empty:
        raise DirectoryError(server, f"it took longer than {LIMIT_SECONDS:g} seconds") from None
    if isinstance(found, Exception):
        raise DirectoryError(server, str(found) or type(found).__name__) from found
    return _meta(server, found)


def _fetched(server: str, verify: bool) -> bytes:
    # Certbot has loaded it; a verb of our own needs it only here.
    import requests

    # The account must lie at the directory's own origin, so this must be where it really comes from.
    with requests.get(server, timeout=LIMIT_SECONDS, stream=True, allow_redirects=False, verify=verify) as answer:
        if answer.is_redirect:
            raise ValueError(f"it has moved to {answer.headers.get('location')}")
        if answer.status_code != 200:
            raise ValueError(f"the server answers with status {answer.status_code}")
        body = b""
        for chunk in answer.iter_content(_CHUNK):
            body += chunk
            if len(body) > MAX_BYTES:
                raise ValueError(f"it is longer than {MAX_BYTES} bytes")
    return body


def _meta(server: str, body: bytes) -> dict[str, Any]:
    try:
        directory = json.loads(body)
    except (ValueError, RecursionError):
        raise DirectoryError(server, "it is not JSON") from None
    meta = directory.get("meta", {}) if isinstance(directory, dict) else None
    if not isinstance(meta, dict):
        raise DirectoryError(server, "it is not the directory of an ACME server")
    return meta
