"""dns-persist-01: a record that stays; where it stands, nothing is published, and nobody is asked."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support import certificates, draft_ca, new_ca
from tests.support.bind import Bind
from tests.support.certbot import Certbot
from tests.support.draft_ca import DraftCA
from tests.support.drivers import Publisher
from tests.support.figures import parsed
from tests.support.hooks import Hooks
from tests.support.new_ca import ISSUER, NewCA
from tests.support.words import AUTHENTICATOR, JSON, RENEW_NOW, handler, names

pytestmark = new_ca.needed
WORDS = ("--preferred-challenges", "dns-persist-01")
ENTER = r"Press Enter .*(\n.*)*?up\.\n"
ZONE_LINE = re.compile(r'^(\S+)\. \d+ IN TXT "(.+)"$', re.MULTILINE)
UNSEEN = ("--external-auth-verify", "off")


def account(certbot: Certbot) -> str:
    """Return the URL of the account that a Certbot has, from its own file."""
    [path] = certbot.config_dir.glob("accounts/**/regr.json")
    return str(json.loads(path.read_text())["uri"])


def host(folder: Path, ca: NewCA, scripts: Hooks) -> Certbot:
    found = Certbot(folder / "host", ca)
    found.environment["RECORD"] = str(scripts.record)
    return found


@pytest.mark.versions
def test_missing_then_standing(ca: NewCA, certbot: Certbot, scripts: Hooks, domain: str) -> None:
    """Guards against a handler that is called at each renewal, and a record that is removed."""
    issued = certbot.run("certonly", *handler(scripts.native, *WORDS), *names(domain, f"*.{domain}"))
    assert issued.returncode == 0, issued
    assert issued.validated
    assert certificates.names(certbot.live(domain)) == [f"*.{domain}", domain]
    value = f"{ISSUER}; accounturi={account(certbot)}; policy=wildcard"
    [call] = scripts.calls("persist")
    assert (call.env["cbot_txt_domain"], call.env["cbot_validation"]) == (f"_validation-persist.{domain}", value)
    assert scripts.operations == ["pre-perform", "persist", "post-perform"]
    assert ca.txt(f"_validation-persist.{domain}") == [value]
    scripts.forget()
    renewed = certbot.run(*RENEW_NOW)
    assert renewed.returncode == 0, renewed
    assert renewed.validated
    assert scripts.operations == []


VECTOR = ("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs", "https://ca.example/acct/123")


def test_the_front_hashes_as_the_draft_says() -> None:
    """Guards against a front and a plugin that share a mistake: these are the vectors of draft 02."""
    assert draft_ca.account_hash("example.com", *VECTOR) == "5SQm7n6tPh2-PlLbCKGnViTXX5z19SCN4cPGQHSk-kw"
    assert draft_ca.account_hash("*", *VECTOR) == "NpDnSwUthQK8zCgFdefYxAdAVPnygMLbs9US6oO-5ug"


@pytest.mark.long
@pytest.mark.parametrize("draft", ["01", "02"])
def test_newer_drafts(draft: str, tmp_path: Path, scripts: Hooks) -> None:
    """Guards against the form of another draft, which the CA refuses."""
    with DraftCA(draft) as ca:
        certbot = host(tmp_path, ca, scripts)
        issued = certbot.run("certonly", *handler(scripts.native, *WORDS), *names("a.test", "*.a.test"))
        assert issued.returncode == 0, issued
        [value] = ca.txt("_validation-persist.a.test")
        whole = f"accounturi={account(certbot)};" in value
        assert (whole, f"accounturi={draft_ca.PREFIX}sha-256/" in value) == (draft == "01", draft == "02")
        scripts.forget()
        renewed = certbot.run(*RENEW_NOW)
        assert renewed.returncode == 0, renewed
        assert renewed.validated
        assert scripts.operations == []
        # The CA itself refuses the form of the other draft.
        ca.clear_txt("_validation-persist.b.test")
        ca.add_txt("_validation-persist.b.test", f"{ISSUER}; accounturi={draft_ca.PREFIX}sha-256/{'x' * 43}")
        wrong = certbot.run("certonly", *handler("/bin/true", *WORDS, *UNSEEN), *names("b.test"))
        assert wrong.returncode == 1
        assert wrong.validated


@pytest.mark.long
def test_a_driver_is_asked_once(ca: NewCA, certbot: Certbot, tmp_path: Path, domain: str) -> None:
    """Guards against a driver that removes the record at the end, as it does with values of dns-01."""
    publisher = Publisher(ca, tmp_path)
    words = ("certonly", *JSON, *WORDS, *names(domain, f"*.{domain}"))
    issued = certbot.drive(*words, policy=publisher)
    assert issued.returncode == 0, issued
    [line] = issued.of("perform_challenge")
    place, value = f"_validation-persist.{domain}", line["validation"]
    assert (line["persist"], line["issuers"], line["account_uri"]) == (True, [ISSUER], account(certbot))
    assert (line["txt_domain"], line["token"], line["key_auth"]) == (place, "", "")
    [batch] = issued.of("await")
    assert (batch["txt"], batch["persist"]) == ({}, {place: [value]})
    assert [one["status"] for one in issued.of("result")] == ["valid"]
    assert issued.of("cleanup") == []
    # Without a driver, as a timer starts it: nobody is needed.
    renewed = certbot.run(*RENEW_NOW)
    assert renewed.returncode == 0, renewed
    assert renewed.validated
    assert "perform_challenge" not in renewed.stdout


def test_nobody_is_needed_where_the_record_stands(ca: NewCA, certbot: Certbot, scripts: Hooks, domain: str) -> None:
    """Guards against a mode that asks for a person or a driver who has nothing to do."""
    certbot.run("register", "--agree-tos", "--register-unsafely-without-email", "--server", ca.directory)
    ca.add_txt(f"_validation-persist.{domain}", f"{ISSUER}; accounturi={account(certbot)}")
    by_nobody = certbot.run("certonly", "-n", *AUTHENTICATOR, *WORDS, *names(domain))
    assert by_nobody.returncode == 0, by_nobody
    assert by_nobody.validated
    renewed = certbot.run(*RENEW_NOW)
    assert renewed.returncode == 0, renewed


@pytest.mark.long
@pytest.mark.parametrize(
    ("value", "reason", "ca_says"),
    [
        ("{issuer}; accounturi={own}", "needs policy=wildcard", "policy mismatch"),
        (
            "{issuer}; accounturi={own}; policy=wildcard; persistUntil=1000000000",
            "ended on 2001-09-09",
            "is after persistUntil",
        ),
        (
            "{issuer}; accounturi={own}0; policy=wildcard",
            "for another account at the same server",
            "accounturi mismatch",
        ),
        (
            "other.example; accounturi={own}; policy=wildcard",
            "is for another CA, 'other.example'",
            "No valid TXT record",
        ),
        ("{issuer}; accounturi={own}; policy=wildcard;", "ends with a semicolon", "trailing semicolon"),
    ],
    ids=["policy", "expired", "account", "issuer", "syntax"],
)
def test_what_the_ca_refuses_is_named_before(
    ca: NewCA, certbot: Certbot, domain: str, value: str, reason: str, ca_says: str
) -> None:
    """Guards against a record that this plugin finds right, and the CA does not."""
    certbot.run("register", "--agree-tos", "--register-unsafely-without-email", "--server", ca.directory)
    own = account(certbot)
    place = f"_validation-persist.{domain}"
    ca.add_txt(place, value.format(issuer=ISSUER, own=own))
    # A handler that adds nothing, and no check: only the CA is left to refuse.
    trusting = certbot.run("certonly", *handler("/bin/true", *WORDS, *UNSEEN), *names(f"*.{domain}"))
    assert trusting.returncode == 1
    assert trusting.validated
    assert reason in trusting.stderr
    assert ca_says in trusting.stdout
    # A dialect without a call for it: the error has the record, and a command that prints it.
    lego = certbot.run(
        "certonly", *handler("/bin/true", *WORDS, "--external-auth-dialect", "lego"), *names(f"*.{domain}")
    )
    right = f"{ISSUER}; accounturi={own}; policy=wildcard"
    assert (lego.returncode, lego.validated) == (1, False)
    assert reason in lego.stderr
    assert f'This record is right: {place}. TXT "{right}"' in lego.stderr
    assert "The dialect lego has no call that adds such a record." in lego.stderr
    command = re.findall(r"certbot-external-auth (persist .*)", lego.stderr)[0]
    shown = console(certbot, *shlex.split(command))
    assert right in shown.stdout, shown


def console(certbot: Certbot, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "certbot_external_auth", *words]
    return subprocess.run(command, env=certbot.environment, capture_output=True, text=True, timeout=60)


@pytest.mark.long
def test_a_record_that_ends_soon(ca: NewCA, certbot: Certbot, domain: str, tmp_path: Path) -> None:
    """Guards against renewals that fail at a date that nobody remembers."""
    certbot.run("register", "--agree-tos", "--register-unsafely-without-email", "--server", ca.directory)
    soon = int(time.time()) + 29 * 24 * 3600
    ca.add_txt(f"_validation-persist.{domain}", f"{ISSUER}; accounturi={account(certbot)}; persistUntil={soon}")
    figures = tmp_path / "certbot.prom"
    words = handler("/bin/true", *WORDS, "--external-auth-metrics", str(figures))
    issued = certbot.run("certonly", *words, *names(domain))
    assert issued.returncode == 0, issued
    assert f"The dns-persist-01 record of {domain} ends on" in issued.stderr
    ends = parsed(figures.read_bytes())["certbot_external_auth_persist_until_timestamp_seconds"]
    assert ends == {(domain,): float(soon)}


@pytest.mark.long
def test_a_person_sees_the_record(ca: NewCA, certbot: Certbot, domain: str) -> None:
    """Guards against a person who removes the record, because the screen says so."""

    def obey(shown: str) -> str:
        [(name, value)] = ZONE_LINE.findall(shown)
        ca.add_txt(name, value)
        return "\n"

    words = ("certonly", *AUTHENTICATOR, *WORDS, *names(domain))
    issued = certbot.type(*words, script=[(ENTER, obey)])
    assert issued.returncode == 0, issued
    assert f"The record of {domain} stays: do not remove it." in " ".join(issued.stdout.split())
    assert "You can now remove" not in issued.stdout
    # The next one needs nobody.
    assert certbot.run(*RENEW_NOW).returncode == 0


@pytest.mark.long
@pytest.mark.parametrize("mode", ["manual", "lego", "native"])
def test_a_rehearsal_looks_at_the_record(
    ca: NewCA, certbot: Certbot, scripts: Hooks, domain: str, mode: str, tmp_path: Path
) -> None:
    """Guards against a rehearsal that publishes a record that stays, or that asks for a person who is not needed."""
    certbot.run("register", "--agree-tos", "--register-unsafely-without-email", "--server", ca.directory)
    place, right = f"_validation-persist.{domain}", f"{ISSUER}; accounturi={account(certbot)}"
    ca.add_txt(place, right)
    words = {"manual": ["-n", *AUTHENTICATOR], "native": handler(scripts.native)}
    lego = handler("/bin/true", "--external-auth-dialect", "lego")
    issued = certbot.run("certonly", *words.get(mode, lego), *WORDS, *names(domain))
    assert issued.returncode == 0, issued

    figures = tmp_path / "certbot.prom"

    def rehearsed(*values: str) -> list[tuple[str, str]]:
        ca.clear_txt(place)
        for value in values:
            ca.add_txt(place, value)
        folders = ["--config-dir", str(certbot.config_dir), "--work-dir", str(certbot.work_dir)]
        folders += ["--logs-dir", str(certbot.logs_dir), "--metrics", str(figures)]
        ended = console(certbot, "rehearse", "--publish", "--json", *folders)
        found = json.loads(ended.stdout)["certificates"][0]["findings"]
        about = [
            (one["code"], one["level"]) for one in found if "dnssec" not in one["code"] and "caa" not in one["code"]
        ]
        assert (ended.returncode == 1) is ("problem" in {level for _, level in about}), ended
        return about

    assert rehearsed(right) == []
    assert rehearsed() == ([("record_to_come", "note")] if mode == "native" else [("record", "problem")])
    ends = int(time.time()) + 1000
    assert rehearsed(f"{right}; persistUntil={ends}") == [("record_ends", "warning")]
    noted = parsed(figures.read_bytes())["certbot_external_auth_persist_until_timestamp_seconds"]
    assert noted == {(domain,): float(ends)}
    assert rehearsed(right) == []
    assert parsed(figures.read_bytes())["certbot_external_auth_persist_until_timestamp_seconds"] == {}
    assert scripts.calls("persist", "perform") == []


FOLLOWS = """#!/bin/sh
[ "$1" = persist ] || exit 0
printf 'server %s\\nupdate add %s 60 TXT "%s"\\nsend\\n' "$SERVER" "$cbot_txt_target" "$cbot_validation" |
    nsupdate -k "$KEY_FILE"
