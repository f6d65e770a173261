"""A fleet on one machine: each host is a network namespace with its own address, sshd and nginx.

Nothing has a name outside: a host is a process with namespaces of its own, and all of it is gone when that ends.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.support import certificates, private_network
from tests.support.processes import end_group

READY_WITHIN = 20.0
NETWORK = "10.99.0"
SSHD = """
ListenAddress {address}:22
HostKey /srv/host_key
AuthorizedKeysFile /srv/key.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
Subsystem sftp internal-sftp
"""
NGINX = """
daemon off;
pid /srv/nginx.pid;
error_log /srv/nginx.log;
user root;
worker_processes 1;
{stream}
events {{}}
http {{
    access_log /srv/access.log;
    client_body_temp_path /srv/tmp; proxy_temp_path /srv/tmp; fastcgi_temp_path /srv/tmp;
    uwsgi_temp_path /srv/tmp; scgi_temp_path /srv/tmp;
    server {{
        listen {address}:80;
        root /srv/www;
        include /srv/responder*.conf;
    }}
    server {{
        listen {tls} ssl{proxied};
        ssl_certificate {certificate}/fullchain.pem;
        ssl_certificate_key {certificate}/privkey.pem;
    }}
}}
"""


def possible() -> bool:
    """Whether this user may make namespaces for networks, mounts and processes."""
    words = ["unshare", "-n", "-m", "-p", "--fork", "--kill-child", "--mount-proc", "true"]
    return private_network.possible() and subprocess.run(words, capture_output=True).returncode == 0


class Host:
    """One host. What its /srv is, is a folder of the test.

    :ivar folder: its /srv.
    """

    def __init__(self, fleet: Fleet, name: str, number: int, certificate: str) -> None:
        self._fleet, self.name, self._number, self._certificate = fleet, name, number, certificate
        self.address = f"{NETWORK}.{10 + number}"
        self.folder = fleet.folder / name
        self._process: subprocess.Popen[bytes] | None = None
        for part in ("www", "tmp"):
            (self.folder / part).mkdir(parents=True)
        _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.folder / "host_key"))
        shutil.copy(fleet.folder / "key.pub", self.folder)
        self._install_first(self.folder / certificate.removeprefix("/srv/"))

    def _install_first(self, current: Path) -> None:
        """Install what a server needs before it has a certificate, as the module does."""
        first = current.parent / "versions" / "first"
        first.mkdir(parents=True)
        certificates.for_servers(first / "fullchain.pem", first / "privkey.pem", [self.name])
        shutil.copy(first / "fullchain.pem", first / "cert.pem")
        current.symlink_to("versions/first")

    def up(self) -> None:
        """Switch it on."""
        # The first process of its own process namespace: all others end with it.
        words = ["unshare", "-n", "-m", "-p", "--fork", "--kill-child", "--mount-proc", "sh", "-c", self._script()]
        with (self.folder / "boot.log").open("ab") as log:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *words],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            self._connect(self._inside())
        except BaseException:
            self.down()
            raise
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()
        _wait(lambda: self._listens(22) and self._listens(80), f"{self.name} is not up; see {self.folder}/boot.log")

    def _script(self) -> str:
        (self.folder / "sshd_config").write_text(SSHD.format(address=self.address))
        here = {"address": self.address, "certificate": self._certificate, "stream": self._fleet.stream}
        here |= {"tls": "127.0.0.1:8443", "proxied": " proxy_protocol"} if self._fleet.stream else {}
        (self.folder / "nginx.conf").write_text(NGINX.format_map({"tls": f"{self.address}:443", "proxied": "", **here}))
        steps = [
            f"mount --bind '{self.folder}' /srv",
            # The network is there when a line has come.
            "read network",
            # Connections that are cut keep the network no longer than they must.
            "echo 1 >/proc/sys/net/ipv4/tcp_orphan_retries",
            "ip link set lo up",
            f"ip address add {self.address}/24 dev eth0",
            "ip link set eth0 up",
            "mkdir -p /run/sshd",
            "/usr/sbin/sshd -D -e -f /srv/sshd_config &",
            "/usr/sbin/nginx -c /srv/nginx.conf &",
            "wait",
        ]
        return "\n".join(steps)

    def _inside(self) -> int:
        """The process whose namespaces are those of the host."""
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        _wait(lambda: bool(children.read_text().split()), f"{self.name} did not start")
        return int(children.read_text().split()[0])

    def _connect(self, pid: int) -> None:
        outside = f"veth{self._number}"
        _run("ip", "link", "add", outside, "type", "veth", "peer", "name", "eth0", "netns", str(pid))
        _run("ip", "link", "set", outside, "master", "bridge", "up")

    def _listens(self, port: int) -> bool:
        with contextlib.suppress(OSError), socket.create_connection((self.address, port), timeout=1):
            return True
        return False

    def read(self, path: str) -> str:
        """A file below its /srv."""
        return (self.folder / path).read_text()

    def served(self) -> int:
        """The serial number of the certificate that its web server presents."""
        return certificates.presented(self.address, 443)

    def down(self) -> None:
        """Switch it off, as a power cut does."""
        if self._process is not None:
            subprocess.run(["ip", "link", "delete", f"veth{self._number}"], capture_output=True)
            end_group(self._process)
            self._process = None


class Fleet:
    """Hosts on one bridge, to which the network of this thread belongs, too."""

    def __init__(self, folder: Path, count: int, certificate: str, stream: str = "") -> None:
        """:param certificate: the folder with the files of the certificate on each host, as nginx reads them.

        :param stream: configuration of what takes connections at port 443 and passes them on to port 8443.
        """
        self.folder, self.stream = folder, stream
        folder.mkdir(parents=True)
        _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "key"))
        self.hosts = [Host(self, f"web{number}", number, certificate) for number in range(1, count + 1)]

    def inventory(self) -> str:
        """The inventory for Ansible."""
        ssh = f"-o UserKnownHostsFile=/dev/null -o StrictHostKeyChecking=no -o LogLevel=ERROR -i '{self.folder}/key'"
        # Ansible keeps its connections for the next play, and one to a host that was switched off since would hang.
        ssh += " -o ServerAliveInterval=2 -o ServerAliveCountMax=3"
        lines = [f"{host.name} ansible_host={host.address}" for host in self.hosts]
        return "\n".join(
            [
                "[web]",
                *lines,
                "[web:vars]",
                "ansible_user=root",
                f'ansible_ssh_common_args="{ssh}"',
                "ansible_python_interpreter=/usr/bin/python3",
            ]
        )


@contextlib.contextmanager
def fleet(folder: Path, count: int, certificate: str, stream: str = "") -> Iterator[Fleet]:
    """Let a fleet run; the network of this thread is one with it inside the block. See `Fleet`."""
    with private_network.private_network(), contextlib.ExitStack() as stack:
        _run("ip", "link", "add", "bridge", "type", "bridge")
        _run("ip", "address", "add", f"{NETWORK}.1/24", "dev", "bridge")
        _run("ip", "link", "set", "bridge", "up")
        found = Fleet(folder, count, certificate, stream)
        for host in found.hosts:
            stack.callback(host.down)
            host.up()
        yield found


def _run(*words: str) -> None:
    ended = subprocess.run(words, capture_output=True, text=True, timeout=30)
    if ended.returncode != 0:
        raise RuntimeError(f"{' '.join(words)}: {ended.stderr}")


def _wait(condition: Callable[[], bool], complaint: str) -> None:
    deadline = time.monotonic() + READY_WITHIN
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(complaint)
        time.sleep(0.02)
