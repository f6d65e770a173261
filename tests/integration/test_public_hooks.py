"""Hooks that others published, with their text as it is, against stand-ins of the providers they were written for.

Each issues, is killed with its Certbot, renews, and is recovered once by the command and once by the next run. Their
texts are not here: `scripts/need.sh public-hooks` fetches those that Debian and PyPI have.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import secrets
import shlex
import shutil
import signal
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import certificates, http_api, private_network, tinydns
from tests.support.bind import Bind
from tests.support.certbot import Certbot, Result
from tests.support.name_servers import Net
from tests.support.providers import HOSTS, TOKEN, Zone, providers
from tests.support.recover import journal, recover
from tests.support.rehearsals import Rehearsal, rehearse
from tests.support.testca import TestCA
from tests.support.words import RENEW_NOW, handler, handler_for_both, names

ROOT = Path(__file__).parents[2]
BIN = ROOT / ".tools" / "public-hooks" / "bin"
IMPATIENCE = ROOT / "tests" / "support" / "impatience"
MANUAL = Path("/usr/share/doc/python3-certbot/html/_sources/using.rst.txt")
TINYDNS = "/usr/share/doc/acmetool/examples/tinydns.hook"
NAMECOM_SHA256 = "639d2799b3c1ae1ee51a2c03ba862f11c4b86b4f09a71f7d061ce6c3f75d64a3"
# Some take the last two labels of a name for its zone.
ZONE = "example.org"
CERTBOT = ("--external-auth-dialect", "certbot", "--external-auth-cleanup-handler")
BASE, WILDCARD = f"a.{ZONE}", f"*.a.{ZONE}"
PATIENCE = 60.0
RESOLVER = "nameserver 127.0.0.1\noptions timeout:1 attempts:2\n"

alone = pytest.mark.skipif(not private_network.possible(), reason="a network of its own needs root")


@dataclass
class Host:
    """A host with a Certbot and a hook.

    :ivar words: of its command line. :ivar published: what the hook has published.
    :ivar zone: the same, if it says itself when it is changed.
    """

    certbot: Certbot
    words: list[str]
    published: Callable[[], Sequence[object]]
    zone: Zone | None = None

    def killed(self, *words: str, withdrawing: bool = False) -> None:
        """Start Certbot, and kill it as soon as the first value stands, or the first one is gone again."""
        most = 0

        def strike(now: int) -> None:
            nonlocal most
            most = max(most, now)
            if now < most if withdrawing else now:
                process.kill()

        with self.certbot.started(words) as process:
            if self.zone is not None:
                self.zone.changed = strike
            deadline = time.monotonic() + PATIENCE
            while process.poll() is None:
                assert time.monotonic() < deadline, process.args
                strike(len(self.published()))
                time.sleep(0.01)
            assert process.returncode == -signal.SIGKILL, process.communicate()
        self.certbot.after_run()
        assert len(journal(self.certbot)) == 1

    def recovers(self, *words: str) -> None:
        recovered = recover(self.certbot, *words)
        assert (recovered.returncode, self.left()) == (0, []), recovered

    def issues(self, *wanted: str) -> Result:
        result = self.certbot.run("certonly", *self.words, *names(*wanted))
        assert (result.returncode, self.left()) == (0, []), result
        assert certificates.names(self.certbot.live(wanted[0].removeprefix("*."))) == sorted(wanted)
        return result

    def renews(self, *words: str) -> Result:
        """The day after a run that was killed: what is not seen by then is not going to be."""
        (left,) = journal(self.certbot)
        left.write_text(re.sub(r'(?<="written": ")\d{4}', "2020", left.read_text()))
        (lineage,) = (self.certbot.config_dir / "live").glob("*/")
        serial = certificates.serial(self.certbot.live(lineage.name))
        result = self.certbot.run(*RENEW_NOW, *words)
        assert (result.returncode, self.left()) == (0, []), result
        assert "Cleaned up after the run of" in result.stderr
        assert certificates.serial(self.certbot.live(lineage.name)) != serial
        return result

    def lives_through_it(self, *wanted: str, renew: Sequence[str] = ()) -> list[Result]:
        """:param renew: words of the renewal that withdraws what the killed one has left."""
        self.killed("certonly", *self.words, *names(*wanted))
        self.recovers()
        first = self.issues(*wanted)
        self.killed(*RENEW_NOW)
        return [first, self.renews(*renew)]

    def rehearses(self, *words: str) -> Rehearsal:
        """With the env file of its runs."""
        settings = self.words[self.words.index("--external-auth-env-file") + 1]
        more = ["--verify-timeout", "3", "--json", "--env-file", settings]
        return rehearse(*words, *more, environment=self.certbot.environment, cwd=self.certbot.cwd)

    def left(self) -> list[object]:
        return [*journal(self.certbot), *self.published()]


def env_file(folder: Path, settings: Mapping[str, str]) -> list[str]:
    folder.mkdir(exist_ok=True)
    path = folder / "hook.env"
    path.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    path.chmod(0o600)
    return ["--external-auth-env-file", str(path)]


@contextlib.contextmanager
def host_with_providers(folder: Path, words: list[str], **settings: str) -> Iterator[tuple[Host, Zone]]:
    """:param words: of the handler. :param settings: its environment."""
    folder.mkdir(exist_ok=True)
    with (
        private_network.private_network({"/etc/resolv.conf": RESOLVER, "/etc/hosts": HOSTS}),
        Net(["127.0.0.1"], 53) as net,
    ):
        zone = Zone(net, ZONE)
        with providers(folder / "providers", zone) as trusted, TestCA(dns_server="127.0.0.1:53") as ca:
            certbot = Certbot(folder / "host", ca)
            certbot.environment["PATH"] = f"{IMPATIENCE}:{certbot.environment['PATH']}"
            trust = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
            hurry = {"PYTHONPATH": str(IMPATIENCE), "NODE_OPTIONS": f"--require={IMPATIENCE / 'timers.js'}"}
            more = env_file(folder, {**dict.fromkeys(trust, str(trusted)), **hurry, **settings})
            yield Host(certbot, [*words, *more], lambda: list(zone.records), zone), zone


@alone
def test_lets_do_dns_with_digitalocean(tmp_path: Path) -> None:
    """Python, as Certbot's manual hook. It removes the record whose number it has printed, or all records."""
    hook = str(BIN / "lets-do-dns")
    words = handler(hook, *CERTBOT, hook)
    with host_with_providers(tmp_path, words, DO_APIKEY=TOKEN, DO_DOMAIN=ZONE) as (host, zone):
        # The number is lost with who would have read it, and without it nobody calls the hook.
        host.killed("certonly", *host.words, *names(BASE, WILDCARD))
        left = recover(host.certbot)
        assert (left.returncode, len(zone.records)) == (1, 1), left
        assert not [one for one in zone.requests if one.startswith("DELETE")]
        zone.remove(*zone.records)
        host.recovers()
        runs = [host.issues(BASE, WILDCARD)]
        host.killed(*RENEW_NOW, withdrawing=True)
        runs.append(host.renews())
    for run in runs:
        assert TOKEN not in run.log + run.stdout + run.stderr


