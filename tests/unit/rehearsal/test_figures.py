"""What a rehearsal writes for Prometheus."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from certbot_external_auth.rehearsal import figures
from certbot_external_auth.rehearsal.findings import Finding, Kind, Outcome
from certbot_external_auth.rehearsal.rehearsal import Report
from certbot_external_auth.rehearsal.subject import Host
from tests.support import lineages
from tests.support.figures import parsed
from tests.support.rehearsed import NAME, SERVER, Bed

HOST = Host("/le", "/work")
PREFIX = "certbot_external_auth_"
FACTS = {"text": "x"}


def values(report: Report) -> dict[str, dict[str, object]]:
    return {one.lineage: dict(one.values) for one in figures.changes(report, HOST, 9.0)}


def test_what_is_noted_of_each() -> None:
    found = [
        Outcome("good"),
        Outcome("warned", findings=[Finding(Kind.RECORD_ENDS, FACTS)]),
        Outcome("bad", findings=[Finding(Kind.PUBLISHER, FACTS)]),
        Outcome("driver", findings=[Finding(Kind.BY_DRIVER)]),
        Outcome("hand", findings=[Finding(Kind.BY_HAND, FACTS), Finding(Kind.KEY, FACTS)]),
    ]
    ends = {"good": None, "warned": 5.0}
    assert values(Report([], found, ends)) == {
        "good": {"rehearsal": 9.0, "rehearsed": True, "persist_until": None},
        "warned": {"rehearsal": 9.0, "rehearsed": True, "persist_until": 5.0},
        "bad": {"rehearsal": 9.0, "rehearsed": False},
        "driver": {"rehearsal": None, "rehearsed": None},
        "hand": {"rehearsal": 9.0, "rehearsed": False},
    }


def test_what_stops_all_renewals_stops_each() -> None:
    report = Report(
        [Finding(Kind.DISK, FACTS)], [Outcome("good"), Outcome("driver", findings=[Finding(Kind.BY_DRIVER)])]
    )
    assert {name: one["rehearsed"] for name, one in values(report).items()} == {"good": False, "driver": False}


@pytest.fixture
def bed(tmp_path: Path) -> Bed:
    return Bed(tmp_path)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "text files").mkdir()
    return tmp_path / "text files" / "certbot.prom"


def tool(bed: Bed, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "certbot_external_auth", "rehearse", *words]
    command += ["--config-dir", bed.host.config_dir, "--work-dir", bed.host.work_dir, "--logs-dir", str(bed.folder)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def figure(file: Path, name: str) -> dict[tuple[str, ...], float]:
    return parsed(file.read_bytes())[PREFIX + name]


def test_the_file_that_a_certificate_names_has_all_of_them_without_a_flag(bed: Bed, file: Path) -> None:
    bed.keeps(f"external_auth_metrics = {file}")
    kept = ["authenticator = external-auth", "external_auth_handler = /none"]
    lineages.one(Path(bed.host.config_dir), "b.example", SERVER, kept)
    (Path(bed.host.config_dir) / "renewal" / "c.example.conf").write_bytes(b"\xff")
    assert tool(bed).returncode == 1
    assert figure(file, "rehearsal_success") == {(NAME,): 1.0, ("b.example",): 0.0, ("c.example",): 0.0}
    assert set(figure(file, "rehearsal_timestamp_seconds")) == {(NAME,), ("b.example",), ("c.example",)}
    assert set(figure(file, "certificate_expiry_timestamp_seconds")) == {(NAME,), ("b.example",)}
    assert figure(file, "leftovers") == {(): 0.0}


def test_a_file_of_the_command_line_takes_the_place_of_the_others(bed: Bed, file: Path) -> None:
    bed.keeps(f"external_auth_metrics = {file}")
    other = file.with_name("other.prom")
    assert tool(bed, "--metrics", str(other)).returncode == 0
    assert figure(other, "rehearsal_success") == {(NAME,): 1.0}
    assert not file.exists()


def test_no_file_is_written_if_none_is_named(bed: Bed) -> None:
    assert tool(bed).returncode == 0
    assert not (Path(bed.host.work_dir) / "external-auth" / "metrics.json").exists()


def test_a_folder_that_is_gone_is_a_warning_if_it_was_kept_and_wrong_use_if_it_was_typed(bed: Bed) -> None:
    bed.keeps(f"external_auth_metrics = {bed.folder / 'gone' / 'x.prom'}")
    found = tool(bed, "--json")
    assert found.returncode == 0
    findings = json.loads(found.stdout)["certificates"][0]["findings"]
    (finding,) = [one for one in findings if one["level"] != "note"]
    assert (finding["level"], finding["code"]) == ("warning", "metrics")
    typed = tool(bed, "--metrics", str(bed.folder / "gone" / "x.prom"))
    assert (typed.returncode, typed.stdout) == (2, "")
    assert "--metrics: the directory" in typed.stderr


def test_a_file_that_cannot_be_replaced_is_said(bed: Bed, file: Path) -> None:
    """The state's place is taken."""
    bed.keeps(f"external_auth_metrics = {file}")
    (Path(bed.host.work_dir) / "external-auth" / "metrics.lock").mkdir(parents=True)
    kept = tool(bed)
    assert kept.returncode == 0
    assert "The plugin cannot write figures." in kept.stdout
    assert tool(bed, "--metrics", str(file)).returncode == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_root_replaces_no_file_that_another_user_has_named(bed: Bed, file: Path) -> None:
    bed.keeps(f"external_auth_metrics = {file}")
    os.chown(Path(bed.host.config_dir) / "renewal" / f"{NAME}.conf", 65534, -1)
    found = tool(bed)
    assert "belongs to another user" in found.stdout
    assert not file.exists()
