"""Compares the checks of the plugin and of lego in real runs, with values that reach each address at another time.

python bench/late_values.py            # prints what docs/performance.md has; needs root for port 53
"""

from __future__ import annotations

import contextlib
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.plan import LEGO  # noqa: E402
from bench.ways import Ground  # noqa: E402
from tests.support import private_network  # noqa: E402
from tests.support.name_servers import Net  # noqa: E402
from tests.support.testca import TestCA  # noqa: E402

LATEST = 20.0
"""Seconds after which the last value comes, at most."""
PATIENCE = 180.0
RESOLVER, OF_THE_CA = "127.0.0.53", "127.0.0.54"
SERVERS = 3
ADDRESSES = [f"127.0.5.{number}" for number in range(1, 2 * SERVERS + 1)]
PLUGIN = "plugin"
ZONE = "bench.example"
RECORDS = "@ 60 IN SOA ns1 hostmaster 1 60 60 60 60\n" + "".join(
    f"@ 60 IN NS ns{number}\n"
    + "".join(f"ns{number} 60 IN A {address}\n" for address in ADDRESSES[2 * number - 2 : 2 * number])
    for number in range(1, SERVERS + 1)
)
HOOK = """\
#!/bin/sh
case $1 in
perform) name=$cbot_txt_domain value=$validation ;;
present) name=${2%.} value=$3 ;;
*) exit 0 ;;
esac
printf %s "$value" >"$0.new.$name" && mv "$0.new.$name" "$0.published/$name"
"""


@dataclass
class Arrivals:
    """Lets what the hook published come to each address at another moment, and notes when the CA asks.

    :ivar moments: by name, of the monotonic clock, one for each address. :ivar asked: by name, when the CA did first.
    :ivar served: names by address.
    """

    net: Net
    published: Path
    chance: random.Random
    moments: dict[str, list[float]] = field(default_factory=dict)
    asked: dict[str, float] = field(default_factory=dict)
    served: dict[str, list[str]] = field(default_factory=dict)

    def look(self) -> None:
        now = time.monotonic()
        for path in self.published.iterdir():
            if path.name not in self.moments:
                self.moments[path.name] = [now + self.chance.uniform(0, LATEST) for _ in ADDRESSES]
        self._serve(OF_THE_CA, list(self.moments))
        for index, address in enumerate(ADDRESSES):
            self._serve(address, [name for name, moments in self.moments.items() if moments[index] <= now])
        for question in self.net[OF_THE_CA].asked:
            self.asked.setdefault(question.split()[1].rstrip("."), now)

    def _serve(self, address: str, names: list[str]) -> None:
        if self.served.get(address) != names:
            self.served[address] = names
            records = [f'{name}. 60 IN TXT "{(self.published / name).read_text()}"\n' for name in names]
            self.net.serve(ZONE, RECORDS + "".join(records), [address])


def measure(count: int) -> Mapping[str, Sequence[float]] | None:
    """Seconds from the last address having a value to the CA being asked for it, by client; None without a network.

    :param count: values, each of a certificate of its own, all of a client's at the same time.
    """
    if not private_network.possible():
        return None
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="external-auth-late-")))
        resolver = {"/etc/resolv.conf": f"nameserver {RESOLVER}\n"}
        stack.enter_context(private_network.private_network(resolver))
        net = stack.enter_context(Net([RESOLVER, OF_THE_CA, *ADDRESSES], port=53))
        net[RESOLVER].recursive = True
        net.serve(ZONE, RECORDS, [RESOLVER, OF_THE_CA, *ADDRESSES])
        ground = Ground(stack.enter_context(TestCA(dns_server=f"{OF_THE_CA}:53")), folder)
        return {client: _delays(client, ground, net, count) for client in (PLUGIN, LEGO)}


def _delays(client: str, ground: Ground, net: Net, count: int) -> list[float]:
    hook = ground.folder / client.replace(" ", "-")
    published = Path(f"{hook}.published")
    published.mkdir()
    hook.write_text(HOOK)
    hook.chmod(0o755)
    # The same moments for each client.
    arrivals = Arrivals(net, published, random.Random(1))
    with contextlib.ExitStack() as stack:
        domains = [f"{client[0]}{number}.{ZONE}" for number in range(count)]
        runs = [stack.enter_context(_started(ground, client, str(hook), domain)) for domain in domains]
        deadline = time.monotonic() + PATIENCE
        while any(run.poll() is None for run in runs) and time.monotonic() < deadline:
            arrivals.look()
            time.sleep(0.01)
        failed = sum(run.poll() != 0 for run in runs)
    assert not failed, f"{failed} of {count} runs of {client} failed"
    return [arrivals.asked[name] - max(moments) for name, moments in sorted(arrivals.moments.items())]


@contextlib.contextmanager
def _started(ground: Ground, client: str, hook: str, domain: str) -> Iterator[subprocess.Popen[bytes]]:
    if client == LEGO:
        # One address of each name server, every two seconds, for a minute: what it does where nothing is said.
        environment = ground.lego_environment(hook, 0)
        words = ground.lego_command([domain], ["--dns.resolvers", f"{RESOLVER}:53"], domain)
    else:
        environment = ground.environment(0)
        words = ground.command([domain], ["-a", "external-auth", "--external-auth-handler", hook], domain)
    process = subprocess.Popen(
        words,
        env=environment,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def section(delays_by_client: Mapping[str, Sequence[float]] | None) -> Iterator[str]:
    """Write the section of docs/performance.md."""
    yield "### Compared with lego's own check"
    yield ""
    if delays_by_client is None:
        yield "Not measured, because it needs root, for port 53 in a separate network namespace."
        yield ""
        return
    count = len(delays_by_client[PLUGIN])
    yield (
        f"{count} complete runs of each client at the same time. Each run is for one name of a zone "
        f"with {SERVERS} name servers, which have two addresses each. The value reaches each address "
        f"at a different time, up to {LATEST:.0f} s late. Pebble asks another name server, which "
        "records the time. The table has the seconds from the moment when the last address has the "
        "value until the CA asks."
    )
    yield ""
    yield "| | median | maximum | asked while an address lacked it |"
    yield "|---|---:|---:|---:|"
    for client, delays in delays_by_client.items():
        early = sum(delay < 0 for delay in delays)
        yield f"| {client} | {statistics.median(delays):.2f} | {max(delays):.2f} | {early} of {count} |"
    yield ""
    yield (
        "A negative number means that the client asked the CA too early. lego asks one address of "
        "each name server, every two seconds."
    )
    yield ""


def main() -> int:
    print("\n".join(section(measure(count=10))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
