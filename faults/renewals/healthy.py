"""Healthy set-ups, each in its own way: their next renewal works, so `rehearse` must not call them broken."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from faults.renewals import breaking, issuing
from faults.renewals.issuing import before, by_handler, by_persist, by_web, deployed, with_caa
from faults.renewals.set_up import Healthy, Step
from faults.renewals.site import PATIENCE, Site
from faults.renewals.world import SIGNED, TOP_SERVER
from tests.support import web
from tests.support.another_user import NAME as USER
from tests.support.words import RENEW_NOW, names

IDN = "xn--bcher-kva."
IPV6 = ("del {name} A", "add {name} 1 AAAA ::1")
STATELESS = "127.0.1.3"
_LOCK = "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.lockf(f, fcntl.LOCK_EX); print(); sys.stdin.read()"


def _also(*steps: Step) -> Step:
    """Do one thing after the other."""

    def issue(site: Site) -> None:
        for step in steps:
            step(site)

    return issue


def _as_dehydrated(site: Site) -> None:
    text = f"""\
#!/bin/sh
export cbot_type=dns-01 cbot_txt_domain="_acme-challenge.$2" cbot_validation="$4"
case $1 in
deploy_challenge) exec '{site.folder}/nsupdate.sh' perform ;;
clean_challenge) exec '{site.folder}/nsupdate.sh' cleanup ;;
esac
"""
    site.write("hook", text)
    site.issue(*site.handler, "--external-auth-dialect", "dehydrated")


def _below(label: str, then: Step) -> Step:
    """Let the zone have an address for a name below the site's."""
    return _also(lambda site: site.world.top.change(f"add {label}{site.domain} 1 A 127.0.0.1"), then)


def _by_tls(site: Site) -> None:
    folder = site.world.tls
    text = f"""\
#!/bin/sh
place='{folder}/'"$cbot_z_domain"
case $1 in
perform) cp "$key_path" "$place.key.pem" && cp "$cert_path" "$place.crt.pem" ;;
cleanup) rm -f "$place.crt.pem" "$place.key.pem" ;;
*) echo NotImplemented && exit 1 ;;
esac
"""
    site.write("hook", text)
    site.issue("--external-auth-handler", str(site.hook), "--preferred-challenges", "tls-alpn-01")


def _by_routes(site: Site) -> None:
    text = f"""\
[{site.domain}]
handler = {site.hook}
env-file = {site.env_file}
[{issuing.of_powerdns(site).partition(".")[2]}]
handler = /bin/true
wellknown = {site.world.web}
challenge = http-01
"""
    site.world.pdns.add(issuing.of_powerdns(site), "A", "127.0.0.1")
    routes = site.write("routes.ini", text, 0o644)
    site.issue("--external-auth-routes", str(routes), domains=(site.domain, issuing.of_powerdns(site)))


def _as_another_user(site: Site) -> None:
    breaking.of_another(breaking.below("key"))(site)
    site.issue(*site.handler, "--external-auth-run-as", USER)


def _stateless(site: Site) -> None:
    site.register()
    words = ["thumbprint", "--format", "nginx", "--server", site.certbot.ca.directory]
    lines = site.tool(*words, "--config-dir", str(site.certbot.config_dir)).stdout
    port = site.certbot.ca.http_port
    folder = site.folder / "nginx"
    folder.mkdir()
    block = f"server {{ listen {STATELESS}:{port}; {lines}\n}}"
    site.stack.enter_context(web.nginx(folder, block, port, STATELESS))
    site.world.top.change(f"del {site.domain} A", f"add {site.domain} 1 A {STATELESS}")
    site.issue("--external-auth-mode", "stateless")


def _several(site: Site) -> None:
    for label in ("", "a.", "b.", "c."):
        by_handler("--external-auth-jobs", "4", below=(label,))(site)


def _left_over(site: Site) -> None:
    """A renewal that was killed while its value was published."""
    by_handler()(site)
    words = [*RENEW_NOW, "--external-auth-verify-settle", "600"]
    deadline = time.monotonic() + PATIENCE
    with site.certbot.started(words) as process:
        while not site.world.top.txt(site.place):
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.02)
        process.kill()
        process.wait()


