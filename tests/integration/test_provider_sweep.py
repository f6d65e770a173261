"""Every dnsapi script of Debian's acme.sh is loaded, and called without its variables, where no network is.

What our reading of a script says it needs must be true: without that, it returns before it asks any server.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from certbot_external_auth.providers import acme_sh_info
from certbot_external_auth.providers.acme_sh import AcmeSh
from certbot_external_auth.providers.engine import Provider, missing
from tests.support import acme_sh

pytestmark = [acme_sh.needed, pytest.mark.long]
NOT_FOUND = 127
PATIENCE = 20.0
"""Seconds for one call. Some scripts try again and again."""
GO_ON = ("active24", "artfiles", "azion", "kas", "technitium", "tele3")
"""Scripts that say what is missing, and then ask their server all the same."""
CLIENTS = (
    "curl",
    "wget",
    "nsupdate",
    "knsupdate",
    "ssh",
    "aws",
    "gcloud",
    "az",
    "oci",
    "openstack",
    "lexicon",
    "devil",
)
"""What reaches a server. In their place stands a program that notes its call and fails."""


@dataclass(frozen=True)
class Called:
    """:ivar asked: the programs that were to reach a server."""

    provider: Provider
    code: int
    asked: tuple[str, ...]
    said: str


def call(name: str, folder: Path) -> Called:
    bin_folder, asked = folder / f"bin-{name}", folder / f"asked-{name}"
    bin_folder.mkdir()
    for client in CLIENTS:
        (bin_folder / client).write_text(f'#!/bin/sh\necho "{client}" >>"{asked}"\nexit 7\n')
        (bin_folder / client).chmod(0o755)
    environment = {"PATH": f"{bin_folder}:{os.defpath}", "HOME": str(folder), "LE_WORKING_DIR": str(acme_sh.HOME)}
    engine = AcmeSh(environment)
    process = subprocess.Popen(
        ["unshare", "-n", *engine.program(name), "add", "_acme-challenge.a.example.test", "example.test"],
        env=environment,
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        said = process.communicate("value\n{}\n", PATIENCE)[1]
    except subprocess.TimeoutExpired:
        # As at its time limit.
        os.killpg(process.pid, signal.SIGTERM)
        said = process.communicate()[1]
    text = (acme_sh.HOME / "dnsapi" / f"dns_{name}.sh").read_text()
    noted = asked.read_text().split() if asked.exists() else []
    return Called(acme_sh_info.provider(name, text), process.returncode, tuple(noted), said)


def test_every_script(tmp_path: Path) -> None:
    if os.geteuid() or shutil.which("unshare") is None or subprocess.run(["unshare", "-n", "true"]).returncode:
        pytest.skip("only root may make a network of its own, and not everywhere")
    before = sorted(acme_sh.HOME.rglob("*"))
    names = sorted(path.stem.removeprefix("dns_") for path in (acme_sh.HOME / "dnsapi").glob("dns_*.sh"))
    with ThreadPoolExecutor(4) as pool:
        called = list(pool.map(lambda name: call(name, tmp_path), names))
    assert [each.provider.name for each in called if each.code == NOT_FOUND] == []
    needing = [each for each in called if missing(each.provider.variables, {})]
    assert [(each.provider.name, each.said) for each in needing if each.code == 0] == []
    asking = [(each.provider.name, each.asked, each.said) for each in needing if each.asked]
    assert [one for one in asking if one[0] not in GO_ON] == []
    assert sorted(acme_sh.HOME.rglob("*")) == before
    print(Counter("needs variables" if each in needing else "needs none that we see" for each in called))
