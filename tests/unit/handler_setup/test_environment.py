"""The environment of a handler: what a snap or a virtual environment set for Certbot is not in it, all else is."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from certbot_external_auth.handler_setup.command_line import SEARCH_PATH
from certbot_external_auth.handler_setup.environment import handler_environment


@pytest.fixture
def venv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The virtual environment in which Certbot runs, and a link to it."""
    folder = tmp_path / "venv"
    folder.mkdir()
    (tmp_path / "link").symlink_to(folder)
    monkeypatch.setattr(sys, "prefix", str(folder))
    return folder


def test_the_callers_own_python_stays() -> None:
    """Lost: the libraries of a hook that runs under ``--manual``, or in a virtual environment of its own."""
    caller = {
        "PATH": "/opt/hooks/bin:/bin",
        "PYTHONHOME": "/opt/python",
        "PYTHONPATH": "/opt/lib::/srv/lib",
        "VIRTUAL_ENV": "/opt/hooks",
        "VIRTUAL_ENV_PROMPT": "hooks",
        "PYTHONWARNINGS": "error",
        "SNAPSHOTS": "/backup",
        "SNAP_POINTS": "3",
        "OPENSSL_MODULES": "/usr/lib/ossl-modules",
        "OPENSSL_FORCE_FIPS_MODE": "1",
        "LD_LIBRARY_PATH": "/opt/lib",
    }
    assert handler_environment(caller) == caller


def test_what_points_into_certbots_virtual_environment_is_left_out(venv: Path) -> None:
    """Guards against: a hook in Python that loads Certbot's libraries in place of its own."""
    caller = {
        "PATH": f"{venv}/bin:/bin",
        "PYTHONPATH": f"{venv}/lib:/opt/lib:{venv.parent}/link/lib",
        "PYTHONHOME": f"{venv}/",
        "VIRTUAL_ENV": f"{venv.parent}/link",
        "VIRTUAL_ENV_PROMPT": "certbot",
    }
    assert handler_environment(caller) == {"PATH": "/bin", "PYTHONPATH": "/opt/lib"}


def test_what_certbots_snap_adds_is_left_out() -> None:
    """Guards against: a hook whose openssl has no legacy provider, since it looks for modules in the snap."""
    snap = "/snap/certbot/1"
    caller = {
        "PATH": f"{snap}/bin:{snap}/usr/bin:/bin",
        "SNAP": f"{snap}/",
        "SNAP_NAME": "certbot",
        "SNAP_REVISION": "1",
        "SNAPSHOTS": "/backup",
        "CERTBOT_SNAPPED": "True",
        "CERTBOT_PLUGIN_PATH": "/snap/certbot-dns-x/current/lib/python3.12/site-packages/",
        "CERTBOT_AUGEAS_PATH": f"{snap}/usr/lib/x86_64-linux-gnu/libaugeas.so.0",
        "AUGEAS_LENS_LIB": f"{snap}/usr/share/augeas/lenses/dist",
        "OPENSSL_MODULES": f"{snap}/usr/lib/x86_64-linux-gnu/ossl-modules",
        "OPENSSL_FORCE_FIPS_MODE": "0",
        "LD_LIBRARY_PATH": f"/var/lib/snapd/lib/gl:{snap}/lib:/opt/lib",
        "PYTHONPATH": f"{snap}/lib/python3/dist-packages",
    }
    assert handler_environment(caller) == {"PATH": "/bin", "SNAPSHOTS": "/backup", "LD_LIBRARY_PATH": "/opt/lib"}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("{venv}/bin:/bin", "/bin"),
        ("{venv}:/bin", "/bin"),
        ("{venv}2/bin:/bin", "{venv}2/bin:/bin"),
        ("/snap/certbot/1/bin::/bin", "/bin"),
        ("{venv}/bin", SEARCH_PATH),
        ("", SEARCH_PATH),
    ],
)
def test_the_path_has_no_directories_of_certbots_own_environment(venv: Path, path: str, expected: str) -> None:
    caller = {"SNAP": "/snap/certbot/1/", "PATH": path.format(venv=venv)}
    assert handler_environment(caller) == {"PATH": expected.format(venv=venv)}


def test_a_caller_without_a_path_gets_one_and_is_not_changed() -> None:
    caller: dict[str, str] = {}
    assert handler_environment(caller) == {"PATH": SEARCH_PATH}
    assert caller == {}
