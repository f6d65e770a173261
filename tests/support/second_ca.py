"""acme2certifier, an ACME server by other people than Pebble, which validates dns-persist-01 of draft 01.

`scripts/need.sh second-ca` installs it from PyPI into `.tools`. It speaks plain HTTP here.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.support import ports
from tests.support.testca import ADDRESS, TestCA

PROGRAMS = Path(__file__).resolve().parents[2] / ".tools" / "second-ca" / "bin"
ISSUER = "ca.example"
_CONFIGURATION = """\
[DEFAULT]
dns_server_list: ["{address}"]
[CAhandler]
handler_module: acme2certifier.cahandlers.openssl_ca_handler
issuing_ca_key: {folder}/ca.key
issuing_ca_cert: {folder}/ca.pem
issuing_ca_crl: {folder}/ca.crl
cert_save_path: {folder}
[DBhandler]
handler: wsgi
dbfile: {folder}/db
[Challenge]
dns_persist_01_support: True
dns_persist_allow_policy_wildcard: True
[Directory]
caaidentities: ["{issuer}"]
"""
# Its configuration has no port for the name server.
_START = """\
import os, sys
from wsgiref.simple_server import make_server
import dns.resolver

os.environ["ACME_SRV_CONFIGFILE"] = sys.argv[1]
address, port, dns_port = sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
reset = dns.resolver.Resolver.reset

def with_port(self):
    reset(self)
    self.port = dns_port

dns.resolver.Resolver.reset = with_port
from acme2certifier.share.acme2certifier_wsgi import application, get_handler_cls
make_server(address, port, application, handler_class=get_handler_cls()).serve_forever()
"""


class SecondCA(TestCA):
    """See `TestCA`. :param dns_server: ``address:port`` of the name server that it asks."""

    __test__ = False
    programs = PROGRAMS

    def __init__(self, dns_server: str) -> None:
        super().__init__(dns_server=dns_server)
        self.dns = dns_server

    def _start(self) -> None:
        listen, self.http_port, self.tls_port = (ports.free(self._stack) for _ in range(3))
        self.directory = f"http://{ADDRESS}:{listen}/directory"
        make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        make += ["-keyout", "ca.key", "-out", "ca.pem", "-days", "30", "-subj", "/CN=second CA"]
        make += ["-addext", "keyUsage=critical,keyCertSign,cRLSign"]
        subprocess.run(make, cwd=self.folder, check=True, capture_output=True, timeout=60)
        address, _, port = self.dns.rpartition(":")
        configuration = self.folder / "acme_srv.cfg"
        configuration.write_text(_CONFIGURATION.format(folder=self.folder, address=address, issuer=ISSUER))
        server = self._spawn("python", "-c", _START, str(configuration), ADDRESS, str(listen), port)
        self._wait(server, self._directory_answers)
