"""What is asked of the CA: some names valid already, a request file, a dry run, names that fail, names typed."""

from __future__ import annotations

from pathlib import Path

import pytest
from certbot import __version__ as certbot_version

from certbot_external_auth.run.publication import NAMES_UNKNOWN
from tests.support import certificates
from tests.support.certbot import Certbot
from tests.support.drivers import Publisher
from tests.support.hooks import Hooks
from tests.support.testca import TestCA
from tests.support.words import AUTHENTICATOR, JSON, RENEW_NOW, handler, names

ADDRESSES = tuple(map(int, certbot_version.split(".")[:2])) >= (5, 3)


@pytest.fixture
def remembering(reusing_ca: TestCA, certbot: Certbot, tmp_path: Path) -> Certbot:
    """A Certbot of the CA that remembers what it has validated."""
    found = Certbot(tmp_path / "remembering", reusing_ca)
    for name in ("RECORD", "WEBROOT"):
        found.environment[name] = certbot.environment[name]
    return found


def test_only_names_not_yet_valid_are_published(remembering: Certbot, scripts: Hooks, domain: str) -> None:
    """Guards against: a failure for names that an earlier certificate already has."""
    first, second = f"a.{domain}", f"b.{domain}"
    words = handler(scripts.native)
    assert remembering.run("certonly", *words, *names(first)).returncode == 0

    scripts.forget()
    some = remembering.run("certonly", *words, "--cert-name", "some", *names(first, second))
    assert some.returncode == 0, some
    assert [call.env["domain"] for call in scripts.calls("perform", "cleanup")] == [second, second]

    scripts.forget()
    everything = remembering.run("certonly", *words, "--cert-name", "all", *names(second, first))
    assert everything.returncode == 0, everything
    assert scripts.operations == []
    assert certificates.names(remembering.live("all")) == [first, second]


def test_json_run_with_all_names_valid_is_hello_and_summary(
    remembering: Certbot, reusing_ca: TestCA, webroot_folder: Path, domain: str
) -> None:
    """Guards against: a driver that waits for challenges that never come."""
    publisher = Publisher(reusing_ca, webroot_folder)
    assert remembering.drive("certonly", *JSON, *names(domain), policy=publisher).returncode == 0
    again = remembering.drive("certonly", *JSON, "--force-renewal", *names(domain), policy=publisher)
    assert again.returncode == 0, again
    assert not again.of("perform_challenge", "await", "result", "cleanup")
    assert again.commands[0] == "hello"


def test_request_file(certbot: Certbot, scripts: Hooks, domain: str, tmp_path: Path) -> None:
    """Guards against: no certificate for a key that never leaves another machine."""
    request = certificates.request(tmp_path / "request.pem", [domain, f"*.{domain}"])
    options = ("--external-auth-dialect", "dehydrated")
    result = certbot.run("certonly", *handler(scripts.dehydrated, *options), "--csr", str(request))
    assert result.returncode == 0, result
    assert certificates.names(certbot.cwd / "0000_cert.pem") == [f"*.{domain}", domain]
    assert {call.env["COMMAND"] for call in scripts.calls()} == {"sign_csr"}


@pytest.mark.usefixtures("web")
def test_names_are_known_however_they_were_asked_for(
    certbot: Certbot, scripts: Hooks, domain: str, tmp_path: Path
) -> None:
    """Guards against: an unnoticed loss of the comparison between requested names and the CA's."""
    words, x = handler(scripts.native), f"x.{domain}"
    runs = [
        ["certonly", *words, "--cert-name", "some", *names(domain, f"*.{domain}")],
        ["certonly", *words, "--cert-name", "some", "--force-renewal"],
        ["certonly", *words, "--cert-name", "some", "--expand", *names(x, domain, f"*.{domain}")],
        ["certonly", *words, "--cert-name", "some", "--renew-with-new-domains", *names(x)],
        [*RENEW_NOW],
    ]
    request = certificates.request(tmp_path / "request.pem", [domain], ["127.0.0.1"] if ADDRESSES else [])
    runs.append(["certonly", *words, "--preferred-challenges", "http", "--csr", str(request)])
    for one in runs:
        result = certbot.run(*one)
        assert result.returncode == 0, result
        assert NAMES_UNKNOWN not in result.log, one
    asked = {call.env["domain"] for call in scripts.calls("perform")}
    assert asked == {domain, x, *(["127.0.0.1"] if ADDRESSES else [])}


