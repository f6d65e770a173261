"""Signals that Certbot makes exceptions of, where an exception gets lost."""

from __future__ import annotations

import contextlib
import logging
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

import pytest
from certbot import errors
from certbot._internal import error_handler

from certbot_external_auth.processes.poller import Poller
from certbot_external_auth.signals import deferral
from certbot_external_auth.visibility import parallel


def certbots(signum: int, _: FrameType | None) -> None:
    """As Certbot's own, while challenges are published."""
    raise errors.SignalExit


@pytest.fixture(autouse=True)
def handler() -> Iterator[None]:
    before = signal.signal(signal.SIGTERM, certbots)
    yield
    assert signal.getsignal(signal.SIGTERM) is certbots
    signal.signal(signal.SIGTERM, before)


class Interrupting(logging.Handler):
    """Its writing takes long enough for a signal to come, every time."""

    def __init__(self) -> None:
        super().__init__()
        self.broken = 0
        self.times = 1

    def emit(self, record: logging.LogRecord) -> None:
        try:
            for _ in range(self.times):
                signal.raise_signal(signal.SIGTERM)
        except Exception:
            self.broken += 1


@pytest.fixture
def log() -> Iterator[tuple[logging.Logger, Interrupting]]:
    logger, kept = logging.getLogger("test_signals"), Interrupting()
    logger.addHandler(kept)
    yield logger, kept
    logger.removeHandler(kept)


def test_one_while_a_record_is_logged_is_raised_before_the_next_wait(log: tuple[logging.Logger, Interrupting]) -> None:
    """Guards against: a lost signal, and a run that waits for an hour instead of ending."""
    raised = []
    with contextlib.suppress(errors.SignalExit), deferral.SignalKeeper():
        log[0].warning("a record")
        for wait in (lambda: Poller().wait(0), lambda: parallel.each(str, [1, 2])):
            with pytest.raises(errors.SignalExit) as found:
                wait()
            raised.append(deferral.signal_behind(found.value))
    assert raised == [signal.SIGTERM, signal.SIGTERM]
    assert log[1].broken == 0


def ended(block: Callable[[], object]) -> tuple[BaseException | None, list[int]]:
    """How it ended, and the signals that came."""
    kept = deferral.SignalKeeper()
    try:
        with kept:
            block()
    except Exception as error:
        return error, kept.came
    return None, kept.came


def test_one_while_a_record_is_logged_ends_the_block(log: tuple[logging.Logger, Interrupting]) -> None:
    error, came = ended(lambda: log[0].warning("a record"))
    assert isinstance(error, errors.SignalExit)
    assert came == [signal.SIGTERM]


def test_one_of_which_a_library_made_its_own_exception_ends_the_block() -> None:
    """dnspython does, for one."""

    def block() -> None:
        try:
            signal.raise_signal(signal.SIGTERM)
        except Exception:
            raise OSError("what it became") from None

    assert isinstance(ended(block)[0], errors.SignalExit)


def test_one_on_its_way_is_not_raised_again() -> None:
    """Guards against: a second signal that cuts short the grace period after the first."""

    def block() -> None:
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            deferral.raise_pending()

    error, came = ended(block)
    assert isinstance(error, errors.SignalExit)
    assert came == [signal.SIGTERM]


def test_a_second_one_while_a_record_is_logged_does_not_wait(log: tuple[logging.Logger, Interrupting]) -> None:
    """Guards against: a process that cannot be ended while it writes to a pipe that is not read."""
    log[1].times = 2
    broken = []

    def block() -> None:
        log[0].warning("a record")
        broken.append(log[1].broken)

    assert isinstance(ended(block)[0], errors.SignalExit)
    assert broken == [1]


def test_what_certbot_puts_off_itself_is_only_noted(log: tuple[logging.Logger, Interrupting]) -> None:
    """Its own handler raises nothing while it cleans up."""
    came = []
    signal.signal(signal.SIGTERM, lambda number, _: came.append(number))
    try:
        with deferral.SignalKeeper() as kept:
            signal.raise_signal(signal.SIGTERM)
            deferral.raise_pending()
        assert kept.came == came == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, certbots)


def test_another_thread_has_nothing_to_do_with_it(log: tuple[logging.Logger, Interrupting]) -> None:
    raised = []

    def look() -> None:
        try:
            deferral.raise_pending()
        except errors.SignalExit as error:
            raised.append(error)

    with contextlib.suppress(errors.SignalExit), deferral.SignalKeeper():
        log[0].warning("a record")
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
    assert raised == []


def certbots_exit(function: Callable[[], object]) -> None:
    """A block of Certbot's that ends well, with what is called at its end."""
    with error_handler.ExitHandler(function):
        pass


@pytest.mark.versions
def test_one_after_certbot_has_written_a_certificate_is_not_lost() -> None:
    """Guards against: a signal during a deployment at a renewal that Certbot only notes."""
    with error_handler.ErrorHandler(lambda: None), error_handler.ErrorHandler(lambda: None):
        pass
    assert signal.getsignal(signal.SIGTERM) is not certbots
    deferral.ready()
    assert signal.getsignal(signal.SIGTERM) is certbots


@pytest.mark.versions
def test_one_while_certbot_cleans_up_stays_its_own() -> None:
    """Guards against: a cleanup that a signal cuts short."""
    certbots_exit(deferral.ready)
    during = []
    certbots_exit(lambda: (deferral.ready(), during.append(signal.getsignal(signal.SIGTERM))))
    assert during[0] is not certbots
    with error_handler.ErrorHandler(lambda: None):
        deferral.ready()
        assert signal.getsignal(signal.SIGTERM) is not certbots
    deferral.ready()
