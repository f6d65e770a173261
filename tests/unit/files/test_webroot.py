"""http-01 files in folders of other users: nothing is written outside them, whatever those users put there."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import pytest

from certbot_external_auth.backends import backend
from certbot_external_auth.challenges import Challenge
from certbot_external_auth.errors import PerformError
from certbot_external_auth.files import webroot
from certbot_external_auth.files.webroot import FileState
from certbot_external_auth.journal.entry import Entry, Handler
from certbot_external_auth.recovery.context import context_of

TOKEN = "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
STRANGER = 12345
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files that are somebody else's")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A web root, with a folder beside it that must not be touched."""
    (tmp_path / "precious").mkdir()
    folder = tmp_path / "www" / "acme"
    folder.mkdir(parents=True)
    return folder


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_can_be_read_by_the_server_and_is_gone_afterwards(place: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        webroot.write(str(place), TOKEN, "content")
    finally:
        os.umask(before)
    assert (place / TOKEN).read_text() == "content"
    assert stat.S_IMODE((place / TOKEN).stat().st_mode) == 0o644
    webroot.remove(str(place), TOKEN)
    webroot.remove(str(place), TOKEN)
    assert list(place.iterdir()) == []


def test_the_command_that_makes_the_folder_lets_the_server_in(tmp_path: Path) -> None:
    """Guards against a fix that is the next fault: root's umask is 077 on many hosts."""
    problem = webroot.problem(str(tmp_path / "a b" / "c"))
    assert problem is not None
    subprocess.run(["sh", "-c", f"umask 077; {problem.partition('; run: ')[2]}"], check=True)
    assert [stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "a b", tmp_path / "a b" / "c")] == [0o755] * 2


def test_what_keeps_other_users_from_the_file() -> None:
    # pytest's own folders are closed to other users.
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        folder = Path(name, "www")
        folder.mkdir()
        folder.chmod(0o755)
        os.symlink(folder, f"{name}/link")
        path = f"{name}/link/{TOKEN}"
        assert webroot.file_state(f"{name}/link", TOKEN) == FileState(path, gone=True)
        webroot.write(f"{name}/link", TOKEN, "content")
        assert webroot.file_state(f"{name}/link", TOKEN) == FileState(path)
        Path(path).chmod(0o640)
        assert webroot.file_state(f"{name}/link", TOKEN) == FileState(path, closed=path, mode=0o640)
        folder.chmod(0o754)
        assert webroot.file_state(f"{name}/link", TOKEN) == FileState(path, closed=str(folder), mode=0o754)
        assert webroot.file_state(name, "x" * 300) is None


def test_what_a_dead_run_has_left_is_replaced(place: Path, tmp_path: Path) -> None:
    """A new file takes its place. A hard link to the old file keeps the old content."""
    webroot.write(str(place), TOKEN, "old")
    os.link(place / TOKEN, tmp_path / "precious" / "linked")
    webroot.write(str(place), TOKEN, "content")
    assert (place / TOKEN).read_text() == "content"
    assert (tmp_path / "precious" / "linked").read_text() == "old"


@root_only
def test_a_file_of_somebody_elses_is_not_replaced(place: Path) -> None:
    (place / TOKEN).write_text("theirs")
    os.chown(place / TOKEN, STRANGER, STRANGER)
    with pytest.raises(FileExistsError) as caught:
        webroot.write(str(place), TOKEN, "content")
    assert caught.value.filename == str(place / TOKEN)
    assert (place / TOKEN).read_text() == "theirs"


def test_what_is_in_the_way_is_named_in_the_mend(place: Path) -> None:
    (place / TOKEN).mkdir()
    challenge = Challenge("c1", "http-01", "a.test", "dns", TOKEN, f"{TOKEN}.x")
    handler = Handler(words=("/bin/true",), dialect="native", wellknown=str(place))
    entry = Entry(id="x", written="x", mode="handler", config_dir="/", challenges=(challenge,), handler=handler)
    with pytest.raises(PerformError) as caught:
        backend("handler", context_of(entry, "/", {})).perform([challenge], lambda challenges: None)
    assert caught.value.failures[0].mend.endswith(f"run: rm -r {place}/{TOKEN}")


def test_a_link_in_place_of_the_file_is_neither_followed_nor_replaced(place: Path, tmp_path: Path) -> None:
    os.symlink(tmp_path / "precious" / "new", place / TOKEN)
    with pytest.raises(FileExistsError):
        webroot.write(str(place), TOKEN, "content")
    assert list((tmp_path / "precious").iterdir()) == []


