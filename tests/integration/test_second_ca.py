"""dns-persist-01 at a CA by other people than Pebble: acme2certifier, which speaks draft 01."""

from __future__ import annotations

import json
import random
import subprocess
import uuid
from collections.abc import Iterator

import pytest

from certbot_external_auth.persistent_records import Draft, Kind, Need, Terms, judge
from certbot_external_auth.persistent_records.issue_value import Fault
from tests.support import certificates
from tests.support.bind import Bind
from tests.support.certbot import Certbot
from tests.support.hooks import Hooks
from tests.support.persist import persist
from tests.support.second_ca import ISSUER, PROGRAMS, SecondCA
from tests.support.words import RENEW_NOW, handler
from tests.support.wrong_records import ACCOUNT, NOW, OTHER, URL
from tests.support.wrong_records import ISSUER as OURS

pytestmark = pytest.mark.long
PERSIST = ("--preferred-challenges", "dns-persist-01")
DOMAINS = ("-d", "example.test", "-d", "*.example.test")
UNSEEN = ("--external-auth-verify", "off")


@pytest.fixture(scope="module")
def dns() -> Iterator[Bind]:
    with Bind("example.test", negative_ttl=0) as found:
        yield found


@pytest.fixture(scope="module")
def ca(dns: Bind) -> Iterator[SecondCA]:
    with SecondCA(dns.server) as found:
        yield found


def register(certbot: Certbot) -> None:
    words = ("-m", "admin@example.test", "--no-eff-email", "--agree-tos", "--server", certbot.ca.directory)
    registered = certbot.run("register", *words)
    assert registered.returncode == 0, registered


def test_issue_and_renew(ca: SecondCA, dns: Bind, certbot: Certbot, scripts: Hooks) -> None:
    """Guards against: a record that only Pebble accepts."""
    register(certbot)
    where = ("--config-dir", str(certbot.config_dir), "--server", ca.directory)
    printed = persist(*where, *DOMAINS, "--format", "nsupdate", environment=certbot.environment)
    assert printed.code == 0, printed
    script = f"server {dns.address} {dns.port}\n{printed.stdout}"
    subprocess.run(["nsupdate", "-k", str(dns.key_file)], input=script, text=True, check=True, timeout=30)
    issued = certbot.run("certonly", *handler(scripts.native, *PERSIST), *DOMAINS)
    assert issued.returncode == 0, issued
    assert certificates.names(certbot.live("example.test")) == ["*.example.test", "example.test"]
    renewed = certbot.run(*RENEW_NOW)
    assert renewed.returncode == 0, renewed
    assert scripts.operations == []


@pytest.mark.parametrize(
    "record",
    [
        f"{ISSUER}; accounturi=ACCOUNT",
        f"{ISSUER}; accounturi=ACCOUNT; policy=wildcard; persistUntil=1600000000",
        f"{ISSUER}; accounturi=ACCOUNT1; policy=wildcard",
        "pki.example; accounturi=ACCOUNT; policy=wildcard",
        f"{ISSUER}; policy=wildcard",
    ],
    ids=["no policy", "ended", "other account", "other CA", "no account"],
)
def test_what_the_plugin_calls_wrong_is_refused(record: str, ca: SecondCA, dns: Bind, certbot: Certbot) -> None:
    """Guards against: a rule of ours that no CA has, so that records are called wrong that would do."""
    domain = f"w{uuid.uuid4().hex[:12]}.example.test"
    register(certbot)
    names = ("-d", domain, "-d", f"*.{domain}")
    where = ("--config-dir", str(certbot.config_dir), "--server", ca.directory, "--nameserver", dns.server)
    [printed] = persist(*where, *names, "--format", "json", environment=certbot.environment).document["records"]
    dns.change(f'add {printed["name"]} 1 TXT "{record.replace("ACCOUNT", printed["account"])}"')
    assert persist(*where, *names, "--look", environment=certbot.environment).code == 1
    asked = certbot.run("certonly", *handler("/bin/true", *PERSIST, *UNSEEN), *names)
    assert asked.returncode == 1
    assert "Some challenges have failed." in asked.log


_JUDGE = """\
import json, logging, sys, time
from acme2certifier.acme_srv.challenge_validators.dns_persist_validator import DnsPersistChallengeValidator

logging.disable()
validator = DnsPersistChallengeValidator(logging.getLogger())
account, issuer, now, records = json.load(sys.stdin)
found = [
    validator._evaluate_record(record, account, {issuer}, True, True, lambda: now)[0] is not None
    for record in records
]
print(json.dumps(found))
"""
LENIENT = {
    *(Fault.TRAILING_SEMICOLON, Fault.EMPTY_PARAMETER, Fault.BAD_TAG, Fault.BAD_CHARACTER, Fault.BLANK),
    Fault.BAD_TIME,
}
"""What acme2certifier accepts, although the syntax of RFC 8659 does not allow it."""


def composed(chance: random.Random) -> str:
    """Return a record of parts that are often right, and sometimes not."""
    account = chance.choice([URL, URL, URL, OTHER.uri, ""])
    issuer = chance.choice([OURS, OURS, OURS, "CA.example", "pki.example", ""])
    parts = [f"accounturi={account}", "policy=wildcard"]
    more = ["policy=x", f"persistUntil={NOW + 1}", "persistUntil=1", "persistUntil=x", "persistUntil=", "x=y", "x", ""]
    parts += chance.sample([*more, f"AccountURI={URL}", "a_b=c", "accounturi", "x= y z"], chance.choice([0, 0, 1, 2]))
    chance.shuffle(parts)
    return chance.choice(["; ", ";", " ;\t"]).join([issuer, *parts[: chance.choice([1, 2, 4, 4])]])


def test_what_the_plugin_accepts_other_people_accept() -> None:
    """Guards against: a record that the plugin calls right, and a CA refuses. The rules were written apart."""
    chance = random.Random(8659)
    records = [composed(chance) for _ in range(5000)]
    ended = subprocess.run(
        [PROGRAMS / "python", "-c", _JUDGE],
        input=json.dumps([URL, OURS, NOW, records]),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    need = Need("example.com", True, Terms(Draft.D01, (OURS,)), ACCOUNT)
    theirs, ours = json.loads(ended.stdout), [judge([record], need, NOW) for record in records]
    assert sum(found.stands for found in ours) > 300
    assert [
        record for record, found, other in zip(records, ours, theirs, strict=True) if found.stands and not other
    ] == []
    stricter = {
        found.reason.fault or found.reason.kind
        for found, other in zip(ours, theirs, strict=True)
        if other and not found.stands
    }
    assert stricter <= {*LENIENT, Kind.ISSUER_FORM}
