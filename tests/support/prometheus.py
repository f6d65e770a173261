"""A real Prometheus that asks a real node_exporter for figures."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support import ports
from tests.support.processes import end_group

PROGRAMS = {name: shutil.which(name) for name in ("prometheus", "promtool", "prometheus-node-exporter")}
READY_WITHIN = 60.0
_CONFIGURATION = """\
global:
  scrape_interval: 1s
  evaluation_interval: 1s
rule_files:
  - '{rules}'
scrape_configs:
  - job_name: node
    static_configs:
      - targets: ['{exporter}']
"""


@dataclass(frozen=True)
class Prometheus:
    """:ivar url: where it answers."""

    url: str

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The present values of an expression."""
        return list(self._asked(f"/api/v1/query?{urllib.parse.urlencode({'query': expression})}")["result"])

    def rules(self) -> list[str]:
        """The names of its alerts."""
        return [rule["name"] for group in self._asked("/api/v1/rules")["groups"] for rule in group["rules"]]

    def wait_for(self, expression: str) -> list[dict[str, Any]]:
        """The values of an expression, once there are any."""
        found: list[dict[str, Any]] = []

        def there() -> bool:
            found[:] = self.query(expression)
            return bool(found)

        _wait(there, f"no value of {expression}")
        return found

    def _asked(self, path: str) -> dict[str, Any]:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(self.url + path, timeout=10) as answer:
            content: dict[str, Any] = json.loads(answer.read())["data"]
        return content


@contextlib.contextmanager
def prometheus(textfiles: Path, rules: Path) -> Iterator[Prometheus]:
    """:param textfiles: the folder from which node_exporter reads. :param rules: a file with alerting rules."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="test-prometheus-")))
        exporter, own = (f"{ports.ADDRESS}:{ports.free(stack)}" for _ in range(2))
        (folder / "prometheus.yml").write_text(_CONFIGURATION.format(rules=rules, exporter=exporter))
        _start(
            stack,
            folder / "exporter.log",
            [
                str(PROGRAMS["prometheus-node-exporter"]),
                f"--web.listen-address={exporter}",
                "--collector.disable-defaults",
                "--collector.textfile",
                f"--collector.textfile.directory={textfiles}",
            ],
        )
        process = _start(
            stack,
            folder / "log",
            [
                str(PROGRAMS["prometheus"]),
                f"--config.file={folder}/prometheus.yml",
                f"--storage.tsdb.path={folder}/data",
                f"--web.listen-address={own}",
            ],
        )
        found = Prometheus(f"http://{own}")

        def ready() -> bool:
            assert process.poll() is None, (folder / "log").read_text()
            with contextlib.suppress(OSError):
                return bool(found.query("up == 1"))
            return False

        _wait(ready, "Prometheus does not answer")
        yield found


def _start(stack: contextlib.ExitStack, log: Path, command: Sequence[str]) -> subprocess.Popen[bytes]:
    with log.open("wb") as file:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, start_new_session=True
        )
    stack.callback(end_group, process)
    return process


def _wait(ready: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + READY_WITHIN
    while not ready():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.1)