def from_the_manual(folder: Path) -> list[str]:
    """The two scripts of Certbot's manual, with the settings that they want written into them."""
    block = r"^/path/to/dns/(\w+\.sh)\n\n\.\. code-block:: none\n\n((?: {3}.*\n|\n)+)"
    paths = []
    for name, text in re.findall(block, MANUAL.read_text(), re.MULTILINE):
        assert 'API_KEY="your-api-key"' in text
        paths.append(folder / name)
        paths[-1].write_text(textwrap.dedent(text).replace("your-api-key", TOKEN))
        paths[-1].chmod(0o700)
    return list(map(str, paths))


@alone
def test_certbots_manual_with_cloudflare(tmp_path: Path) -> None:
    """Bash and curl. It keeps the number of the record in one file a name, below /tmp."""
    first, second = (f"{secrets.token_hex(6)}.{ZONE}" for _ in range(2))
    auth, cleanup = from_the_manual(tmp_path)
    try:
        with host_with_providers(tmp_path, handler(auth, *CERTBOT, cleanup)) as (host, zone):
            host.killed("certonly", *host.words, *names(first, second))
            assert recover(host.certbot).returncode == 1
            # A person who has read the two scripts knows that the second never publishes.
            host.recovers(journal(host.certbot)[0].stem)
            host.issues(first, second)
            host.killed(*RENEW_NOW, withdrawing=True)
            host.renews()
            # For two values there is one file still, so one record stays, and both calls say that they went well.
            both = host.certbot.run("certonly", *host.words, *names(first, f"*.{first}"))
            assert (both.returncode, journal(host.certbot), len(zone.records)) == (0, [], 1), both
            rehearsal = host.rehearses(auth, "--dialect", "certbot", "--cleanup-handler", cleanup, "--domain", second)
            assert (rehearsal.code, rehearsal.results["stays"]) == (1, "failed"), rehearsal
    finally:
        for name in (first, second):
            shutil.rmtree(f"/tmp/CERTBOT_{name}", ignore_errors=True)


@alone
def test_uacme_desec_with_desec(tmp_path: Path) -> None:
    """Python, for uacme. It takes one value at a name, and where nobody names the record, it is the wrong one."""
    words = handler(str(BIN / "uacme-desec"), "--external-auth-dialect", "uacme")
    settings = {"DESEC_TOKEN": TOKEN, "DESEC_DOMAIN": ZONE}
    with host_with_providers(tmp_path, words, DESEC_ALIAS="_acme-challenge.a", **settings) as (host, _):
        host.lives_through_it(WILDCARD)
        both = host.certbot.run("certonly", *host.words, *names(BASE, WILDCARD), "--expand")
        assert (both.returncode, both.validated, host.left()) == (1, False, []), both
        assert "Another RRset with the same subdomain and type exists" in both.stderr
        # Of its own accord it writes to _acme_challenge, and says that all went well.
        path = tmp_path / "hook.env"
        path.write_text(re.sub("DESEC_ALIAS=.*\n", "", path.read_text()))
        other = host.certbot.run("certonly", *host.words, *names(f"b.{ZONE}"))
        assert (other.returncode, other.validated, host.left()) == (1, False, []), other


