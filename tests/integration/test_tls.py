"""The TLS challenges beyond the simple case: what a CA must refuse, addresses, fallbacks, many names, wrong use."""

from __future__ import annotations

import contextlib
import importlib.metadata
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import certificates
from tests.support import tls as tls_support
from tests.support.certbot import Certbot, Result
from tests.support.drivers import Publisher, answer, refusal
from tests.support.hooks import Hooks
from tests.support.json_driver import Send
from tests.support.processes import end_group
from tests.support.purity import Line
from tests.support.snica import TlsSniCA, look, z_name
from tests.support.testca import TestCA
from tests.support.webroot import Webroot
from tests.support.words import AUTHENTICATOR, JSON, RENEW_NOW, handler, names

ALPN = ("--preferred-challenges", "tls-alpn-01")
SNI = ("--preferred-challenges", "tls-sni-01")
UNSEEN = ("--external-auth-verify", "off")
"""Turns the check off, so that the CA itself refuses."""
VERSION = tuple(map(int, importlib.metadata.version("certbot").split(".")[:2]))
knows_addresses = pytest.mark.skipif(VERSION < (5, 3), reason="Certbot 5.3 brought --ip-address")

# Found by Python at its start; spoils what the plugin builds, and nothing else of Certbot is built this way.
SPOILER = """
import os
from cryptography import x509
add, how = x509.CertificateBuilder.add_extension, os.environ.get("SPOIL")
def spoiled(self, extension, critical):
    ours = isinstance(extension, x509.UnrecognizedExtension)
    if ours and how == "none":
        return self
    if ours and how == "not-critical":
        critical = False
    if ours and how == "wrong-digest":
        extension = x509.UnrecognizedExtension(extension.oid, bytes([4, 32]) + bytes(32))
    if isinstance(extension, x509.SubjectAlternativeName):
        if how == "two-names":
            extension = x509.SubjectAlternativeName([*extension, x509.DNSName("b.test")])
        if how == "other-name":
            extension = x509.SubjectAlternativeName([x509.DNSName("0" * 32 + "." + "0" * 32 + ".acme.invalid")])
        if how == "more-names":
            extension = x509.SubjectAlternativeName([*extension, x509.DNSName("1.acme.invalid")])
    return add(self, extension, critical)
if how:
    x509.CertificateBuilder.add_extension = spoiled
"""


@pytest.fixture
def spoiled(tmp_path: Path) -> Path:
    folder = tmp_path / "spoiler"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(SPOILER)
    return folder


def files(certbot: Certbot) -> list[str]:
    """Return the validation certificates that are left."""
    folder = certbot.work_dir / "external-auth" / "alpn-certs"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def refused_by_ca(result: Result, detail: str) -> None:
    assert result.returncode == 1, result
    assert result.validated
    assert detail in result.stdout + result.stderr, result


@pytest.mark.parametrize(
    ("how", "detail"),
    [
        ("not-critical", "Missing acmeValidationV1 extension."),
        ("none", "Missing acmeValidationV1 extension."),
        ("wrong-digest", "Invalid acmeValidation extension value."),
        ("two-names", "first certificate had names"),
        ("other-name", "first certificate had names"),
    ],
)
def test_a_builder_that_is_wrong_is_refused(
    certbot: Certbot, tls: Path, spoiled: Path, scripts: Hooks, domain: str, how: str, detail: str
) -> None:
    """The CA of these tests checks everything that RFC 8737 asks for, so its approval means something."""
    spoil = {"PYTHONPATH": str(spoiled), "SPOIL": how}
    refused_by_ca(certbot.run("certonly", *handler(scripts.native, *ALPN), *UNSEEN, *names(domain), env=spoil), detail)
    assert files(certbot) == []
    assert list(tls.iterdir()) == []


