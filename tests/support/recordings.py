"""Streams of JSON lines as earlier versions wrote them, and how this version's are recorded.

    python -m tests.support.recordings

runs Certbot against a test CA and writes the stream of this version, if there is none; one that is there is history.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from pathlib import Path

from certbot_external_auth import __version__
from tests.support.purity import Line

FOLDER = Path(__file__).resolve().parents[1] / "recorded"
NOT_YET = {"visibility"}
"""Lines that are described but come with the next recording."""


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
    """Run what a driver meets: success by DNS, HTTP and TLS, a refusal of the driver and one of the CA, deployments."""
    from tests.support.certbot import Certbot
    from tests.support.drivers import Publisher, refusal
    from tests.support.drivers import answer as say
    from tests.support.json_driver import Send
    from tests.support.testca import TestCA
    from tests.support.tls import serving
    from tests.support.webroot import Webroot

    new = ("-n", "--configurator", "external-auth", "--external-auth-mode", "json")
    old = ("-n", "--configurator", "certbot-external-auth:out")
    types = ("--preferred-challenges", "tls-alpn-01,http,dns")

    def full(line: Line, send: Send) -> None:
        if line["cmd"] == "await":
            say(send, **refusal({"id": line["ids"][0]}, "dns.full", "no room in the zone"))
        elif line["cmd"] == "cleanup":
            say(send, id=line["id"], ok=True)

    def lazy(line: Line, send: Send) -> None:
        if line["cmd"] in ("await", "cleanup"):
            say(send, ok=True)

    with TestCA() as ca, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "web").mkdir()
        with Webroot(folder / "web", ca.http_port), serving(folder / "tls", ca.tls_port) as tls:
            publisher = Publisher(ca, folder / "web", tls)
            certbot = Certbot(folder / "host", ca)
            ones = [
                certbot.drive("run", *new, "-d", "w.example", "-d", "*.w.example", policy=publisher),
                certbot.drive("certonly", *new, *types, "-d", "t.example", "-d", "*.t.example", policy=publisher),
                certbot.drive("certonly", *new, "--preferred-challenges", "http", "-d", "h.example", policy=publisher),
                certbot.drive("renew", "--external-auth-mode", "json", policy=publisher),
                certbot.drive("certonly", *new, "-d", "full.example", policy=full),
                certbot.drive("certonly", *new, "-d", "lazy.example", policy=lazy),
            ]
            zeros = [certbot.drive("run", *old, "-d", "old.example", "-d", "www.old.example", policy=publisher)]
            text = {
                1: "".join(one.stdout for one in ones),
                0: "".join(one.stdout for one in zeros),
            }
            return {protocol: _anywhere(found, certbot) for protocol, found in text.items()}


def _anywhere(text: str, certbot: object) -> str:
    """The paths of a host, instead of those of the folder the test ran in."""
    from tests.support.certbot import Certbot

    assert isinstance(certbot, Certbot)
    text = text.replace(str(certbot.config_dir), "/etc/letsencrypt").replace(
        str(certbot.work_dir), "/var/lib/letsencrypt"
    )
    return re.sub(r'"port": "\d+"', '"port": "443"', text)


def main() -> int:
    for protocol, text in record().items():
        path = FOLDER / f"{__version__}-protocol-{protocol}.jsonl"
        if path.exists():
            print(f"{path.name} is there: it stays as it is", file=sys.stderr)
            continue
        FOLDER.mkdir(exist_ok=True)
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
