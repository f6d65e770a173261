"""The Ansible collection: what of it is made from something else is current."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from certbot_external_auth import __version__
from scripts import ansible_returns
from tests.support.ansible_modules import load

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


def test_the_action_group_has_the_modules_that_take_its_directories() -> None:
    """Lost: the directories that `module_defaults` names for the group; other modules would fail because of them."""
    listed = re.findall(r"^    - (\w+)$", (COLLECTION / "meta" / "runtime.yml").read_text(), re.MULTILINE)
    assert listed == [path.stem for path in MODULES if "verbs.ARGUMENTS" in path.read_text()]


def test_a_host_is_named_after_its_address_alone() -> None:
    """Lost: which host it is that does not answer, to an administrator who knows names; and a wrong one."""
    hosts = {"w1": {"ansible_host": "192.0.2.1"}, "w2": {"ansible_host": "192.0.2.12"}, "2001:db8::1": {}}
    text = "at 192.0.2.12:80: 404; 192.0.2.1. 2001:db8::1: no; 192.0.2.13, 192.0.2.1.4, 2001:db8::1:5:6"
    assert load("filter.sights").placed(text, list(hosts), hosts) == (
        "at 192.0.2.12:80 (w2): 404; 192.0.2.1 (w1). 2001:db8::1: no; 192.0.2.13, 192.0.2.1.4, 2001:db8::1:5:6"
    )


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_the_licence_of_a_module(path: Path) -> None:
    """Ansible asks modules to be GPL; what they import need not be."""
    assert "SPDX-License-Identifier: GPL-3.0-or-later" in path.read_text()


@pytest.mark.parametrize(
    "path", sorted((COLLECTION / "plugins" / "module_utils").glob("*.py")), ids=lambda one: one.stem
)
def test_the_licence_of_what_modules_import(path: Path) -> None:
    assert "SPDX-License-Identifier: Apache-2.0" in path.read_text()
