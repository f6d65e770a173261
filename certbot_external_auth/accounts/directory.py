"""Reads the directory of a CA: the acme library keeps only those fields of its ``meta`` that it knows."""

from __future__ import annotations

import contextlib
import json
import queue
import time
from collections.abc import Mapping
from typing import Any

from certbot_external_auth import threads
from certbot_external_auth.signals import deferral

MAX_BYTES = 1_000_000
LIMIT_SECONDS = 30.0
"""For the whole answer, however slowly it comes. The acme library allows 45 seconds between two pieces of an answer."""
POLL_SECONDS = 0.5
"""The time after which the wait looks for a signal."""
_HEADERS = {"User-Agent": "certbot-external-auth", "Accept": "application/json"}


class DirectoryError(ValueError):
    """The directory could not be read; the message says why, in a few words."""


def meta(url: str, verify: bool = True) -> Mapping[str, Any]:
    """Return the field ``meta`` of a directory, as the server sent it (RFC 8555 section 7.1.1).

    The environment decides about proxies and certificates (REQUESTS_CA_BUNDLE), as it does for Certbot.

    :param verify: False for Certbot's ``--no-verify-ssl``.
    :raises DirectoryError: if it cannot be read.
    """
    done: queue.SimpleQueue[bytes | BaseException] = queue.SimpleQueue()

    def work() -> None:
        try:
            done.put(_fetched(url, verify))
        except BaseException as error:
            done.put(error)

    if not threads.start(work, "directory"):
        work()
    found = _waited(done, time.monotonic() + LIMIT_SECONDS)
    if isinstance(found, BaseException):
        raise found
    return _meta(found)


def _waited(done: queue.SimpleQueue[bytes | BaseException], until: float) -> bytes | BaseException:
    while (left := until - time.monotonic()) > 0:
        deferral.raise_pending()
        with contextlib.suppress(queue.Empty):
            return done.get(timeout=min(left, POLL_SECONDS))
    raise DirectoryError(f"the whole answer did not come within {LIMIT_SECONDS:.0f} seconds")


def _fetched(url: str, verify: bool) -> bytes:
    # Certbot has loaded it; a verb of our own needs it only here.
    import requests

    data = b""
    try:
        with requests.get(url, headers=_HEADERS, timeout=LIMIT_SECONDS, verify=verify, stream=True) as answer:
            if answer.status_code != requests.codes.ok:
                raise DirectoryError(f"the server answers with status {answer.status_code}")
            # A server may send it in parts.
            for part in answer.iter_content(MAX_BYTES + 1):
                data += part
                if len(data) > MAX_BYTES:
                    break
    except DirectoryError:
        raise
    except (requests.exceptions.RequestException, ValueError) as error:
        # Of some malformed URLs, requests raises the error of a library.
        raise DirectoryError(f"{type(error).__name__}: {str(error)[:300]}") from error
    if len(data) > MAX_BYTES:
        raise DirectoryError(f"the answer is longer than {MAX_BYTES} bytes")
    return data


def _meta(data: bytes) -> Mapping[str, Any]:
    try:
        directory = json.loads(data)
    except (ValueError, RecursionError):
        raise DirectoryError("the answer is not JSON") from None
    if not isinstance(directory, dict) or "newOrder" not in directory:
        raise DirectoryError("the answer is not a directory")
    found = directory.get("meta", {})
    if not isinstance(found, dict):
        raise DirectoryError("meta in the directory is not an object")
    return found
