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
GOOD = {
    # What an interrupted call left is used again.
    "new ssl cert": ("New empty certificate store", "already exists!"),
    "set ssl cert": ("Transaction created", "Transaction updated"),
    "commit ssl cert": ("Success!",),
    "show ssl crt-list": ("# ",),
    "add ssl crt-list": ("Success!",),
    "del ssl crt-list": ("deleted in crtlist",),
    # HAProxy has one transaction at a time, which may be another certificate's.
    "abort ssl cert": ("Transaction aborted", "No ongoing transaction", "you are trying to abort"),
    "del ssl cert": ("deleted!", "doesn't exist!"),
}
"""What HAProxy answers when a command has done its work; it has no exit codes."""


class RefusedError(Exception):
    """HAProxy did not do what it was told."""


class HAProxy:
    """One command a connection, as its management guide has it (section 9.3)."""

    def __init__(self, path: str) -> None:
        self._path = path

    def tell(self, command: str, words: str, payload: str = "") -> str:
        """:raises RefusedError: with HAProxy's words."""
        # An empty line ends a payload.
        text = f"{command} {words} <<\n{payload.strip()}\n\n" if payload else f"{command} {words}\n"
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(10)
            link.connect(self._path)
            link.sendall(text.encode())
            answer = b"".join(iter(lambda: link.recv(65536), b"")).decode().strip()
        # The name, too: HAProxy puts what it is told into an open transaction, whichever certificate that is for.
        named = words.split()[-1] in answer or command == "abort ssl cert"
        if not named or not any(good in answer for good in GOOD[command]):
            raise RefusedError(f"HAProxy says to '{command} {words}': {answer or 'nothing'}")
        return answer


def perform(haproxy: HAProxy, crt_list: str) -> None:
    name = stored(os.environ["cbot_z_domain"])
    pem = ""
    for path in (os.environ["cbot_cert_path"], os.environ["cbot_key_path"]):
        with open(path, encoding="ascii") as file:
            pem += file.read()
    haproxy.tell("new ssl cert", name)
    haproxy.tell("set ssl cert", name, pem)
    haproxy.tell("commit ssl cert", name)
    if not listed(haproxy, crt_list, name):
        haproxy.tell("add ssl crt-list", f"{crt_list} {name}")


def cleanup(haproxy: HAProxy, crt_list: str) -> None:
    name = stored(os.environ["cbot_z_domain"])
    # It may have been begun and not finished.
    if listed(haproxy, crt_list, name):
        haproxy.tell("del ssl crt-list", f"{crt_list} {name}")
    haproxy.tell("abort ssl cert", name)
    haproxy.tell("del ssl cert", name)


def listed(haproxy: HAProxy, crt_list: str, name: str) -> bool:
    """HAProxy puts a name into a list twice, and then removes neither."""
    lines = haproxy.tell("show ssl crt-list", crt_list).splitlines()
    return any(line.split()[:1] == [name] for line in lines)


def stored(server_name: str) -> str:
    """A name in HAProxy's memory; no such file exists. `crt-base` is put before a name that is not absolute."""
    return f"/acme-tls/{server_name}.pem"


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
        if given.operation == "cleanup":
            # Nothing was published, so nothing is left to remove.
            return 0
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
