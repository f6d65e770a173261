"""The environment of a handler: what a snap or a virtual environment set for Certbot is not in it."""

from __future__ import annotations

import pytest

from certbot_external_auth.handler_setup.command_line import SEARCH_PATH
from certbot_external_auth.handler_setup.environment import handler_environment


def test_variables_of_certbots_own_python_are_left_out() -> None:
    """Guards against: a hook in Python that loads Certbot's libraries in place of its own."""
    caller = {
        "PYTHONHOME": "/x",
        "PYTHONPATH": "/x",
        "VIRTUAL_ENV": "/venv",
        "CERTBOT_SNAPPED": "True",
        "SNAP_NAME": "c",
    }
    assert handler_environment({**caller, "PATH": "/bin", "PYTHONWARNINGS": "error"}) == {
        "PATH": "/bin",
        "PYTHONWARNINGS": "error",
    }


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/venv/bin:/bin", "/bin"),
        ("/venv:/bin", "/bin"),
        ("/venv2/bin:/bin", "/venv2/bin:/bin"),
        ("/snap/certbot/1/bin::/bin", "/bin"),
        ("/venv/bin", SEARCH_PATH),
        ("", SEARCH_PATH),
    ],
)
def test_the_path_has_no_directories_of_a_virtual_environment_or_snap(path: str, expected: str) -> None:
    caller = {"VIRTUAL_ENV": "/venv", "SNAP": "/snap/certbot/1/", "PATH": path}
    assert handler_environment(caller) == {"PATH": expected}


def test_a_library_path_is_the_snaps_only_in_a_snap() -> None:
    assert "LD_LIBRARY_PATH" not in handler_environment({"SNAP": "/snap/c", "LD_LIBRARY_PATH": "/snap/c/lib"})
    assert handler_environment({"LD_LIBRARY_PATH": "/opt/lib"})["LD_LIBRARY_PATH"] == "/opt/lib"


def test_a_caller_without_a_path_gets_one_and_is_not_changed() -> None:
    caller: dict[str, str] = {}
    assert handler_environment(caller) == {"PATH": SEARCH_PATH}
    assert caller == {}
