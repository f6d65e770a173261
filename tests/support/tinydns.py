"""tinydns for tests: one zone in its file, which a hook changes, and which is compiled again by `tinydns-data`."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from tests.support import dns, web
from tests.support.processes import end_group

READY_WITHIN = 20.0


@contextlib.contextmanager
def tinydns(folder: Path, zone: str, address: str = "127.0.0.1") -> Iterator[Path]:
    """It answers at port 53, the only one that it knows; what is given is its file."""
    folder.mkdir(exist_ok=True)
    data = folder / "data"
    data.write_text(f".{zone}:{address}:ns1.{zone}:60\n+{zone}:{address}:60\n")
    subprocess.run([web.program("tinydns-data")], cwd=folder, check=True, timeout=30)
    environment = {"ROOT": str(folder), "IP": address, "UID": str(os.geteuid()), "GID": str(os.getegid())}
    process = subprocess.Popen(
        [web.program("tinydns")],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + READY_WITHIN
        while True:
            assert process.poll() is None, process.args
            assert time.monotonic() < deadline, process.args
            with contextlib.suppress(OSError):
                if dns.answers(zone, address, 53):
                    break
            time.sleep(0.02)
        yield data
    finally:
        end_group(process)
