"""Set-ups that will fail at the next renewal because of DNS, of the CA's rules, or of a server that refuses."""

from __future__ import annotations

from faults.renewals import breaking, issuing
from faults.renewals.breaking import below, caa, delegated, gone, hook, persists, replaced, written, zone
from faults.renewals.issuing import DNS_ONLY, by_alias, by_handler, by_persist, by_web
from faults.renewals.set_up import NO_CAA, PUBLISH, Step, WillFail
from faults.renewals.site import Site
from faults.renewals.world import ALTERED, BOGUS_SERVER, EXPIRED, LAME, ODD, OTHERKEY, TOP_SERVER

OTHER_ACCOUNT = "https://ca.example/acct/7"
DNS_HANDLER = by_handler(*DNS_ONLY)


def tsig_key(site: Site) -> object:
    """The server has another key now."""
    return replaced(below("key"), 'secret "', 'secret "AAAA')(site)


def _no_library(site: Site) -> None:
    del site.certbot.environment["PYTHONPATH"]


def _refused(what: str, issue: Step, spoil: Step, fix: str, engine: str = "") -> WillFail:
    return WillFail(what, issue, spoil, "not_published", fix, PUBLISH, engine=engine)


def _forbidden(what: str, fix: str, *records: str, issue: Step = DNS_HANDLER) -> WillFail:
    return WillFail(what, issue, caa(*records), "not_permitted", fix, unshown=NO_CAA)


PUBLISHING = (
    _refused("TSIG key changed at BIND, handler", by_handler(), tsig_key, "secrets.env"),
    _refused(
        "TSIG key changed at BIND, provider acme.sh:nsupdate", issuing.acme_sh_of_updates, tsig_key, "secrets.env"
    ),
    _refused(
        "TSIG key changed at BIND, provider certbot:dns-rfc2136",
        issuing.certbots,
        replaced(below("rfc2136.ini"), "secret = ", "secret = AAAA"),
        "secrets.env",
        "certbot",
    ),
    _refused(
        "token that PowerDNS refuses, provider acme.sh:pdns",
        issuing.acme_sh_of_powerdns,
        breaking.other_token,
        "secrets.env",
    ),
    _refused(
        "token that PowerDNS refuses, provider lexicon:powerdns",
        issuing.lexicon,
        breaking.other_token,
        "secrets.env",
        "lexicon",
    ),
    _refused(
        "token that PowerDNS refuses, provider lego:pdns", issuing.lego, breaking.other_token, "secrets.env", "lego"
    ),
    _refused("handler that publishes nothing any more", by_handler(), written(hook, "#!/bin/sh\n"), "_acme-challenge"),
    _refused(
        "alias changed to a zone of another key",
        by_alias,
        zone("del {place} CNAME", "add {place} 1 CNAME x.elsewhere.example."),
        "secrets.env",
    ),
    WillFail("scripts of acme.sh gone", issuing.acme_sh_of_powerdns, gone(below("acme.sh")), "publisher", "git clone"),
    WillFail("library of dns-lexicon gone", issuing.lexicon, _no_library, "publisher", "install", engine="lexicon"),
    WillFail(
        "DNS plugin of Certbot's gone",
        issuing.certbots,
        _no_library,
        "publisher",
        "certbot-dns-rfc2136",
        engine="certbot",
    ),
)
FORBIDDEN = (
    _forbidden("CAA for another CA", '0 issue "ca.example"', '0 issue "other.test"'),
    _forbidden("CAA for no CA", '0 issue "ca.example"', '0 issue ";"'),
    _forbidden(
        "CAA for wildcards of another CA",
        '0 issuewild "ca.example"',
        '0 issue "ca.example"',
        '0 issuewild "other.test"',
        issue=by_handler(*DNS_ONLY, below=("*.",)),
    ),
    WillFail(
        "CAA for another CA, where an alias of the name ends",
        issuing.before(
            "del {name} A",
            "add cdn-{label}.example 1 A 127.0.0.1",
            "add {name} 1 CNAME cdn-{label}.example.",
            then=DNS_HANDLER,
        ),
        lambda site: site.world.top.change(f'add cdn-{site.label}.example 1 CAA 0 issue "other.test"'),
        "not_permitted",
        '0 issue "ca.example"',
        unshown=NO_CAA,
    ),
    _forbidden(
        "CAA accounturi of another account",
        "accounturi=https://localhost",
        f'0 issue "ca.example; accounturi={OTHER_ACCOUNT}"',
    ),
    _forbidden(
        "CAA validationmethods without dns-01",
        "validationmethods=dns-01",
        '0 issue "ca.example; validationmethods=http-01"',
    ),
    _forbidden("CAA with a critical tag that no CA knows", "its flag 128", '128 tbs "x"', '0 issue "ca.example"'),
    WillFail(
        "error as the answer about CAA", by_web(ODD), lambda site: None, "not_permitted", "NOERROR", unshown=NO_CAA
    ),
)
UNSEEN = (
    WillFail(
        "signatures expired (DNSSEC)",
        by_web(EXPIRED),
        delegated(EXPIRED, BOGUS_SERVER),
        "not_permitted",
        "Sign the zone again",
    ),
    WillFail(
        "zone changed after it was signed (DNSSEC)",
        by_web(ALTERED),
        delegated(ALTERED, BOGUS_SERVER),
        "not_permitted",
        "Sign the zone again",
    ),
    WillFail(
        "zone signed with another key (DNSSEC)",
        by_web(OTHERKEY),
        delegated(OTHERKEY, BOGUS_SERVER),
        "not_permitted",
        "DS records",
    ),
    WillFail(
        "delegation to a server that does not know the zone",
        by_web(LAME),
        delegated(LAME, TOP_SERVER),
        "not_permitted",
        "NS records",
    ),
)
STAYING = (
    WillFail(
        "dns-persist-01 record that has ended",
        by_persist(),
        persists("; persistUntil=1000000000"),
        "record",
        "2001-09-09",
    ),
    WillFail(
        "dns-persist-01 record of another account",
        by_persist(),
        persists(account=OTHER_ACCOUNT),
        "record",
        "accounturi=https://localhost",
    ),
    WillFail(
        "dns-persist-01 record gone",
        by_persist(),
        zone("del _validation-persist.{name} TXT"),
        "record",
        "_validation-persist",
    ),
)
SET_UPS = (*PUBLISHING, *FORBIDDEN, *UNSEEN, *STAYING)
