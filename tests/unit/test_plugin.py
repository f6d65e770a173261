"""What the host pays for a plugin it does not use."""

from __future__ import annotations

import subprocess
import sys

import pytest

from certbot_external_auth import plugin

LOADED = """
import sys, certbot.main
before = set(sys.modules)
import certbot_external_auth.plugin
print(*sorted(name for name in set(sys.modules) - before if name.split(".")[0] not in sys.stdlib_module_names))
"""


def test_the_import_loads_nothing_but_itself() -> None:
    """Every Certbot command of the host pays for it."""
    shown = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True).stdout.split()
    assert {name.split(".")[0] for name in shown} == {"certbot_external_auth"}
    parts = ("", ".command", ".errors", ".plugin", ".registration", ".settings")
    assert set(shown) == {f"certbot_external_auth{part}" for part in parts}


@pytest.mark.parametrize(
    ("arguments", "opens"),
    [
        (["certonly", "-d", "x"], True),
        (["-d", "x"], True),
        (["renew", "-q"], True),
        (["certificates"], False),
        (["plugins"], False),
        (["--version"], False),
        (["certonly", "--help"], False),
        (["help", "certonly"], False),
    ],
)
def test_stdout_is_taken_over_only_where_lines_may_come(arguments: list[str], opens: bool) -> None:
    """Whoever has the mode in cli.ini still wants to see his certificates."""
    assert plugin._opens_channel(arguments) is opens
