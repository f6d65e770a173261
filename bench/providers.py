"""Measures DNS providers: one call beside the engine alone, and certificates beside the engines' own clients."""

from __future__ import annotations

import functools
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from bench.measuring import Timing, Usage, bare_environment, take_turns, usage_of
from bench.plan import Plan
from certbot_external_auth.challenges import dns01
from certbot_external_auth.providers import registry
from tests.support import engines
from tests.support.bind import Bind
from tests.support.powerdns import powerdns
from tests.support.testca import TestCA

# lexicon alone finds no zone below a suffix that is not on its list.
ZONE = "bench.example.com"
RECORD = f"_acme-challenge.{ZONE}"
CERTBOT = Path(sys.executable).parent / "certbot"
ACME_SH = engines.FOLDER.parent / "acme.sh"
LEAST_WAIT = 20
"""Seconds that acme.sh waits before it asks public resolvers, which cannot be reached here."""
ALONE, ENGINE = "the engine alone", "the plugin's program"
LEGO_ALONE = """
import json, os, sys
from lego_bridge import cmd
cmd(json.dumps({"action": "configure", "provider": "rfc2136", "credentials": {}, "nameservers": [sys.argv[1]]}))
said = cmd(json.dumps({"action": "perform", "domain": sys.argv[2], "token": "t", "key_authorization": "t.k"}))
sys.exit(json.loads(said).get("error"))
"""
LEXICON_ALONE = """
import sys
from lexicon.client import Client
from lexicon.config import ConfigResolver
config = {"provider_name": "powerdns", "domain": sys.argv[1], "delegated": sys.argv[1]}
with Client(ConfigResolver().with_dict(config).with_env()) as operations:
    operations.create_record("TXT", sys.argv[2], "x")
"""

Sides = dict[str, Callable[[], Usage]]


def measure(plan: Plan, folder: Path) -> dict[str, dict[str, Timing]]:
    """Return the timings of each way by what is compared."""
    os.environ["PYTHONPATH"] = str(engines.FOLDER)
    sys.path.append(str(engines.FOLDER))
    with Bind(ZONE) as dns, powerdns(ZONE) as api, TestCA(dns_server=dns.server) as ca:
        lego = {**_environment(ca), **_rfc2136(dns)}
        server = {"LEXICON_POWERDNS_PDNS_SERVER": api.api, "LEXICON_POWERDNS_AUTH_TOKEN": api.key}
        lexicon = {**_environment(ca), **server}
        calls: dict[str, Sides] = {
            "lego:rfc2136": {
                ENGINE: _call("lego", "rfc2136", lego, folder, dns.server),
                ALONE: lambda: usage_of([sys.executable, "-c", LEGO_ALONE, dns.server, ZONE], lego),
            },
            "lexicon:powerdns": {
                ENGINE: _call("lexicon", "powerdns", lexicon, folder, api.server),
                ALONE: lambda: usage_of(
                    [sys.executable, "-c", LEXICON_ALONE, ZONE, RECORD],
                    {**lexicon, "TLDEXTRACT_CACHE_PATH": str(folder / "suffixes")},
                ),
            },
        }
        found = {name: take_turns(name, sides, plan.provider_calls) for name, sides in calls.items()}
        names = [f"n{number}.{ZONE}" for number in range(plan.provider_names)]
        title = f"{len(names)} names"
        looking, waiting = _certificates(dns, ca, folder, names)
        found[title] = take_turns(title, looking, plan.provider_rounds)
        if plan.own_waits:
            found[title].update(take_turns(f"{title}, own waits", waiting, 1))
        return found


def _environment(ca: TestCA) -> dict[str, str]:
    return {**bare_environment(), "PYTHONPATH": str(engines.FOLDER), "REQUESTS_CA_BUNDLE": str(ca.ca_bundle)}


def _rfc2136(dns: Bind) -> dict[str, str]:
    key = {"TSIG_KEY": dns.key_name, "TSIG_SECRET": dns.secret, "TSIG_ALGORITHM": "hmac-sha256."}
    return {f"RFC2136_{name}": value for name, value in {"NAMESERVER": dns.server, **key}.items()}


def _call(engine: str, name: str, settings: Mapping[str, str], folder: Path, server: str) -> Callable[[], Usage]:
    """Return what adds a record by the program that the plugin starts."""
    program = registry.engine(engine, settings).program(name)
    more = {"identifier": ZONE, "token": "t", "key_authorization": "t.k", "name_servers": [server]}
    told = folder / f"{engine}.told"
    told.write_text(f"{dns01.validation('t.k')}\n{json.dumps(more)}\n")
    words = ["sh", "-c", 'exec "$@" <"$0"', str(told), *program, "add", RECORD, ZONE]
    return lambda: usage_of(words, settings)


