"""dns-account-01: the name of the record has a label of the account, so several accounts can prove one name."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path

import pytest

from certbot_external_auth.challenges import dnsaccount01
from tests.support import certificates, new_ca
from tests.support.bind import Bind
from tests.support.certbot import Certbot
from tests.support.drivers import Publisher
from tests.support.hooks import Hooks
from tests.support.new_ca import NewCA
from tests.support.recover import recover
from tests.support.words import AUTHENTICATOR, JSON, RENEW_NOW, handler, names

pytestmark = new_ca.needed
WORDS = ("--preferred-challenges", "dns-account-01")
ENTER = r"Press Enter .*(\n.*)*?up\.\n"
FOLLOWS = """#!/bin/sh
case $1 in
perform) change=add ;;
cleanup) change=delete ;;
*) exit 0 ;;
esac
printf 'server %s\\nupdate %s %s 1 TXT "%s"\\nsend\\n' "$SERVER" "$change" "$cbot_txt_target" "$cbot_validation" |
    nsupdate -k "$KEY_FILE"
"""
ZONE_LINE = re.compile(r'^(\S+)\. \d+ IN TXT "(\S+)"$', re.MULTILINE)


def label(certbot: Certbot) -> str:
    """Return the label of the account that a Certbot has, from its own file."""
    [path] = certbot.config_dir.glob("accounts/**/regr.json")
    return dnsaccount01.label(json.loads(path.read_text())["uri"])


@pytest.mark.versions
def test_a_name_with_its_wildcard_by_a_handler(ca: NewCA, certbot: Certbot, scripts: Hooks, domain: str) -> None:
    """Guards against two values at the name of dns-01, which belongs to another client."""
    issued = certbot.run("certonly", *handler(scripts.native, *WORDS), *names(domain, f"*.{domain}"))
    assert issued.returncode == 0, issued
    assert issued.validated
    assert certificates.names(certbot.live(domain)) == [f"*.{domain}", domain]
    place = f"{label(certbot)}._acme-challenge.{domain}"
    performed = scripts.calls("perform")
    assert [call.env["type"] for call in performed] == ["dns-account-01"] * 2
    assert {call.env["cbot_txt_domain"] for call in scripts.calls("perform", "cleanup")} == {place}
    assert len({call.env["validation"] for call in performed}) == 2
    assert ca.txt(place) == []
    renewed = certbot.run(*RENEW_NOW)
    assert renewed.returncode == 0, renewed
    assert renewed.validated
    assert len(scripts.calls("perform")) == 4


@pytest.mark.long
def test_by_a_driver(ca: NewCA, certbot: Certbot, tmp_path: Path, domain: str) -> None:
    issued = certbot.drive("certonly", *JSON, *WORDS, *names(domain, f"*.{domain}"), policy=Publisher(ca, tmp_path))
    assert issued.returncode == 0, issued
    place = f"{label(certbot)}._acme-challenge.{domain}"
    assert [line["txt_domain"] for line in issued.of("perform_challenge")] == [place] * 2
    assert list(issued.of("await")[0]["txt"]) == [place]
    assert len(issued.of("cleanup")) == 2
    assert ca.txt(place) == []


@pytest.mark.long
def test_by_a_person(ca: NewCA, certbot: Certbot, domain: str) -> None:
    def obey(shown: str) -> str:
        for name, value in ZONE_LINE.findall(shown):
            ca.add_txt(name, value)
        return "\n"

    issued = certbot.type("certonly", *AUTHENTICATOR, *WORDS, *names(domain), script=[(ENTER, obey)])
    assert issued.returncode == 0, issued
    assert f"{label(certbot)}._acme-challenge.{domain}. TXT" in issued.stdout[issued.stdout.index("You can now") :]


@pytest.mark.long
def test_by_a_hook_of_lego(ca: NewCA, certbot: Certbot, scripts: Hooks, domain: str) -> None:
    words = handler(scripts.path("speaks-all.py"), *WORDS, "--external-auth-dialect", "lego")
    issued = certbot.run("certonly", *words, *names(domain))
    assert issued.returncode == 0, issued
    place = f"{label(certbot)}._acme-challenge.{domain}"
    assert [call.argv[:2] for call in scripts.calls()] == [["present", f"{place}."], ["cleanup", f"{place}."]]
    assert ca.txt(place) == []


@pytest.mark.long
def test_an_alias_of_its_own(ca: NewCA, certbot: Certbot, scripts: Hooks, tmp_path: Path) -> None:
    """Guards against the alias of dns-01, which may lead to the zone of another client."""
    with Bind("example") as dns, NewCA(dns_server=dns.server) as other:
        found = Certbot(tmp_path / "other", other)
        found.environment["RECORD"] = str(scripts.record)
        found.run("register", "--agree-tos", "--register-unsafely-without-email", "--server", other.directory)
        place, target = f"{label(found)}._acme-challenge.a.example", "mine.acme.example"
        dns.change(f"add {place} 60 CNAME {target}.", "add _acme-challenge.a.example 60 CNAME theirs.acme.example.")
        hook = scripts.write("follows.sh", FOLLOWS)
        found.environment |= {"SERVER": f"{dns.address} {dns.port}", "KEY_FILE": str(dns.key_file)}
        words = (*handler(hook, *WORDS), "--external-auth-verify-nameservers", dns.server)
        issued = found.run("certonly", *words, *names("a.example", "*.a.example"))
        assert issued.returncode == 0, issued
        assert dns.txt(target) == []


@pytest.mark.long
def test_a_killed_run_is_recovered(ca: NewCA, certbot: Certbot, scripts: Hooks, domain: str) -> None:
    """Guards against records that stay, because the journal does not know their name."""
    text = f'#!/bin/sh\n{scripts.native} "$@" || exit\n[ "$1" = perform ] && kill -KILL $PPID\nexit 0\n'
    killed = certbot.run("certonly", *handler(scripts.write("kills.sh", text), *WORDS), *names(domain))
    assert killed.returncode == -signal.SIGKILL
    place = f"{label(certbot)}._acme-challenge.{domain}"
    assert len(ca.txt(place)) == 1
    listed = recover(certbot, "--list", "--json").document
    assert [one["txt_domain"] for one in listed["left"][0]["challenges"]] == [place]
    assert recover(certbot).returncode == 0
    assert ca.txt(place) == []