@contextlib.contextmanager
def _locked(site: Site) -> Iterator[None]:
    """Another program has Certbot's lock."""
    lock = site.certbot.config_dir / ".certbot.lock"
    with subprocess.Popen(
        [sys.executable, "-c", _LOCK, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        other.stdout.readline()
        yield
        other.stdin.close()


def _beside_webroot(site: Site) -> None:
    """Certbot's own plugin publishes, and a command of ours takes the certificate."""
    words = ["run", "-n", "-a", "webroot", "-w", str(site.world.web.parent.parent), "-i", "external-auth"]
    words += ["--external-auth-deploy-handler", str(_script(site)), *names(site.domain)]
    result = site.certbot.run(*words)
    assert result.returncode == 0, result


def _script(site: Site) -> Path:
    return site.write("notified", "#!/bin/sh\ncat > /dev/null\n")


WAYS = (
    Healthy("handler, dialect native", by_handler()),
    Healthy("handler, dialect dehydrated", _as_dehydrated),
    Healthy("wildcard and its base", by_handler(below=("", "*."))),
    Healthy("international name", _below(IDN, by_handler(below=(IDN,)))),
    Healthy("alias to a zone of another key", issuing.by_alias),
    Healthy("delegated zone", issuing.by_delegation),
    Healthy("dns-account-01", by_handler("--preferred-challenges", "dns-account-01")),
    Healthy("http-01 by files", by_web()),
    Healthy("http-01, only IPv6", before(*IPV6, then=by_web())),
    Healthy("http-01, name and address", lambda site: site.issue(*site.web, "--ip-address", "127.0.0.1")),
    Healthy("tls-alpn-01", _by_tls),
    Healthy("mode stateless", _stateless),
    Healthy("routes: two names, two ways", _by_routes),
    Healthy("handler as another user", _as_another_user),
    Healthy("provider acme.sh:pdns", issuing.acme_sh_of_powerdns),
    Healthy("provider acme.sh:nsupdate", issuing.acme_sh_of_updates),
    Healthy("provider lexicon:powerdns", issuing.lexicon, engine="lexicon"),
    Healthy("provider certbot:dns-rfc2136", issuing.certbots, engine="certbot"),
    Healthy("dns-persist-01, mode json", by_persist()),
    Healthy("dns-persist-01 with an end in the far future", by_persist("; persistUntil=4102444800")),
    Healthy("four certificates with the same settings", _several),
)
RULES = (
    Healthy("CAA for the CA", with_caa('0 issue "ca.example"')),
    Healthy(
        "CAA for two CAs, with accounts", with_caa('0 issue "other.test"', '0 issue "ca.example; accounturi={account}"')
    ),
    Healthy(
        "CAA for the account and dns-01",
        with_caa('0 issue "ca.example; accounturi={account}; validationmethods=dns-01"'),
    ),
    Healthy(
        "CAA for another account, and for this one",
        with_caa('0 issue "ca.example; accounturi=https://ca.example/7"', '0 issue "ca.example; accounturi={account}"'),
    ),
    Healthy(
        "CAA for wildcards of another CA, no wildcard", with_caa('0 issue "ca.example"', '0 issuewild "other.test"')
    ),
    Healthy(
        "CAA for http-01, and for dns-01",
        with_caa('0 issue "ca.example; validationmethods=http-01"', '0 issue "ca.example; validationmethods=dns-01"'),
    ),
    Healthy("CAA for reports only", with_caa('0 iodef "mailto:a@b.test"')),
    Healthy("CAA with an unknown tag that is not critical", with_caa('0 tbs "x"', '0 issue "ca.example"')),
    Healthy(
        "CAA without http-01, where dns-01 can be used, too",
        with_caa('0 issue "ca.example; validationmethods=dns-01"', then=by_handler()),
    ),
    Healthy("private CA without a name for CAA", with_caa('0 issue "other.test"'), plain_ca=True),
    Healthy("signed zone that validates", by_web(SIGNED)),
    Healthy("no resolver that checks signatures", by_handler("--external-auth-verify-nameservers", TOP_SERVER)),
)
LIVES = (
    Healthy("handler takes the certificate, too", deployed()),
    Healthy(
        "another command takes the certificate",
        lambda site: deployed("--external-auth-deploy-handler", str(_script(site)))(site),
    ),
    Healthy("Certbot's webroot publishes, a command takes the certificate", _beside_webroot),
    Healthy("RSA key", by_handler("--key-type", "rsa")),
    Healthy("key that is used again", by_handler("--reuse-key")),
    Healthy("without a look at the DNS", by_handler("--external-auth-verify", "off")),
    Healthy("notifier", lambda site: by_handler("--external-auth-notify", str(_script(site)))(site)),
    Healthy("metrics", lambda site: by_handler("--external-auth-metrics", str(site.folder / "certbot.prom"))(site)),
    Healthy("web server that serves the certificate", _also(by_handler(), breaking.serves_new), ("--served",)),
    Healthy("leftover of a run that was killed", _left_over, (), ("leftover",)),
    Healthy("Certbot's lock held", by_handler(), meanwhile=_locked),
)
SET_UPS = (*WAYS, *RULES, *LIVES)