"""


@pytest.mark.long
def test_an_alias_leads_to_the_record(tmp_path: Path, scripts: Hooks) -> None:
    """Guards against a record beside a CNAME, which no zone can have."""
    with Bind("example") as dns, NewCA(dns_server=dns.server) as ca:
        dns.change("add _validation-persist.a.example 60 CNAME a.records.example.")
        certbot = host(tmp_path, ca, scripts)
        certbot.environment |= {"SERVER": f"{dns.address} {dns.port}", "KEY_FILE": str(dns.key_file)}
        words = (
            *handler(scripts.write("follows.sh", FOLLOWS), *WORDS),
            "--external-auth-verify-nameservers",
            dns.server,
        )
        issued = certbot.run("certonly", *words, *names("a.example", "*.a.example"))
        assert issued.returncode == 0, issued
        assert len(dns.txt("a.records.example")) == 1
        assert certbot.run(*RENEW_NOW).returncode == 0
        assert len(dns.txt("a.records.example")) == 1


@pytest.mark.long
def test_the_directory_is_read_again_as_certbot_reads_it(certbot: Certbot, scripts: Hooks, domain: str) -> None:
    """Guards against a certificate of the CA that Certbot accepts, and the plugin does not."""
    words = ("certonly", *handler(scripts.native, *WORDS), *names(domain))
    del certbot.environment["REQUESTS_CA_BUNDLE"]
    assert certbot.run(*words).returncode == 1
    accepted = certbot.run(*words, "--no-verify-ssl")
    assert accepted.returncode == 0, accepted
    assert len(scripts.calls("persist")) == 1