def test_a_server_that_does_not_choose_the_protocol_is_refused(certbot: Certbot, ca: TestCA, domain: str) -> None:
    with contextlib.ExitStack() as stack:

        def serve(line: Line, send: Send) -> None:
            if line["cmd"] == "await":
                [asked] = line["tls"].values()
                words = ["openssl", "s_server", "-www", "-quiet", "-accept", str(ca.tls_port)]
                words += ["-cert", asked["cert_path"], "-key", asked["key_path"]]
                process = subprocess.Popen(
                    words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True
                )
                stack.callback(end_group, process)
                tls_support.wait_for(ca.tls_port)
                answer(send, ok=True)
            elif line["cmd"] == "cleanup":
                answer(send, ok=True)

        result = certbot.drive("certonly", *JSON, *ALPN, *UNSEEN, *names(domain), policy=serve)
    refused_by_ca(result, "Cannot negotiate ALPN protocol")
    [line] = result.of("result")
    assert line["status"] == "invalid"


@pytest.mark.parametrize(
    ("how", "detail"),
    [
        ("other-name", "expected"),
        ("more-names", "expected"),
    ],
)
def test_a_wrong_certificate_for_tls_sni_is_refused(
    sni_ca: TlsSniCA, spoiled: Path, scripts: Hooks, tmp_path: Path, domain: str, how: str, detail: str
) -> None:
    host = Certbot(tmp_path / "sni", sni_ca)
    host.environment.update({"RECORD": str(scripts.record), "TLS_FOLDER": str(tmp_path / "tls")})
    spoil = {"PYTHONPATH": str(spoiled), "SPOIL": how}
    with tls_support.serving(tmp_path / "tls", sni_ca.tls_port):
        result = host.run("certonly", *handler(scripts.native, *SNI), *UNSEEN, *names(domain), env=spoil)
    refused_by_ca(result, f"tls-sni-01: the certificate for {domain} names")
    assert files(host) == []


def test_nobody_at_the_port_is_refused(sni_ca: TlsSniCA, tmp_path: Path, domain: str) -> None:
    host = Certbot(tmp_path / "sni", sni_ca)
    result = host.drive("certonly", *JSON, *SNI, *names(domain))
    refused_by_ca(result, f"tls-sni-01: could not connect to 127.0.0.1:{sni_ca.tls_port} for {domain}")


def test_the_front_looks_for_the_name_of_the_vector(tmp_path: Path, sni_ca: TlsSniCA) -> None:
    key_authorization = "AAEAAQABAAEAAQABAAEAAQABAAEAAQABAAEAAQABAAE.Sw1u0IsHN5k67_8oSzyivmp-Wg5CpJ4ZHLeV1cikuxQ"
    expected = "9173397ddb74e9c3afcd3ff2bf90ca44.b49e6265e04a1521f56a24c53570c46f.acme.invalid"
    assert z_name(key_authorization) == expected
    with tls_support.serving(tmp_path / "tls", sni_ca.tls_port):
        assert "could not connect" in str(look("x.test", expected, sni_ca.tls_port))


# --- files ---


def test_files_are_there_for_nobody_else_and_gone_afterwards(certbot: Certbot, domain: str) -> None:
    seen = {}

    def spy(line: Line, send: Send) -> None:
        if line["cmd"] == "perform_challenge":
            for key in ("cert_path", "key_path"):
                path = Path(line[key])
                seen[key] = (path.stat().st_mode & 0o7777, path.parent.stat().st_mode & 0o7777)
            assert Path(line["cert_path"]).read_text() == line["cert_pem"]
            assert "PRIVATE KEY" in Path(line["key_path"]).read_text()
            answer(send, **refusal(line, "no", "not today"))
        elif line["cmd"] == "cleanup":
            answer(send, id=line["id"], ok=True)

    result = certbot.drive("certonly", *JSON, *ALPN, *names(domain), policy=spy)
    assert result.returncode == 1
    assert not result.validated
    assert seen == dict.fromkeys(("cert_path", "key_path"), (0o600, 0o700))
    assert files(certbot) == []


def test_a_signal_leaves_no_key(certbot: Certbot, domain: str) -> None:
    found = []

    def stop(line: Line, send: Send) -> None:
        if line["cmd"] == "await":
            found.extend(files(certbot))
            certbot.terminate(signal.SIGTERM)
        elif line["cmd"] == "cleanup":
            answer(send, id=line["id"], ok=True)

    result = certbot.drive("certonly", *JSON, *ALPN, *names(domain), policy=stop)
    assert result.returncode != 0
    assert found == [f"{domain}.crt.pem", f"{domain}.key.pem"]
    assert files(certbot) == []


