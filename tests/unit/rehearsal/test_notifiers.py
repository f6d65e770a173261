"""`rehearse --notify-test`: each notifier is called once, by a real process, and how it ended is said."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from certbot_external_auth.lineages import change
from certbot_external_auth.rehearsal.findings import Kind
from tests.support import documents, lineages
from tests.support.rehearsed import NAME, SERVER, Bed


@pytest.fixture
def bed(tmp_path: Path) -> Bed:
    return Bed(tmp_path)


def notifier(bed: Bed, text: str, name: str = "tell me") -> str:
    path = bed.folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    # Certbot quotes the value as a whole.
    return f'external_auth_notify = "{shlex.quote(str(path))}"'


def more(bed: Bed, name: str, *options: str) -> None:
    kept = ["authenticator = external-auth", f"external_auth_handler = {bed.hook}", *options]
    lineages.one(Path(bed.host.config_dir), name, SERVER, kept)


def tool(bed: Bed, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "certbot_external_auth", "rehearse", *words]
    command += ["--config-dir", bed.host.config_dir, "--work-dir", bed.host.work_dir, "--logs-dir", str(bed.folder)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_equal_notifiers_are_called_once_with_a_document_that_says_what_it_is(bed: Bed) -> None:
    told = bed.folder / "told"
    option = notifier(bed, f'echo "It went to $HOME"; cat >>{shlex.quote(str(told))}; printf %s "$summary" >&2')
    bed.keeps(option)
    more(bed, "b.example", option)
    more(bed, "c.example")
    ended = tool(bed, "--notify-test")
    assert (ended.returncode, ended.stderr) == (0, "")
    document = documents.checked(told.read_text(), "notify")
    assert (document["code"], document["lineage"], document["names"]) == ("test", NAME, [NAME])
    assert "test" in document["message"]
    assert ended.stdout.splitlines() == [
        f"ok    {bed.folder / 'tell me'}: exit code 0",
        f"      of: {NAME}, b.example",
        f"      printed: It went to {os.environ.get('HOME', '')}",
        f"      printed: This is a test of the notifier. Nothing is wrong with the certificate {NAME}.",
        "Without a notifier: c.example",
        "1 notifier called. Check that the test has arrived.",
    ]


def test_one_that_fails_is_said_with_what_it_printed(bed: Bed) -> None:
    bed.keeps(notifier(bed, "echo no route to host >&2; exit 7", "bad"))
    more(bed, "b.example", notifier(bed, "exit 0", "good"))
    ended = tool(bed, "--notify-test")
    assert ended.returncode == 1
    assert f"FAIL  {bed.folder / 'bad'}: exit code 7" in ended.stdout
    assert "printed: no route to host" in ended.stdout
    assert f"ok    {bed.folder / 'good'}" in ended.stdout
    named = tool(bed, "--notify-test", "--cert-name", "b.example")
    assert named.returncode == 0
    assert "bad" not in named.stdout


def test_without_a_notifier_nothing_would_be_told(bed: Bed) -> None:
    ended = tool(bed, "--notify-test")
    assert ended.returncode == 1
    adding = change.command("NAME", ["--external-auth-notify", "COMMAND"], "INSTALLER")
    assert f"No certificate has a notifier. To add one: {adding}" in ended.stdout


def test_what_cannot_be_called_is_a_failure_here_and_a_warning_in_a_rehearsal(bed: Bed) -> None:
    option = notifier(bed, "exit 0")
    (bed.folder / "tell me").unlink()
    bed.keeps(option)
    ended = tool(bed, "--notify-test")
    assert ended.returncode == 1
    assert "does not exist; correct --external-auth-notify" in ended.stdout
    found = tool(bed, "--json")
    assert found.returncode == 0
    findings = json.loads(found.stdout)["certificates"][0]["findings"]
    (finding,) = [one for one in findings if one["level"] != "note"]
    assert (finding["level"], finding["code"]) == ("warning", Kind.NOTIFIER.code)


def test_one_that_others_can_change_is_called_and_said(bed: Bed) -> None:
    bed.keeps(notifier(bed, "exit 0"))
    (bed.folder / "tell me").chmod(0o775)
    if os.getuid() == 0:
        # The group of root is trusted.
        os.chown(bed.folder / "tell me", -1, 65534)
    ended = tool(bed, "--notify-test")
    assert ended.returncode == 0
    assert "can be changed by its group" in ended.stdout


def test_a_renewal_file_that_cannot_be_read_hides_no_other(bed: Bed) -> None:
    bed.keeps(notifier(bed, "exit 0"))
    more(bed, "b.example", "external_auth_env_file = True")
    (Path(bed.host.config_dir) / "renewal" / "c.example.conf").write_bytes(b"\xff")
    ended = tool(bed, "--notify-test")
    assert ended.returncode == 1
    for word in ("ok    ", "FAIL  b.example", "FAIL  c.example"):
        assert word in ended.stdout, ended.stdout


def test_it_does_nothing_else(bed: Bed) -> None:
    ended = tool(bed, "--notify-test", "--publish", "--json")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "leave out --publish, --json" in ended.stderr
