"""Loads what the modules of the Ansible collection import, and runs single modules, without a playbook."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

from tests.support.ansible import FOLDER, ROOT

PACKAGE = "ansible_collections.external_auth.certbot"


def load(name: str) -> Any:
    """Return a module of the collection, such as `module_utils.look`, which must not import Ansible itself."""
    parts = PACKAGE.split(".")
    for count in range(1, len(parts) + 1):
        package = types.ModuleType(".".join(parts[:count]))
        package.__path__ = [str(ROOT / "ansible")] if count == len(parts) else []
        sys.modules.setdefault(package.__name__, package)
    return importlib.import_module(f"{PACKAGE}.plugins.{name}")


def run(folder: Path, name: str, **arguments: object) -> dict[str, Any]:
    """Run a module as Ansible does on a host, and return its result."""
    place = folder / "collections" / "ansible_collections" / "external_auth"
    place.mkdir(parents=True, exist_ok=True)
    if not (place / "certbot").is_symlink():
        (place / "certbot").symlink_to(ROOT / "ansible")
    given = {"ANSIBLE_MODULE_ARGS": {"_ansible_remote_tmp": str(folder), **arguments}}
    ended = subprocess.run(
        [str(FOLDER / "python"), "-m", f"{PACKAGE}.plugins.modules.{name}"],
        input=json.dumps(given),
        env={"PYTHONPATH": str(folder / "collections"), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.stdout, ended.stderr
    result: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return result
