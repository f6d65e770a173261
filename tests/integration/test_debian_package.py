"""The Debian package beside Debian's own Certbot: installed, issuing, renewed by Debian's timer, removed.

DEBIAN_SUITES names releases that are bootstrapped and tried besides the system of this machine.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import certificates, debian
from tests.support.testca import TestCA

ROOT = debian.ROOT
PACKAGE = "python3-certbot-external-auth"
NAME = "debian.example"
REHEARSAL = "certbot-external-auth-rehearse"
HANDLER = """#!/usr/bin/python3
import json, os, sys, urllib.request
if sys.argv[1] not in ("perform", "cleanup"):
    print("NotImplemented")
    sys.exit(1)
path = {{"perform": "set-txt", "cleanup": "clear-txt"}}[sys.argv[1]]
body = json.dumps({{"host": os.environ["cbot_txt_domain"] + ".", "value": os.environ["cbot_validation"]}}).encode()
urllib.request.urlopen("{management}/" + path, body, timeout=10)
"""

pytestmark = [
    pytest.mark.skipif(not debian.possible(), reason="packages of Debian are installed by root, on Debian"),
    # One worker, one build.
    pytest.mark.xdist_group("debian package"),
]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package, built by root in a checkout that another user has made."""
    checkout = clone(tmp_path_factory.mktemp("package"))
    subprocess.run(["chown", "-R", "nobody", str(checkout)], check=True)
    return build(checkout)


def clone(folder: Path) -> Path:
    """Return a checkout of what is committed here."""
    checkout = folder / "checkout"
    subprocess.run(["git", "clone", "-q", f"file://{ROOT}", str(checkout)], check=True, stdin=subprocess.DEVNULL)
    return checkout


def build(checkout: Path) -> Path:
    """Build it from a checkout."""
    command = ["sh", "scripts/deb.sh"]
    built = subprocess.run(command, cwd=checkout, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    return checkout / built.stdout.splitlines()[-1]


@pytest.mark.parametrize("name", [debian.HERE, *os.environ.get("DEBIAN_SUITES", "").split()])
def test_beside_debians_certbot(name: str, package: Path, ca: TestCA, tmp_path: Path) -> None:
    """All in one system, because making one takes longer than what is tried in it."""
    if name == debian.HERE:
        nothing_is_wrong_for_lintian(package)
    with debian.system(name) as system:
        system.apt_get("update")
        system.apt_get("install", "certbot", "ca-certificates")
        trusts_and_publishes(system, ca)
        if name == debian.HERE:
            the_directory_of_the_snap_issues(system, ca, tmp_path)
        before = system.files("usr", "etc", "var/lib/letsencrypt")
        install(system, package)
        issues_and_is_renewed_by_debians_timer(system, ca)
        is_rehearsed_by_a_timer_that_is_off(system)
        said = system.apt_get("purge", "--autoremove", PACKAGE)
        assert f"/etc/letsencrypt/renewal/{NAME}.conf" in said
        assert "external-auth" not in system.must("/usr/bin/certbot", "plugins")
        left = {path for path in system.files("usr", "etc", "var/lib/letsencrypt") - before if not administrators(path)}
        assert not left
        install(system, package)
        a_journal_with_entries_survives_the_purge(system)


def nothing_is_wrong_for_lintian(package: Path) -> None:
    judged = subprocess.run(
        ["lintian", "--fail-on=error,warning,info", "--suppress-tags=initial-upload-closes-no-bugs", str(package)],
        capture_output=True,
        text=True,
    )
    assert judged.returncode == 0, judged.stdout


def test_the_same_files_without_a_history(package: Path, tmp_path: Path) -> None:
    """Guards against a build that fails in an unpacked archive."""
    unpacked = clone(tmp_path)
    shutil.rmtree(unpacked / ".git")
    (unpacked / "dist").mkdir()
    (unpacked / "dist" / f"{PACKAGE}_0.9_all.deb").write_text("")
    assert paths(build(unpacked)) == paths(package)
    # The commands of the documents install everything that lies there.
    assert len(list((unpacked / "dist").iterdir())) == 1


def paths(package: Path) -> list[str]:
    """Return what a package installs."""
    listed = subprocess.run(["dpkg-deb", "--contents", str(package)], check=True, capture_output=True, text=True)
    return [line.split(maxsplit=5)[5] for line in listed.stdout.splitlines()]


def install(system: debian.System, package: Path) -> None:
    system.put(f"/root/{package.name}", package.read_bytes())
    system.apt_get("install", f"/root/{package.name}")


def issues_and_is_renewed_by_debians_timer(system: debian.System, ca: TestCA) -> None:
    version = system.must("/usr/bin/certbot", "--version")
    assert "* external-auth\n" in system.must("/usr/bin/certbot", "plugins"), version
    assert "external-auth" in system.must("/usr/bin/certbot-external-auth", "--help")
    system.must(*issue(ca))
    live = system.root / "etc/letsencrypt/live" / NAME / "cert.pem"
    assert certificates.names(live) == sorted([NAME, f"*.{NAME}"])
    serial = certificates.serial(live)
    make_due(system)
    renewed = system.run(*timers_command(system), environment={})
    assert renewed.returncode == 0, renewed.stdout
    assert certificates.serial(live) != serial
    assert not list((system.root / "var/lib/letsencrypt/external-auth/journal").glob("*.json"))


def is_rehearsed_by_a_timer_that_is_off(system: debian.System) -> None:
    """No systemd runs in it, so what the service starts is started as systemd would."""
    files = [path for path in system.must("dpkg", "-L", PACKAGE).split() if "/systemd/system/" in path]
    assert [os.path.basename(path) for path in files] == [f"{REHEARSAL}.service", f"{REHEARSAL}.timer"]
    of_units = ["systemctl", f"--root={system.root}"]
    assert subprocess.run([*of_units, "is-enabled", f"{REHEARSAL}.timer"], capture_output=True).stdout == b"disabled\n"
    judged = subprocess.run(
        ["systemd-analyze", f"--root={system.root}", "verify", "--man=no", *files], capture_output=True, text=True
    )
    assert (judged.returncode, judged.stderr) == (0, "")
    (command,) = re.findall(r"^ExecStart=(.*)$", system.must("cat", files[0]), re.MULTILINE)
    rehearsed = system.run(*shlex.split(command), environment={})
    assert rehearsed.returncode == 0, rehearsed.stdout
    assert f"ok    {NAME}" in rehearsed.stdout
    # The purge removes the link that this makes.
    subprocess.run([*of_units, "enable", f"{REHEARSAL}.timer"], check=True, capture_output=True)


def a_journal_with_entries_survives_the_purge(system: debian.System) -> None:
    entry = "/var/lib/letsencrypt/external-auth/journal/00000000000000000000000000000000.json"
    system.put(entry, "{}")
    assert "/var/lib/letsencrypt/external-auth/journal" in system.apt_get("purge", PACKAGE)
    assert (system.root / entry.lstrip("/")).exists()


def the_directory_of_the_snap_issues(system: debian.System, ca: TestCA, folder: Path) -> None:
    """A snap cannot be built or installed here. Certbot's snap adds this directory to CERTBOT_PLUGIN_PATH."""
    source, site = folder / "source", system.root / "snap-site"
    # A build leaves files beside its source.
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(".*", "build", "dist", "*.egg-info"))
    recipe = ["sh", "packaging/snap/site-packages.sh", ".", str(site)]
    environment = {**os.environ, "PYTHON": sys.executable}
    subprocess.run(recipe, cwd=source, check=True, stdin=subprocess.DEVNULL, env=environment)
    environment = debian.ENVIRONMENT | {"CERTBOT_PLUGIN_PATH": "/snap-site"}
    ended = system.run(*issue(ca), "--cert-name", "snap", environment=environment)
    assert ended.returncode == 0, ended.stdout
    command = ["/usr/bin/python3", "-m", "certbot_external_auth", "doctor"]
    shown = system.run(*command, environment=debian.ENVIRONMENT | {"PYTHONPATH": "/snap-site"})
    assert "What renews:" in shown.stdout
    system.must("/usr/bin/certbot", "delete", "-n", "--cert-name", "snap")


