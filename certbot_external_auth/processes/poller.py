"""Waits for several descriptors at once, and calls the function that each was added with."""

from __future__ import annotations

import math
import select
from collections.abc import Callable

from certbot_external_auth.signals import deferral

READ = select.POLLIN
WRITE = select.POLLOUT


class Poller:
    """Descriptors that are waited for. It needs one system call where `selectors` needs three."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self._actions: dict[int, Callable[[], object]] = {}

    def add(self, descriptor: int, events: int, action: Callable[[], object]) -> None:
        """Call `action` in `wait` whenever the descriptor is ready for `events`."""
        self._poll.register(descriptor, events)
        self._actions[descriptor] = action

    def drop(self, descriptor: int) -> None:
        """Stop waiting for a descriptor. MUST be called before it is closed; a second call does nothing."""
        if self._actions.pop(descriptor, None) is not None:
            self._poll.unregister(descriptor)

    def wait(self, seconds: float) -> None:
        """Wait at most `seconds` until a descriptor is ready, and call the actions of those that are."""
        deferral.raise_pending()
        for descriptor, _ in self._poll.poll(None if seconds == math.inf else seconds * 1000):
            self._actions[descriptor]()
