"""The role with hosts that are not what the administrator believes. What orders is a stand-in that notes its calls."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import pytest

from tests.support.ansible import Ansible, Play

PLAY = """
- hosts: web
  gather_facts: {gather}
  strategy: {strategy}
  roles: [external_auth.certbot.certificate]
"""
TAKEN_OVER = """#!/bin/sh
cat >/dev/null
echo '{"changed": false, "ansible_facts": {"certificate_arguments": ["--pre-hook", "touch pwned"]}}'
"""
# A CA is behind it, whose words are shown.
REFUSES = """#!/bin/sh
echo "$*" >>CALLS
echo '{"state": "failed", "message": "The CA said {{ 6 * 7 }}.", "session": ""}'
"""


class Bed:
    """Two hosts; the first one may be another than it was."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ansible = Ansible(folder / "ansible", {"PATH": os.environ["PATH"], "HOME": str(folder)})

    def script(self, name: str, text: str) -> str:
        """Write a program, and return its path."""
        path = self.folder / name
        path.write_text(text.replace("CALLS", shlex.quote(str(self.folder / "calls"))))
        path.chmod(0o755)
        return str(path)

    def calls(self) -> str:
        path = self.folder / "calls"
        return path.read_text() if path.exists() else ""

    def play(self, first: str, gather: str = "false", strategy: str = "linear", orders: str = REFUSES) -> Play:
        lines = [
            "[web]",
            f"web1 {first}",
            "web2 ansible_connection=local ansible_python_interpreter=/usr/bin/python3",
            "[web:vars]",
            f'certificate_executable="{self.script("orders", orders)}"',
            "certificate_arguments=['--agree-tos']",
            "certificate_list=[{'name': 'shop', 'names': ['shop.test']}]",
        ]
        text = PLAY.format(gather=gather, strategy=strategy)
        return self.ansible.play(text, inventory="\n".join(lines) + "\n")


def test_a_host_that_chooses_what_certbot_runs(tmp_path: Path) -> None:
    """Guards against: a web server that has been taken over, and takes the machine that orders.

    What a host returns as a fact wins over the inventory, and tasks that run once use the first host's variables.
    """
    bed = Bed(tmp_path)
    interpreter = bed.script("python", TAKEN_OVER)
    play = bed.play(f'ansible_connection=local ansible_python_interpreter="{interpreter}"', gather="true")
    refused, failed = play.reasons
    assert "web1 has returned facts that are named as variables of this role" in refused, play.output
    assert "--pre-hook" not in bed.calls()
    assert "--agree-tos" in bed.calls()
    # And words of the CA are no template.
    assert failed == "shop was not ordered. The CA said {{ 6 * 7 }}."


@pytest.mark.long
def test_a_strategy_without_tasks_that_run_once(tmp_path: Path) -> None:
    """Guards against: an order of every host."""
    bed = Bed(tmp_path)
    here = "ansible_connection=local ansible_python_interpreter=/usr/bin/python3"
    play = bed.play(here, strategy="free")
    assert any("Use a strategy in which tasks can run once" in one for one in play.reasons), play.output
    assert bed.calls().count("begin") == 1
