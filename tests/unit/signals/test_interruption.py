"""Signals that end a command are exceptions in it, once to clean up and then to end at once."""

from __future__ import annotations

import signal

import pytest

from certbot_external_auth.signals.interruption import NUMBERS, Interrupted, raising_interrupted


@pytest.mark.parametrize("number", NUMBERS)
def test_the_first_signal_leaves_time_and_the_second_does_not(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with raising_interrupted():
        with pytest.raises(Interrupted) as first:
            signal.raise_signal(number)
        with pytest.raises(Interrupted) as second:
            signal.raise_signal(number)
    assert [(caught.value.number, caught.value.at_once) for caught in (first, second)] == [
        (number, False),
        (number, True),
    ]
    assert signal.getsignal(number) == before


def test_an_ignored_signal_stays_ignored() -> None:
    """Guards against: a command under nohup that ends with the terminal."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with raising_interrupted():
            signal.raise_signal(signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
