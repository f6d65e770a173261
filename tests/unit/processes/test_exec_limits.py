"""The limits are compared with those of the system that runs the tests."""

from __future__ import annotations

import subprocess

import pytest

from certbot_external_auth.processes.exec_limits import MAX_STRING_BYTES, RESERVED_BYTES, measure, system_limit
from certbot_external_auth.processes.exec_limits import too_large as too_large_of

TRUE = "/bin/true"


def starts(argv: list[str], environment: dict[str, str]) -> bool:
    try:
        return subprocess.run(argv, env=environment).returncode == 0
    except OSError:
        return False


def too_large(argv: list[str], environment: dict[str, str], limit: int) -> str | None:
    """Measured in two parts, as a batch is."""
    return too_large_of(measure([], environment) + measure(argv, {}), limit)


@pytest.mark.parametrize("over", [0, 1])
def test_one_string(over: int) -> None:
    for argv, environment in (
        ([TRUE, "x" * (MAX_STRING_BYTES - 1 + over)], {}),
        ([TRUE], {"A": "x" * (MAX_STRING_BYTES - 3 + over)}),
        ([TRUE], {"A": "ü" * ((MAX_STRING_BYTES - 4) // 2 + over) + "x"}),
    ):
        assert starts(argv, environment) == (too_large(argv, environment, system_limit()) is None) == (not over)


def test_all_together() -> None:
    """What is let through does start, and what is refused misses by little more than what is kept in reserve."""
    word = "x" * 999
    fits = (system_limit() - RESERVED_BYTES) // (len(word) + 1 + 8) - 1
    assert too_large([TRUE, *[word] * fits], {}, system_limit()) is None
    assert starts([TRUE, *[word] * fits], {})
    more = [TRUE, *[word] * (fits + 2 + 2 * RESERVED_BYTES // len(word))]
    assert "arguments and environment take" in str(too_large(more, {}, system_limit()))
    assert not starts(more, {})


def test_what_is_largest_is_named_and_not_shown() -> None:
    said = str(too_large([TRUE, "a"], {"SECRET": "hunter2" * 100, "B": "c"}, 4800))
    assert "the variable SECRET takes 708" in said
    assert "hunter2" not in said
