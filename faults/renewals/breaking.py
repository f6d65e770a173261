"""What happens to a host after its certificate was issued."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from faults.renewals.set_up import Step
from faults.renewals.site import Site
from tests.support import certificates, web
from tests.support.another_user import NOBODY

HTTPS_PORT = 443
"""Certbot keeps no other."""
OLD_SITE, NEW_SITE = "127.0.1.1", "127.0.1.2"
Place = Callable[[Site], Path]


def hook(site: Site) -> Path:
    return site.hook


def env_file(site: Site) -> Path:
    return site.env_file


def account_key(site: Site) -> Path:
    return site.account / "private_key.json"


def below(name: str) -> Place:
    """Something in the site's folder."""
    return lambda site: site.folder / name


def gone(place: Place) -> Step:
    def spoil(site: Site) -> None:
        path = place(site)
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()

    return spoil


def mode(place: Place, bits: int) -> Step:
    return lambda site: place(site).chmod(bits)


def of_another(place: Place) -> Step:
    return lambda site: os.chown(place(site), NOBODY, -1)


def written(place: Place, content: str) -> Step:
    return lambda site: place(site).write_text(content)


def replaced(place: Place, before: str, after: str) -> Step:
    """Change a part of a file."""

    def spoil(site: Site) -> None:
        path = place(site)
        text = path.read_text()
        assert before in text, text
        path.write_text(text.replace(before, after))

    return spoil


def conf(before: str, after: str) -> Step:
    """Change the renewal file."""
    return replaced(lambda site: site.conf, before, after)


def keeps(line: str) -> Step:
    """Add a line to the renewal file."""
    return conf("[renewalparams]\n", f"[renewalparams]\n{line}\n")


def zone(*changes: str) -> Step:
    """Change the zone. ``{name}`` is the site's name, ``{place}`` that of its record."""
    return lambda site: site.world.top.change(*(one.format(name=site.domain, place=site.place) for one in changes))


def caa(*records: str) -> Step:
    return zone(*(f"add {{name}} 1 CAA {one}" for one in records))


def other_token(site: Site) -> None:
    """The server does not take this token any more."""
    replaced(env_file, site.world.pdns.key, "0" * 32)(site)


def delegated(zone: str, address: str) -> Step:
    """Let the zone above name another server."""

    def spoil(site: Site) -> None:
        site.world.delegate(zone, address)
        # A resolver may use in this second and the next one what it has learned. It cannot be asked whether it does:
        # it tells the reason only with its first answer.
        forgotten = int(time.time()) + 2
        while time.time() < forgotten:
            time.sleep(0.05)

    return spoil


def persists(more: str = "", account: str = "") -> Step:
    return lambda site: site.persists(more, account)


def not_handed_over(site: Site) -> None:
    """A renewal that worked, and whose hook then failed."""
    site.deployed.unlink()
    site.deployed.mkdir()
    site.renew()


def full(site: Site) -> None:
    """The work directory is on a disk of its own, which fills."""
    work = str(site.certbot.work_dir)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k,mode=0755", "tmpfs", work], check=True, timeout=30)
    site.stack.callback(subprocess.run, ["umount", "-l", work], check=True, timeout=30)
    with contextlib.suppress(OSError), (site.certbot.work_dir / "filler").open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)


def read_only(site: Site) -> None:
    """The file system of the configuration was mounted again after an error, to be read only."""
    folder = str(site.certbot.config_dir)
    subprocess.run(["mount", "--bind", folder, folder], check=True, timeout=30)
    site.stack.callback(subprocess.run, ["umount", "-l", folder], check=True, timeout=30)
    subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True, timeout=30)


def serves(site: Site, certificate: Path, key: Path, address: str) -> None:
    """A web server has a certificate until the site ends, at an address of the site's own."""
    site.world.top.change(f"del {site.domain} A", f"add {site.domain} 1 A {address}")
    folder = site.folder / "nginx"
    folder.mkdir()
    block = (
        f'server {{ listen {address}:{HTTPS_PORT} ssl; ssl_certificate "{certificate}"; ssl_certificate_key "{key}"; }}'
    )
    site.stack.enter_context(web.nginx(folder, block, HTTPS_PORT, address))


def serves_new(site: Site) -> None:
    serves(site, site.live("fullchain"), site.live("privkey"), NEW_SITE)


def serves_old(site: Site) -> None:
    old = certificates.with_key(site.folder / "old.pem", [site.domain])
    serves(site, old, old, OLD_SITE)
