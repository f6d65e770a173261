"""Certbot's folders are found where Certbot finds them."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from certbot_external_auth.console import certbot_folders


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home directory of the test's own, with the folder of a cli.ini."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    (tmp_path / ".config" / "letsencrypt").mkdir(parents=True)
    return tmp_path


def test_defaults_are_certbots() -> None:
    assert certbot_folders.found({}) == ("/etc/letsencrypt", "/var/lib/letsencrypt")


def test_what_is_given_counts_most_then_the_file_that_is_named_then_that_of_the_user(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / ".config" / "letsencrypt" / "cli.ini").write_text("config-dir = /c1\nwork-dir = /w1\n")
    assert certbot_folders.found({}) == ("/c1", "/w1")
    named = home / "named.ini"
    named.write_text("work-dir = /w2\n")
    assert certbot_folders.found({}, [str(home / "none"), str(named)]) == ("/c1", "/w2")
    assert certbot_folders.found({"work-dir": "/w3", "config-dir": None}, [str(named)]) == ("/c1", "/w3")
    (home / "xdg" / "letsencrypt").mkdir(parents=True)
    (home / "xdg" / "letsencrypt" / "cli.ini").write_text("config-dir = /c4\n")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "xdg"))
    assert certbot_folders.found({}) == ("/c4", "/var/lib/letsencrypt")


def test_the_directory_of_logs(home: Path) -> None:
    assert certbot_folders.logs() == "/var/log/letsencrypt"
    (home / ".config" / "letsencrypt" / "cli.ini").write_text("logs-dir = ~/l1\n")
    assert certbot_folders.logs() == f"{home}/l1"
    assert certbot_folders.logs("/l2") == "/l2"


def test_an_empty_value_is_the_current_folder_as_for_certbot(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lost: every session, looked for in a folder named =."""
    monkeypatch.chdir(home)
    (home / ".config" / "letsencrypt" / "cli.ini").write_text("work-dir =\n")
    assert certbot_folders.found({})[1] == str(home)


def test_paths_become_absolute(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home)
    assert certbot_folders.found({"config-dir": "~/c", "work-dir": "w"}) == (f"{home}/c", f"{home}/w")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("work-dir=/w", {"work-dir": "/w"}),
        ("  --work-dir: '/w x' ", {"work-dir": "/w x"}),
        ('config-dir "/c"\t', {"config-dir": "/c"}),
        ("work-dir = /a\nwork-dir = /b", {"work-dir": "/b"}),
        ("work-dir = /a b # where it was", {"work-dir": "/a b"}),
        ("work-dir = /a#b ; c", {"work-dir": "/a#b"}),
        ("work-dir = /w\r\nconfig-dir=/c\r\n", {"work-dir": "/w", "config-dir": "/c"}),
        ("work-dir =\nconfig-dir:", {"work-dir": "", "config-dir": ""}),
        ("work-dir\nconfig-dir = /c", {"config-dir": "/c"}),
        ("# work-dir = /w\nmy-work-dir = /w\nwork-dir-x = /w", {}),
    ],
)
def test_lines_of_cli_ini(text: str, found: dict[str, str]) -> None:
    assert certbot_folders.assignments(text) == found


def test_a_file_that_is_too_long_is_not_read(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certbot_folders, "MAX_BYTES", 10)
    long = home / "long.ini"
    long.write_text("work-dir = /w\n")
    assert certbot_folders.found({}, [str(long)])[1] == "/var/lib/letsencrypt"


@pytest.mark.parametrize(
    ("options", "words", "values"),
    [
        ((), ["--config-dir", "c", "--work-dir", "w"], {"config_dir": "c", "work_dir": "w"}),
        (("work-dir",), [], {"work_dir": None}),
    ],
)
def test_flags(options: tuple[str, ...], words: list[str], values: dict[str, str | None]) -> None:
    parser = argparse.ArgumentParser()
    certbot_folders.arguments(parser, *options)
    assert vars(parser.parse_args(words)) == values
    shown = parser.format_help()
    assert ("/etc/letsencrypt" in shown) is (not options)
    assert "/var/lib/letsencrypt" in shown
    assert "DIR" in shown
