"""What Certbot must write to: real mounts, in a mount namespace of each test's own."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from certbot_external_auth.rehearsal import host as of_host
from certbot_external_auth.rehearsal.subject import Host
from tests.support.rehearsed import Bed

FULL = "mount -t tmpfs -o size=100k,mode=0755 tmpfs {}"
READ_ONLY = "mount --bind {0} {0} && mount -o remount,bind,ro {0}"


def _mounts() -> bool:
    unshare = shutil.which("unshare")
    return bool(unshare) and subprocess.run([str(unshare), "--mount", "true"], capture_output=True).returncode == 0


needs_mounts = pytest.mark.skipif(not _mounts(), reason="only root can mount")


@pytest.fixture
def bed(tmp_path: Path) -> Bed:
    found = Bed(tmp_path)
    (tmp_path / "logs").mkdir()
    return found


def folders(bed: Bed) -> list[str]:
    named = {"config-dir": bed.host.config_dir, "work-dir": bed.host.work_dir, "logs-dir": str(bed.folder / "logs")}
    return [word for name, folder in named.items() for word in (f"--{name}", folder)]


def after(mount: str, words: list[str]) -> subprocess.CompletedProcess[str]:
    command = ["unshare", "--mount", "sh", "-c", f"{mount} && exec {shlex.join(words)}"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@needs_mounts
@pytest.mark.parametrize(
    ("mount", "place", "flag", "text"),
    [
        (READ_ONLY, "config", "--config-dir", "mounted read-only"),
        (READ_ONLY, "config/renewal", "--config-dir", "mounted read-only"),
        (FULL, "work", "--work-dir", "only 102 kB are free; make room"),
        (READ_ONLY, "logs", "--logs-dir", "mounted read-only"),
        (FULL, "logs", "--logs-dir", "only 102 kB are free; make room"),
    ],
)
def test_a_folder_that_cannot_be_written_is_named_with_its_flag(
    bed: Bed, mount: str, place: str, flag: str, text: str
) -> None:
    mounted = mount.format(shlex.quote(str(bed.folder / place)))
    words = [sys.executable, "-m", "certbot_external_auth", "rehearse", "--json", *folders(bed)]
    ended = after(mounted, words)
    assert ended.returncode == 1, ended
    (finding,) = [one for one in json.loads(ended.stdout)["host"] if one["level"] != "note"]
    assert finding["code"] == "disk"
    assert f"{bed.folder / place} ({flag}), but" in finding["message"]
    assert text in finding["message"]


@needs_mounts
def test_certbot_renews_nothing_without_its_logs(bed: Bed) -> None:
    mounted = READ_ONLY.format(shlex.quote(str(bed.folder / "logs")))
    code = "import sys; from certbot import main; sys.exit(main.main(sys.argv[1:]))"
    renewed = after(mounted, [sys.executable, "-c", code, "renew", *folders(bed)])
    assert renewed.returncode == 1
    assert "--logs-dir" in renewed.stderr


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Blocks of a disk, of 4096 bytes: free, and free for users other than root."""
    blocks = [1000, 0]
    real = os.statvfs

    def statvfs(path: str) -> object:
        values = list(real(path))
        values[1], values[3], values[4] = 4096, *blocks
        return os.statvfs_result(values)

    monkeypatch.setattr(os, "statvfs", statvfs)
    return blocks


@pytest.mark.parametrize(("user", "problems"), [(0, 0), (1000, 2)])
def test_the_last_blocks_are_roots(
    tmp_path: Path, free: list[int], monkeypatch: pytest.MonkeyPatch, user: int, problems: int
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    assert len(list(of_host._of_disks(Host(str(tmp_path), str(tmp_path))))) == problems


def test_a_folder_that_certbot_makes_needs_one_that_can_be_written(tmp_path: Path) -> None:
    good = Host(str(tmp_path / "a" / "b"), str(tmp_path), str(tmp_path / "logs"))
    assert list(of_host._of_disks(good)) == []
    (tmp_path / "file").touch()
    bad = Host(str(tmp_path), str(tmp_path), str(tmp_path / "file" / "logs"))
    (finding,) = of_host._of_disks(bad)
    assert finding.facts["text"] == f"{tmp_path / 'file'} is not a directory; move it away"
