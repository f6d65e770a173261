"""Zones that Knot signs by itself, and unbound, a resolver that checks signatures.

with signed("right.test", records="www A 127.0.0.1") as zones, unbound(zones.server, zones.anchors) as resolver:
    assert resolver == "127.0.0.1:5300"
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import dns.exception
import dns.message
import dns.query
import dns.rdatatype
import dns.zone
from dns.message import Message

from tests.support import knot, ports
from tests.support.processes import end_group

PROGRAM = shutil.which("unbound") or "/usr/sbin/unbound"
READY_WITHIN = 20.0

_KNOT = """\
server:
    listen: {address}@{port}
    rundir: "{folder}"
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
database:
    storage: "{folder}/db"
log:
  - target: stderr
    any: info
acl:
  - id: copies
    address: 127.0.0.0/8
    action: transfer
template:
  - id: default
    storage: "{folder}"
    acl: copies
zone:
"""
_ZONE = """\
$TTL 60
@ SOA ns hostmaster 1 3600 5 86400 1
@ NS ns
ns A {address}
{records}
"""
_UNBOUND = """\
server:
    interface: {address}
    port: {port}
    do-ip6: no
    do-daemonize: no
    use-syslog: no
    chroot: ""
    username: ""
    directory: "{folder}"
    pidfile: "{folder}/pid"
    do-not-query-localhost: no
    module-config: "validator iterator"
    ede: yes
    val-log-level: 2
    num-threads: 1
    root-hints: "{folder}/hints"
    {more}
remote-control:
    control-enable: no
"""


@dataclass(frozen=True)
class Signed:
    """Zones on one server.

    :ivar server: ``address:port``. :ivar anchors: for each zone the DNSKEY record that signs its keys.
    """

    server: str
    anchors: Mapping[str, str]

    def copy(self, zone: str) -> str:
        """Return a zone with its signatures, as a zone file has it."""
        host, _, port = self.server.rpartition(":")
        messages = dns.query.xfr(host, zone, port=int(port), lifetime=10, relativize=False)
        return str(dns.zone.from_xfr(messages, relativize=False).to_text())


@contextlib.contextmanager
def signed(
    zones: Mapping[str, str],
    ready_made: Mapping[str, str] | None = None,
    address: str = ports.ADDRESS,
    port: int | None = None,
) -> Iterator[Signed]:
    """A Knot that serves zones.

    :param zones: records by zone, which it signs. :param ready_made: whole zone files, which it serves as they are.
    :param port: a free one if None.
    """
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="test-signed-")))
        (folder / "db").mkdir()
        port = port or ports.free(stack, address)
        text = _KNOT.format(address=address, port=port, folder=folder)
        for zone, records in zones.items():
            (folder / f"{zone}.zone").write_text(_ZONE.format(address=address, records=records))
            text += f"  - domain: {zone}\n    dnssec-signing: on\n"
        for zone, content in (ready_made or {}).items():
            (folder / f"{zone}.zone").write_text(content)
            text += f"  - domain: {zone}\n"
        (folder / "knot.conf").write_text(text)
        process = _started(stack, folder, [knot.PROGRAM, "-c", str(folder / "knot.conf")])
        names = [*zones, *(ready_made or {})]
        _wait(process, folder, lambda: all(_answers(zone, "SOA", address, port) for zone in names))
        yield Signed(f"{address}:{port}", {zone: _anchor(zone, address, port) for zone in names})


@contextlib.contextmanager
def unbound(
    authority: str,
    anchors: Mapping[str, str],
    *more: str,
    validates: bool = True,
    above: str = "",
    address: str = ports.ADDRESS,
    port: int | None = None,
) -> Iterator[str]:
    """A resolver that knows only these zones; ``address:port``.

    :param anchors: a DNSKEY record for each zone. :param more: lines of its configuration.
    :param validates: it checks signatures.
    :param above: a zone of the authority that all the others are in, and that delegates them.
    :param port: a free one if None.
    """
    zones = [above] if above else list(anchors)
    lines = [f'trust-anchor: "{anchor}"' for anchor in anchors.values()] if validates else []
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="test-unbound-")))
        port = port or ports.free(stack, address)
        (folder / "hints").write_text(f". 60 NS ns.root.\nns.root. 60 A {address}\n")
        # It knows nothing else, and says so at once.
        known = [f'local-zone: "{zone}." transparent' for zone in zones]
        lines += ['local-zone: "." static', *known]
        text = _UNBOUND.format(address=address, port=port, folder=folder, more="\n    ".join([*lines, *more]))
        for zone in zones:
            text += f'stub-zone:\n    name: "{zone}"\n    stub-addr: {authority.replace(":", "@")}\n'
        (folder / "unbound.conf").write_text(text)
        process = _started(stack, folder, [PROGRAM, "-d", "-c", str(folder / "unbound.conf")])
        _wait(process, folder, lambda: _answers("localhost", "A", address, port))
        yield f"{address}:{port}"


def _started(stack: contextlib.ExitStack, folder: Path, command: Sequence[str]) -> subprocess.Popen[bytes]:
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
    stack.callback(end_group, process)
    return process


def _wait(process: subprocess.Popen[bytes], folder: Path, ready: object) -> None:
    deadline = time.monotonic() + READY_WITHIN
    assert callable(ready)
    while not ready():
        assert process.poll() is None, (folder / "log").read_text()
        assert time.monotonic() < deadline, (folder / "log").read_text()
        time.sleep(0.02)


def _reply(name: str, kind: str, address: str, port: int) -> Message | None:
    query = dns.message.make_query(name, kind, want_dnssec=True)
    with contextlib.suppress(OSError, EOFError, dns.exception.DNSException):
        return dns.query.tcp(query, address, timeout=2, port=port)
    return None


def _answers(name: str, kind: str, address: str, port: int) -> bool:
    reply = _reply(name, kind, address, port)
    return reply is not None and bool(reply.answer)


def _anchor(zone: str, address: str, port: int) -> str:
    reply = _reply(zone, "DNSKEY", address, port)
    assert reply is not None
    keys = [one for rrset in reply.answer if rrset.rdtype == dns.rdatatype.DNSKEY for one in rrset]
    anchor = next(one for one in keys if one.flags & 1)
    return f"{zone}. 60 IN DNSKEY {anchor.to_text(chunksize=0)}"
