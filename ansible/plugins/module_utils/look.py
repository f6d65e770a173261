# Copyright (c) The authors of certbot-external-auth
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
# SPDX-License-Identifier: Apache-2.0

"""Look at single hosts, by their addresses, as the CA and the browsers will: tokens by HTTP, certificates by TLS."""

from __future__ import annotations

import concurrent.futures
import contextlib
import hashlib
import http.client
import socket
import ssl
import threading
import time
from urllib.parse import urlsplit

from ansible_collections.external_auth.certbot.plugins.module_utils import text

AT_A_TIME = 32
CONNECT_SECONDS = 5
"""How long one host has to take a connection, and to answer."""
POLL_SECONDS = 0.5
MAX_BYTES = 65536


def until(timeout, find, items):
    """Look at every item, and again at those where something is wrong, until nothing is or the time is over.

    :param find: takes an item, returns what is wrong with it or None.
    :returns: what is wrong, by the place of the item.
    """
    wrong = dict.fromkeys(range(len(items)))
    end = time.monotonic() + timeout
    with concurrent.futures.ThreadPoolExecutor(AT_A_TIME) as pool:
        while True:
            places = list(wrong)
            said = pool.map(find, [items[place] for place in places])
            wrong = {place: one for place, one in zip(places, said) if one is not None}
            if not wrong or time.monotonic() >= end:
                return wrong
            time.sleep(POLL_SECONDS)


def token(address, port, url, content):
    """Return what is wrong with an http-01 token at one address; None if nothing is (RFC 8555 section 8.3)."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(address, port or parts.port or 80, timeout=CONNECT_SECONDS)
    try:
        connection.connect()
        with _Limit(connection.sock):
            connection.request("GET", parts.path, headers={"Host": parts.netloc, "Accept": "*/*"})
            answer = connection.getresponse()
            # A redirect leads to where the CA follows it, which is not this host's matter.
            if answer.status in (301, 302, 303, 307, 308):
                return None
            body = answer.read(MAX_BYTES)
    except (OSError, http.client.HTTPException) as error:
        return f"no answer: {_words(error)}"
    finally:
        connection.close()
    if answer.status != 200:
        return f"HTTP status {answer.status} instead of the token"
    return None if body.decode("ascii", "replace").rstrip() == content else "another content than the token"


def presented(address, port, server_name, alpn=None):
    """Return the certificate that a TLS server presents, in DER.

    :raises OSError: if there is none.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # Which certificate it is, is what the caller wants to know; whether it is trusted is another question.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if alpn:
        context.set_alpn_protocols([alpn])
    plain = socket.create_connection((address, port), timeout=CONNECT_SECONDS)
    with plain, context.wrap_socket(
        plain, server_hostname=server_name, do_handshake_on_connect=False
    ) as secure, _Limit(secure):
        secure.do_handshake()
        return secure.getpeercert(binary_form=True) or b""


def validation_certificate(address, port, server_name, server):
    """Return what is wrong with a tls-alpn-01 certificate at one address; None if nothing is (RFC 8737)."""
    try:
        found = presented(address, port or int(server["port"]), server_name, server["alpn"])
    except OSError as error:
        return f"no answer: {_words(error)}"
    wanted = ssl.PEM_cert_to_DER_cert(server["cert_pem"])
    return None if found == wanted else "another certificate than the one for validation"


def served(address, port, server_name):
    """Return fingerprint and error of the certificate that a host serves; one of them is None."""
    try:
        found = presented(address, port, server_name)
    except OSError as error:
        return None, _words(error)
    return hashlib.sha256(found).hexdigest(), None


class _Limit:
    """Cut a connection that takes too long: a server that sends a byte now and then never reaches a socket's timeout."""

    def __init__(self, connection):
        self._connection = connection
        self._over = False
        self._timer = threading.Timer(CONNECT_SECONDS, self._cut)
        self._timer.daemon = True

    def _cut(self):
        self._over = True
        with contextlib.suppress(OSError):
            # Not the method of a TLS connection, which the other thread uses.
            socket.socket.shutdown(self._connection, socket.SHUT_RDWR)

    def __enter__(self):
        self._timer.start()

    def __exit__(self, *error):
        self._timer.cancel()
        if self._over:
            raise socket.timeout("timed out")


def _words(error):
    return text.readable(getattr(error, "strerror", None) or str(error) or type(error).__name__)
