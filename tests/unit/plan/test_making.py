"""A plan from files, as the verb makes it. Dehydrated's configuration is really read by bash."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from certbot_external_auth import cli
from certbot_external_auth.plan import making, report, verb
from certbot_external_auth.plan.commands import Certificate, Obstacle
from certbot_external_auth.plan.report import Plan
from certbot_external_auth.plan.services import Found


class Host:
    """Dehydrated's files, and a machine around them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.root = folder, folder / "root"
        self.base = folder / "base"
        self.root.mkdir()
        self.write(self.base / "certs" / "keep", "")
        self.configure("")
        self.domains("a.test\r\nb.test > web\r\n")

    @staticmethod
    def write(path: Path, text: str) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
        path.chmod(0o600)
        return path

    def configure(self, more: str) -> None:
        text = f"BASEDIR={self.base}\nHOOK=/bin/true\nCHALLENGETYPE=dns-01\n{more}"
        self.config = self.write(self.folder / "etc" / "config", text)

    def domains(self, text: str) -> None:
        self.write(self.base / "domains.txt", text)

    def plan(self) -> Plan:
        return making.make(str(self.config), str(self.folder / "letsencrypt"), str(self.root))


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def named(plan: Plan) -> list[str]:
    return [one.line.lineage for one in plan.certificates]


def of(plan: Plan, name: str) -> Certificate:
    return next(one for one in plan.certificates if one.line.lineage == name)


def test_a_line_of_windows_is_a_certificate(host: Host) -> None:
    found = host.plan()
    assert named(found) == ["a.test", "web"]
    assert found.complete


def test_a_folder_of_more_lines(host: Host) -> None:
    host.write(host.base / "domains.txt.d" / "more.txt", "c.test\n")
    assert named(host.plan()) == ["a.test", "web", "c.test"]


@pytest.mark.parametrize("folder", ["", "etc/own"])
def test_a_certificate_with_settings_of_its_own(host: Host, folder: str) -> None:
    """Lost: what Dehydrated reads beside the certificate, or in DOMAINS_D."""
    path = host.folder / folder / "web" if folder else host.base / "certs" / "web" / "config"
    host.configure(f"DOMAINS_D={host.folder / folder}\n" if folder else "")
    host.write(path, "KEY_ALGO=rsa\nKEYSIZE=2048\nCA=ignored\n")
    first, second = host.plan().certificates
    assert first.own is not None
    assert first.own.path == str(path)
    assert first.words[-4:] == ("--key-type", "rsa", "--rsa-key-size", "2048")
    # Dehydrated ignores a CA there.
    assert "--server" not in first.words
    assert second.words[-4:] == ("--key-type", "ecdsa", "--elliptic-curve", "secp384r1")


def test_settings_that_bash_cannot_read(host: Host) -> None:
    host.write(host.base / "certs" / "web" / "config", "if\n")
    found = host.plan()
    assert [kind for kind, _ in of(found, "web").obstacles] == [Obstacle.OWN_SETTINGS_UNREADABLE]
    assert of(found, "a.test").obstacles == ()
    assert not found.complete


def test_a_certificate_that_certbot_has_and_nobody_can_read(host: Host) -> None:
    host.write(host.folder / "letsencrypt" / "live" / "web" / "cert.pem", "no certificate")
    assert of(host.plan(), "web").obstacles == ((Obstacle.CERTIFICATE_UNREADABLE, "web"),)


def test_the_folder_by_its_name_and_by_where_it_lies(host: Host) -> None:
    """Guards against a folder that the configuration names by a link, and a server by its path, or the other way."""
    link = host.folder / "link"
    link.symlink_to(host.base / "certs")
    host.configure(f"CERTDIR={link}/\n")
    host.write(host.root / "etc/nginx/a", f"x {link}/a.test/k;\ny {host.base}/certs/b.test/k;\n")
    assert host.plan().found == (
        Found("nginx", "/etc/nginx/a", 1, "a.test"),
        Found("nginx", "/etc/nginx/a", 2, "b.test"),
    )


def test_the_verb(host: Host, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verb.logging, "basicConfig", lambda **more: None)
    before = sorted((path, path.stat().st_mtime_ns) for path in host.folder.rglob("*"))
    words = ["plan", "--dehydrated-config", str(host.config), "--config-dir", str(host.folder / "letsencrypt")]
    assert cli.main(words) == 0
    assert "--cert-name web" in capsys.readouterr().out
    host.domains("a.test > x > y\n")
    assert cli.main(words) == 1
    os.unlink(host.base / "domains.txt")
    assert cli.main(words) == 2
    assert f"DOMAINS_TXT {host.base}/domains.txt cannot be read: No such file" in capsys.readouterr().err
    host.domains("a.test\r\nb.test > web\r\n")
    assert [path for path, _ in before] == sorted(host.folder.rglob("*"))


def test_a_variable_of_the_env_file_can_be_used_and_the_commands_name_the_file(host: Host) -> None:
    """Guards against: advice to put a variable where the plan does not read it."""
    host.configure("CONTACT_EMAIL=$PLAN_EMAIL\n")
    host.write(host.base / "certs" / "web" / "config", "KEY_ALGO=rsa\n")
    file = str(host.write(host.folder / "env", "PLAN_EMAIL=x@y.test\n"))
    plan = making.make(str(host.config), "/etc/letsencrypt", str(host.root), file)
    assert "x@y.test" in plan.account
    assert plan.complete
    for words in (plan.rehearsal, *(one.words for one in plan.certificates)):
        assert words is not None
        assert words[words.index(file) - 1].endswith("-env-file")


PAGE = Path(__file__).resolve().parents[3] / "docs" / "dehydrated.md"


def test_the_page_shows_a_real_plan(host: Host) -> None:
    """The paths of the test are the longer ones, so lines break in other places."""
    host.configure("PRIVATE_KEY_ROLLOVER=yes\nCONTACT_EMAIL=admin@example.org\n")
    host.domains("example.org *.example.org\nweb.example.org > web\n")
    host.write(host.base / "certs" / "web" / "config", "KEY_ALGO=rsa\n")
    host.write(host.root / "etc/nginx/sites-available/web", f"\n\nx {host.base}/certs/web/fullchain.pem;\n")
    host.write(host.root / "etc/cron.d/dehydrated", "7 3 * * * root dehydrated -c\n")
    link = host.root / "etc/nginx/sites-enabled/shop"
    link.parent.mkdir()
    link.symlink_to(host.write(host.root / "srv/shop/nginx.conf", ""))
    plan = making.make(str(host.config), "/etc/letsencrypt", str(host.root))
    text = (
        report.text(plan)
        .replace(str(host.config), "/etc/dehydrated/config")
        .replace(str(host.base), "/var/lib/dehydrated")
    )
    (shown,) = re.findall(r"^    # A plan to move.*?(?=^- )", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert words(text) == words(shown)


def words(text: str) -> list[str]:
    return [word for word in text.split() if word != "#"]
