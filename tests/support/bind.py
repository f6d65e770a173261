"""BIND for tests: a zone on a loopback port that takes dynamic updates (RFC 2136), signed with a key or not, and
secondaries of it.

    with Bind("example.test") as dns:
        subprocess.run(["nsupdate", "-k", dns.key_file], input=dns.update("add a.example.test 60 TXT x"), text=True)
        dns.txt("a.example.test")
"""

from __future__ import annotations

import base64
import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType

from tests.support import dns, ports

PROGRAM = shutil.which("named") or "/usr/sbin/named"
READY_WITHIN = 20.0
STOPPED_WITHIN = 5.0
ATTEMPTS = 3

_CONFIGURATION = """\
options {{
    directory "{folder}";
    listen-on port {port} {{ {address}; }};
    listen-on-v6 {{ none; }};
    pid-file none;
    session-keyfile none;
    recursion no;
    dnssec-validation no;
    empty-zones-enable no;
    notify {notify};
    also-notify {{ {secondaries} }};
    notify-delay 0;
    serial-query-rate 1000;
    minimal-responses no;
    check-names primary ignore;
}};
controls {{ }};
key "{key_name}" {{ algorithm hmac-sha256; secret "{secret}"; }};
"""
_PRIMARY = (
    'zone "{zone}" {{ type primary; file "{zone}.zone"; allow-update {{ {updates} }}; allow-transfer {{ any; }}; }};\n'
)
_SECONDARY = (
    'zone "{zone}" {{ type secondary; file "{zone}.copy"; primaries {{ {primary} }}; allow-notify {{ any; }}; }};\n'
)
_ZONE = """\
$TTL 60
@ SOA ns1 hostmaster 1 3600 5 86400 {negative}
@ NS ns1
@ A 127.0.0.1
ns1 A {address}
{records}
"""


class NotReadyError(RuntimeError):
    """The name server did not come up."""