def test_dry_run_publishes_and_keeps_nothing(certbot: Certbot, scripts: Hooks, ca: TestCA, domain: str) -> None:
    """Guards against: a script that cannot be tried, and a server that gets a test CA's certificate."""
    words = ("-n", "--configurator", "external-auth", "--external-auth-handler", scripts.native)
    result = certbot.run("certonly", *words, "--dry-run", *names(domain))
    assert result.returncode == 0, result
    assert scripts.operations.count("perform") == scripts.operations.count("cleanup") == 1
    assert not scripts.calls("deploy_cert", "unchanged_cert")
    assert ca.txt(f"_acme-challenge.{domain}") == []
    assert not certbot.live(domain).exists()
    assert not certbot.renewal_path(domain).exists()


def test_dry_run_of_a_renewal_leaves_the_certificate(certbot: Certbot, scripts: Hooks, ca: TestCA, domain: str) -> None:
    """Guards against: a failure of `certbot renew --dry-run`, which every guide recommends."""
    words = ("-n", "--configurator", "external-auth", "--external-auth-handler", scripts.native)
    assert certbot.run("certonly", *words, *names(domain)).returncode == 0
    before, kept = certificates.serial(certbot.live(domain)), certbot.renewal(domain)
    scripts.forget()
    # Else Certbot takes Let's Encrypt's staging server.
    server = ("--server", ca.directory)
    result = certbot.run("renew", "--dry-run", "--no-random-sleep-on-renew", *server)
    assert result.returncode == 0, result
    assert scripts.operations.count("perform") == 1
    assert not scripts.calls("deploy_cert", "unchanged_cert")
    assert certificates.serial(certbot.live(domain)) == before
    assert certbot.renewal(domain) == kept


def test_names_that_fail_may_be_left_out(certbot: Certbot, scripts: Hooks, ca: TestCA, domain: str) -> None:
    """Guards against: no certificate for 99 good names, because one domain has expired."""
    good, bad = f"good.{domain}", f"bad.{domain}"
    words = (*handler(scripts.native), "--allow-subset-of-names", *names(good, bad))
    result = certbot.run("certonly", *words, env={"FORGET": bad})
    assert result.returncode == 0, result
    assert certificates.names(certbot.live(good)) == [good]
    performed = [call.env["token"] for call in scripts.calls("perform")]
    assert performed == [call.env["token"] for call in scripts.calls("cleanup")]
    assert len(performed) == 3
    assert ca.txt(f"_acme-challenge.{good}") == []


def test_names_typed_at_the_prompt(certbot: Certbot, scripts: Hooks, domain: str) -> None:
    """Guards against: a failure of `certbot certonly` for people who answer its questions."""
    wanted = (domain, f"www.{domain}")
    result = certbot.type(
        *("certonly", *AUTHENTICATOR, "--external-auth-handler", scripts.native),
        script=[(r"enter the domain name\(s\)", f"{' '.join(wanted)}\n")],
    )
    assert result.returncode == 0, result
    assert certificates.names(certbot.live(domain)) == sorted(wanted)
    # Only Certbot knows the names, so the plugin cannot compare the CA's names with them, and says so.
    assert NAMES_UNKNOWN in result.log


def test_many_names_in_one_order(certbot: Certbot, scripts: Hooks, domain: str) -> None:
    """Guards against: no certificate for hosts with many sites."""
    wanted = [f"n{number}.{domain}" for number in range(12)]
    result = certbot.run("certonly", *handler(scripts.native), *names(*wanted))
    assert result.returncode == 0, result
    assert certificates.names(certbot.live(wanted[0])) == sorted(wanted)
    assert sorted(call.env["domain"] for call in scripts.calls("perform")) == sorted(wanted)


def test_mixed_challenge_types_in_one_order(
    certbot: Certbot, scripts: Hooks, ca: TestCA, web: object, domain: str
) -> None:
    """Guards against: no certificate with both a wildcard, by DNS, and a name that HTTP proves."""
    words = (*handler(scripts.native), "--preferred-challenges", "http,dns")
    result = certbot.run("certonly", *words, *names(f"www.{domain}", f"*.{domain}"))
    assert result.returncode == 0, result
    assert {(call.env["type"], call.env["domain"]) for call in scripts.calls("perform")} == {
        ("http-01", f"www.{domain}"),
        ("dns-01", domain),
    }
