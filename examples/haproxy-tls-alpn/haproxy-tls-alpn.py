#!/usr/bin/env python3
"""Gives validation certificates to a running HAProxy 2.2 or newer, by its stats socket; nothing is reloaded.

--external-auth-handler "/usr/local/sbin/haproxy-tls-alpn.py --socket /run/haproxy/admin.sock"
"""
# ruff: noqa: SIM112 - the contract's variables are in lower case

from __future__ import annotations

import argparse
import os
import socket
import sys

LIST = "/etc/haproxy/acme-tls.list"
DONE = ("", "Success!", "New empty certificate store", "Transaction created", "Certificate", "Entry", "Deleting")


class RefusedError(Exception):
    """HAProxy did not do what it was told."""


class HAProxy:
    """One command a connection, as its management guide has it (section 9.3)."""

    def __init__(self, path: str) -> None:
        self._path = path

    def tell(self, command: str, payload: str = "") -> str:
        """:raises RefusedError: with HAProxy's words."""
        # An empty line ends a payload.
        text = f"{command} <<\n{payload.strip()}\n\n" if payload else f"{command}\n"
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(10)
            link.connect(self._path)
            link.sendall(text.encode())
            answer = b"".join(iter(lambda: link.recv(65536), b"")).decode().strip()
        if not answer.startswith(DONE) and "Success!" not in answer:
            raise RefusedError(f"HAProxy says to '{command}': {answer}")
        return answer


def perform(haproxy: HAProxy, crt_list: str) -> None:
    name = stored(os.environ["cbot_z_domain"])
    pem = ""
    for path in (os.environ["cbot_cert_path"], os.environ["cbot_key_path"]):
        with open(path, encoding="ascii") as file:
            pem += file.read()
    haproxy.tell(f"new ssl cert {name}")
    haproxy.tell(f"set ssl cert {name}", pem)
    haproxy.tell(f"commit ssl cert {name}")
    haproxy.tell(f"add ssl crt-list {crt_list} {name}")


def cleanup(haproxy: HAProxy, crt_list: str) -> None:
    name = stored(os.environ["cbot_z_domain"])
    # It may have been begun and not finished.
    if name in haproxy.tell(f"show ssl crt-list {crt_list}"):
        haproxy.tell(f"del ssl crt-list {crt_list} {name}")
    haproxy.tell(f"del ssl cert {name}")


def stored(server_name: str) -> str:
    """A name in HAProxy's memory; no such file exists."""
    return f"acme-tls/{server_name}.pem"


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--socket", default="/run/haproxy/admin.sock")
    parser.add_argument("--crt-list", default=LIST)
    parser.add_argument("operation")
    given = parser.parse_args()
    if given.operation not in ("perform", "cleanup"):
        print("NotImplemented")
        return 1
    if not os.environ["cbot_type"].startswith("tls-"):
        print("this handler answers TLS challenges only: --preferred-challenges tls-alpn-01", file=sys.stderr)
        return 1
    try:
        (perform if given.operation == "perform" else cleanup)(HAProxy(given.socket), given.crt_list)
    except (OSError, RefusedError) as error:
        print(f"{error} (socket {given.socket}, list {given.crt_list})", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
