"""Names at three publishers, with real servers: BIND, PowerDNS, and a web server for http-01.

The CA asks one resolver, which passes the questions on. Each test has names of its own.
"""

from __future__ import annotations

import contextlib
import shlex
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support import caches, ports, tls
from tests.support.bind import Bind
from tests.support.powerdns import PowerDns, powerdns
from tests.support.testca import TestCA
from tests.support.web import program
from tests.support.webroot import Webroot

HANDLERS = tls.EXAMPLES / "handlers"
BIND, POWERDNS, WEB = "bind.test", "powerdns.test", "web.test"


@dataclass(frozen=True)
class World:
    """:ivar challenges: the folder that the web server serves."""

    ca: TestCA
    bind: Bind
    powerdns: PowerDns
    challenges: Path

    def write(self, folder: Path, *more: str) -> Path:
        """Write a file of routes with its env files into a folder, and return its path.

        :param more: sections, or keys of the last one, behind those of the three publishers.
        """
        folder.mkdir(parents=True, exist_ok=True)
        secrets = {
            "bind.env": f"NSUPDATE_KEY_FILE={self.bind.key_file}\nNSUPDATE_SERVER={self.bind.address} {self.bind.port}",
            "powerdns.env": f"PDNS_API={self.powerdns.api}\nPDNS_API_KEY={self.powerdns.key}",
            "web.env": f"CHALLENGE_FOLDER={self.challenges}",
        }
        for name, text in secrets.items():
            (folder / name).write_text(f"{text}\n")
            (folder / name).chmod(0o600)
        path = folder / "routes.ini"
        path.write_text("\n".join([self.of_bind(folder), *self._others(), *more]) + "\n")
        path.chmod(0o644)
        return path

    def of_bind(self, folder: Path) -> str:
        """The section of BIND's zone, which follows aliases: examples/handlers/nsupdate.sh writes at txt_domain."""
        handler = folder / "publish at bind"
        handler.write_text(
            "#!/bin/sh\ncbot_txt_domain=${cbot_txt_target:-${cbot_txt_domain:-}}\nexport cbot_txt_domain\n"
            f'exec {shlex.quote(str(HANDLERS / "nsupdate.sh"))} "$@"\n'
        )
        handler.chmod(0o755)
        server = f"verify-nameservers = {self.bind.server}"
        return f"[{BIND}]\nhandler = ./publish at bind\nenv-file = bind.env\n{server}\n"

    def _others(self) -> list[str]:
        return [
            f"[{POWERDNS}]\nhandler = {HANDLERS / 'powerdns.py'}\nenv-file = powerdns.env",
            f"verify-nameservers = {self.powerdns.server}\n",
            f"[*]\nhandler = {HANDLERS / 'minimal.sh'}\nenv-file = web.env\nchallenge = http-01\n"
            f"verify-nameservers = {self.ca.dns}",
        ]

    def nothing_left(self, before: list[tuple[str, str, str]]) -> bool:
        """Tell whether no value of a challenge is published anywhere.

        :param before: what PowerDNS had.
        """
        return self.powerdns.records() == before and not any(self.challenges.iterdir())


@contextlib.contextmanager
def world(folder: Path) -> Iterator[World]:
    """:param folder: for the challenges of http-01."""
    with contextlib.ExitStack() as stack:
        bind = stack.enter_context(Bind(BIND, records=f"known TXT known\nalias CNAME x.{POWERDNS}."))
        pdns = stack.enter_context(powerdns(POWERDNS))
        resolver = stack.enter_context(_resolver(bind, pdns))
        ca = stack.enter_context(TestCA(dns_server=resolver))
        challenges = folder / "challenges"
        stack.enter_context(Webroot(challenges, ca.http_port))
        yield World(ca, bind, pdns, challenges)


@contextlib.contextmanager
def _resolver(bind: Bind, pdns: PowerDns) -> Iterator[str]:
    """A dnsmasq that remembers nothing, and knows both zones and the names of the web server."""
    with contextlib.ExitStack() as stack:
        port = ports.free(stack)
        words = [program("dnsmasq"), "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts"]
        words += ["--bind-interfaces", f"--listen-address={ports.ADDRESS}", f"--port={port}", "--pid-file=", "--user="]
        words += ["--cache-size=0", f"--address=/{WEB}/{ports.ADDRESS}"]
        for zone, server in ((BIND, bind.server), (POWERDNS, pdns.server)):
            words.append(f"--server=/{zone}/{server.replace(':', '#')}")
        yield from caches.running(words, ports.ADDRESS, port, f"known.{BIND}")


def name(zone: str) -> str:
    """Return a name of one test alone."""
    return f"t{uuid.uuid4().hex[:12]}.{zone}"
