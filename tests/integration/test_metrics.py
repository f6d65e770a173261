"""Figures of real runs, and what a real Prometheus makes of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from certbot_external_auth.metrics.text import FAMILIES, LEFTOVERS, PREFIX, SUCCESS
from tests.support import prometheus
from tests.support.certbot import Certbot
from tests.support.figures import parsed
from tests.support.hooks import Hooks
from tests.support.testca import TestCA
from tests.support.words import RENEW_NOW, handler, handler_for_both, names

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "examples" / "prometheus"


@pytest.fixture
def textfiles(tmp_path: Path) -> Path:
    folder = tmp_path / "text files"
    folder.mkdir()
    return folder


def figure(folder: Path, name: str) -> dict[tuple[str, ...], float]:
    return parsed((folder / "certbot.prom").read_bytes())[PREFIX + name]


def test_runs_write_figures(certbot: Certbot, scripts: Hooks, domain: str, textfiles: Path) -> None:
    file = ("--external-auth-metrics", str(textfiles / "certbot.prom"))
    issued = certbot.run("run", *handler_for_both(scripts.native, *file), *names(domain))
    assert issued.returncode == 0, issued
    assert figure(textfiles, "last_attempt_success") == {(domain, "ok"): 1.0}
    assert figure(textfiles, "deployment_pending") == {(domain,): 0.0}
    assert figure(textfiles, "leftovers") == {(): 0.0}
    ((seconds),) = figure(textfiles, "visibility_seconds").values()
    assert 0 <= seconds < 60
    (expiry,), (attempt,) = (
        figure(textfiles, name).values()
        for name in ("certificate_expiry_timestamp_seconds", "last_attempt_timestamp_seconds")
    )
    assert expiry > attempt
    # Kept for renewal. What fails changes the result, and leaves the end as it is.
    Path(scripts.native).write_text("#!/bin/sh\nexit 7\n")
    assert certbot.run(*RENEW_NOW, "-q").returncode == 1
    assert figure(textfiles, "last_attempt_success") == {(domain, "challenge.not_published"): 0.0}
    assert figure(textfiles, "visibility_seconds") == {}
    assert figure(textfiles, "certificate_expiry_timestamp_seconds") == {(domain,): expiry}


def test_what_is_missing_is_said_before_the_order_and_stops_no_renewal(
    certbot: Certbot, ca: TestCA, scripts: Hooks, domain: str, textfiles: Path, tmp_path: Path
) -> None:
    """A package of that name that cannot be imported stands in for none."""
    (tmp_path / "broken" / "prometheus_client").mkdir(parents=True)
    (tmp_path / "broken" / "prometheus_client" / "__init__.py").write_text("raise ImportError('not there')\n")
    broken = {"PYTHONPATH": str(tmp_path / "broken")}
    words = handler(scripts.native, "--external-auth-metrics", str(textfiles / "certbot.prom"))
    refused = certbot.run("certonly", *words, *names(domain), env=broken)
    assert (refused.returncode, refused.ordered) == (1, False)
    assert "pip install prometheus-client" in refused.stderr
    nowhere = handler(scripts.native, "--external-auth-metrics", str(tmp_path / "none" / "x.prom"))
    refused = certbot.run("certonly", *nowhere, *names(domain))
    assert (refused.returncode, refused.ordered) == (1, False)
    assert f"the directory {tmp_path / 'none'} does not exist" in refused.stderr
    assert certbot.run("certonly", *words, *names(domain)).returncode == 0
    renewed = certbot.run(*RENEW_NOW, env=broken)
    assert renewed.returncode == 0, renewed
    assert "The plugin cannot write figures." in renewed.stderr


@pytest.mark.skipif(prometheus.PROGRAMS["promtool"] is None, reason="promtool is not installed")
def test_the_rules_for_alerts_are_right() -> None:
    for words in (("check", "rules", "alerts.yml"), ("test", "rules", "alerts.test.yml")):
        ended = subprocess.run(["promtool", *words], cwd=RULES, capture_output=True, text=True, timeout=60)
        assert ended.returncode == 0, ended.stdout + ended.stderr


def test_each_figure_has_a_rule() -> None:
    rules = (RULES / "alerts.yml").read_text()
    assert [name for name in (*FAMILIES, SUCCESS, LEFTOVERS) if PREFIX + name not in rules] == []


@pytest.mark.long
@pytest.mark.skipif(None in prometheus.PROGRAMS.values(), reason="Prometheus or node_exporter is not installed")
def test_prometheus_reads_them_through_node_exporter(
    certbot: Certbot, scripts: Hooks, domain: str, textfiles: Path
) -> None:
    file = ("--external-auth-metrics", str(textfiles / "certbot.prom"))
    assert certbot.run("run", *handler_for_both(scripts.native, *file), *names(domain)).returncode == 0
    with prometheus.prometheus(textfiles, RULES / "alerts.yml") as server:
        (good,) = server.wait_for(f"{PREFIX}last_attempt_success == 1")
        assert (good["metric"]["lineage"], good["metric"]["code"]) == (domain, "ok")
        assert server.query("node_textfile_scrape_error")[0]["value"][1] == "0"
        assert len(server.rules()) == 9
        assert server.wait_for(f"{PREFIX}certificate_expiry_timestamp_seconds - time() > 86400")
        Path(scripts.native).write_text("#!/bin/sh\nexit 7\n")
        assert certbot.run(*RENEW_NOW, "-q").returncode == 1
        # The file that the certificate names.
        words = [sys.executable, "-m", "certbot_external_auth", "rehearse"]
        words += ["--config-dir", str(certbot.config_dir), "--work-dir", str(certbot.work_dir)]
        words += ["--logs-dir", str(certbot.logs_dir)]
        assert subprocess.run(words, capture_output=True, timeout=60).returncode in (0, 1)
        assert server.wait_for(f"time() - {PREFIX}rehearsal_timestamp_seconds < 3600")
        (rehearsed,) = server.wait_for(f"{PREFIX}rehearsal_success")
        assert rehearsed["metric"]["lineage"] == domain
        (bad,) = server.wait_for(f"{PREFIX}last_attempt_success == 0")
        assert bad["metric"]["code"] == "challenge.not_published"
        (alert,) = server.wait_for('ALERTS{alertname="CertificateNotRenewed"}')
        assert (alert["metric"]["lineage"], alert["metric"]["alertstate"]) == (domain, "pending")
