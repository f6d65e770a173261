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

from certbot_external_auth.errors import UsageError
from certbot_external_auth.handler_setup import command_line

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
    assert shlex.split(through_renewal_file(command_line.keep(argv))) == argv


def test_without_the_quotation_marks_a_percent_sign_would_be_lost() -> None:
    """Shows that the trap is there."""
    with pytest.raises(configobj.ConfigObjError):
        through_renewal_file("/opt/hook '%(name)s'")


def test_a_file_with_a_space_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "my hook").touch()
    assert command_line.resolve_typed("./my hook", FLAG, str(tmp_path), None) == [str(tmp_path / "my hook")]
    assert command_line.resolve_typed(f"{tmp_path}/my hook", FLAG, "/", None) == [str(tmp_path / "my hook")]
    with pytest.raises(UsageError, match=r"\./my hook"):
        command_line.resolve_typed("my hook", FLAG, str(tmp_path), None)


def test_every_file_of_a_command_line_is_absolute(tmp_path: Path) -> None:
    """cron starts in another directory."""
    for name in ("hook", "zone.conf"):
        (tmp_path / name).touch()
    found = command_line.resolve_typed("./hook zone.conf --fast 'no file'", FLAG, str(tmp_path), None)
    assert found == [str(tmp_path / "hook"), str(tmp_path / "zone.conf"), "--fast", "no file"]


def test_a_name_on_path(tmp_path: Path) -> None:
    (tmp_path / "publish").touch(0o755)
    assert command_line.resolve_typed("publish x", FLAG, "/", f"/nowhere{os.pathsep}{tmp_path}") == [
        str(tmp_path / "publish"),
        "x",
    ]


def planted(folder: Path, *names: str) -> tuple[str, str]:
    """The current folder and PATH, with a program of each name in both."""
    for place in ("here", "path"):
        (folder / place).mkdir()
        for name in names:
            (folder / place / name).touch(0o755)
    return str(folder / "here"), str(folder / "path")


@pytest.mark.parametrize("before", ["", "./"])
def test_a_name_without_a_slash_is_never_a_file_of_the_current_folder(tmp_path: Path, before: str) -> None:
    """Guards against: a program that another user put into the current folder; a renewal that finds it no more."""
    here, path = planted(tmp_path, "publish")
    found = command_line.resolve_typed(f"{before}publish publish", FLAG, here, path)
    # The second word is an argument, and a file.
    assert found == [f"{here if before else path}/publish", f"{here}/publish"]
    Path(path, "publish").unlink()
    if not before:
        with pytest.raises(UsageError, match=r"write \./publish") as caught:
            command_line.resolve_typed("publish x", FLAG, here, path)
        assert FLAG in str(caught.value)
    Path(here, "publish").unlink()
    if not before:
        with pytest.raises(UsageError, match="on PATH"):
            command_line.resolve_typed("publish x", FLAG, here, path)


@pytest.mark.parametrize("search_path", [".", "", ":/nowhere", "/nowhere:", "bin:/nowhere"])
def test_a_path_that_names_the_current_folder_names_nothing(tmp_path: Path, search_path: str) -> None:
    (tmp_path / "bin").mkdir()
    for place in (tmp_path, tmp_path / "bin"):
        (place / "publish").touch(0o755)
    with pytest.raises(UsageError, match=r"write \./publish"):
        command_line.resolve_typed("publish", FLAG, str(tmp_path), search_path)


@pytest.mark.parametrize("launcher", ["sudo -u www", "env A=b", "env A=b nice -n 5"])
def test_what_a_launcher_may_start_is_not_taken_from_the_current_folder(tmp_path: Path, launcher: str) -> None:
    """Only the launcher knows which word is the program, and looks for it on a PATH of its own."""
    here, path = planted(tmp_path, "publish", "sudo", "env", "nice")
    words = launcher.split()[1:]
    assert command_line.resolve_typed(f"{launcher} publish", FLAG, here, path)[1:] == [*words, "publish"]
    Path(path, "publish").unlink()
    with pytest.raises(UsageError, match=r"write \./publish"):
        command_line.resolve_typed(f"{launcher} publish", FLAG, here, path)
    assert command_line.resolve_typed(f"{launcher} ./publish", FLAG, here, path)[-1] == f"{here}/publish"
    Path(here, "zone.conf").touch(0o644)
    assert command_line.resolve_typed(f"{launcher} ./publish zone.conf", FLAG, here, path)[-1] == f"{here}/zone.conf"


