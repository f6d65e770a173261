"""The ways in which a host gets its certificate, and what is done to DNS before."""

from __future__ import annotations

from faults.renewals.set_up import Step
from faults.renewals.site import Site
from faults.renewals.world import DELEGATED, MOVED, TOP, TOP_SERVER
from tests.support import acme_sh, engines
from tests.support.json_driver import confirm
from tests.support.words import JSON, names

DNS_ONLY = ("--preferred-challenges", "dns")
PERSIST = ("--preferred-challenges", "dns-persist-01")


def by_handler(*more: str, below: tuple[str, ...] = ("",)) -> Step:
    """By the example handler of dynamic updates. :param below: what stands before the site's name, in each name."""
    return lambda site: site.issue(*site.handler, *more, domains=tuple(f"{one}{site.domain}" for one in below))


def by_web(*domains: str) -> Step:
    """http-01, by files in a folder that a web server serves."""
    return lambda site: site.issue(*site.web, domains=domains)


def by_own_folder(site: Site) -> None:
    """The same, by a folder of the site's own."""
    link = site.folder / "web"
    link.symlink_to(site.world.web)
    site.issue(*site.web_at(link))


def deployed(*more: str) -> Step:
    """The handler takes the certificate, too."""
    return lambda site: site.issue(*site.handler, *more, both=True)


def before(*changes: str, then: Step) -> Step:
    """Change the zone before. :param changes: with ``{name}`` for the site's name."""

    def issue(site: Site) -> None:
        site.world.top.change(*(one.format(name=site.domain, label=site.label) for one in changes))
        then(site)

    return issue


def with_caa(*records: str, then: Step | None = None) -> Step:
    """CAA records at the site's name. ``{account}`` is the URL of the account."""

    def issue(site: Site) -> None:
        site.register()
        found = [f"add {site.domain} 1 CAA {one.format(account=site.account_uri)}" for one in records]
        site.world.top.change(*found)
        (then or by_handler(*DNS_ONLY))(site)

    return issue


def by_alias(site: Site) -> None:
    """The name of the record is an alias in a zone that another key is for."""
    site.world.top.change(f"add {site.place} 1 CNAME {site.label}.{MOVED}.")
    site.key.write_text(site.world.other.key_file.read_text())
    by_handler()(site)


def by_delegation(site: Site) -> None:
    """The name of the record is a zone of its own, at another server."""
    domain = DELEGATED.partition(".")[2]
    site.world.top.change(f"add {domain} 1 A 127.0.0.1")
    site.key.write_text(site.world.other.key_file.read_text())
    site.issue(*site.handler, domains=(domain,))


# --- providers ---


def by_provider(site: Site, name: str, domain: str, **settings: str) -> None:
    """:param settings: of its env file."""
    env_file = site.secrets(**settings)
    words = ["--external-auth-provider", name, "--external-auth-env-file", str(env_file)]
    site.issue(*words, domains=(domain,))


def acme_sh_of_powerdns(site: Site) -> None:
    """By acme.sh's script for the HTTP API of PowerDNS."""
    pdns = site.world.pdns
    settings = {"PDNS_Url": pdns.api, "PDNS_ServerId": "localhost", "PDNS_Token": pdns.key}
    by_provider(site, "acme.sh:pdns", of_powerdns(site), LE_WORKING_DIR=_acme_sh(site), **settings)


def acme_sh_of_updates(site: Site) -> None:
    """By acme.sh's script for dynamic updates."""
    settings = {"NSUPDATE_SERVER": TOP_SERVER, "NSUPDATE_SERVER_PORT": "53", "NSUPDATE_KEY": str(site.key)}
    by_provider(site, "acme.sh:nsupdate", site.domain, LE_WORKING_DIR=_acme_sh(site), **settings)


def _acme_sh(site: Site) -> str:
    home = site.folder / "acme.sh"
    home.symlink_to(acme_sh.HOME)
    return str(home)


def lexicon(site: Site) -> None:
    """By dns-lexicon, for the same API."""
    _libraries(site)
    pdns = site.world.pdns
    settings = {"LEXICON_POWERDNS_PDNS_SERVER": pdns.api, "LEXICON_POWERDNS_AUTH_TOKEN": pdns.key}
    by_provider(site, "lexicon:powerdns", of_powerdns(site), **settings)


def lego(site: Site) -> None:
    """By lego, for the same API."""
    _libraries(site)
    by_provider(
        site, "lego:pdns", of_powerdns(site), PDNS_API_URL=site.world.pdns.api, PDNS_API_KEY=site.world.pdns.key
    )


def certbots(site: Site) -> None:
    """By a DNS plugin of Certbot's."""
    _libraries(site)
    top = site.world.top
    key = {"name": top.key_name, "secret": top.secret, "algorithm": "HMAC-SHA256"}
    lines = {"server": top.address, "port": top.port, **key}
    credentials = site.write(
        "rfc2136.ini", "".join(f"dns_rfc2136_{one} = {two}\n" for one, two in lines.items()), 0o600
    )
    by_provider(site, "certbot:dns-rfc2136", site.domain, DNS_RFC2136_CREDENTIALS=str(credentials))


def of_powerdns(site: Site) -> str:
    """Return the site's name in the zone of PowerDNS."""
    return f"{site.label}.pdns.{TOP}"


def _libraries(site: Site) -> None:
    site.certbot.environment["PYTHONPATH"] = str(engines.FOLDER)


# --- records that stay ---


def by_persist(more: str = "", mode: tuple[str, ...] = ()) -> Step:
    """dns-persist-01, with a record that a person has published.

    :param more: at the end of the record. :param mode: words; mode json if there are none.
    """

    def issue(site: Site) -> None:
        site.register()
        site.persists(more)
        if mode:
            site.issue(*mode, *PERSIST)
            return
        words = ["certonly", *JSON, *PERSIST, "--external-auth-verify-timeout", "5", *names(site.domain)]
        driven = site.certbot.drive(*words, policy=confirm)
        assert driven.returncode == 0, driven

    return issue
