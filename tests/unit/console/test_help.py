"""What the command prints before any verb runs."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("stdout", [">/dev/full", ">&-"])
@pytest.mark.parametrize("words", [["--version"], ["--help"], ["recover", "--help"]])
def test_a_help_that_nobody_gets_is_a_failure(words: list[str], stdout: str) -> None:
    """Guards against exit code 0, or Python's own complaint, where nothing was printed."""
    shell = ["sh", "-c", f'exec "$@" {stdout}', "sh"]
    command = [*shell, sys.executable, "-m", "certbot_external_auth", *words]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1, ended
    assert "could not be printed" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


@pytest.mark.parametrize("words", [["--version"], ["--help"], ["recover", "--help"]])
def test_the_help_goes_to_stdout(words: list[str]) -> None:
    command = [sys.executable, "-m", "certbot_external_auth", *words]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.endswith("\n")
    assert ended.stdout.strip()
