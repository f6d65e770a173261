"""Whole Debian systems in which a package is installed, beside Debian's own Certbot, and removed again.

Each is an overlay: what happens in it is gone afterwards, and what lies below is never changed. It has the network of
this machine, so the test CA outside serves it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

HERE = "this machine"
"""Names the system on which the tests run."""
ROOT = Path(__file__).resolve().parents[2]
BASES = ROOT / ".tools" / "debian"
DIRECTORIES = ("etc/letsencrypt", "var/lib/letsencrypt", "var/log/letsencrypt")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ENVIRONMENT = {"PATH": PATH, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
DEVICES = {"null": 3, "zero": 5, "full": 7, "random": 8, "urandom": 9}
"""Devices of memory (major number 1), with their minor numbers."""
# What apt-get needs to get out, if this machine needs it.
PASSED = ("http_proxy", "https_proxy", "no_proxy")


def possible() -> bool:
    """Whether this user may make one, on a machine that runs Debian."""
    return os.geteuid() == 0 and os.path.exists("/etc/debian_version")


class System:
    """:ivar root: where its root directory lies on this machine."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def run(self, *words: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run a program in it. :param environment: its whole environment; without it, what an administrator has."""
        given = ENVIRONMENT | {name: os.environ[name] for name in PASSED if name in os.environ}
        return subprocess.run(
            ["/usr/sbin/chroot", str(self.root), *words],
            env=given if environment is None else environment,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=1200,
        )

    def must(self, *words: str) -> str:
        """Run a program that has to end well, and return what it printed."""
        ended = self.run(*words)
        assert ended.returncode == 0, f"{words}: {ended.stdout}"
        return ended.stdout

    def apt_get(self, *words: str) -> str:
        """Run apt-get as an administrator does who has nothing installed that is only recommended."""
        # A mirror that stands still is as good as another here.
        options = ["-q", "-y", "--no-install-recommends", "-o", "Acquire::Check-Valid-Until=false"]
        return self.must("apt-get", *options, *words)

    def put(self, path: str, content: bytes | str, mode: int = 0o644) -> None:
        """Write a file."""
        place = self.root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content.encode() if isinstance(content, str) else content)
        place.chmod(mode)

    def files(self, *folders: str) -> set[str]:
        """Return the paths of everything below some folders, but Python's compiled files."""
        found = (path for folder in folders for path in (self.root / folder).rglob("*"))
        return {str(path.relative_to(self.root)) for path in found if "__pycache__" not in path.parts}


@contextlib.contextmanager
def system(name: str) -> Iterator[System]:
    """Make one, and leave nothing of it. :param name: `HERE`, or a Debian release such as "bookworm"."""
    base = Path("/") if name == HERE else _bootstrapped(name)
    folder = Path(tempfile.mkdtemp(prefix="system-"))
    root = folder / "root"
    for part in ("upper", "work", "root"):
        (folder / part).mkdir()
    layers = f"lowerdir={base},upperdir={folder}/upper,workdir={folder}/work"
    _mount(root, "-t", "overlay", "-o", layers, "overlay")
    try:
        _mount(root / "proc", "-t", "proc", "proc")
        # Never this machine's own /dev: what happens in here must not reach it.
        _mount(root / "dev", "-t", "tmpfs", "-o", "mode=755", "tmpfs")
        for device, minor in DEVICES.items():
            os.mknod(root / "dev" / device, 0o666 | stat.S_IFCHR, os.makedev(1, minor))
            # apt-get becomes another user, and the umask would keep that one out.
            os.chmod(root / "dev" / device, 0o666)
        (root / "dev" / "fd").symlink_to("/proc/self/fd")
        made = System(root)
        # No service starts here: the tests want the package's files, and ports are this machine's.
        made.put("/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", 0o755)
        if name != HERE:
            made.put("/etc/resolv.conf", Path("/etc/resolv.conf").read_bytes())
        yield made
    finally:
        # Lazily, since a program that was left behind would hold it. If it fails, nothing is deleted.
        subprocess.run(["umount", "--recursive", "--lazy", str(root)], check=True, capture_output=True)
        shutil.rmtree(folder)


def _mount(place: Path, *words: str) -> None:
    place.mkdir(exist_ok=True)
    subprocess.run(["mount", *words, str(place)], check=True, capture_output=True)


def _bootstrapped(suite: str) -> Path:
    """Return a minimal system of a release, made once."""
    base = BASES / suite
    if not base.exists():
        BASES.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=BASES) as folder:
            made = f"{folder}/{suite}"
            subprocess.run(["debootstrap", "--variant=minbase", suite, made], check=True, stdin=subprocess.DEVNULL)
            os.rename(made, base)
    return base
