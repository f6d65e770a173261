"""Descriptors that are waited for, and what is done when something happens at one."""

from __future__ import annotations

import math
import select
from collections.abc import Callable

from certbot_external_auth.signals import deferral

READ = select.POLLIN
WRITE = select.POLLOUT


class Watch:
    """Cheaper for the short life of a program than `selectors`, with one system call where that has three."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self._actions: dict[int, Callable[[], object]] = {}

    def add(self, descriptor: int, events: int, action: Callable[[], object]) -> None:
        self._poll.register(descriptor, events)
        self._actions[descriptor] = action

    def drop(self, descriptor: int) -> None:
        """MUST be called before it is closed; more than once does no harm."""
        if self._actions.pop(descriptor, None) is not None:
            self._poll.unregister(descriptor)

    def wait(self, seconds: float) -> None:
        """Until something happens, and see to it; for `seconds` at most."""
        deferral.look()
        for descriptor, _ in self._poll.poll(None if seconds == math.inf else seconds * 1000):
            self._actions[descriptor]()
