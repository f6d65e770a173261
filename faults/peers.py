"""Clients of others, run beside this plugin: Certbot's own `--manual` and Debian's Dehydrated."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence

from faults.bed import Host
from tests.support.words import names

PATIENCE = 180.0


def manual(place: Host, domains: Sequence[str], auth: str, cleanup: str, kind: str = "dns-01") -> list[str]:
    """The command line that issues with Certbot's hooks, each of which is a command for the shell."""
    hooks = ["--manual-auth-hook", auth, "--manual-cleanup-hook", cleanup, "--preferred-challenges", kind]
    return place.certbot.command(["certonly", "-n", "--manual", *hooks, *names(*domains)])


def dehydrated(place: Host, domains: Sequence[str], hook: str, kind: str = "dns-01") -> list[str]:
    """The command line that issues with Dehydrated, after `register`."""
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
    """Dehydrated's lock is a file, which stays after a kill; whoever finds it must remove it."""
    (place.certbot.cwd / "lock").unlink(missing_ok=True)


def finish(place: Host, words: Sequence[str]) -> float | None:
    """Seconds of a run that ends well, None if it does not."""
    began = time.monotonic()
    with started(place, words) as process:
        returncode = process.wait(PATIENCE)
    return time.monotonic() - began if returncode == 0 else None


@contextlib.contextmanager
def started(place: Host, words: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    """A client at work, which is ended with its process group at the end of the block."""
    with (place.record.parent / "output").open("ab") as output:
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
