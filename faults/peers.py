"""Runs other clients beside this plugin: Certbot's own `--manual` and Debian's Dehydrated."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from faults.bed import Host
from tests.support.words import names

PATIENCE = 180.0
LIMIT, GRACE = 20.0, 5.0
"""Seconds until SIGTERM after the first call of a hook, and until SIGKILL after SIGTERM."""
MEMORY = 2 << 30
"""Bytes of memory that a client may use, because its hook may print without end."""


def manual(place: Host, domains: Sequence[str], auth: str, cleanup: str, kind: str = "dns-01") -> list[str]:
    """Return the command line that issues with Certbot's hooks. Each hook is a command for the shell."""
    hooks = ["--manual-auth-hook", auth, "--manual-cleanup-hook", cleanup, "--preferred-challenges", kind]
    return place.certbot.command(["certonly", "-n", "--manual", *hooks, *names(*domains)])


def dehydrated(place: Host, domains: Sequence[str], hook: str, kind: str = "dns-01") -> list[str]:
    """Return the command line that issues with Dehydrated, after `register`."""
    wanted = [word for name in domains for word in ("--domain", name)]
    common = ["dehydrated", "--config", str(place.certbot.cwd / "config"), "--cron", "--challenge", kind]
    return [*common, "--hook", hook, "--alias", domains[0], *wanted]


def register(place: Host, chain: str = "no", *settings: str) -> None:
    """Make an account for Dehydrated, with a configuration.

    :param chain: "yes" if its hook gets all challenges at once. :param settings: more lines of the configuration.
    """
    ca = place.certbot.ca
    lines = [f"CA={ca.directory}", f'CURL_OPTS="--cacert {ca.ca_bundle}"', f"BASEDIR={place.certbot.cwd}"]
    config = place.certbot.cwd / "config"
    config.write_text("\n".join([*lines, f"HOOK_CHAIN={chain}", *settings]) + "\n")
    finish(place, ["dehydrated", "--config", str(config), "--register", "--accept-terms"])


def unlock(place: Host) -> None:
    """Remove the file that is Dehydrated's lock: it stays after a kill, and the next run does not remove it."""
    (place.certbot.cwd / "lock").unlink(missing_ok=True)


def finish(place: Host, words: Sequence[str]) -> float | None:
    """Return the seconds of a run that succeeds; None if it fails."""
    began = time.monotonic()
    with started(place, words) as process:
        returncode = process.wait(PATIENCE)
    return time.monotonic() - began if returncode == 0 else None


def bounded(place: Host, words: Sequence[str]) -> str:
    """Run a client whose hook makes $RECORD.called; return "ended", "out of memory" or "hung".

    A client that does not end in time after that call is ended as `timeout` and service managers do it: by SIGTERM, and
    by SIGKILL if that does not help.
    """
    called = Path(f"{place.record}.called")
    with started(place, ["prlimit", f"--as={MEMORY}", *words], os.devnull) as process:
        deadline = time.monotonic() + PATIENCE
        while process.poll() is None and not called.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        if not ends(process, LIMIT):
            process.terminate()
            if not ends(process, GRACE):
                process.kill()
            process.wait()
            return "hung"
    log = "".join(path.read_text(errors="replace") for path in place.certbot.logs_dir.glob("*.log*"))
    return "out of memory" if re.search("MemoryError|Cannot allocate memory", log) else "ended"


def killed(place: Host, process: subprocess.Popen[bytes], after: float, with_all: bool) -> bool:
    """Kill a client after so many seconds; return whether it still ran. :param with_all: and its processes."""
    if ends(process, after):
        return False
    process.kill()
    if with_all:
        place.end_started()
    process.wait()
    return True


def ends(process: subprocess.Popen[bytes], limit: float) -> bool:
    """Tell whether a client ends within so many seconds."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(limit)
    return process.returncode is not None


def rest(place: Host) -> int:
    """Return the processes that a client left when it ended, except those that end a moment later."""
    deadline = time.monotonic() + GRACE
    while (left := place.started()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return len(left)


@contextlib.contextmanager
def started(place: Host, words: Sequence[str], into: str | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """Start a client, and end it with its process group at the end of the block.

    :param into: where its output goes, if not to a file beside the record.
    """
    with Path(into or place.record.parent / "output").open("ab") as output:
        process = subprocess.Popen(
            words,
            env=place.certbot.environment,
            cwd=place.certbot.cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