def test_dehydrated_hook_finds_its_files(certbot: Certbot, tls: Path, scripts: Hooks, domain: str) -> None:
    """As Dehydrated itself does: the files exist before deploy_challenge, and are gone at clean_challenge."""
    words = handler(scripts.dehydrated, *ALPN, "--external-auth-dialect", "dehydrated")
    result = certbot.run("certonly", *words, *names(domain))
    assert result.returncode == 0, result
    deploy, clean = scripts.calls("deploy_challenge", "clean_challenge")
    assert sorted(deploy.alpncertdir) == [f"{domain}.crt.pem", f"{domain}.key.pem"]
    assert clean.alpncertdir == {}
    operation, name, _, value = deploy.argv
    assert (operation, name, clean.argv[1:]) == ("deploy_challenge", domain, deploy.argv[1:])
    assert [len(part) for part in value.split(":")] == [2] * 32
    assert value == value.lower()
    assert deploy.env["CHALLENGETYPE"] == "tls-alpn-01"


# --- what is chosen ---


@pytest.mark.versions
def test_fallback_for_a_wildcard_is_kept(certbot: Certbot, tls: Path, scripts: Hooks, domain: str) -> None:
    """Guards against refusing a name and its wildcard in one certificate, of which only DNS can prove the second."""
    words = handler(scripts.native, "--preferred-challenges", "tls-alpn-01,dns")
    result = certbot.run("certonly", *words, *names(domain, f"*.{domain}"))
    assert result.returncode == 0, result
    for _ in range(2):
        assert sorted(call.env["type"] for call in scripts.calls("perform")) == ["dns-01", "tls-alpn-01"]
        scripts.forget()
        renewed = certbot.run(*RENEW_NOW)
        assert renewed.returncode == 0, renewed
    assert "pref_challs = tls-alpn-01, dns-01" in certbot.renewal(domain)


def test_tls_sni_is_never_chosen_by_itself(sni_ca: TlsSniCA, scripts: Hooks, tmp_path: Path, domain: str) -> None:
    """Even if the CA offers it, the plugin chooses dns-01."""
    host = Certbot(tmp_path / "sni", sni_ca)
    host.environment["CHALLTESTSRV"] = sni_ca.management
    host.environment["RECORD"] = str(scripts.record)
    result = host.run("certonly", *handler(scripts.native), *names(domain))
    assert result.returncode == 0, result
    assert [call.env["type"] for call in scripts.calls("perform")] == ["dns-01"]
    assert "tls-sni-01 proves" not in result.stderr


def test_sixty_names_in_one_order(certbot: Certbot, tls: Path, scripts: Hooks, domain: str) -> None:
    wanted = [f"n{number}.{domain}" for number in range(60)]
    result = certbot.run("certonly", *handler(scripts.native, *ALPN), *names(*wanted))
    assert result.returncode == 0, result
    assert certificates.names(certbot.live(wanted[0])) == sorted(wanted)
    assert files(certbot) == []


# --- addresses ---


@pytest.fixture
def everywhere(ca: TestCA, tmp_path: Path) -> Iterator[Path]:
    """A TLS server on all addresses of this machine."""
    with tls_support.serving(tmp_path / "tls", ca.tls_port, "") as folder:
        tls_support.wait_for(ca.tls_port, address="::1")
        yield folder


def check_mixed(certbot: Certbot, result: Result, domain: str) -> None:
    assert result.returncode == 0, result
    assert certificates.names(certbot.live(domain)) == [domain]
    assert certificates.addresses(certbot.live(domain)) == ["127.0.0.1", "::1"]


MIXED = ("--ip-address", "127.0.0.1", "--ip-address", "::1")


