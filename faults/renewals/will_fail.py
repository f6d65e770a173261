"""Hosts whose next renewal will fail, and what `rehearse` must say about each."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from faults.renewals.set_up import NO_CAA, Step, WillFail
from faults.renewals.site import Site
from faults.renewals.world import BOGUS, BOGUS_SERVER, LAME, ODD, TOP_SERVER
from tests.support import acme_sh

PUBLISH = ("--publish",)
OTHER_ACCOUNT = "https://ca.example/acct/7"


# --- how it is issued ---


def by_handler(site: Site) -> None:
    site.issue(*site.handler)


def by_web(*domains: str) -> Step:
    """http-01, by files in a folder that a web server serves."""
    return lambda site: site.issue(*site.web, domains=domains)


def by_acme_sh(site: Site) -> None:
    """By the HTTP API of PowerDNS, with a token."""
    pdns = site.world.pdns
    _provider(site, "acme.sh:pdns", PDNS_Url=pdns.api, PDNS_ServerId="localhost", PDNS_Token=pdns.key)


def by_updates(site: Site) -> None:
    """By a provider that sends dynamic updates with a TSIG key."""
    server = {"NSUPDATE_SERVER": site.world.top.address, "NSUPDATE_SERVER_PORT": "53", "NSUPDATE_KEY": str(site.key)}
    _provider(site, "acme.sh:nsupdate", domain=site.domain, **server)


def _provider(site: Site, name: str, domain: str = "", **settings: str) -> None:
    home = site.folder / "acme.sh"
    home.symlink_to(acme_sh.HOME)
    env_file = site.secrets(LE_WORKING_DIR=str(home), **settings)
    words = ["--external-auth-provider", name, "--external-auth-env-file", str(env_file)]
    site.issue(*words, domains=(domain or f"{site.domain.partition('.')[0]}.pdns.example",))


def by_persist(more: str = "") -> Step:
    """dns-persist-01, by a handler that publishes nothing: the record was published by a person."""

    def issue(site: Site) -> None:
        site.certbot.run(*_REGISTER, "--server", site.certbot.ca.directory)
        site.persists(more)
        site.issue("--external-auth-mode", "json", "--preferred-challenges", "dns-persist-01")

    return issue


_REGISTER = ("register", "-n", "--agree-tos", "--register-unsafely-without-email")


def deployed(site: Site) -> None:
    site.issue(*site.handler, both=True)


# --- what breaks ---


def gone(path: Callable[[Site], Path]) -> Step:
    def spoil(site: Site) -> None:
        found = path(site)
        if found.is_symlink() or found.is_file():
            found.unlink()
        else:
            shutil.rmtree(found)

    return spoil


def mode(path: Callable[[Site], Path], bits: int) -> Step:
    return lambda site: path(site).chmod(bits)


def of_another(path: Callable[[Site], Path]) -> Step:
    return lambda site: os.chown(path(site), 65534, -1)


def written(path: Callable[[Site], Path], content: str) -> Step:
    return lambda site: void(path(site).write_text(content))


def void(_: object) -> None:
    """Return nothing."""


def caa(*records: str) -> Step:
    return lambda site: site.world.top.change(*(f"add {site.domain} 1 CAA {record}" for record in records))


def edited(before: str, after: str) -> Step:
    return lambda site: site.edit(before, after)


def hook(site: Site) -> Path:
    return site.hook


def env_file(site: Site) -> Path:
    return site.env_file


def _other_key(site: Site) -> None:
    """The server has another TSIG key now."""
    site.key.write_text(site.key.read_text().replace('secret "', 'secret "AAAA'))


def _other_token(site: Site) -> None:
    site.env_file.write_text(site.env_file.read_text().replace(site.world.pdns.key, "0" * 32))


def _bogus(zone: str) -> Step:
    return lambda site: site.world.delegate(zone, BOGUS_SERVER)


def _lame(site: Site) -> None:
    """The delegation names a server that does not know the zone."""
    site.world.delegate(LAME, TOP_SERVER)


def _account_of_another_server(site: Site) -> None:
    path = site.account / "regr.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "uri": "https://other.example/acct/7"}))


def _own_web(site: Site) -> None:
    """A folder of its own, which is there only as long as the certificate is issued."""
    link = site.folder / "web"
    link.symlink_to(site.world.web)
    site.issue(*site.web_at(link))


def _alias(site: Site) -> None:
    place = f"_acme-challenge.{site.domain}"
    site.world.top.change(f"add {place} 1 CNAME {site.domain.partition('.')[0]}.acme.example.")
    by_handler(site)


def _alias_elsewhere(site: Site) -> None:
    place = f"_acme-challenge.{site.domain}"
    site.world.top.change(f"del {place} CNAME", f"add {place} 1 CNAME x.elsewhere.example.")


def _not_handed_over(site: Site) -> None:
    """A renewal that worked, and whose hook then failed."""
    site.deployed.unlink()
    site.deployed.mkdir()
    site.renew()


def _only_dns(site: Site) -> None:
    site.issue(*site.handler, "--preferred-challenges", "dns")


def _wildcard(site: Site) -> None:
    site.issue(*site.handler, domains=(f"*.{site.domain}",))


HANDLER = (
    WillFail("handler gone", by_handler, gone(hook), "publisher", "does not exist"),
    WillFail("handler not executable", by_handler, mode(hook, 0o644), "publisher", "chmod"),
    WillFail("handler that every user may write", by_handler, mode(hook, 0o777), "publisher", "chmod"),
    WillFail(
        "handler with Windows line ends", by_handler, written(hook, "#!/bin/sh\r\nexit 0\r\n"), "publisher", "sed"
    ),
    WillFail("its interpreter gone", by_handler, written(hook, "#!/opt/gone/sh\n"), "publisher", "/opt/gone/sh"),
    WillFail("env file gone", by_handler, gone(env_file), "publisher", "secrets.env"),
    WillFail("env file that every user may read", by_handler, mode(env_file, 0o644), "publisher", "chmod"),
    WillFail(
        "env file with a line that is not a setting",
        by_handler,
        written(env_file, "TOKEN x\n"),
        "publisher",
        "secrets.env",
    ),
    WillFail("TSIG key changed at the server, handler", by_handler, _other_key, "not_published", "BADSIG", PUBLISH),
    WillFail(
        "folder of the web server's challenges gone",
        _own_web,
        gone(lambda site: site.folder / "web"),
        "publisher",
        "web",
    ),
    WillFail(
        "alias changed to a zone that the key is not for",
        _alias,
        _alias_elsewhere,
        "not_published",
        "BADSIG",
        PUBLISH,
    ),
)
PROVIDER = (
    WillFail(
        "token refused by the API of PowerDNS, provider", by_acme_sh, _other_token, "not_published", "PDNS", PUBLISH
    ),
    WillFail("TSIG key changed at the server, provider", by_updates, _other_key, "not_published", "BADSIG", PUBLISH),
    WillFail(
        "scripts of the provider gone", by_acme_sh, gone(lambda site: site.folder / "acme.sh"), "publisher", "acme.sh"
    ),
)
CAA = (
    WillFail(
        "CAA for another CA",
        by_handler,
        caa('0 issue "other.test"'),
        "not_permitted",
        '0 issue "ca.example"',
        unshown=NO_CAA,
    ),
    WillFail("CAA for no CA", by_handler, caa('0 issue ";"'), "not_permitted", '0 issue "ca.example"', unshown=NO_CAA),
    WillFail(
        "CAA for wildcards of another CA",
        _wildcard,
        caa('0 issue "ca.example"', '0 issuewild "other.test"'),
        "not_permitted",
        '0 issuewild "ca.example"',
        unshown=NO_CAA,
    ),
    WillFail(
        "CAA accounturi of another account",
        by_handler,
        caa(f'0 issue "ca.example; accounturi={OTHER_ACCOUNT}"'),
        "not_permitted",
        "accounturi=https://localhost",
        unshown=NO_CAA,
    ),
    WillFail(
        "CAA validationmethods without ours",
        _only_dns,
        caa('0 issue "ca.example; validationmethods=http-01"'),
        "not_permitted",
        "validationmethods=dns-01",
        unshown=NO_CAA,
    ),
    WillFail(
        "CAA record with a critical tag that no CA knows",
        by_handler,
        caa('128 tbs "x"', '0 issue "ca.example"'),
        "not_permitted",
        "flag 128",
        unshown=NO_CAA,
    ),
    WillFail(
        "error as the answer to questions about CAA",
        by_web(ODD),
        lambda site: None,
        "not_permitted",
        "NOERROR",
        unshown=NO_CAA,
    ),
)
DNS = (
    *(
        WillFail(f"DNSSEC: {what}", by_web(zone), _bogus(zone), "not_permitted", fix)
        for zone, what, fix in zip(
            BOGUS,
            (
                "signatures expired",
                "record changed after it was signed",
                "signed with another key than the one above names",
            ),
            ("Sign the zone again", "Sign the zone again", "DS records"),
            strict=True,
        )
    ),
    WillFail("delegation to a server that does not know the zone", by_web(LAME), _lame, "not_permitted", "CAA"),
)
FILES = (
    WillFail(
        "renewal file that Certbot cannot parse",
        by_handler,
        edited("[renewalparams]", "[renewalparams"),
        "renewal_file",
        "correct it",
    ),
    WillFail(
        "option with a value that it does not take",
        by_handler,
        edited("external_auth_verify_timeout = 5", "external_auth_verify_timeout = soon"),
        "options",
        "--external-auth-verify-timeout",
    ),
    WillFail(
        "mode that does not exist",
        by_handler,
        edited("[renewalparams]", "[renewalparams]\nexternal_auth_mode = telnet"),
        "options",
        "--external-auth-mode",
    ),
    WillFail(
        "certificate file gone", by_handler, gone(lambda site: site.live("cert").resolve()), "certificate", "cert.pem"
    ),
    WillFail("private key gone", by_handler, gone(lambda site: site.live("privkey").resolve()), "key", "privkey.pem"),
    WillFail("account gone", by_handler, gone(lambda site: site.account), "account", "certbot register"),
    WillFail(
        "key of the account broken",
        by_handler,
        written(lambda site: site.account / "private_key.json", "{}"),
        "account",
        "private_key.json",
    ),
    WillFail("account of another server", by_handler, _account_of_another_server, "account", "certbot register"),
    WillFail("certificate not handed over", deployed, _not_handed_over, "pending", "certbot install"),
)
SET_UPS = (*HANDLER, *PROVIDER, *CAA, *DNS, *FILES)
