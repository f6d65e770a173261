"""The verb `persist`, with a real CA's directory, real accounts, and the tools that read what it prints."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from certbot_external_auth.endpoint import Endpoint
from certbot_external_auth.persist import looking
from certbot_external_auth.persist.making import Entry
from tests.support import new_ca
from tests.support.bind import Bind
from tests.support.certbot import Certbot
from tests.support.draft_ca import DraftCA
from tests.support.hooks import Hooks
from tests.support.new_ca import ISSUER, NewCA
from tests.support.persist import Printed, persist
from tests.support.words import handler
from tests.support.wrong_records import CASES, NOW, OTHER, Wrong

TOOLS = Path(__file__).resolve().parents[2] / ".tools" / "dns-tools" / "bin"
ACCOUNT = "https://acme.ca.example/acct/" + "7" * 300
REGISTER = ("--register-unsafely-without-email", "--agree-tos", "--server")
TYPED = ("--account-uri", ACCOUNT, "--issuer", "ca.example", "--draft", "01")
NAMES = ("-d", "example.test", "-d", "*.a.example.test")


@pytest.fixture(scope="module")
def dns() -> Iterator[Bind]:
    with Bind("example.test") as found:
        yield found


def send(dns: Bind, script: str) -> None:
    """Let nsupdate send what `persist` printed."""
    subprocess.run(
        ["nsupdate", "-k", str(dns.key_file)],
        input=f"server {dns.address} {dns.port}\n{script}",
        text=True,
        check=True,
        timeout=30,
    )


@pytest.fixture(scope="module")
def ca() -> Iterator[NewCA]:
    with NewCA() as found:
        yield found


def at(certbot: Certbot, *words: str) -> Printed:
    where = ("--config-dir", str(certbot.config_dir), "--server", certbot.ca.directory)
    return persist(*where, *words, environment=certbot.environment)


@new_ca.needed
def test_from_no_account_to_a_record_that_stands(certbot: Certbot, dns: Bind) -> None:
    """Guards against: a record that needs an order, and one that the server did not ask for."""
    names = ("-d", "r.example.test", "-d", "*.r.example.test")
    without = at(certbot, *names)
    assert (without.code, without.stdout) == (2, "")
    assert f"--server {certbot.ca.directory}" in without.stderr.partition("certbot register")[2]
    registered = certbot.run("register", *REGISTER, certbot.ca.directory)
    assert registered.returncode == 0, registered
    printed = at(certbot, *names, "--format", "nsupdate")
    assert printed.code == 0, printed
    look = (*names, "--look", "--nameserver", dns.server)
    assert at(certbot, *look).code == 1
    send(dns, printed.stdout)
    assert at(certbot, *look).code == 0
    [value] = dns.txt("_validation-persist.r.example.test")
    [record] = at(certbot, *look, "--format", "json").document["records"]
    assert value == record["text"]
    assert value == f"{ISSUER}; accounturi={record['account']}; policy=wildcard"
    assert record["look"]["state"] == "stands"


@new_ca.needed
def test_the_server_must_prove_who_it_is(certbot: Certbot) -> None:
    """Guards against: a directory of an attacker, who would choose the CA in the record."""
    assert certbot.run("register", *REGISTER, certbot.ca.directory).returncode == 0
    del certbot.environment["REQUESTS_CA_BUNDLE"]
    printed = at(certbot, "-d", "example.test")
    assert (printed.code, printed.stdout) == (1, "")
    assert "certificate" in printed.stderr.lower()


@pytest.fixture(scope="module")
def example() -> Iterator[Bind]:
    with Bind("example.com") as found:
        yield found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_wrong_records_are_named_at_a_real_server(example: Bind, case: Wrong) -> None:
    """Guards against: values that a name server or a parser changes on their way to the rule."""
    place = case.need.place
    example.change(f"del {place} TXT", *(f"add {place} 60 TXT {written(record)}" for record in case.records))
    [seen] = looking.look([Entry(case.need)], [Endpoint(example.address, example.port)], NOW, (OTHER,))
    assert seen.reason is not None
    assert (seen.reason.kind, seen.reason.fault) == (case.kind, case.fault)


def written(text: str) -> str:
    """Return a text as strings of a zone file, with every byte that could mean something else as its number."""
    data = text.encode()
    parts = [data[at : at + 255] for at in range(0, len(data), 255)]
    return " ".join('"' + "".join(f"\\{byte:03}" for byte in part) + '"' for part in parts)


def test_a_real_name_server_takes_long_records_and_several_at_one_name(dns: Bind) -> None:
    """Guards against: strings that are too long, or that come back as records of their own."""
    other = ("--account-uri", "https://acme.example.org/1", "--issuer", "pki.example.org", "--draft", "00")
    for words in (TYPED, other):
        printed = persist(*words, *NAMES, "--until", "2099-12-31", "--format", "nsupdate")
        assert printed.code == 0, printed
        send(dns, printed.stdout)
    for words in (TYPED, other):
        seen = persist(*words, *NAMES, "--look", "--nameserver", dns.server)
        assert (seen.code, seen.stdout.count("stands until 2099-12-31")) == (0, 2), seen


def test_an_alias_is_followed(dns: Bind) -> None:
    """Guards against: a record that a CA finds, and that is called missing."""
    text = f"ca.example; accounturi={ACCOUNT}"
    dns.change(
        "add _validation-persist.alias.example.test 60 CNAME elsewhere.example.test.",
        f'add elsewhere.example.test 60 TXT "{text[:255]}" "{text[255:]}"',
    )
    seen = persist(*TYPED, "-d", "alias.example.test", "--look", "--nameserver", dns.server)
    assert seen.code == 0, seen


def test_a_server_that_is_down_is_not_a_missing_record() -> None:
    """Guards against: a script that publishes a second record because of a broken network."""
    seen = persist(*TYPED, "-d", "example.test", "--look", "--nameserver", "127.0.0.1:1")
    assert (seen.code, "not known" in seen.stdout) == (3, True), seen


def test_a_zone_file_is_accepted(tmp_path: Path) -> None:
    """Guards against: lines that only look like a zone file's."""
    printed = persist(*TYPED, *NAMES)
    zone = tmp_path / "zone"
    zone.write_text(f"$TTL 60\n@ SOA ns1 hostmaster 1 3600 5 86400 60\n@ NS ns1\nns1 A 192.0.2.1\n{printed.stdout}")
    checked = subprocess.run(
        ["/usr/bin/named-checkzone", "-D", "example.test", str(zone)], capture_output=True, text=True, timeout=30
    )
    assert checked.returncode == 0, checked
    assert checked.stdout.count("_validation-persist") == 2


