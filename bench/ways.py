"""The ways to a certificate that are compared: this plugin, Certbot's own hooks, and other clients, with one script."""

from __future__ import annotations

import itertools
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.measuring import Usage, bare_environment, usage_of
from bench.plan import CHAIN, DEHYDRATED, DEHYDRATED_CHAIN, LEGO, LOOKS, MANUAL, PLUGIN, PLUGIN_16, Cell
from tests.support.testca import TestCA

CERTBOT = Path(sys.executable).parent / "certbot"
HOOK = Path(__file__).resolve().parent / "hook.sh"
KINDS = ("config", "work", "logs")
UNSEEN = {"verify": "off"}
BLIND = ("--dns.disable-cp",)
"""lego does not look."""


@dataclass(frozen=True)
class Ground:
    """One CA, an account at it for each client, and the script.

    :ivar folder: where all runs work.
    """

    ca: TestCA
    folder: Path
    _runs: Iterator[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        # Certbot's --manual finds no script in a folder with a blank in its name.
        shutil.copy2(HOOK, self.folder)
        for name in ("certbot", "dehydrated", "lego"):
            shutil.rmtree(self.base(name), ignore_errors=True)
            self.base(name).mkdir()
        words = ["register", "-n", "--agree-tos", "--register-unsafely-without-email", "--server", self.ca.directory]
        usage_of([CERTBOT, *words, *self._folders(self.base("certbot"))], self.environment(0))

    def base(self, client: str) -> Path:
        """A client's folder with an account and nothing else, where each run begins."""
        return self.folder / f"registered-{client}"

    @property
    def hook(self) -> str:
        return str(self.folder / HOOK.name)

    def environment(self, seconds: float) -> dict[str, str]:
        return {
            **bare_environment(),
            "REQUESTS_CA_BUNDLE": str(self.ca.ca_bundle),
            "LEGO_CA_CERTIFICATES": str(self.ca.ca_bundle),
            "BENCH_DNS_PORT": self.ca.management.rpartition(":")[2].strip("/"),
            "BENCH_HOOK_SECONDS": f"{seconds:g}",
            "BENCH_TLS_FOLDER": str(self.folder / "tls"),
        }

    def names(self, cell: Cell) -> list[str]:
        """For one run: Pebble keeps one authorization in a hundred even when told not to, and then calls nobody."""
        run = next(self._runs)
        return [f"r{run}.{domain}" for domain in cell.domains]

    def way(self, name: str, cell: Cell, *more: str) -> Callable[[], Usage]:
        """A function that gets one certificate in that way, for names of its own, in fresh folders.

        :param more: words for Certbot.
        """
        if name == LEGO:
            return lambda: self._lego(cell, self.names(cell))
        if name in (DEHYDRATED, DEHYDRATED_CHAIN):
            return lambda: self._dehydrated(cell, self.names(cell), "yes" if name == DEHYDRATED_CHAIN else "no")
        return lambda: self.certbot(cell, self.names(cell), [*self._words(name), *more])

    def known(self, cell: Cell) -> Callable[[], Usage]:
        """A function that gets a certificate for the same names each time, with Certbot's own hooks."""
        return lambda: self.certbot(cell, cell.domains, self._words(MANUAL))

    def _words(self, name: str) -> list[str]:
        """Of Certbot's command line. Certbot's --manual looks at nothing, so the plugin does only where it is said."""
        if name == MANUAL:
            hooks = [f"--manual-auth-hook={self.hook} perform", f"--manual-cleanup-hook={self.hook} cleanup"]
            return ["--manual", "--preferred-challenges", "dns-01", *hooks]
        options = {
            PLUGIN: {**UNSEEN},
            PLUGIN_16: {**UNSEEN, "jobs": "16"},
            LOOKS: {"jobs": "16"},
            CHAIN: {**UNSEEN, "dialect": "dehydrated", "hook-chain": "yes"},
        }
        # Also where it does not look: which names are aliases is always asked.
        given = {"handler": self.hook, "verify-nameservers": self.ca.dns, **options[name]}
        return ["-a", "external-auth", *(f"--external-auth-{option}={value}" for option, value in given.items())]

    @staticmethod
    def _folders(base: Path) -> list[str]:
        return [f"--{kind}-dir={base / kind}" for kind in KINDS]

    def _fresh(self, client: str, name: str = "run") -> Path:
        run = self.folder / name
        shutil.rmtree(run, ignore_errors=True)
        shutil.copytree(self.base(client), run, symlinks=True)
        return run

    def certbot(self, cell: Cell, domains: Sequence[str], words: Sequence[str]) -> Usage:
        return usage_of(self.command(domains, words), self.environment(cell.seconds))

    def command(self, domains: Sequence[str], words: Sequence[str], run: str = "run") -> list[str]:
        """A command line of Certbot's in fresh folders. :param run: their name; others run side by side."""
        names = [word for domain in domains for word in ("-d", domain)]
        argv = [str(CERTBOT), "certonly", "-n", "--server", self.ca.directory, *words, *names]
        return [*argv, *self._folders(self._fresh("certbot", run))]

    def lego_command(self, domains: Sequence[str], looks: Sequence[str], run: str = "run") -> list[str]:
        """The same of lego's. :param looks: how it looks before it asks the CA."""
        return self._lego_words(self._fresh("lego", run), domains, looks)

    def _lego(self, cell: Cell, domains: Sequence[str]) -> Usage:
        looks, account = [*BLIND, "--dns.resolvers", self.ca.dns], self.base("lego")
        if not (account / "accounts").exists():
            words = self._lego_words(account, ["account.bench.example"], looks)
            usage_of(words, self.lego_environment(self.hook, 0))
            shutil.rmtree(account / "certificates")
        return usage_of(self.lego_command(domains, looks), self.lego_environment(self.hook, cell.seconds))

    def _dehydrated(self, cell: Cell, domains: Sequence[str], chain: str) -> Usage:
        account = self.base("dehydrated")
        if not (account / "accounts").exists():
            usage_of(self._dehydrated_words(account, chain, "--register", "--accept-terms"), self.environment(0))
        names = [word for domain in domains for word in ("--domain", domain)]
        more = ["--cron", "--challenge", "dns-01", "--hook", self.hook, "--alias", "bench", *names]
        return usage_of(self._dehydrated_words(self._fresh("dehydrated"), chain, *more), self.environment(cell.seconds))

    def _dehydrated_words(self, base: Path, chain: str, *more: str) -> list[str]:
        lines = [f"CA={self.ca.directory}", f'CURL_OPTS="--cacert {self.ca.ca_bundle}"', f"BASEDIR={base}"]
        config = base / "config"
        config.write_text("\n".join([*lines, f"HOOK_CHAIN={chain}", "KEY_ALGO=prime256v1"]) + "\n")
        return ["dehydrated", "--config", str(config), *more]

    def _lego_words(self, base: Path, domains: Sequence[str], looks: Sequence[str]) -> list[str]:
        words = ["lego", "--server", self.ca.directory, "--accept-tos", "--email", "a@bench.example"]
        words += ["--path", str(base), "--dns", "exec", *looks]
        return [*words, *(word for domain in domains for word in ("--domains", domain)), "run"]

    def lego_environment(self, hook: str, seconds: float) -> dict[str, str]:
        return {**self.environment(seconds), "EXEC_PATH": hook, "EXEC_SEQUENCE_INTERVAL": "0"}