@knows_addresses
def test_names_and_addresses_by_tls(certbot: Certbot, everywhere: Path, scripts: Hooks, domain: str) -> None:
    """Guards against failing for machines without a name. RFC 8738 section 6 says what to serve."""
    result = certbot.run("certonly", *handler(scripts.native, *ALPN), *names(domain), *MIXED)
    check_mixed(certbot, result, domain)
    served = {call.env["domain"]: call.env["z_domain"] for call in scripts.calls("perform")}
    v6 = "1" + ".0" * 31 + ".ip6.arpa"
    assert served == {domain: domain, "127.0.0.1": "1.0.0.127.in-addr.arpa", "::1": v6}
    assert {call.env["cbot_identifier_type"] for call in scripts.calls("perform")} == {"dns", "ip"}
    renewed = certbot.run(*RENEW_NOW)
    assert renewed.returncode == 0, renewed
    assert files(certbot) == []


@knows_addresses
def test_names_and_addresses_by_dehydrated_tls(certbot: Certbot, everywhere: Path, scripts: Hooks, domain: str) -> None:
    words = handler(scripts.dehydrated, *ALPN, "--external-auth-dialect", "dehydrated")
    check_mixed(certbot, certbot.run("certonly", *words, *names(domain), *MIXED), domain)
    assert "1.0.0.127.in-addr.arpa" in {call.argv[1] for call in scripts.calls("deploy_challenge")}


@knows_addresses
def test_names_and_addresses_by_http(
    certbot: Certbot, ca: TestCA, webroot_folder: Path, scripts: Hooks, domain: str
) -> None:
    with Webroot(webroot_folder, ca.http_port), Webroot(webroot_folder, ca.http_port, "::1"):
        words = handler(scripts.native, "--preferred-challenges", "http")
        check_mixed(certbot, certbot.run("certonly", *words, *names(domain), *MIXED), domain)
    assert {call.env["uri"].split("/")[2] for call in scripts.calls("perform")} == {domain, "127.0.0.1", "[::1]"}


@knows_addresses
def test_addresses_without_preference_and_by_a_driver(
    certbot: Certbot, ca: TestCA, everywhere: Path, webroot_folder: Path, domain: str
) -> None:
    """Then DNS proves the name, and HTTP the addresses."""
    with Webroot(webroot_folder, ca.http_port), Webroot(webroot_folder, ca.http_port, "::1"):
        publisher = Publisher(ca, webroot_folder, everywhere)
        result = certbot.drive("certonly", *JSON, *names(domain), *MIXED, policy=publisher)
    check_mixed(certbot, result, domain)
    assert sorted(line["type"] for line in result.of("perform_challenge")) == ["dns-01", "http-01", "http-01"]


@knows_addresses
def test_run_refuses_an_address_and_certonly_deploys_it(
    certbot: Certbot, everywhere: Path, scripts: Hooks, domain: str
) -> None:
    """A rule of Certbot; the README has the way around it."""
    words = ["-i", "external-auth", *handler(scripts.native, *ALPN), *names(domain), "--ip-address", "127.0.0.1"]
    refused = certbot.run("run", *words)
    assert refused.returncode == 1
    assert "IP address" in refused.stderr
    assert scripts.operations == []
    result = certbot.run("certonly", *words)
    assert result.returncode == 0, result
    [deployed] = scripts.calls("deploy_cert")
    assert deployed.env["cbot_domains"].split() == [domain, "127.0.0.1"]


@pytest.mark.versions
@pytest.mark.skipif(VERSION >= (5, 3), reason="this Certbot knows addresses")
def test_an_address_below_5_3_says_which_certbot_is_needed(
    certbot: Certbot, scripts: Hooks, domain: str, tmp_path: Path
) -> None:
    """Only a certificate signing request brings an address that far."""
    request = certificates.request(tmp_path / "request.pem", [domain], ["127.0.0.1"])
    result = certbot.run("certonly", *handler(scripts.native, *ALPN), "--csr", str(request))
    assert result.returncode == 1
    assert "127.0.0.1 is an IP address: for these Certbot 5.3 or newer is needed" in result.stderr
    assert scripts.operations == []


# --- wrong use ---