def _certificates(dns: Bind, ca: TestCA, folder: Path, names: Sequence[str]) -> tuple[Sides, Sides]:
    """Return the ways to one certificate: the plugin's, which look, and those of others, which wait."""
    credentials: dict[str, dict[str, object]] = {
        "rfc2136.ini": {"server": dns.address, "port": dns.port, "name": dns.key_name, "secret": dns.secret},
        "multi.ini": {"provider": "rfc2136"},
    }
    for file, settings in credentials.items():
        prefix = f"dns_{file.removesuffix('.ini')}_"
        (folder / file).write_text("".join(f"{prefix}{key} = {value}\n" for key, value in settings.items()))
        (folder / file).chmod(0o600)
    with (folder / "rfc2136.ini").open("a") as more:
        more.write("dns_rfc2136_algorithm = HMAC-SHA256\n")
    with (folder / "multi.ini").open("a") as more:
        more.writelines(f"{name} = {value}\n" for name, value in _rfc2136(dns).items())
    nsupdate = {
        "NSUPDATE_SERVER": dns.address,
        "NSUPDATE_SERVER_PORT": str(dns.port),
        "NSUPDATE_KEY": str(dns.key_file),
        "LE_WORKING_DIR": str(ACME_SH),
    }
    settings = {
        "lego:rfc2136": _rfc2136(dns),
        "acme.sh:nsupdate": nsupdate,
        "certbot:dns-rfc2136": {"DNS_RFC2136_CREDENTIALS": str(folder / "rfc2136.ini")},
    }
    look = ["--external-auth-jobs", "16", "--external-auth-verify-nameservers", dns.server]
    certbot = functools.partial(_certbot, ca, folder, names)
    looking: Sides = {
        f"plugin, `{provider}`, jobs 16": functools.partial(
            certbot, ["-a", "external-auth", "--external-auth-provider", provider, *look], given
        )
        for provider, given in settings.items()
        if ACME_SH.exists() or not provider.startswith("acme.sh")
    }
    waiting: Sides = {}
    for plugin in ("rfc2136", "multi"):
        words = ["-a", f"dns-{plugin}", f"--dns-{plugin}-credentials", str(folder / f"{plugin}.ini")]
        waiting[f"certbot-dns-{plugin}, its wait"] = functools.partial(certbot, words, {})
    if ACME_SH.exists():
        waiting[f"acme.sh, `--dnssleep {LEAST_WAIT}`"] = functools.partial(_acme_sh, ca, folder, names, nsupdate)
    return looking, waiting


def _certbot(ca: TestCA, folder: Path, names: Sequence[str], words: Sequence[str], more: Mapping[str, str]) -> Usage:
    base = folder / "certbot"
    shutil.rmtree(base, ignore_errors=True)
    folders = [f"--{kind}-dir={base / kind}" for kind in ("config", "work", "logs")]
    account = ["--agree-tos", "--register-unsafely-without-email", "--server", ca.directory]
    domains = [word for name in names for word in ("-d", name)]
    return usage_of([CERTBOT, "certonly", "-n", *account, *words, *domains, *folders], {**_environment(ca), **more})


def _acme_sh(ca: TestCA, folder: Path, names: Sequence[str], nsupdate: Mapping[str, str]) -> Usage:
    home = folder / "acme.sh"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir()
    domains = [word for name in names for word in ("-d", name)]
    where = ["--server", ca.directory, "--ca-bundle", str(ca.ca_bundle), "--config-home", str(home), "--force"]
    words = [str(ACME_SH / "acme.sh"), "--issue", *domains, "--dns", "dns_nsupdate", "--dnssleep", str(LEAST_WAIT)]
    return usage_of(["bash", *words, *where], {**_environment(ca), **nsupdate, "HOME": str(home)})


def section(measured: Mapping[str, Mapping[str, Timing]]) -> Iterator[str]:
    """Write the section of docs/performance.md."""
    calls = {name: sides for name, sides in measured.items() if ALONE in sides}
    yield "## DNS providers"
    yield ""
    yield (
        "One record is added by the program that the plugin starts for each call, and by the engine alone: a few "
        "lines of Python that call its library. Least of several, in milliseconds."
    )
    yield ""
    yield f"| provider | {ENGINE} | {ALONE} |"
    yield "|---|---:|---:|"
    for name, sides in calls.items():
        yield f"| `{name}` | {sides[ENGINE].least * 1000:.0f} | {sides[ALONE].least * 1000:.0f} |"
    for name in measured.keys() - calls.keys():
        yield ""
        yield (
            f"A certificate for {name} in a zone of BIND here, which shows changes at once. The plugin waits "
            "until it sees each record. The others wait as long as they are told, here as long as they do by "
            "themselves. acme.sh would then ask public resolvers, so it waits its least in place of that. The plugin's "
            "ways take turns, and the least of their runs counts; the others run once."
        )
        yield ""
        yield "| way | seconds | processor seconds |"
        yield "|---|---:|---:|"
        for way, timing in measured[name].items():
            yield f"| {way} | {timing.least:.1f} | {timing.cpu:.1f} |"
