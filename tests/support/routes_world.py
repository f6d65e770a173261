"""Names at three publishers, with real servers: BIND, PowerDNS, and a web server for http-01.

The CA asks one resolver, which passes the questions on. Each test has names of its own.
"""

from __future__ import annotations

import contextlib
import shlex
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support import caches, ports, tls
from tests.support.bind import PROGRAM, Bind
from tests.support.powerdns import PowerDns, powerdns
from tests.support.testca import TestCA
from tests.support.webroot import Webroot

HANDLERS = tls.EXAMPLES / "handlers"
BIND, POWERDNS, WEB = "bind.test", "powerdns.test", "web.test"
OUTER = "outer.test"
"""A zone in BIND that no handler can change: its route calls that of PowerDNS."""


@dataclass(frozen=True)
class World:
    """:ivar challenges: the folder that the web server serves."""

    ca: TestCA
    bind: Bind
    powerdns: PowerDns
    challenges: Path

    def write(self, folder: Path, *more: str, then: str = ":") -> Path:
        """Write a file of routes with its env files into a folder, and return its path.

        :param more: lines behind the sections.
        :param then: what the shell script of PowerDNS does once it has published.
        """
        folder.mkdir(parents=True, exist_ok=True)
        secrets = {
            "bind": f"NSUPDATE_KEY_FILE={self.bind.key_file}\nNSUPDATE_SERVER={self.bind.address} {self.bind.port}",
            "powerdns": f"PDNS_API={self.powerdns.api}\nPDNS_API_KEY={self.powerdns.key}",
            "web": f"CHALLENGE_FOLDER={self.challenges}",
        }
        for name, text in secrets.items():
            (folder / f"{name}.env").write_text(f"{text}\n")
            (folder / f"{name}.env").chmod(0o600)
        # What the example writes at the name itself, this one writes at its target.
        alias = '[ -z "${cbot_txt_target:-}" ] || export cbot_txt_domain=$cbot_txt_target'
        _script(folder / "at bind", f'{alias}\nexec {_example("nsupdate.sh")} "$@"')
        perform = f'{_example("powerdns.py")} "$@" || exit\n[ "$1" != perform ] || {then}\nexit 0'
        _script(folder / "at powerdns", perform)
        path = folder / "routes.ini"
        path.write_text("\n".join([self._sections(), *more]) + "\n")
        path.chmod(0o644)
        return path

    def _sections(self) -> str:
        return f"""\
# Three publishers.
[{BIND}]
handler = './at bind'
env-file = bind.env
verify-nameservers = {self.bind.server}

[{POWERDNS}]
handler = './at powerdns'
env-file = powerdns.env
verify-nameservers = {self.powerdns.server}

[{OUTER}]
handler = './at powerdns'
env-file = powerdns.env
verify-nameservers = {self.bind.server}

[*]
handler = {_example("minimal.sh")}
env-file = web.env
challenge = http-01
verify-nameservers = {self.ca.dns}
"""

    def nothing_left(self, before: list[tuple[str, str, str]]) -> bool:
        """Tell whether no value of a challenge is published anywhere.

        :param before: what PowerDNS had.
        """
        return self.powerdns.records() == before and not any(self.challenges.iterdir())


def _example(name: str) -> str:
    return shlex.quote(str(HANDLERS / name))


def _script(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@contextlib.contextmanager
def world(folder: Path) -> Iterator[World]:
    """:param folder: for the challenges of http-01."""
    with contextlib.ExitStack() as stack:
        bind = stack.enter_context(Bind(BIND, OUTER))
        pdns = stack.enter_context(powerdns(POWERDNS))
        resolver = stack.enter_context(_resolver(bind, pdns))
        ca = stack.enter_context(TestCA(dns_server=resolver))
        challenges = folder / "challenges"
        stack.enter_context(Webroot(challenges, ca.http_port))
        yield World(ca, bind, pdns, challenges)


_RESOLVER = """\
options {{
    directory "{folder}";
    listen-on port {port} {{ {address}; }};
    listen-on-v6 {{ none; }};
    pid-file none;
    session-keyfile none;
    recursion yes;
    dnssec-validation no;
    empty-zones-enable no;
    max-cache-ttl 0;
    max-ncache-ttl 0;
}};
controls {{ }};
zone "{web}" {{ type primary; file "web.zone"; }};
"""
_FORWARDED = 'zone "{zone}" {{ type forward; forward only; forwarders {{ {host} port {port}; }}; }};\n'
_WEB = "$TTL 60\n@ SOA ns hostmaster 1 60 60 600 1\n@ NS ns\nns A {address}\nknown TXT known\n* A {address}\n"


@contextlib.contextmanager
def _resolver(bind: Bind, pdns: PowerDns) -> Iterator[str]:
    """A BIND that remembers nothing, follows aliases from zone to zone, and knows the names of the web server."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="test-routes-")))
        port = ports.free(stack)
        text = _RESOLVER.format(folder=folder, port=port, address=ports.ADDRESS, web=WEB)
        for zone, server in ((BIND, bind.server), (OUTER, bind.server), (POWERDNS, pdns.server)):
            host, _, theirs = server.rpartition(":")
            text += _FORWARDED.format(zone=zone, host=host, port=theirs)
        (folder / "named.conf").write_text(text)
        (folder / "web.zone").write_text(_WEB.format(address=ports.ADDRESS))
        words = [PROGRAM, "-g", "-n", "1", "-c", str(folder / "named.conf")]
        yield from caches.running(words, ports.ADDRESS, port, f"known.{WEB}")


def name(zone: str) -> str:
    """Return a name of one test alone."""
    return f"t{uuid.uuid4().hex[:12]}.{zone}"
