"""How much of the plugin a renewal as root runs: SECURITY.md says it, and a real run is asked."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

from tests.support.certbot import Certbot
from tests.support.hooks import Hooks
from tests.support.words import handler, names

ROOT = Path(__file__).resolve().parents[2]
STARTS_PROGRAMS = (
    "processes.runner",
    "processes.program",
    "processes.running",
    "processes.descendants",
    "processes.table",
    "processes.rlimit_tag",
    "processes.output",
    "processes.poller",
    "processes.child",
    "signals.deferral",
    "signals.dispositions",
)


def lines(module: str) -> int:
    """Those of its file that are not empty."""
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    return sum(1 for line in Path(spec.origin).read_text().splitlines() if line.strip())


def figure(name: str) -> int:
    found = re.search(rf"<!-- {name} -->fewer than (\d+)", (ROOT / "SECURITY.md").read_text())
    assert found is not None
    return int(found[1])


def test_what_security_says_of_its_size_is_true(certbot: Certbot, scripts: Hooks, domain: str) -> None:
    """Guards against: wrong numbers in SECURITY.md about how much code to read."""
    result = certbot.run("certonly", *handler(scripts.native), *names(domain), env={"PYTHONPROFILEIMPORTTIME": "1"})
    assert result.returncode == 0
    loaded = set(re.findall(r"\|\s+(certbot_external_auth[\w.]*)$", result.stderr, flags=re.MULTILINE))
    assert {"certbot_external_auth.processes.runner", "certbot_external_auth.journal.files"} <= loaded
    whole, said = sum(map(lines, loaded)), figure("lines")
    assert said / 2 < whole < said, whole
    starting = sum(lines(f"certbot_external_auth.{name}") for name in STARTS_PROGRAMS)
    assert figure("process-lines") / 2 < starting < figure("process-lines")
