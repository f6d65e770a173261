"""The Ansible collection: what of it is made from something else is current."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from certbot_external_auth import __version__
from scripts import ansible_returns

ROOT = Path(__file__).resolve().parents[2]
COLLECTION = ROOT / "ansible"
IMPORTED = sorted((COLLECTION / "plugins" / "module_utils").glob("*.py"))
MODULES = sorted((COLLECTION / "plugins" / "modules").glob("*.py"))


@pytest.mark.parametrize("path", ansible_returns.blocks(), ids=lambda path: path.stem)
def test_the_return_values_are_those_of_the_schema(path: Path) -> None:
    """Made by `python scripts/ansible_returns.py`."""
    assert path.read_text() == ansible_returns.blocks()[path]


def test_the_version_is_that_of_the_plugin() -> None:
    assert re.search(r"^version: (.*)$", (COLLECTION / "galaxy.yml").read_text(), re.MULTILINE)[1] == __version__  # type: ignore[index]


def test_every_module_is_in_the_action_group() -> None:
    """Lost: the directories that `module_defaults` names for the whole group."""
    listed = re.findall(r"^    - (\w+)$", (COLLECTION / "meta" / "runtime.yml").read_text(), re.MULTILINE)
    assert listed == [path.stem for path in MODULES]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_the_licence_of_a_module(path: Path) -> None:
    """Ansible asks modules to be GPL; what they import need not be."""
    assert "SPDX-License-Identifier: GPL-3.0-or-later" in path.read_text()


@pytest.mark.parametrize(
    "path", sorted((COLLECTION / "plugins" / "module_utils").glob("*.py")), ids=lambda one: one.stem
)
def test_the_licence_of_what_modules_import(path: Path) -> None:
    assert "SPDX-License-Identifier: Apache-2.0" in path.read_text()
