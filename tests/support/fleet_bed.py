"""A fleet, a CA that looks at its hosts, and a machine that orders for them with Ansible."""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support import certificates
from tests.support import fleet as fleets
from tests.support.ansible import Ansible, Play
from tests.support.certbot import Certbot
from tests.support.fleet import Fleet
from tests.support.testca import TestCA

PROGRAM = Path(sys.executable).parent / "certbot-external-auth"
NAME = "shop.test"
CURRENT = "/srv/ssl/shop/current"
PLAY = """
- hosts: web
  gather_facts: false
  roles:
    - role: external_auth.certbot.certificate
"""


class Bed:
    """A fleet, a CA that looks at its hosts, and the machine that orders."""

    def __init__(self, folder: Path, fleet: Fleet, ca: TestCA, runtime: Path) -> None:
        self.fleet, self.ca = fleet, ca
        self.certbot = Certbot(folder / "orders", ca)
        environment = {**self.certbot.environment, "XDG_RUNTIME_DIR": str(runtime), "HOME": str(runtime)}
        self.ansible = Ansible(folder / "ansible", environment)
        ca.set_addresses(NAME, *(host.address for host in fleet.hosts))
        self.certificate: dict[str, object] = {"name": "shop", "names": [NAME], "challenge": "http-01", "answer": "web"}
        arguments = ["--server", ca.directory, "--agree-tos", "--register-unsafely-without-email"]
        arguments += ["--logs-dir", str(self.certbot.logs_dir)]
        arguments += ["--external-auth-verify-nameservers", ca.dns, "--external-auth-verify-timeout", "2"]
        nginx = ["/usr/sbin/nginx", "-c", "/srv/nginx.conf"]
        self.vars: dict[str, Any] = {
            "certificate_list": [self.certificate],
            "certificate_executable": str(PROGRAM),
            "certificate_config_dir": str(self.certbot.config_dir),
            "certificate_work_dir": str(self.certbot.work_dir),
            "certificate_arguments": arguments,
            "certificate_webroot": "/srv/www",
            "certificate_path": "/srv/ssl",
            "certificate_test": [*nginx, "-t"],
            "certificate_reload": [*nginx, "-s", "reload"],
            "certificate_lock_timeout": 20,
            "certificate_look_timeout": 3,
        }

    def play(self, *words: str, text: str = PLAY, **more: object) -> Play:
        """Run a playbook. What the CA has validated is forgotten afterwards."""
        given = json.dumps({**self.vars, **more})
        play = self.ansible.play(text, "-e", given, *words, inventory=self.fleet.inventory())
        self.certbot.after_run()
        return play

    def installed(self) -> set[int]:
        """The serial numbers of what the hosts have."""
        return {certificates.serial(host.folder / "ssl" / "shop" / "current" / "cert.pem") for host in self.fleet.hosts}

    def tokens(self) -> list[Path]:
        """What is still published."""
        return [path for host in self.fleet.hosts for path in host.folder.glob("www/.well-known/acme-challenge/*")]


@contextlib.contextmanager
def bed(folder: Path, count: int, stream: str = "") -> Iterator[Bed]:
    """Let everything run. :param stream: see `Fleet`."""
    # Paths of sockets are short, and those of pytest's folders are not.
    with contextlib.ExitStack() as stack:
        runtime = stack.enter_context(tempfile.TemporaryDirectory())
        fleet = stack.enter_context(fleets.fleet(folder / "fleet", count, CURRENT, stream))
        ca = stack.enter_context(TestCA(looks_at=(80, 443)))
        yield Bed(folder, fleet, ca, Path(runtime))
