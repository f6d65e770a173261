"""A copy of the project in which one module at a time is changed, and an interpreter that loads the package from it."""

from __future__ import annotations

import compileall
import os
import py_compile
import shutil
import signal
import site
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

from mutants.mutant import PACKAGE, ROOT

QUIETLY = ("-q", "-p", "no:cacheprovider", "--hypothesis-seed=0")
_READ_ONLY = (
    'mount --bind "$1" "$1" && mount --bind "$1/tmp" /var/tmp && mount -o remount,bind,ro / && '
    'cd "$1" && shift && "$@"; exit $?'
)
"""A mutant may delete files and end processes that are not its own, so it sees no processes but those of its tests,
and writes nowhere but into the copy. Python takes /var/tmp for temporary files where it cannot write to /tmp."""


class Copy:
    """:ivar python: what it starts, and the programs that its tests start, load the copy's package."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "tmp").mkdir(parents=True)
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout.split("\0")
        for name in filter(None, listed):
            if (ROOT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, folder / name)
        self.python = self._interpreter()
        # By content: a mutant is often as long as the module, and written in the same second.
        mode = py_compile.PycInvalidationMode.CHECKED_HASH
        compileall.compile_dir(folder / PACKAGE, quiet=1, invalidation_mode=mode)

    def _interpreter(self) -> Path:
        home = self.folder / ".venv"
        venv.create(home, symlinks=True)
        packages = next(home.glob("lib/python*/site-packages"))
        # The copy comes first: what makes the package importable from ROOT is asked last.
        for_all = "".join(f"import site; site.addsitedir({one!r})\n" for one in site.getsitepackages())
        (packages / "a-copy.pth").write_text(f"{self.folder}\n{for_all}")
        for script in Path(sys.executable).parent.iterdir():
            here = home / "bin" / script.name
            if script.is_file() and not here.exists():
                old, new = (os.fsencode(f"#!{python}") for python in (sys.executable, home / "bin" / "python"))
                here.write_bytes(script.read_bytes().replace(old, new, 1))
                here.chmod(0o755)
        return home / "bin" / "python"

    def pytest(self, words: list[str], limit: float) -> Ended:
        return self.run(["-m", "pytest", *QUIETLY, *words], limit)

    def run(self, words: list[str], limit: float, **variables: str) -> Ended:
        """Run a module of Python; end it, and what it started, after so many seconds.

        :param variables: more of the environment.
        """
        with subprocess.Popen(
            [*_apart(), str(self.folder), str(self.python), *words],
            env={**os.environ, "TMPDIR": "/var/tmp", **variables},  # noqa: S108
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        ) as process:
            try:
                said, _ = process.communicate(timeout=limit)
                return Ended(process.returncode, said)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                return Ended(None, "")


def _apart() -> list[str]:
    return [
        *("unshare", *(() if os.geteuid() == 0 else ("--user", "--map-root-user"))),
        *("--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", _READ_ONLY, "sh"),
    ]


@dataclass(frozen=True)
class Ended:
    """:ivar code: pytest's exit code; None if its time was over."""

    code: int | None
    said: str

    @property
    def failed(self) -> list[str]:
        """The tests that failed, as `file::function`, without parameters."""
        lines = [line for line in self.said.splitlines() if line.startswith(("FAILED ", "ERROR "))]
        return [line.split(" ")[1].partition("[")[0] for line in lines]
