"""Streams of JSON lines as earlier versions wrote them, and how this version's are recorded.

    python -m tests.support.recordings [NAME]

runs Certbot against test CAs and writes the streams of this version, under its number or a name; one that is there is
history.
"""

from __future__ import annotations

import json
import re
import signal
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from certbot_external_auth import __version__
from certbot_external_auth.console import schema
from tests.support.bind import Bind
from tests.support.certbot import Certbot, Result
from tests.support.drivers import Publisher, answer, refusal
from tests.support.json_driver import GoneError, Send
from tests.support.new_ca import NewCA
from tests.support.purity import Line
from tests.support.testca import BLOCKED, TestCA
from tests.support.tls import serving
from tests.support.webroot import Webroot
from tests.support.words import BOTH, RENEW, RENEW_NOW

FOLDER = Path(__file__).resolve().parents[1] / "recorded"
NEW = ("-n", *BOTH, "--external-auth-mode", "json")
OLD = ("-n", "--configurator", "certbot-external-auth:out")
TYPES = ("--preferred-challenges", "tls-alpn-01,http,dns")
UNSEEN = ("--external-auth-verify", "off")


def names() -> list[str]:
    """Recordings, such as ``1.0.0-protocol-1``."""
    return sorted(path.stem for path in FOLDER.glob("*.jsonl"))


def read(name: str) -> tuple[int, list[Line]]:
    """The protocol of a recording, and its lines: of several runs, one after the other."""
    text = (FOLDER / f"{name}.jsonl").read_text()
    return int(name.rpartition("-")[2]), [json.loads(line) for line in text.splitlines()]


def of(name: str, protocol: int) -> list[Line]:
    """The lines of a recording, if it is of that protocol."""
    found, lines = read(name)
    return lines if found == protocol else []


def record() -> dict[int, str]:
    """Run what a driver meets; the result is all lines by protocol."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found = _ordinary(folder / "ordinary")
        return {**found, 1: found[1] + _alias(folder / "alias") + _lasting(folder / "lasting")}


def _ordinary(folder: Path) -> dict[int, str]:
    """Success by DNS, HTTP and TLS, refusals of the driver and of the CA, deployments, a run that was killed."""
    with TestCA() as ca:
        (folder / "web").mkdir(parents=True)
        with Webroot(folder / "web", ca.http_port), serving(folder / "tls", ca.tls_port) as tls:
            publisher = Publisher(ca, folder / "web", tls)
            certbot = Certbot(folder / "host", ca)
            killed = partial(_killing, certbot)
            ones = [
                certbot.drive("run", *NEW, "-d", "w.example", "-d", "*.w.example", policy=publisher),
                certbot.drive("certonly", *NEW, *TYPES, "-d", "t.example", "-d", "*.t.example", policy=publisher),
                certbot.drive("certonly", *NEW, "--preferred-challenges", "http", "-d", "h.example", policy=publisher),
                certbot.drive(*RENEW, "-q", "--external-auth-mode", "json", policy=publisher),
                certbot.drive("certonly", *NEW, "-d", "full.example", policy=_full),
                certbot.drive(*RENEW_NOW, "-q", "--cert-name", "h.example", policy=_full),
                certbot.drive("certonly", *NEW, "-d", BLOCKED, policy=publisher),
                # Not published: it is not seen here, or the CA does not see it.
                certbot.drive("certonly", *NEW, "-d", "lazy.example", policy=_lazy),
                certbot.drive("certonly", *NEW, *UNSEEN, "-d", "lazy.example", policy=_lazy),
                certbot.drive("certonly", *NEW, "-d", "killed.example", policy=killed),
                certbot.drive("certonly", *NEW, "-d", "next.example", policy=publisher),
            ]
            zeros = [
                certbot.drive("run", *OLD, "-d", "old.example", "-d", "www.old.example", policy=publisher),
                certbot.drive("run", *OLD, "--preferred-challenges", "http", "-d", "h.old.example", policy=publisher),
                certbot.drive("run", *OLD, *TYPES, "-d", "t.old.example", policy=publisher),
            ]
            return {1: _anywhere(ones, certbot), 0: _anywhere(zeros, certbot)}


def _alias(folder: Path) -> str:
    """A name that is an alias, and is not seen at once."""
    name, target = "_acme-challenge.a.example", "a.acme.example"
    with Bind("example") as dns, TestCA(dns_server=dns.server) as ca:
        dns.change(f"add {name} 60 CNAME {target}.")
        certbot = Certbot(folder, ca)
        values: list[str] = []

        def publish(line: Line, send: Send) -> None:
            if line["cmd"] == "perform_challenge":
                values.append(line["validation"])
            elif line["cmd"] == "await":
                answer(send, ok=True)
            elif line["cmd"] == "visibility":
                dns.change(*(f"add {target} 60 TXT {values.pop()}" for _ in values[:1]))
            elif line["cmd"] in ("cleanup", "deploy_cert"):
                answer(send, id=line["id"], ok=True)

        looking = ("--external-auth-verify-timeout", "30", "--external-auth-verify-nameservers", dns.server)
        run = certbot.drive("certonly", *NEW, *looking, "-d", "a.example", "-d", "*.a.example", policy=publish)
        return _anywhere([run], certbot)


def _lasting(folder: Path) -> str:
    """A record that stays, published once and found the next time."""
    with NewCA() as ca:
        certbot = Certbot(folder, ca)
        words = (*NEW, "--preferred-challenges", "dns-persist-01")
        publisher = Publisher(ca, folder)
        once = certbot.drive("certonly", *words, "-d", "p.example", "-d", "*.p.example", policy=publisher)
        return _anywhere([once, certbot.drive(*RENEW_NOW, "-q", policy=publisher)], certbot)


def _full(line: Line, send: Send) -> None:
    if line["cmd"] == "await":
        answer(send, **refusal({"id": line["ids"][0]}, "dns.full", "no room in the zone"))
    elif line["cmd"] == "cleanup":
        answer(send, id=line["id"], ok=True)


def _lazy(line: Line, send: Send) -> None:
    if line["cmd"] in ("await", "cleanup"):
        answer(send, ok=True)


def _killing(certbot: Certbot, line: Line, send: Send) -> None:
    if line["cmd"] == "await":
        certbot.terminate(signal.SIGKILL)
        raise GoneError


def _anywhere(runs: Sequence[Result], certbot: Certbot) -> str:
    """Their lines, with the paths and ports of a host instead of those of the folder the test ran in."""
    text = "".join(one.stdout for one in runs)
    text = text.replace(str(certbot.config_dir), "/etc/letsencrypt").replace(
        str(certbot.work_dir), "/var/lib/letsencrypt"
    )
    text = re.sub(r'"127\.0\.0\.1:\d+"', '"127.0.0.1:53"', text)
    return re.sub(r'"port": "\d+"', '"port": "443"', text)


def main() -> int:
    name = sys.argv[1] if len(sys.argv) > 1 else __version__
    paths = {protocol: FOLDER / f"{name}-protocol-{protocol}.jsonl" for protocol in schema.PROTOCOLS}
    if any(path.exists() for path in paths.values()):
        print(f"There are streams of {name}: they stay as they are", file=sys.stderr)
        return 1
    for protocol, text in record().items():
        paths[protocol].write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
