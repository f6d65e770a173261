"""The worked example of docs/private-networks.md, as it stands there: only addresses, ports and paths are exchanged."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

from tests.support import certificates, tls
from tests.support.certbot import CONSOLE_SCRIPT, Certbot
from tests.support.testca import TestCA
from tests.support.words import RENEW_NOW

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "private-networks.md").read_text()
NAME = "gate.corp.example"


def block(beginning: str) -> str:
    """The first indented block of the page that has a line which begins so."""
    blocks = re.findall(r"(?:^    .*\n)+", PAGE, re.MULTILINE)
    found = next(one for one in blocks if re.search(rf"^    {beginning}", one, re.MULTILINE))
    return re.sub(r"^    ", "", found, flags=re.MULTILINE)


def exchanged(text: str, **pairs: str) -> str:
    for old, new in pairs.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


def test_the_worked_example(tmp_path: Path) -> None:
    """Lost: whoever follows the page on a host without an account, where Certbot may not ask for what is missing."""
    [(identifier, key)] = re.findall(r"eab-kid = (\S+)\s+eab-hmac-key = (\S+)", PAGE)
    with TestCA(external_accounts={identifier: key}) as ca:
        certbot = Certbot(tmp_path / "host", ca)
        certbot.cli_ini.write_text(exchanged(block("server ="), **{"https://ca.corp.example/dir": ca.directory}))
        program = shlex.quote(str(tls.STANDALONE))
        commands = exchanged(
            block("export REQUESTS_CA_BUNDLE"),
            **{
                "/etc/ssl/corp-root.pem": str(ca.ca_bundle),
                "install -m 755 standalone-tls.py /usr/local/sbin/": f"install -m 755 {program} .",
                "standalone-tls.py \\": f'"$PWD/standalone-tls.py --port {ca.tls_port} --pid-file $PWD/pid" \\',
                "10.0.0.53": ca.dns,
            },
        )
        folders = ["--config-dir", certbot.config_dir, "--work-dir", certbot.work_dir, "--logs-dir", certbot.logs_dir]
        more = shlex.join([*map(str, folders), "--https-port", str(ca.tls_port)])
        start = f'certbot() {{ {shlex.join([sys.executable, str(CONSOLE_SCRIPT)])} "$@" {more}; }}\n'
        ended = subprocess.run(
            ["sh", "-euc", start + commands],
            env=certbot.environment,
            cwd=certbot.cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=90,
        )
        assert ended.returncode == 0, ended
        assert certificates.names(certbot.live(NAME)) == [NAME]
        assert certificates.addresses(certbot.live(NAME)) == ["127.0.0.1"]
        renewed = certbot.run(*RENEW_NOW, "-q", "--https-port", str(ca.tls_port))
        assert (renewed.returncode, renewed.stderr) == (0, "")
