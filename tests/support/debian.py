"""Whole Debian systems in which a package is installed, beside Debian's own Certbot, and removed again.

Each is an overlay: what happens in it is gone afterwards, and what lies below is never changed. It has the network of
this machine, so the test CA outside serves it.
"""

from __future__ import annotations

import contextlib
import os
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
            timeout=540,
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
    with tempfile.TemporaryDirectory(prefix="system-") as folder, contextlib.ExitStack() as mounts:
        for part in ("upper", "work", "root"):
            os.mkdir(f"{folder}/{part}")
        root = Path(folder, "root")
        layers = f"lowerdir={base},upperdir={folder}/upper,workdir={folder}/work"
        _mount(mounts, root, "-t", "overlay", "-o", layers, "overlay")
        _mount(mounts, root / "proc", "-t", "proc", "proc")
        _mount(mounts, root / "dev", "--rbind", "/dev", recursive=True)
        made = System(root)
        # No service starts here: the tests want the package's files, and ports are this machine's.
        made.put("/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", 0o755)
        if name != HERE:
            made.put("/etc/resolv.conf", Path("/etc/resolv.conf").read_bytes())
        yield made


def _mount(mounts: contextlib.ExitStack, place: Path, *words: str, recursive: bool = False) -> None:
    place.mkdir(exist_ok=True)
    subprocess.run(["mount", *words, str(place)], check=True, capture_output=True)
    # A change of /dev in there is not to come back out.
    subprocess.run(["mount", "--make-rslave", str(place)], check=True, capture_output=True)
    mounts.callback(
        subprocess.run, ["umount", *(["--recursive"] if recursive else []), str(place)], check=True, capture_output=True
    )


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