class Bind:
    """A context manager; the server runs from entering to leaving it.

    :ivar zones: what it is authoritative for. :ivar address: where it listens. :ivar port: on UDP and TCP.
    :ivar server: both, as ``address:port``.
    :ivar key_name: of the TSIG key. :ivar secret: of the same, base64. :ivar key_file: the same, for `nsupdate -k`.
    :ivar folder: configuration, zone files and log.
    """

    def __init__(
        self,
        *zones: str,
        records: str = "",
        address: str = ports.ADDRESS,
        port: int | None = None,
        unsigned_updates: bool = False,
        secondaries: tuple[str, ...] = (),
        primary: Bind | None = None,
        negative_ttl: int = 1,
    ) -> None:
        """:param records: lines added to each zone file.
        :param port: a free one if None.
        :param unsigned_updates: also updates without a key are taken.
        :param secondaries: ``address:port`` of those told about changes.
        :param primary: this server is a secondary of that one, and has its zones and key.
        :param negative_ttl: seconds that others may remember that there is nothing.
        """
        self.zones: tuple[str, ...] = primary.zones if primary is not None else zones or ("example.test",)
        self.address = address
        self.port = port or 0
        self.key_name: str = primary.key_name if primary is not None else "update-key"
        self.secret: str = primary.secret if primary is not None else base64.b64encode(secrets.token_bytes(32)).decode()
        self.folder = Path()
        self._wanted = port
        self._records = records
        self._updates = "any;" if unsigned_updates else f'key "{self.key_name}";'
        self._secondaries = secondaries
        self._primary = primary
        self._negative_ttl = negative_ttl
        self._stack = contextlib.ExitStack()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def server(self) -> str:
        return f"{self.address}:{self.port}"

    @property
    def key_file(self) -> Path:
        return self.folder / "update.key"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def __enter__(self) -> Bind:
        self.folder = Path(tempfile.mkdtemp(prefix="test-bind-"))
        self._stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self._stack.callback(self.stop)
        try:
            self._start_trying()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    # --- the zone ---

    def txt(self, name: str) -> list[str]:
        """The TXT values at a name, sorted."""
        return sorted(dns.txt(name, self.address, self.port))

    def wait_for(self, name: str, values: list[str]) -> None:
        """Until exactly these are the TXT values at a name; a secondary learns of changes a moment later."""
        deadline = time.monotonic() + READY_WITHIN
        while self.txt(name) != sorted(values):
            assert time.monotonic() < deadline, f"{self.server} still has {self.txt(name)} at {name}"
            time.sleep(0.02)

    def update(self, *changes: str) -> str:
        """What nsupdate reads: changes such as ``add a.example.test 60 TXT x``, ``del a.example.test TXT``."""
        lines = [f"server {self.address} {self.port}", *(f"update {change}" for change in changes), "send"]
        return "\n".join(lines) + "\n"

    def change(self, *changes: str) -> None:
        """Make changes.

        :raises subprocess.CalledProcessError: if the server refuses.
        """
        subprocess.run(
            ["nsupdate", "-k", str(self.key_file)], input=self.update(*changes), text=True, check=True, timeout=30
        )

    # --- starting and stopping ---

    def stop(self) -> None:
        """End the server, if it runs; `start` starts it again on the same port with what it had."""
        process, self._process = self._process, None
        for number in (signal.SIGTERM, signal.SIGKILL):
            if process is not None and process.poll() is None:
                process.send_signal(number)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(STOPPED_WITHIN)

    def tell_of_change(self) -> None:
        """Let a secondary ask its primary whether there is something new (RFC 1996)."""
        import dns.flags
        import dns.message
        import dns.opcode
        import dns.query

        for zone in self.zones:
            notify = dns.message.make_query(zone, "SOA")
            notify.set_opcode(dns.opcode.NOTIFY)
            notify.flags |= dns.flags.AA
            dns.query.udp(notify, self.address, timeout=10, port=self.port)

    def freeze(self) -> None:
        """Let it be silent until `thaw`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def start(self) -> None:
        """:raises NotReadyError: if it does not come up."""
        tied = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*tied, PROGRAM, "-g", "-n", "1", "-c", str(self.folder / "named.conf")],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + READY_WITHIN
        while self._process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                if all(dns.answers(zone, self.address, self.port) for zone in self.zones):
                    return
            time.sleep(0.02)
        raise NotReadyError(f"named did not come up (exit code {self._process.returncode}):\n{self.log[-3000:]}")

    def _start_trying(self) -> None:
        """Try again if another process takes the port between its choice and its use."""
        for attempt in range(ATTEMPTS):
            self.port = self._wanted or ports.free(self._stack, self.address)
            self._configure()
            try:
                self.start()
            except NotReadyError:
                self.stop()
                if self._wanted or attempt == ATTEMPTS - 1:
                    raise
            else:
                return

    def _configure(self) -> None:
        key = f'key "{self.key_name}" {{ algorithm hmac-sha256; secret "{self.secret}"; }};\n'
        descriptor = os.open(self.key_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(key)
        configuration = _CONFIGURATION.format(
            folder=self.folder,
            address=self.address,
            port=self.port,
            notify="explicit" if self._secondaries else "no",
            secondaries=" ".join(map(_addressed, self._secondaries)),
            key_name=self.key_name,
            secret=self.secret,
        )
        for zone in self.zones:
            configuration += self._zone(zone)
        (self.folder / "named.conf").write_text(configuration)

    def _zone(self, zone: str) -> str:
        if self._primary is not None:
            return _SECONDARY.format(zone=zone, primary=_addressed(self._primary.server))
        content = _ZONE.format(negative=self._negative_ttl, address=self.address, records=self._records)
        (self.folder / f"{zone}.zone").write_text(content)
        return _PRIMARY.format(zone=zone, updates=self._updates)


def _addressed(server: str) -> str:
    """``address:port`` as BIND's configuration has it."""
    address, _, port = server.rpartition(":")
    return f"{address} port {port};"
