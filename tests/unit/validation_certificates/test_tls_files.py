"""Validation certificates on disk: no other user can read them, and they are removed in time."""

from __future__ import annotations

import fcntl
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from certbot_external_auth.check import made_up
from certbot_external_auth.errors import PerformError
from certbot_external_auth.files import own_folder
from certbot_external_auth.validation_certificates import tls_files
from certbot_external_auth.validation_certificates.batch import ServedCertificates


def mode(path: str | Path) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


@pytest.fixture
def folder(tmp_path: Path) -> str:
    return tls_files.folder(str(tmp_path / "work"))


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_for_nobody_else_whatever_the_umask(folder: str, umask: int) -> None:
    os.makedirs(Path(folder).parent.parent)
    before = os.umask(umask)
    try:
        tls_files.write(folder, "a.test", b"certificate", b"key")
    finally:
        os.umask(before)
    certificate, key = tls_files.paths(folder, "a.test")
    assert (Path(certificate).read_bytes(), Path(key).read_bytes()) == (b"certificate", b"key")
    assert [mode(certificate), mode(key), mode(folder)] == [0o600, 0o600, 0o700]


def test_replaces_what_an_earlier_run_left(folder: str) -> None:
    for content in (b"1", b"2"):
        tls_files.write(folder, "a.test", content, content)
    assert Path(tls_files.paths(folder, "a.test")[0]).read_bytes() == b"2"
    assert sorted(os.listdir(folder)) == ["a.test.crt.pem", "a.test.key.pem"]


def test_a_link_in_place_of_the_folder_is_not_followed(folder: str, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o755)
    os.makedirs(Path(folder).parent)
    os.symlink(elsewhere, folder)
    with pytest.raises(OSError, match=r"Not a directory|symbolic"):
        tls_files.write(folder, "a.test", b"", b"")
    assert (mode(elsewhere), list(elsewhere.iterdir())) == (0o755, [])


def test_a_link_in_place_of_a_file_is_replaced(folder: str, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("kept")
    tls_files.write(folder, "b.test", b"", b"")
    os.symlink(precious, tls_files.paths(folder, "a.test")[0])
    tls_files.write(folder, "a.test", b"new", b"new")
    assert precious.read_text() == "kept"


def test_remove_leaves_others_and_does_not_mind_what_is_gone(folder: str) -> None:
    tls_files.remove(folder, "a.test")
    for name in ("a.test", "b.test"):
        tls_files.write(folder, name, b"", b"")
    tls_files.remove(folder, "a.test")
    tls_files.remove(folder, "a.test")
    assert sorted(os.listdir(folder)) == ["b.test.crt.pem", "b.test.key.pem"]


def test_nothing_half_written_stays(folder: str) -> None:
    os.makedirs(Path(folder) / "a.test.key.pem" / "full")
    with pytest.raises(OSError, match="directory"):
        tls_files.write(folder, "a.test", b"", b"")
    assert os.listdir(folder) == ["a.test.key.pem"]


def long_name(size: int) -> str:
    return ("a." * size)[: size - 5] + ".test"


@pytest.mark.parametrize("size", [247, 248, 249, 252, 253])
def test_the_longest_name_has_files(folder: str, tmp_path: Path, size: int) -> None:
    """Guards against a name that is too long for a file, which has 255 bytes at most."""
    challenge = made_up.challenge("c1", "tls-alpn-01", long_name(size), "dns", dashed=False)
    served = ServedCertificates(str(tmp_path / "work"), 443, by_name=False)
    (made,) = served.make([challenge])
    assert made.served is not None
    assert made.served.cert_path == tls_files.paths(folder, long_name(size))[0]
    assert Path(made.served.cert_path).read_text() == made.served.cert_pem
    served.remove()
    assert os.listdir(folder) == []


def test_only_a_name_that_is_too_long_is_replaced() -> None:
    fits, longer = long_name(247), long_name(248)
    assert tls_files.paths("/w", fits) == (f"/w/{fits}.crt.pem", f"/w/{fits}.key.pem")
    assert len(tls_files.paths("/w", longer)[0]) == len("/w/.crt.pem") + 64


def test_two_challenges_with_one_server_name_are_refused_until_the_first_is_removed(tmp_path: Path) -> None:
    """An address and its reverse name in one order: a server could not tell them apart."""
    served = ServedCertificates(str(tmp_path / "work"), 443, by_name=False)
    name = made_up.challenge("c1", "tls-alpn-01", "1.0.0.127.in-addr.arpa", "dns", dashed=False)
    address = made_up.challenge("c2", "tls-alpn-01", "127.0.0.1", "ip", dashed=False)
    served.make([name])
    with pytest.raises(PerformError) as raised:
        served.make([address])
    (failure,) = raised.value.failures
    assert failure.identifiers == ("127.0.0.1",)
    served.remove()
    (made,) = served.make([address])
    assert made.served is not None
    served.remove()


def test_where_files_are_found_by_the_name_it_must_fit(folder: str, tmp_path: Path) -> None:
    served = ServedCertificates(str(tmp_path / "work"), 443, by_name=True)
    fits, longer = (made_up.challenge("c1", "tls-alpn-01", long_name(size), "dns", dashed=False) for size in (247, 249))
    served.make([fits])
    with pytest.raises(PerformError, match=r"more than 247 characters.*http-01 or dns-01"):
        served.make([longer])
    served.remove()


def test_what_a_killed_run_was_writing_goes_and_what_a_living_one_writes_does_not(tmp_path: Path) -> None:
    """It can be a private key. It is removed even if the process only removes files."""
    folder = tls_files.folder(str(tmp_path))
    tls_files.write(folder, "a.test", b"certificate", b"key")
    dead, living = (Path(folder) / f"{own_folder.PASSING}{name}" for name in ("dead", "living"))
    for path in (dead, living):
        path.write_bytes(b"half a k")
    with pytest.MonkeyPatch.context() as patch, living.open() as file:
        patch.setattr(own_folder, "_swept", set())
        fcntl.flock(file, fcntl.LOCK_EX)
        tls_files.remove(folder, "a.test")
        assert list(Path(folder).iterdir()) == [living]


def test_what_is_being_written_is_locked(tmp_path: Path) -> None:
    """Guards against another process that removes the file as a leftover."""
    locked = []

    def looks(*arguments: Any, **where: Any) -> None:
        with own_folder.opened(str(tmp_path), create=False) as descriptor:
            (name,) = os.listdir(descriptor)
            own_folder.sweep(descriptor, name)
            locked.append(name in os.listdir(descriptor))

    with own_folder.opened(str(tmp_path), create=True) as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "rename", looks)
        os.close(own_folder.put(folder, "x", b"x"))
    assert locked == [True]
