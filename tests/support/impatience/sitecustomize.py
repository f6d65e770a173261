"""Lets a Python hook wait a moment where it waits a minute, for a process with this folder on PYTHONPATH."""

import time

_sleep = time.sleep


def _moment(seconds: float) -> None:
    _sleep(min(seconds, 0.1))


time.sleep = _moment  # type: ignore[assignment]
