"""Ports for servers of the tests, which run many at a time."""

from __future__ import annotations

import contextlib
import random
import socket

ADDRESS = "127.0.0.1"


class NoPortError(RuntimeError):
    """Every port that was tried is taken."""


def free(stack: contextlib.ExitStack, address: str = ADDRESS) -> int:
    """A port, for UDP and TCP, that no other server of the tests has, and below those that outgoing connections are
    given.

    :param stack: until it is closed nobody else gets the port from here.
    :param address: where it will be listened on.
    """
    for _ in range(1000):
        port = random.randrange(10000, 32000)
        with contextlib.suppress(OSError), contextlib.ExitStack() as trial:
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                trial.enter_context(socket.socket(socket.AF_INET, kind)).bind((address, port))
            # Bound as long as the stack lives: this mark shows others that the port is taken, even while no server
            # listens on it. A bound port instead would keep a server from listening on all addresses.
            mark = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            stack.enter_context(mark)
            mark.bind(f"\0test-ca-port-{port}")
            return port
    raise NoPortError("no free port was found")