def trusts_and_publishes(system: debian.System, ca: TestCA) -> None:
    """Do what an administrator does before the first certificate."""
    system.put("/usr/local/share/ca-certificates/test-ca.crt", ca.ca_bundle.read_bytes())
    system.must("update-ca-certificates")
    system.put("/usr/local/sbin/publish-txt", HANDLER.format(management=ca.management), 0o755)


def issue(ca: TestCA) -> list[str]:
    return [
        *("/usr/bin/certbot", "certonly", "-n", "--agree-tos", "--register-unsafely-without-email"),
        *("--server", ca.directory, "-a", "external-auth", "--external-auth-handler", "publish-txt"),
        *("--external-auth-verify-nameservers", ca.dns, "-d", NAME, "-d", f"*.{NAME}"),
    ]


def make_due(system: debian.System) -> None:
    """Let Certbot renew long before the end."""
    place = system.root / f"etc/letsencrypt/renewal/{NAME}.conf"
    lines = [line for line in place.read_text().splitlines() if "renew_before_expiry" not in line]
    place.write_text("\n".join(["renew_before_expiry = 100 years", *lines]) + "\n")


def timers_command(system: debian.System) -> list[str]:
    """Return the words by which the unit behind Debian's certbot.timer starts Certbot."""
    unit = next(path for path in system.must("dpkg", "-L", "certbot").split() if path.endswith("/certbot.service"))
    (command,) = re.findall(r"^ExecStart=(.*)$", system.must("cat", unit), re.MULTILINE)
    return shlex.split(command)


def administrators(path: str) -> bool:
    """Tell whether a file is Certbot's, the administrator's, or the system's, so that no package removes it."""
    # Debian's package netbase, which dnspython's needs, makes /etc/hosts where there is none, and leaves it.
    others = ("var/lib/letsencrypt/backups", "etc/hosts")
    return path in others or path.startswith(("etc/letsencrypt/", "etc/ssl/", "usr/local/"))
