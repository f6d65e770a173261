"""The handler's command line, as typed and as kept."""

from __future__ import annotations

import io
import os
import shlex
from pathlib import Path

import configobj
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from certbot_external_auth import command
from certbot_external_auth.errors import UsageError

FLAG = "--external-auth-handler"
words = st.lists(st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1), min_size=1, max_size=4)
nasty = st.lists(st.text(alphabet="%(x)s'\"#,$ \\-=None", min_size=1, max_size=12), min_size=1, max_size=4)


def through_renewal_file(value: str) -> str:
    """Written and read as Certbot does."""
    file = configobj.ConfigObj(encoding="utf-8", default_encoding="utf-8")
    file["renewalparams"] = {"external_auth_handler": value}
    out = io.BytesIO()
    file.write(out)
    again = configobj.ConfigObj(io.BytesIO(out.getvalue()), encoding="utf-8", default_encoding="utf-8")
    found = again["renewalparams"]["external_auth_handler"]
    assert isinstance(found, str)
    return found


@given(words | nasty)
@example(["--format", "%(name)s"])
@example(["'''", '"""'])
@example(['"""#'])
@example(['"""""#', '"""\'#'])
@example(["None", "-x", "a\nb"])
def test_what_is_kept_comes_back_from_the_renewal_file(typed: list[str]) -> None:
    """A handler that is forgotten or changed at renewal is the old plugin's first sin."""
    argv = ["/opt/hook", *typed]
    assert shlex.split(through_renewal_file(command.keep(argv))) == argv


def test_without_the_quotation_marks_a_percent_sign_would_be_lost() -> None:
    """Shows that the trap is there."""
    with pytest.raises(configobj.ConfigObjError):
        through_renewal_file("/opt/hook '%(name)s'")


def test_a_file_with_a_space_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "my hook").touch()
    assert command.resolve_typed("my hook", FLAG, str(tmp_path), None) == [str(tmp_path / "my hook")]


def test_every_file_of_a_command_line_is_absolute(tmp_path: Path) -> None:
    """cron starts in another directory."""
    for name in ("hook", "zone.conf"):
        (tmp_path / name).touch()
    found = command.resolve_typed("./hook zone.conf --fast 'no file'", FLAG, str(tmp_path), None)
    assert found == [str(tmp_path / "hook"), str(tmp_path / "zone.conf"), "--fast", "no file"]


def test_a_name_on_path(tmp_path: Path) -> None:
    (tmp_path / "publish").touch(0o755)
    assert command.resolve_typed("publish x", FLAG, "/", f"/nowhere{os.pathsep}{tmp_path}") == [
        str(tmp_path / "publish"),
        "x",
    ]


def test_broken_quotation_is_said() -> None:
    with pytest.raises(UsageError, match="close the quotation"):
        command.resolve_typed("hook 'x", FLAG, "/", None)


@pytest.mark.parametrize(("path", "bad"), [("/srv/www", False), ("/srv/%(x)s", True), ("/srv/a\nb", True)])
def test_paths_that_a_renewal_file_would_change(path: str, bad: bool) -> None:
    assert command.unkeepable(path) is bad


def test_a_nul_is_wrong_use() -> None:
    """Lost: a traceback instead of a sentence, for a cli.ini that a disk has damaged."""
    with pytest.raises(UsageError, match="--flag: there is a NUL"):
        command.resolve_typed("hook\0", "--flag", "/", "/usr/bin")
