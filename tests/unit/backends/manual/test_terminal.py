"""Where mode manual writes."""

from __future__ import annotations

import os
import pty
import sys

import pytest

from certbot_external_auth.backends.manual import terminal


def test_what_a_broken_pipe_cannot_take_goes_to_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards against records that nobody removes: Ctrl-C ends `tee` too."""
    leader, follower = pty.openpty()
    reads, writes = os.pipe()
    os.close(reads)
    broken = os.fdopen(writes, "w", buffering=1)
    with os.fdopen(follower) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        monkeypatch.setattr(sys, "stdout", broken)
        monkeypatch.setattr(sys, "stderr", broken)
        terminal.say("You can now remove")
        assert b"You can now remove" in os.read(leader, 4096)
    os.close(leader)
    with pytest.raises(BrokenPipeError):
        broken.close()


def test_without_any_terminal_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    with open(os.devnull) as nothing:
        monkeypatch.setattr(sys, "stdin", nothing)
        monkeypatch.setattr(sys, "stdout", nothing)
        monkeypatch.setattr(sys, "stderr", nothing)
        terminal.say("You can now remove")