@pytest.mark.versions
@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            [*ALPN, "-d", "*.wrong.test"],
            "*.wrong.test: a wildcard can be proven only by dns-01 or dns-account-01 or dns-persist-01, and",
        ),
        (
            [*SNI, "--external-auth-dialect", "dehydrated", "-d", "wrong.test"],
            "the dialect dehydrated supports only dns-01,",
        ),
        (
            [*SNI, "--external-auth-dialect", "uacme", "-d", "wrong.test"],
            "the dialect uacme supports only dns-01, http-01,",
        ),
        (
            [*ALPN, "--external-auth-dialect", "lego", "-d", "wrong.test"],
            "the dialect lego supports only dns-01, dns-account-01; name",
        ),
    ],
)
def test_what_cannot_be_proven_is_said_before_the_order(
    certbot: Certbot, scripts: Hooks, words: list[str], sentence: str
) -> None:
    result = certbot.run("certonly", *handler(scripts.native), *words)
    assert result.returncode == 1
    assert sentence in result.stderr
    assert not result.asked_ca
    assert "Traceback" not in result.stderr
    assert scripts.operations == []


def test_tls_sni_is_refused_at_lets_encrypt(sni_ca: TlsSniCA, scripts: Hooks, tmp_path: Path, domain: str) -> None:
    """A dry run of a renewal is refused, too: Certbot sends it there by itself."""
    host = Certbot(tmp_path / "sni", sni_ca)
    host.environment.update({"RECORD": str(scripts.record), "TLS_FOLDER": str(tmp_path / "tls")})
    with tls_support.serving(tmp_path / "tls", sni_ca.tls_port):
        issued = host.run("certonly", *handler(scripts.native, *SNI), *names(domain))
    assert issued.returncode == 0, issued
    scripts.forget()
    for words in (["--server", "https://acme-v02.api.letsencrypt.org/directory"], ["--dry-run"]):
        result = host.run(*RENEW_NOW, *words)
        assert result.returncode == 1
        assert "ended tls-sni-01 in 2019; use tls-alpn-01" in result.stderr
        assert not result.asked_ca
        assert scripts.operations == []


def test_a_person_is_told_that_the_port_is_in_use(certbot: Certbot, ca: TestCA, tls: Path, domain: str) -> None:
    """The server that listens there presents the certificate."""

    def copy(shown: str) -> str:
        folder = certbot.work_dir / "external-auth" / "alpn-certs"
        shutil.copytree(folder, tls, dirs_exist_ok=True)
        return "\n"

    port = str(ca.tls_port)
    words = ("certonly", *AUTHENTICATOR, *ALPN, "--https-port", port, *names(domain, f"b.{domain}"))
    result = certbot.type(*words, script=[(r"Press Enter .*(\n.*)*?up\.\n", copy)])
    assert result.returncode == 0, result
    shown = " ".join(result.stdout.split())
    assert f"Port {port} of this machine is in use. Stop the program that listens there" in shown
    assert (
        "For several names on one machine, use a TLS server that selects the certificate by the server name." in shown
    )
    for part in ("ALPN acme-tls/1", f"server name {domain}", f"server name b.{domain}", f"port {port}"):
        assert part in shown


# --- a private network, as in docs/private-networks.md ---


def test_private_ca_that_wants_an_external_account(scripts: Hooks, tmp_path: Path, domain: str) -> None:
    """Guards against failing with a private CA that accepts registered accounts only."""
    key = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
    with TestCA(external_accounts={"host-17": key}) as private:
        host = Certbot(tmp_path / "private", private)
        host.environment["RECORD"] = str(scripts.record)
        words = [
            f"{shlex.quote(str(tls_support.STANDALONE))} --port {private.tls_port} --pid-file {tmp_path / 'pid'}",
            *ALPN,
        ]
        without = host.run("certonly", *handler(*words), *names(domain))
        assert without.returncode == 1
        assert "externalAccountRequired" in without.log
        result = host.run("certonly", *handler(*words), "--eab-kid", "host-17", "--eab-hmac-key", key, *names(domain))
        assert result.returncode == 0, result
        renewed = host.run(*RENEW_NOW)
        assert renewed.returncode == 0, renewed
