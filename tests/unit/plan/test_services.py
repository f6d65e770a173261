"""What names Dehydrated's folder on a machine, which is a folder of the test."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from certbot_external_auth.plan import services
from certbot_external_auth.plan.services import Found, Gap, Unread, scan
from tests.support.another_user import BECOME

CERTS = "/var/lib/dehydrated/certs"
NGINX = "server {{\n  ssl_certificate {0}/a.test/fullchain.pem;\n  # {0}/old.test/x.pem\n}}\n"


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    def put(path: str, text: str) -> Path:
        place = tmp_path / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        return place

    return put


def found(root: Path) -> list[Found | Unread]:
    return scan([CERTS], str(root))


@pytest.mark.parametrize(
    ("path", "text", "line", "alias"),
    [
        ("/etc/nginx/sites-available/a", NGINX.format(CERTS), 2, "a.test"),
        ("/etc/apache2/sites-available/a.conf", f"SSLCertificateFile {CERTS}/a.test/cert.pem\n", 1, "a.test"),
        ("/etc/haproxy/haproxy.cfg", f"  bind :443 ssl crt {CERTS}/a.test/all.pem alpn h2\n", 1, "a.test"),
        ("/etc/postfix/main.cf", f"smtpd_tls_key_file = {CERTS}/a.test/privkey.pem\n", 1, "a.test"),
        ("/etc/dovecot/conf.d/10-ssl.conf", f'ssl_cert = "<{CERTS}/a.test/fullchain.pem"\n', 1, "a.test"),
        ("/etc/haproxy/haproxy.cfg", f"crt-base {CERTS}\n", 1, ""),
    ],
)
def test_a_server_that_serves_the_old_files(
    write: Callable[[str, str], Path], tmp_path: Path, path: str, text: str, line: int, alias: str
) -> None:
    """Lost: a certificate that is renewed and that no visitor ever gets."""
    write(path, text)
    assert found(tmp_path) == [Found(path.split("/")[2], path, line, alias)]


@pytest.mark.parametrize(
    ("path", "text", "line"),
    [
        ("/etc/crontab", "# dehydrated\n0 3 * * * root /usr/bin/dehydrated -c -t dns-01\n", 2),
        ("/etc/cron.d/certificates", "0 3 * * * root dehydrated --cron\n", 1),
        ("/etc/cron.daily/dehydrated", "#!/bin/sh\nexec x\n", 0),
        ("/var/spool/cron/crontabs/root", "@daily /opt/dehydrated/dehydrated -c\n", 1),
        ("/etc/systemd/system/certs.service", "[Service]\nExecStart=/usr/bin/dehydrated -c\n", 2),
    ],
)
def test_what_runs_dehydrated(
    write: Callable[[str, str], Path], tmp_path: Path, path: str, text: str, line: int
) -> None:
    """Lost: two clients that renew the same names, and a hook that is called by both."""
    write(path, text)
    [one] = found(tmp_path)
    assert (one.path, one.line, one.service) == (path, line, "systemd" if "systemd" in path else "cron")  # type: ignore[union-attr]


def test_an_enabled_timer_is_a_link(tmp_path: Path) -> None:
    folder = tmp_path / "etc/systemd/system/timers.target.wants"
    folder.mkdir(parents=True)
    (folder / "dehydrated.timer").symlink_to("/lib/systemd/system/dehydrated.timer")
    (folder / "other.timer").symlink_to("/lib/systemd/system/other.timer")
    assert found(tmp_path) == [Found("systemd", "/etc/systemd/system/timers.target.wants/dehydrated.timer", 0)]


def test_names_that_only_begin_like_the_folder(write: Callable[[str, str], Path], tmp_path: Path) -> None:
    write("/etc/nginx/nginx.conf", f"{CERTS}-of-another/a.pem\n{CERTS}.old/a.pem\nroot /var/lib/dehydrated/www;\n")
    assert found(tmp_path) == []


def test_links_within_are_read_once_and_others_are_reported(write: Callable[[str, str], Path], tmp_path: Path) -> None:
    """Guards against: reading what a link leads to, and against silence about it."""
    available = write("/etc/nginx/sites-available/a", NGINX.format(CERTS))
    outside = write("/srv/site.conf", NGINX.format(CERTS))
    enabled = tmp_path / "etc/nginx/sites-enabled"
    enabled.mkdir()
    (enabled / "a").symlink_to(available)
    (enabled / "b").symlink_to(outside)
    assert found(tmp_path) == [
        Found("nginx", "/etc/nginx/sites-available/a", 2, "a.test"),
        Unread("nginx", "/etc/nginx/sites-enabled/b", Gap.LEADS_ELSEWHERE, "/srv/site.conf"),
    ]


def test_the_end_of_what_is_read(
    write: Callable[[str, str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "MAX_BYTES", 100)
    monkeypatch.setattr(services, "MAX_FILES", 4)
    write("/etc/nginx/a", "x" * 101)
    for number in range(5):
        write(f"/etc/nginx/b{number}", "y")
    assert found(tmp_path) == [
        Unread("nginx", "/etc/nginx/a", Gap.TOO_LONG, "100"),
        Unread("nginx", "/etc/nginx", Gap.TOO_MANY, "4"),
    ]


def test_a_named_pipe_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "etc/nginx").mkdir(parents=True)
    os.mkfifo(tmp_path / "etc/nginx/pipe")
    assert found(tmp_path) == []


SCAN = f"from certbot_external_auth.plan.services import scan\nimport sys\n{BECOME}print(scan(['/certs'], sys.argv[1]))"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_what_cannot_be_read_is_said(for_another_user: dict[str, str]) -> None:
    """Lost: a server that goes on with the old files, since its folder could not be read."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        root.chmod(0o755)
        for folder in ("nginx", "apache2"):
            (root / "etc" / folder).mkdir(parents=True)
        (root / "etc/nginx/a").write_text("/certs/a")
        (root / "etc/nginx/a").chmod(0o600)
        (root / "etc/apache2").chmod(0o700)
        words = [sys.executable, "-c", SCAN, str(root)]
        said = subprocess.run(
            words, env=for_another_user, capture_output=True, text=True, check=True, timeout=60
        ).stdout
    unread = [
        Unread("nginx", "/etc/nginx/a", Gap.UNREADABLE, "Permission denied"),
        Unread("apache2", "/etc/apache2", Gap.UNREADABLE, "Permission denied"),
    ]
    assert said == f"{unread}\n"