ODD = "https://acme.ca.example/a'b/${c}/%{d}"
LONG_NAMES = ("-d", "example.com", "-d", "*.www.example.com", "-d", "a10.example.com", "-d", "a9.example.com")


@pytest.fixture(params=[ACCOUNT, ODD], ids=["long", "odd"])
def odd(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """Flags for an account whose URL is long, or has characters that mean something to the tools."""
    return ("--account-uri", request.param, "--issuer", "ca.example", "--draft", "01", *LONG_NAMES)


def wanted(odd: tuple[str, ...]) -> dict[str, str]:
    """Return the text of each record, by name."""
    return {one["name"]: one["text"] for one in persist(*odd, "--format", "json").document["records"]}


@pytest.mark.long
def test_octodns_reads_the_records(odd: tuple[str, ...], tmp_path: Path) -> None:
    """Guards against: YAML that octoDNS refuses, or understands in another way."""
    printed = persist(*odd, "--format", "octodns", "--zone", "example.com")
    assert printed.code == 0, printed
    (tmp_path / "example.com.yaml").write_text(f"---\n{printed.stdout}")
    configuration = tmp_path / "octodns.yaml"
    configuration.write_text(
        f"providers:\n  config:\n    class: octodns.provider.yaml.YamlProvider\n    directory: '{tmp_path}'\n"
        "zones:\n  example.com.:\n    sources: [config]\n    targets: [config]\n"
    )
    checked = subprocess.run(
        [TOOLS / "octodns-validate", "--config-file", configuration], capture_output=True, text=True, timeout=60
    )
    assert (checked.returncode, "WARNING" in checked.stderr) == (0, False), checked
    code = (
        "import json, sys\nfrom octodns.manager import Manager\nfrom octodns.zone import Zone\n"
        "zone = Zone('example.com.', [])\nManager(sys.argv[1]).providers['config'].populate(zone)\n"
        "print(json.dumps({one.fqdn: one.rr_values for one in zone.records}))"
    )
    read = subprocess.run(
        [TOOLS / "python", "-c", code, configuration], capture_output=True, text=True, timeout=60, check=True
    )
    found = {
        name.removesuffix("."): "".join(values[0].replace("\\;", ";").split('"')[1::2])
        for name, values in json.loads(read.stdout).items()
    }
    assert found == wanted(odd)


@pytest.mark.long
def test_a_parser_of_hcl_reads_the_records(odd: tuple[str, ...]) -> None:
    """Guards against: HCL that cannot be parsed. Terraform itself is not among the tools that can be had here."""
    printed = persist(*odd, "--format", "terraform", "--zone", "example.com")
    assert printed.code == 0, printed
    code = "import hcl2, json, sys\nprint(json.dumps(hcl2.loads(sys.stdin.read())))"
    read = subprocess.run(
        [TOOLS / "python", "-c", code], input=printed.stdout, capture_output=True, text=True, timeout=60, check=True
    )
    found = {}
    for block in json.loads(read.stdout)["resource"]:
        [resources] = block.values()
        [one] = resources.values()
        name, zone, [text] = (one[key] for key in ("name", "zone", "txt"))
        # The parser leaves quotation marks and doubled signs as they are written.
        found[f"{name}.{zone}".replace('"', "").removesuffix(".")] = (
            text.strip('"').replace("$$", "$").replace("%%", "%")
        )
    assert found == wanted(odd)


@new_ca.needed
@pytest.mark.long
@pytest.mark.parametrize("draft", ["00", "01", "02"])
def test_what_is_printed_is_what_the_ca_accepts(draft: str, tmp_path: Path, scripts: Hooks) -> None:
    """Guards against: a record of another form than the CA's, found without an order, and a handler that is called."""
    with NewCA() if draft == "00" else DraftCA(draft) as ca:
        certbot = Certbot(tmp_path / "host", ca)
        certbot.environment["RECORD"] = str(scripts.record)
        assert certbot.run("register", *REGISTER, ca.directory).returncode == 0
        domains = ("-d", "a.test", "-d", "*.a.test", "-d", "www.a.test")
        [*records] = at(certbot, *domains, "--format", "json").document["records"]
        assert {one["draft"] for one in records} == {"02" if draft == "02" else "01"}
        for one in records:
            ca.add_txt(one["name"], one["text"])
        issued = certbot.run("certonly", *handler(scripts.native, "--preferred-challenges", "dns-persist-01"), *domains)
        assert issued.returncode == 0, issued
        assert (issued.validated, scripts.operations) == (True, [])
        # Without names, the command looks at what the renewal needs.
        where = ("--config-dir", str(certbot.config_dir), "--nameserver", ca.dns)
        assert persist("--look", *where, environment=certbot.environment).code == 0
        ca.clear_txt("_validation-persist.www.a.test")
        seen = persist("--look", *where, "--format", "json", environment=certbot.environment)
        assert seen.code == 1
        assert [one["look"]["state"] for one in seen.document["records"]] == ["stands", "wrong"]