@alone
def test_lego_certbot_with_bind(tmp_path: Path) -> None:
    """Python, for lego. It makes of a Certbot plugin, here the one for RFC 2136, a program for lego."""
    with (
        private_network.private_network({"/etc/resolv.conf": RESOLVER}),
        Bind(ZONE, port=53) as dns,
        TestCA(dns_server=dns.server) as ca,
    ):
        credentials = tmp_path / "rfc2136.ini"
        values = {"server": dns.address, "port": "53", "name": dns.key_name, "secret": dns.secret}
        lines = [f"dns_rfc2136_{key} = {value}\n" for key, value in {**values, "algorithm": "HMAC-SHA256"}.items()]
        credentials.write_text("".join(lines))
        credentials.chmod(0o600)
        settings = {
            "LEGOCERTBOT_DOMAIN": ZONE,
            "LEGOCERTBOT_AUTHENTICATOR_TYPE": "dns-rfc2136",
            "LEGOCERTBOT_AUTHENTICATOR_CONFIG": json.dumps({"credentials": str(credentials)}),
        }
        # One value in 64 begins with a dash, and without this it would take that for an option.
        hook = f"{shlex.quote(str(BIN / 'lego-certbot'))} --"
        words = handler(hook, "--external-auth-dialect", "lego", *env_file(tmp_path, settings))
        host = Host(Certbot(tmp_path / "host", ca), words, lambda: dns.txt(f"_acme-challenge.{BASE}"))
        host.lives_through_it(BASE, WILDCARD)


@alone
def test_tinydns_hook_with_tinydns(tmp_path: Path) -> None:
    """A shell script, for acmetool. It edits the file of a tinydns on the same host, and takes one value at a name."""
    with (
        private_network.private_network({"/etc/resolv.conf": RESOLVER}),
        tinydns.tinydns(tmp_path / "dns", ZONE) as data,
        TestCA(dns_server="127.0.0.1:53") as ca,
    ):
        private_network.put("/etc/default/acme-tinydns", f"ROOT={data.parent}\n")
        words = handler(TINYDNS, "--external-auth-dialect", "acmetool")
        host = Host(Certbot(tmp_path / "host", ca), words, lambda: re.findall("^'.*", data.read_text(), re.MULTILINE))
        host.lives_through_it(BASE, f"*.b.{ZONE}")
        both = host.certbot.run("certonly", *words, *names(f"c.{ZONE}", f"*.c.{ZONE}"))
        assert (both.returncode, both.validated, host.published()) == (1, False, []), both
        # It cannot remove the value that it did not take either, so the plugin has to look for it.
        host.recovers()


def test_acme_http_connector_with_an_api(certbot: Certbot, ca: TestCA, domain: str, tmp_path: Path) -> None:
    """Python, for Dehydrated with http-01. One by one, then chained; and it hands the certificate over."""
    headers = {"X-Token": http_api.TOKEN}
    address = f"http://127.0.0.1:{ca.http_port}"
    config = {"perform": {"uri": address, "headers": headers}, "cleanup": {"uri": address, "headers": headers}}
    config["deploy"] = {"uri": f"{address}/certificates", "path": "/certificates", "headers": headers}
    (tmp_path / "connector.yml").write_text(json.dumps(config))
    settings = env_file(tmp_path, {"ACME_HTTP_CONNECTOR_CONFIG": str(tmp_path / "connector.yml")})
    words = ["--external-auth-dialect", "dehydrated", "--preferred-challenges", "http", *settings]
    with http_api.http_api(ca.http_port) as api:
        host = Host(certbot, handler_for_both(str(BIN / "acme-http-dehydrated"), *words), lambda: list(api.served))
        host.lives_through_it(domain, f"b.{domain}", renew=("--external-auth-hook-chain", "yes"))
        assert len(api.certificates) == 2
        handed = api.certificates[-1]
        assert handed["domain"] == domain
        assert handed["cert"] == certbot.live(domain).read_text()


@alone
def test_name_com_with_its_hook(tmp_path: Path) -> None:
    """JavaScript, for Dehydrated. No package has it, so somebody has to fetch it."""
    given = os.environ.get("PUBLIC_HOOK_NAMECOM")
    if not given:
        pytest.skip("PUBLIC_HOOK_NAMECOM does not name the file namecom/hook.js of prices/dehydrated_hooks on GitHub")
    text = Path(given).read_bytes()
    assert hashlib.sha256(text).hexdigest() == NAMECOM_SHA256
    hook = tmp_path / "hook.js"
    hook.write_bytes(text)
    hook.chmod(0o755)
    (tmp_path / "config.ini").write_text(json.dumps({"username": "user", "token": TOKEN, "domains": [ZONE]}))
    words = handler(str(hook), "--external-auth-dialect", "dehydrated")
    with host_with_providers(tmp_path, words) as (host, _):
        host.lives_through_it(BASE, WILDCARD)
