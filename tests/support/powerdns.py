"""PowerDNS for tests: one zone in a database, changed through its HTTP API."""

from __future__ import annotations

import contextlib
import json
import secrets
import shutil
import sqlite3
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from tests.support import dns, ports
from tests.support.processes import end_group

READY_WITHIN = 20.0
SCHEMA = Path("/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql")


class PowerDns:
    """:ivar zone: what it is authoritative for. :ivar api: URL of its API. :ivar key: for the header X-API-Key.
    :ivar server: where it answers, as ``address:port``.
    """

    def __init__(self, zone: str, server: str, api: str) -> None:
        self.zone, self.server, self.api = zone, server, api
        self.key = secrets.token_hex(16)

    def txt(self, name: str) -> list[str]:
        """The TXT values at a name, sorted."""
        host, _, port = self.server.rpartition(":")
        return sorted(dns.txt(name, host, int(port)))

    def records(self) -> list[tuple[str, str, str]]:
        """Everything in the zone but its serial number."""
        found = json.loads(self.call("GET", f"/zones/{self.zone}."))["rrsets"]
        return sorted(
            (rrset["name"], rrset["type"], record["content"])
            for rrset in found
            if rrset["type"] != "SOA"
            for record in rrset["records"]
        )

    def call(self, method: str, path: str, body: object = None) -> bytes:
        """One request to its API, below the server's own path."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.api}/api/v1/servers/localhost{path}", data, method=method)
        request.add_header("X-API-Key", self.key)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=10) as answer:
            content: bytes = answer.read()
        return content

    def add(self, name: str, kind: str, content: str) -> None:
        """Make a record the only one of its kind at a name."""
        record = {"content": content, "disabled": False}
        rrset = {"name": f"{name}.", "type": kind, "ttl": 60, "changetype": "REPLACE", "records": [record]}
        self.call("PATCH", f"/zones/{self.zone}.", {"rrsets": [rrset]})

    def make_zone(self) -> None:
        names = {"name": f"{self.zone}.", "kind": "Native", "nameservers": [f"ns1.{self.zone}."]}
        address = {"content": "127.0.0.1", "disabled": False}
        rrsets = [
            {"name": f"{name}.", "type": "A", "ttl": 60, "records": [address]}
            for name in (self.zone, f"ns1.{self.zone}")
        ]
        self.call("POST", "/zones", {**names, "rrsets": rrsets})

    def configuration(self, folder: Path) -> str:
        address, _, port = self.server.rpartition(":")
        return f"""\
launch=gsqlite3
gsqlite3-database={folder}/zones.sqlite3
local-address={address}
local-port={port}
socket-dir={folder}
webserver=yes
webserver-address=127.0.0.1
webserver-port={self.api.rpartition(":")[2]}
webserver-allow-from=127.0.0.1
api=yes
api-key={self.key}
# What was asked a moment ago is asked again here.
cache-ttl=0
query-cache-ttl=0
negquery-cache-ttl=0
zone-cache-refresh-interval=0
"""


@contextlib.contextmanager
def powerdns(zone: str, port: int | None = None) -> Iterator[PowerDns]:
    """:param port: a free one if None.

    :raises AssertionError: if it does not come up.
    """
    program = shutil.which("pdns_server") or "/usr/sbin/pdns_server"
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="test-pdns-")))
        found = PowerDns(
            zone, f"{ports.ADDRESS}:{port or ports.free(stack)}", f"http://{ports.ADDRESS}:{ports.free(stack)}"
        )
        with contextlib.closing(sqlite3.connect(folder / "zones.sqlite3")) as database:
            database.executescript(SCHEMA.read_text())
        (folder / "pdns.conf").write_text(found.configuration(folder))
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [program, f"--config-dir={folder}", "--guardian=no", "--daemon=no"],
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
                found.call("GET", "")
                break
            time.sleep(0.02)
        found.make_zone()
        yield found
