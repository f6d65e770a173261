"""What rehearses every week: the units in examples/systemd, which the Debian package has, and the line for cron."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from certbot_external_auth import cli
from tests.support.rehearsed import NAME as LINEAGE
from tests.support.rehearsed import Bed

ROOT = Path(__file__).resolve().parents[3]
UNITS = ROOT / "examples" / "systemd"
NAME = "certbot-external-auth-rehearse"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_takes_them(tmp_path: Path) -> None:
    for kind in ("service", "timer"):
        text = (UNITS / f"{NAME}.{kind}").read_text()
        # A command without a path is one in /usr or /usr/local, where this one is not.
        (tmp_path / f"{NAME}.{kind}").write_text(text.replace("ExecStart=certbot-external-auth", "ExecStart=/bin/true"))
    files = [str(tmp_path / f"{NAME}.{kind}") for kind in ("service", "timer")]
    judged = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *files], capture_output=True, text=True, timeout=60
    )
    assert (judged.returncode, judged.stderr) == (0, "")


def test_the_command_of_the_service_exists() -> None:
    (line,) = re.findall(r"^ExecStart=(.*)$", (UNITS / f"{NAME}.service").read_text(), re.MULTILINE)
    name, *words = shlex.split(line)
    assert name == cli.NAME
    given = cli.parser(words[:1]).parse_args(words)
    assert (given.verb, given.publish) == ("rehearse", True)


def test_its_timer_waits_a_week_and_catches_up() -> None:
    text = (UNITS / f"{NAME}.timer").read_text().splitlines()
    assert {"OnCalendar=weekly", "Persistent=true", "RandomizedDelaySec=1d"} <= set(text)


def test_the_line_for_cron_prints_only_what_would_fail(tmp_path: Path) -> None:
    """With the environment that cron has. The value is not published, since that needs a name server."""
    page = (ROOT / "docs" / "operations.md").read_text()
    (line,) = re.findall(r"^    (?:\S+ ){5}root (said=.*)$", page, re.MULTILINE)
    bed = Bed(tmp_path)
    words = [sys.executable, "-m", "certbot_external_auth", "rehearse"]
    words += ["--config-dir", bed.host.config_dir, "--work-dir", bed.host.work_dir, "--logs-dir", str(bed.folder)]
    typed = "/usr/local/bin/certbot-external-auth rehearse --publish"
    assert typed in line
    command = ["/bin/sh", "-c", line.replace(typed, shlex.join(words))]
    environment = {"HOME": "/root", "LOGNAME": "root", "SHELL": "/bin/sh", "PATH": "/usr/bin:/bin"}
    good = subprocess.run(command, capture_output=True, text=True, env=environment, cwd="/", timeout=60)
    assert (good.stdout, good.stderr) == ("", "")
    bed.hook.unlink()
    bad = subprocess.run(command, capture_output=True, text=True, env=environment, cwd="/", timeout=60)
    assert f"FAIL  {LINEAGE}" in bad.stdout
    assert "does not exist" in bad.stdout
