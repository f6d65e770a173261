"""What the host pays for a plugin it does not use, and what is taken from Certbot by one that is used."""

from __future__ import annotations

import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import pytest

from certbot_external_auth import plugin
from certbot_external_auth.errors import UsageError

LOADED = """
import sys, certbot.main
before = set(sys.modules)
import certbot_external_auth.plugin
print(*sorted(name for name in set(sys.modules) - before if name.split(".")[0] not in sys.stdlib_module_names))
"""


def test_the_import_loads_nothing_but_itself() -> None:
    """Every Certbot command of the host pays for it."""
    shown = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True).stdout.split()
    assert {name.split(".")[0] for name in shown} == {"certbot_external_auth"}
    parts = ("", ".option", ".plugin", ".registration", ".settings")
    assert set(shown) == {f"certbot_external_auth{part}" for part in parts}


CONFIG = {
    "domains": ["a.test"],
    "csr": None,
    "certname": None,
    "verb": "certonly",
    "dry_run": False,
    "quiet": True,
    "noninteractive_mode": True,
    "pref_challs": [],
    "server": "",
    "account": None,
    "https_port": 443,
    "http01_port": 80,
    "allow_subset_of_names": False,
    "duplicate": False,
    "key_type": "ecdsa",
    "elliptic_curve": "secp256r1",
    "configurator": None,
    "rsa_key_size": 2048,
    "logs_dir": "/nowhere",
}


@pytest.mark.parametrize("made", [plugin.ExternalAuth, plugin.HistoricExternalAuth])
@pytest.mark.parametrize("value", [True, False, "yes", "", "\0"])
def test_no_value_of_a_renewal_file_is_a_traceback(
    made: type[plugin.ExternalAuth], value: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Certbot makes bool of the words True and False, and a text of what a switch should have been."""
    monkeypatch.chdir(tmp_path)
    name = "certbot-external-auth:out" if made.historic else "external-auth"
    folders = {"config_dir": str(tmp_path / "config"), "work_dir": str(tmp_path / "work")}
    for option in made.options:
        config = Namespace(**CONFIG, **folders, authenticator=name, installer=name)
        found = made(config, name)
        for one in made.options:
            setattr(config, found.dest(one.name), False if one.historic_switch else None)
        setattr(config, found.dest("handler"), "/bin/true")
        setattr(config, found.dest(option.name), value)
        try:
            found.prepare()
        except UsageError:
            continue
        assert value not in ("", "\0"), option.name
        kept = getattr(config, found.dest(option.name))
        assert option.historic_switch or isinstance(kept, (str, bool))


FROZEN = """
import atexit, gc
from certbot_external_auth.run import host

atexit.register(lambda: print(gc.get_freeze_count() > 1000))
host.skip_last_collection()
host.skip_last_collection()
gc.collect()
print(gc.isenabled(), gc.get_freeze_count())
"""


def test_garbage_collection_is_left_alone_until_the_process_exits() -> None:
    """Guards against a host whose garbage stays in memory, and against a slow end of each run."""
    before, at_exit = subprocess.run(
        [sys.executable, "-c", FROZEN], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    # CPython itself freezes a few objects as it starts.
    enabled, frozen = before.split()
    assert enabled == "True"
    assert int(frozen) < 1000
    assert at_exit == "True"