def test_a_path_through_a_link_and_up_is_kept_as_it_is(tmp_path: Path) -> None:
    """Lost: another file than the one that was named."""
    (tmp_path / "app" / "v1").mkdir(parents=True)
    (tmp_path / "app" / "hook").touch(0o755)
    os.symlink("app/v1", tmp_path / "current")
    assert command_line.resolve_typed("current/../hook", FLAG, str(tmp_path), None) == [f"{tmp_path}/current/../hook"]
    assert command_line.resolve_typed("./app/../app/hook", FLAG, str(tmp_path), None) == [f"{tmp_path}/app/hook"]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("/x/hook && /x/reload", "&& is for a shell"),
        ("/x/hook;/x/reload", "; is for a shell"),
        ("/x/hook $CERTBOT_DOMAIN", "$CERTBOT_DOMAIN is for a shell"),
        ('/x/hook "of ${CERTBOT_DOMAIN}"', "${ is for a shell"),
        ("/x/hook `hostname`", "` is for a shell"),
        ("/x/hook >/dev/null 2>&1", "> is for a shell"),
        ("TOKEN=hidden9876 /x/hook", "only a shell takes TOKEN=… in front"),
    ],
)
def test_what_is_written_for_a_shell_is_refused(typed: str, said: str) -> None:
    """Lost once: the reload behind &&; the name of the domain, for which the hook was given "$CERTBOT_DOMAIN"."""
    with pytest.raises(UsageError) as caught:
        command_line.resolve_typed(typed, FLAG, "/", None)
    assert f"{FLAG}: {said}" in str(caught.value)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    "word", ["&&", "$HOME", "a;b", "x > y", "`id`", "costs 5$", "50%", "a=b", "{a,b}", "'", "~", "$", "\\$HOME"]
)
def test_what_is_quoted_is_meant_as_it_is(word: str) -> None:
    typed = f"/x/hook {shlex.quote(word)}"
    assert command_line.resolve_typed(typed, FLAG, "/", None) == ["/x/hook", word]
    assert command_line.resolve_typed("/x/hook sh -c '/x/a && $B'", FLAG, "/", None)[-1] == "/x/a && $B"
    assert command_line.resolve_typed('/x/hook "costs 5$" a$', FLAG, "/", None)[1:] == ["costs 5$", "a$"]


def test_broken_quotation_is_said() -> None:
    with pytest.raises(UsageError, match="close the quotation"):
        command_line.resolve_typed("hook 'x", FLAG, "/", None)


@pytest.mark.parametrize(("path", "bad"), [("/srv/www", False), ("/srv/%(x)s", True), ("/srv/a\nb", True)])
def test_paths_that_a_renewal_file_would_change(path: str, bad: bool) -> None:
    assert command_line.unkeepable(path) is bad


def test_a_nul_is_wrong_use() -> None:
    """Lost: a traceback instead of a sentence, for a cli.ini that a disk has damaged."""
    with pytest.raises(UsageError, match="--flag: there is a NUL"):
        command_line.resolve_typed("hook\0", "--flag", "/", "/usr/bin")


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("/x/hook a", "/x/hook"),
        ("/usr/bin/sh /x/hook", "/x/hook"),
        ("/usr/bin/env A=/b /x/hook -v", "/x/hook"),
        ("/usr/bin/env -C /usr /bin/sh /x/hook /y", "/x/hook"),
        ("/usr/bin/timeout 5 /usr/bin/python3.11 -u /x/hook.py", "/x/hook.py"),
        ("/usr/bin/env hook", "/usr/bin/env"),
        ("/bin/sh -c '/x/hook $1'", "/bin/sh"),
        ("/x/hook.sh /bin/sh", "/x/hook.sh"),
    ],
)
def test_messages_name_the_file_that_does_the_work(words: str, name: str) -> None:
    assert command_line.named(command_line.split(words, FLAG)) == name
