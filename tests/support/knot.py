"""Knot DNS for tests: a secondary of another hand than BIND's."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.support import dns
from tests.support.bind import Bind
from tests.support.processes import end_group

PROGRAM = shutil.which("knotd") or "/usr/sbin/knotd"
READY_WITHIN = 20.0

_CONFIGURATION = """\
server:
    listen: {address}@{port}
    rundir: {folder}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
database:
    storage: {folder}/db
log:
  - target: stderr
    any: info
remote:
  - id: primary
    address: {primary}
acl:
  - id: notify
    address: 127.0.0.0/8
    action: notify
template:
  - id: default
    storage: {folder}
    master: primary
    acl: notify
zone:
{zones}
"""


@contextlib.contextmanager
def knot(primary: Bind, address: str, port: int) -> Iterator[str]:
    """A secondary of all zones of `primary`; what is yielded is where it answers, ``address:port``.

    :raises AssertionError: if it does not come up.
    """
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="test-knot-")))
        (folder / "db").mkdir()
        (folder / "knot.conf").write_text(
            _CONFIGURATION.format(
                address=address,
                port=port,
                folder=folder,
                primary=primary.server.replace(":", "@"),
                zones="\n".join(f"  - domain: {zone}" for zone in primary.zones),
            )
        )
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [PROGRAM, "-c", str(folder / "knot.conf")],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        stack.callback(end_group, process)
        deadline = time.monotonic() + READY_WITHIN
        while True:
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline, (folder / "log").read_text()
            with contextlib.suppress(OSError):
                if all(dns.answers(zone, address, port) for zone in primary.zones):
                    break
            time.sleep(0.02)
        yield f"{address}:{port}"
