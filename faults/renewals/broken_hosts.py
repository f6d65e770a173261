"""Set-ups that will fail at the next renewal because of something on the host."""

from __future__ import annotations

from pathlib import Path

from faults.renewals import breaking, issuing
from faults.renewals.breaking import account_key, below, conf, env_file, gone, hook, keeps, mode, of_another, written
from faults.renewals.issuing import by_handler, deployed
from faults.renewals.set_up import WillFail
from faults.renewals.site import Site

WORKS = "not tried: the renewal works, and the certificate is not used"


def cert(site: Site) -> Path:
    return site.live("cert").resolve()


def key(site: Site) -> Path:
    return site.live("privkey").resolve()


def folder(site: Site) -> Path:
    return site.folder


def journal(site: Site) -> Path:
    return site.certbot.work_dir / "external-auth"


def _with_routes(site: Site) -> None:
    text = f"[*]\nhandler = {site.hook}\nenv-file = {site.env_file}\n"
    site.issue("--external-auth-routes", str(site.write("routes.ini", text, 0o644)))


def _with_deploy_handler(site: Site) -> None:
    other = site.write("takes", "#!/bin/sh\n")
    site.issue(*site.handler, "--external-auth-deploy-handler", str(other), both=True)


def _journal_is_a_file(site: Site) -> None:
    gone(journal)(site)
    journal(site).write_text("")


SET_UPS = (
    WillFail("handler gone", by_handler(), gone(hook), "publisher", "does not exist"),
    WillFail("handler not executable", by_handler(), mode(hook, 0o644), "publisher", "chmod +x"),
    WillFail("handler that every user may write", by_handler(), mode(hook, 0o777), "publisher", "chmod o-w"),
    WillFail(
        "folder of the handler that every user may write", by_handler(), mode(folder, 0o777), "publisher", "chmod"
    ),
    WillFail("handler with CRLF", by_handler(), written(hook, "#!/bin/sh\r\nexit 0\r\n"), "publisher", "sed -i"),
    WillFail(
        "interpreter of the handler gone", by_handler(), written(hook, "#!/opt/gone/sh\n"), "publisher", "install it"
    ),
    WillFail(
        "command that takes the certificate gone", _with_deploy_handler, gone(below("takes")), "publisher", "takes"
    ),
    WillFail("env file gone", by_handler(), gone(env_file), "publisher", "correct the path"),
    WillFail("env file that every user may read", by_handler(), mode(env_file, 0o644), "publisher", "chmod 600"),
    WillFail(
        "env file with a line that is not a setting", by_handler(), written(env_file, "X\n"), "publisher", "line 1"
    ),
    WillFail("file of routes gone", _with_routes, gone(below("routes.ini")), "publisher", "routes.ini"),
    WillFail(
        "file of routes without the name",
        _with_routes,
        breaking.replaced(below("routes.ini"), "[*]", "[other.example]"),
        "publisher",
        "routes.ini",
    ),
    WillFail("user of the handler gone", by_handler(), keeps("external_auth_run_as = gone"), "publisher", "useradd"),
    WillFail("folder for http-01 gone", issuing.by_own_folder, gone(below("web")), "publisher", "/web"),
    WillFail("disk of the work directory full", by_handler(), breaking.full, "disk", "kB are free", of_host=True),
    WillFail(
        "file system of the configuration read-only",
        by_handler(),
        breaking.read_only,
        "disk",
        "read-only",
        of_host=True,
    ),
    WillFail("journal that cannot be used", by_handler(), _journal_is_a_file, "journal", "external-auth", of_host=True),
    WillFail(
        "renewal file that Certbot cannot parse",
        by_handler(),
        conf("[renewalparams]", "[renewalparams"),
        "renewal_file",
        "correct it",
    ),
    WillFail(
        "option with a value that it does not take",
        by_handler(),
        conf("verify_timeout = 5", "verify_timeout = soon"),
        "options",
        "whole number of seconds",
    ),
    WillFail(
        "mode that is not there", by_handler(), keeps("external_auth_mode = telnet"), "options", "accepted: handler"
    ),
    WillFail("certificate gone", by_handler(), gone(cert), "certificate", "Issue the certificate again"),
    WillFail("certificate empty", by_handler(), written(cert, ""), "certificate", "Issue the certificate again"),
    WillFail("private key gone", by_handler(), gone(key), "key", "privkey.pem"),
    WillFail(
        "private key of another user",
        by_handler(),
        of_another(key),
        "key",
        "belong to the user who runs Certbot",
        unshown="not tried: the renewal works, since root runs it",
    ),
    WillFail("account gone", by_handler(), gone(lambda site: site.account), "account", "certbot register"),
    WillFail("key of the account broken", by_handler(), written(account_key, "{}"), "account", "private_key.json"),
    WillFail(
        "renewal file that names a CA without an account",
        by_handler(),
        lambda site: conf(f"server = {site.certbot.ca.directory}", "server = https://localhost:1/dir")(site),
        "account",
        "certbot register",
    ),
    WillFail(
        "certificate that was not handed over", deployed(), breaking.not_handed_over, "pending", "certbot install"
    ),
    WillFail(
        "web server that serves an old certificate",
        by_handler(),
        breaking.serves_old,
        "served_other",
        "Reload the server",
        ("--served",),
        unshown=WORKS,
    ),
)
