"""One host in the small internet: its Certbot, its hook, and the verb `rehearse` on it."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faults.renewals.world import TOP, World
from tests.support.certbot import Certbot, Result
from tests.support.new_ca import ISSUER
from tests.support.testca import TestCA
from tests.support.tls import EXAMPLES
from tests.support.words import AUTHENTICATOR, BOTH, RENEW_NOW, names

PATIENCE = 120.0
_HOOK = """\
#!/bin/sh
# The example of dynamic updates, which also follows an alias, and hands a certificate over.
[ -z "${cbot_txt_target:-}" ] || export cbot_txt_domain="$cbot_txt_target"
case $1 in
deploy_cert) cat "$cert_path" > "$DEPLOYED" ;;
*) exec "$(dirname "$0")/nsupdate.sh" "$@" ;;
esac
"""


@dataclass(frozen=True)
class Rehearsed:
    """What `rehearse --json` said."""

    code: int
    document: dict[str, Any]
    stderr: str

    def findings(self, lineage: str = "") -> list[dict[str, str]]:
        """Return what was found about a certificate, or about the host if none is named."""
        if not lineage:
            return list(self.document["host"])
        found = [one["findings"] for one in self.document["certificates"] if one["lineage"] == lineage]
        return list(found[0]) if found else []

    @property
    def all(self) -> list[dict[str, str]]:
        return [*self.findings(), *(one for cert in self.document["certificates"] for one in cert["findings"])]


class Site:
    """A host with one name in the top-level domain.

    :ivar hook: publishes by dynamic updates. :ivar env_file: its secrets.
    :ivar stack: of what ends with the site.
    """

    def __init__(self, world: World, folder: Path, label: str, ca: TestCA | None = None) -> None:
        self.world = world
        self.folder = folder / label
        self.domain = f"{label}.{TOP}"
        self.certbot = Certbot(self.folder / "host", ca or world.ca)
        self.stack = contextlib.ExitStack()
        self.write("nsupdate.sh", (EXAMPLES / "handlers" / "nsupdate.sh").read_text(), 0o755)
        self.key = self.write("key", world.top.key_file.read_text(), 0o600)
        self.hook = self.write("hook", _HOOK, 0o755)
        self.deployed = self.folder / "deployed.pem"
        self.env_file = self.secrets(NSUPDATE_KEY_FILE=str(self.key), DEPLOYED=str(self.deployed))
        world.top.change(f"add {self.domain} 1 A 127.0.0.1")

    def write(self, name: str, content: str, mode: int = 0o755) -> Path:
        path = self.folder / name
        path.write_text(content)
        path.chmod(mode)
        return path

    def secrets(self, **values: str) -> Path:
        """Write an env file."""
        return self.write("secrets.env", "".join(f"{name}='{value}'\n" for name, value in values.items()), 0o600)

    # --- words of Certbot ---

    @property
    def label(self) -> str:
        return self.domain.partition(".")[0]

    @property
    def place(self) -> str:
        return f"_acme-challenge.{self.domain}"

    @property
    def handler(self) -> list[str]:
        return ["--external-auth-handler", str(self.hook), "--external-auth-env-file", str(self.env_file)]

    @property
    def web(self) -> list[str]:
        return self.web_at(self.world.web)

    def web_at(self, folder: Path) -> list[str]:
        """Return the words for http-01 by files in a folder, where a handler has nothing to do."""
        where = ["--external-auth-wellknown", str(folder)]
        return ["--external-auth-handler", "/bin/true", *where, "--preferred-challenges", "http"]

    def register(self) -> None:
        """Make an account."""
        words = ("register", "-n", "--agree-tos", "--register-unsafely-without-email")
        assert self.certbot.run(*words, "--server", self.certbot.ca.directory).returncode == 0

    def persists(self, more: str = "", account: str = "") -> None:
        """Publish the record of dns-persist-01 that a person would have published. :param account: its own if empty."""
        self.world.top.change(
            f"del _validation-persist.{self.domain} TXT",
            f'add _validation-persist.{self.domain} 1 TXT "{ISSUER}; accounturi={account or self.account_uri}{more}"',
        )

    def issue(self, *words: str, domains: tuple[str, ...] = (), both: bool = False) -> None:
        """Let Certbot issue.

        :raises AssertionError: if it does not.
        """
        # It names no name server, so the plugin asks those of this network.
        plugin = [*(BOTH if both else AUTHENTICATOR), "--external-auth-verify-timeout", "5"]
        result = self.certbot.run(
            "run" if both else "certonly", "-n", *plugin, *words, *names(*domains or (self.domain,))
        )
        assert result.returncode == 0, result

    def renew(self) -> Result:
        return self.certbot.run(*RENEW_NOW, timeout=PATIENCE)

    # --- rehearse ---

    def rehearse(self, *flags: str) -> Rehearsed:
        words = ["rehearse", "--json", "--config-dir", str(self.certbot.config_dir)]
        words += ["--logs-dir", str(self.certbot.logs_dir)]
        words += ["--work-dir", str(self.certbot.work_dir), *flags]
        ended = self.tool(*words)
        try:
            return Rehearsed(ended.returncode, json.loads(ended.stdout), ended.stderr)
        except ValueError:
            raise AssertionError(f"exit code {ended.returncode}: {ended.stdout}{ended.stderr}"[-2000:]) from None

    def tool(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run the command `certbot-external-auth`."""
        return subprocess.run(
            [sys.executable, "-m", "certbot_external_auth", *words],
            env=self.certbot.environment,
            cwd=self.certbot.cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )

    # --- its files ---

    @property
    def conf(self) -> Path:
        return next((self.certbot.config_dir / "renewal").glob("*.conf"))

    @property
    def account(self) -> Path:
        return next(self.certbot.config_dir.glob("accounts/**/regr.json")).parent

    @property
    def account_uri(self) -> str:
        return str(json.loads((self.account / "regr.json").read_text())["uri"])

    def live(self, file: str) -> Path:
        return self.certbot.live(self.conf.stem, file)
