"""A certificate authority for tests and the demo: Debian's Pebble, which really validates, and its name server."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import ssl
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.support import certificates, dns, ports

ADDRESS = ports.ADDRESS
READY_WITHIN = 30.0
STOPPED_WITHIN = 5.0
ATTEMPTS = 3
BLOCKED = "blocked.example"
"""A name that no CA here issues for."""


class NotReadyError(RuntimeError):
    """A server did not come up."""


class TestCA:
    """A context manager; the servers run from entering to leaving it, whatever happens in between.

    :ivar directory: the ACME directory, an https URL.
    :ivar ca_bundle: the file for REQUESTS_CA_BUNDLE, so that Certbot trusts that URL.
    :ivar management: URL of the name server's management.
    :ivar dns: the name server as ``address:port``; it answers 127.0.0.1 for every name, if it is the CA's own.
    :ivar http_port: where the CA looks for http-01.
    :ivar tls_port: where the CA looks for tls-alpn-01.
    :ivar authz_reuse: as given; with 0 it still happens for one name in a hundred, see `tests.support.authorizations`.
    :ivar folder: configuration and logs of the servers.
    """

    # Its name begins with Test, and pytest shall not take it for one.
    __test__ = False
    # What another version of Pebble has differently.
    programs = Path()
    dns_flag = "-dns01"
    more_of_dns: Sequence[str] = ()
    more: Mapping[str, object] = {}

    def __init__(
        self,
        authz_reuse: int = 0,
        external_accounts: Mapping[str, str] | None = None,
        dns_server: str | None = None,
        looks_at: tuple[int, int] | None = None,
    ) -> None:
        """:param authz_reuse: how many valid authorizations out of a hundred the CA uses again.
        :param external_accounts: key identifiers and their base64url MAC keys, without one of which there is no
            account here (RFC 8555 section 7.3.4).
        :param dns_server: ``address:port`` of a name server that runs already; then there is none of the CA's own, and
            no management of it.
        :param looks_at: the ports for http-01 and tls-alpn-01, if free ones of this machine do not do.
        """
        self._looks_at = looks_at
        self._dns_server = dns_server
        self.authz_reuse = authz_reuse
        self._external_accounts = dict(external_accounts or {})
        self._stack = contextlib.ExitStack()
        self._processes: list[subprocess.Popen[bytes]] = []
        self.folder = Path()
        self.directory = self.management = self.dns = ""
        self.http_port = self.tls_port = 0
        # A proxy has no business between servers of one machine.
        self._plain = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def __enter__(self) -> TestCA:
        self.folder = Path(tempfile.mkdtemp(prefix="test-ca-"))
        self._stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self._stack.callback(self.stop)
        try:
            certificates.for_servers(self.ca_bundle, self.folder / "server.key", ["localhost"], [ADDRESS])
            self._start_trying()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def ca_bundle(self) -> Path:
        return self.folder / "server.pem"

    # --- the name server ---

    def txt(self, name: str) -> list[str]:
        """The TXT values at a name, as the CA would see them."""
        host, _, port = self.dns.partition(":")
        return dns.txt(name, host, int(port))

    def add_txt(self, name: str, value: str) -> None:
        self.manage("set-txt", {"host": f"{name}.", "value": value})

    def clear_txt(self, name: str) -> None:
        self.manage("clear-txt", {"host": f"{name}."})

    def asked(self, name: str) -> list[dict[str, Any]]:
        """What the CA asked the name server about a name."""
        history = json.loads(self.manage("dns-request-history", {"host": name}) or b"null")
        return list(history or ())

    def set_addresses(self, name: str, *addresses: str) -> None:
        """Answer these for a name, instead of 127.0.0.1."""
        for path, kind in (("add-a", "."), ("add-aaaa", ":")):
            found = [address for address in addresses if (":" in address) is (kind == ":")]
            if found:
                self.manage(path, {"host": f"{name}.", "addresses": found})

    def manage(self, path: str, body: Mapping[str, object]) -> bytes:
        """One request to the name server's management."""
        with self._plain.open(f"{self.management}/{path}", json.dumps(body).encode(), timeout=10) as answer:
            content: bytes = answer.read()
        return content

    def log(self, program: str) -> str:
        """What a server has printed."""
        return (self.folder / f"{program}.log").read_text(errors="replace")

    # --- starting and stopping ---

    def _start_trying(self) -> None:
        """Try again if another process takes the port between its choice and its use."""
        for attempt in range(ATTEMPTS):
            try:
                self._start()
            except NotReadyError:
                self.stop()
                if attempt == ATTEMPTS - 1:
                    raise
            else:
                return

    def _start(self) -> None:
        listen, manage_ca, self.http_port, self.tls_port, dns_port, management = (
            ports.free(self._stack) for _ in range(6)
        )
        if self._looks_at is not None:
            self.http_port, self.tls_port = self._looks_at
        self.directory = f"https://localhost:{listen}/dir"
        self.management = f"http://{ADDRESS}:{management}" if self._dns_server is None else ""
        self.dns = self._dns_server or f"{ADDRESS}:{dns_port}"
        configuration: dict[str, dict[str, object]] = {
            "pebble": {
                "listenAddress": f"{ADDRESS}:{listen}",
                "managementListenAddress": f"{ADDRESS}:{manage_ca}",
                "certificate": str(self.ca_bundle),
                "privateKey": str(self.folder / "server.key"),
                "httpPort": self.http_port,
                "tlsPort": self.tls_port,
                "ocspResponderURL": "",
                "externalAccountBindingRequired": bool(self._external_accounts),
                "externalAccountMACKeys": self._external_accounts,
                "domainBlocklist": [BLOCKED],
            }
        }
        configuration["pebble"].update(self.more)
        (self.folder / "pebble.json").write_text(json.dumps(configuration))
        looks_at = self._name_server_of_pebble()
        pebble = self._spawn("pebble", "-config", str(self.folder / "pebble.json"), "-dnsserver", looks_at)
        if self._dns_server is None:
            self._start_name_server(f"{ADDRESS}:{management}")
        self._wait(pebble, self._directory_answers)

    def _name_server_of_pebble(self) -> str:
        """Return where Pebble itself looks: the CA's name server, unless a front looks there in its place."""
        return self.dns

    def _start_name_server(self, management: str) -> None:
        name_server = self._spawn_name_server(self.dns, management)
        self._wait(
            name_server, lambda: self.txt("ready.test") == [] and self.manage("clear-txt", {"host": "x."}) == b""
        )

    def _spawn_name_server(self, address: str, management: str) -> subprocess.Popen[bytes]:
        nowhere = [word for name in ("http01", "https01", "tlsalpn01", "defaultIPv6") for word in (f"-{name}", "")]
        listening = [self.dns_flag, address, "-management", management]
        return self._spawn("pebble-challtestsrv", *listening, *nowhere, *self.more_of_dns)

    def _spawn(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PEBBLE_")}
        environment["PEBBLE_VA_NOSLEEP"] = "1"
        environment["PEBBLE_WFE_NONCEREJECT"] = "0"
        environment["PEBBLE_AUTHZREUSE"] = str(self.authz_reuse)
        # If this process were killed, nothing would stop the servers.
        tied = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
        with (self.folder / f"{program}.log").open("ab") as log:
            process = subprocess.Popen(
                [*tied, str(self.programs / program), *arguments],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C is for the program that uses the CA, which may need the CA to clean up.
                start_new_session=True,
            )
        self._processes.append(process)
        return process

    def _wait(self, process: subprocess.Popen[bytes], ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + READY_WITHIN
        while process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                if ready():
                    return
            time.sleep(0.02)
        logs = "\n".join(path.read_text(errors="replace")[-2000:] for path in sorted(self.folder.glob("*.log")))
        raise NotReadyError(f"{process.args!r} did not come up (exit code {process.returncode}):\n{logs}")

    def _name_server_answers(self) -> bool:
        self.clear_txt("ready.test")
        return self.txt("ready.test") == []

    def _directory_answers(self) -> bool:
        context = ssl.create_default_context(cafile=str(self.ca_bundle))
        https = urllib.request.HTTPSHandler(context=context)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), https)
        with opener.open(self.directory, timeout=5) as answer:
            return bool(answer.status == 200)

    def stop(self) -> None:
        """End the servers now; leaving the context does so as well."""
        while self._processes:
            process = self._processes[-1]
            for number in (signal.SIGTERM, signal.SIGKILL):
                process.send_signal(number)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(STOPPED_WITHIN)
                    break
            self._processes.pop()

    def free_port(self) -> int:
        """Return a port that no other process gets as long as this CA lives."""
        return ports.free(self._stack)