def test_links_of_ours_are_followed(place: Path, tmp_path: Path) -> None:
    """/var/www on another disk is not an attack."""
    os.symlink("www", tmp_path / "relative")
    (tmp_path / "other" / "below").mkdir(parents=True)
    os.symlink("other/below", tmp_path / "below")
    # From where the link leads, not from where it is.
    os.symlink(tmp_path / "below" / ".." / ".." / "www" / ".", tmp_path / "absolute")
    os.symlink("../absolute/acme", place.parent / "again")
    given = str(place.parent / "again")
    assert webroot.problem(given) is None
    webroot.write(given, TOKEN, "content")
    assert (place / TOKEN).exists()


@pytest.mark.parametrize(("count", "fine"), [(40, True), (41, False)])
def test_as_many_links_are_followed_as_linux_follows(place: Path, tmp_path: Path, count: int, fine: bool) -> None:
    os.symlink(place, tmp_path / "1")
    for number in range(2, count + 1):
        os.symlink(str(number - 1), tmp_path / str(number))
    problem = webroot.problem(str(tmp_path / str(count)))
    assert (problem is None) is fine


def test_a_link_in_a_folder_of_all_users_is_followed_if_only_its_owner_can_exchange_it(
    place: Path, tmp_path: Path
) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    os.symlink(place, shared / "link")
    shared.chmod(0o1777)
    webroot.write(str(shared / "link"), TOKEN, "content")
    assert (place / TOKEN).exists()


def test_no_part_of_a_file_that_could_not_be_written_is_left(place: Path) -> None:
    with pytest.raises(UnicodeEncodeError):
        webroot.write(str(place), TOKEN, "é")
    assert list(place.iterdir()) == []


def test_links_in_a_ring_end(tmp_path: Path) -> None:
    os.symlink("b", tmp_path / "a")
    os.symlink("a", tmp_path / "b")
    with pytest.raises(OSError, match="Too many levels"):
        webroot.write(str(tmp_path / "a"), TOKEN, "content")


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        webroot.write(str(tmp_path / "file" / "x"), TOKEN, "content")


@root_only
@pytest.mark.parametrize(("link", "above", "mode"), [(STRANGER, 0, 0o755), (0, STRANGER, 0o755), (0, 0, 0o777)])
def test_a_link_that_a_stranger_can_change_is_refused(
    place: Path, tmp_path: Path, link: int, above: int, mode: int
) -> None:
    """A link that root has made is refused, too, where another user could exchange it."""
    place.rmdir()
    os.symlink(tmp_path / "precious", place)
    os.chown(place, link, link, follow_symlinks=False)
    os.chown(place.parent, above, above)
    place.parent.chmod(mode)
    with pytest.raises(OSError, match=str(place)) as caught:
        webroot.write(str(place), TOKEN, "content")
    assert caught.value.errno == errno.ELOOP
    assert list((tmp_path / "precious").iterdir()) == []
    said = webroot.problem(str(place))
    assert said is not None
    assert f"--external-auth-wellknown {tmp_path}/precious" in said
    assert webroot.problem(str(tmp_path / "precious")) is None


@root_only
def test_a_stranger_who_exchanges_folders_all_the_time_gets_nothing_outside(place: Path, tmp_path: Path) -> None:
    """The race itself: the path is a folder at one moment, and a link to another one at the next."""
    os.chown(place.parent, STRANGER, STRANGER)
    stop = threading.Event()

    def exchange() -> None:
        aside = place.with_name("aside")
        while not stop.is_set():
            os.rename(place, aside)
            os.symlink(tmp_path / "precious", place)
            os.chown(place, STRANGER, STRANGER, follow_symlinks=False)
            os.unlink(place)
            os.rename(aside, place)

    stranger = threading.Thread(target=exchange)
    stranger.start()
    outcomes = {"written": 0, "refused": 0}
    try:
        deadline, number = time.monotonic() + 60, 0
        # Enough of both, however the two take turns.
        while min(outcomes.values()) < 20 or number < 500:
            assert time.monotonic() < deadline, outcomes
            number += 1
            try:
                webroot.write(str(place), f"{number:022}", "content")
            except OSError:
                outcomes["refused"] += 1
            else:
                outcomes["written"] += 1
    finally:
        stop.set()
        stranger.join()
    assert list((tmp_path / "precious").iterdir()) == []
    assert len(list(place.iterdir())) == outcomes["written"]
