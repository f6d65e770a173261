"""Handlers that cannot work: found before anything is sent to the CA, said in one sentence with the mend."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import certificates
from tests.support.certbot import Certbot
from tests.support.hooks import Hooks
from tests.support.words import RENEW_NOW, handler, names

Spoil = Callable[[Path], None]


def rewrite(content: bytes) -> Spoil:
    def spoil(path: Path) -> None:
        path.write_bytes(content)

    return spoil


def remove_folder(path: Path) -> None:
    shutil.rmtree(path.parent)


def make_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


WAYS = [
    pytest.param(remove_folder, ["is missing: its folder", "--external-auth-handler"], id="folder-gone"),
    pytest.param(Path.unlink, ["does not exist", "--external-auth-handler"], id="file-gone"),
    pytest.param(lambda path: path.chmod(0o644), ["not executable", "chmod +x"], id="not-executable"),
    pytest.param(make_directory, ["is a directory"], id="directory"),
    pytest.param(rewrite(b""), ["empty file"], id="empty"),
    pytest.param(rewrite(b"echo done\n"), ["begin it with #!/bin/sh"], id="no-shebang"),
    pytest.param(rewrite(b"#!/bin/sh\r\nexit 0\r\n"), ["CRLF", "sed -i"], id="crlf"),
    pytest.param(rewrite(b"#!/opt/no/such/sh\nexit 0\n"), ["/opt/no/such/sh"], id="no-interpreter"),
    pytest.param(rewrite(b"#!/usr/bin/env no-such-sh\n"), ["no-such-sh", "PATH"], id="no-interpreter-on-path"),
    pytest.param(lambda path: path.chmod(0o777), ["every user", "chmod o-w"], id="everybody-may-write"),
    pytest.param(lambda path: path.parent.chmod(0o777), ["every user", "chmod o-w"], id="folder-everybody-may-write"),
]


@pytest.mark.parametrize(("spoil", "said"), WAYS)
def test_broken_handler_is_found_before_the_first_order(
    certbot: Certbot, scripts: Hooks, domain: str, spoil: Spoil, said: list[str]
) -> None:
    """Guards against: an order and failed validations because of a missing x bit."""
    path = Path(scripts.write("own/hook.sh", "#!/bin/sh\nexit 0\n"))
    spoil(path)
    result = certbot.run("certonly", *handler(str(path)), *names(domain))
    assert result.returncode == 1, result
    assert not result.asked_ca
    assert str(path) in result.stderr or str(path.parent) in result.stderr
    for expected in said:
        assert expected in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(("spoil", "said"), [WAYS[0], WAYS[2], WAYS[6]])
def test_handler_broken_since_is_found_at_renewal(
    certbot: Certbot, scripts: Hooks, domain: str, spoil: Spoil, said: list[str]
) -> None:
    """Guards against: a mail from cron that does not say why renewals stopped."""
    scripts.write("own/recording.py", (scripts.folder / "recording.py").read_bytes())
    path = Path(scripts.write("own/hook.py", Path(scripts.native).read_bytes()))
    issued = certbot.run("certonly", *handler(str(path)), *names(domain))
    assert issued.returncode == 0, issued
    before = certificates.serial(certbot.live(domain))
    spoil(path)
    result = certbot.run(*RENEW_NOW, "-q")
    assert result.returncode == 1
    assert not result.ordered
    assert result.stdout == ""
    for expected in said:
        assert expected in result.stderr
    assert certificates.serial(certbot.live(domain)) == before


def test_handler_its_group_may_change_is_warned_about_once(certbot: Certbot, scripts: Hooks, domain: str) -> None:
    """Guards against: refusing a shared group that is wanted, and silence about one that is not."""
    path = Path(scripts.native)
    path.chmod(0o775)
    shutil.chown(path, group=65534)
    result = certbot.run("certonly", *handler(str(path)), *names(domain))
    assert result.returncode == 0, result
    assert result.stderr.count("can be changed by its group") == 1
