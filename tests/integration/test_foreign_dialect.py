"""A dialect of another package, installed as anybody would: tests/packages/present, which CONTRIBUTING.md shows."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.support.certbot import Certbot
from tests.support.hooks import Hooks
from tests.support.testca import TestCA
from tests.support.words import RENEW_NOW, handler, names

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "tests" / "packages" / "present"
HOOK = """\
#!/usr/bin/env python3
import sys

import recording

operation = recording.begin()
domain = sys.argv[2].removeprefix("_acme-challenge.")
if operation == "present":
    recording.add_txt(domain, sys.argv[3])
else:
    recording.remove_txt(domain)
"""

# One worker, one installation.
pytestmark = pytest.mark.xdist_group("foreign-dialect")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package in it, for PYTHONPATH."""
    pytest.importorskip("build", reason="only .venv has what is needed to build without a network")
    folder = tmp_path_factory.mktemp("site")
    # setuptools leaves a build folder where it builds.
    copy = shutil.copytree(PACKAGE, folder / "copy")
    words = ["install", "-q", "--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
    pip = [sys.executable, "-m", "pip", *words, "--target", folder / "site", copy]
    ended = subprocess.run(pip, capture_output=True, text=True, stdin=subprocess.DEVNULL, cwd="/")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return folder / "site"


def test_issue_and_renew(certbot: Certbot, ca: TestCA, scripts: Hooks, domain: str, site: Path) -> None:
    certbot.environment["PYTHONPATH"] = str(site)
    hook = scripts.write("hook.py", HOOK)
    words = handler(hook, "--external-auth-dialect", "present")
    result = certbot.run("certonly", *words, *names(domain, f"*.{domain}"))
    assert result.returncode == 0, result
    assert certbot.run(*RENEW_NOW).returncode == 0
    assert scripts.operations == ["present", "present", "remove", "remove"] * 2
    assert {call.argv[1] for call in scripts.calls()} == {f"_acme-challenge.{domain}"}
    # The caller has set it, and not an environment of Certbot's.
    assert {call.env["PYTHONPATH"] for call in scripts.calls()} == {str(site)}
    assert ca.txt(f"_acme-challenge.{domain}") == []
    # Once it is gone, renewal says so.
    gone = certbot.run(*RENEW_NOW, env={"PYTHONPATH": os.devnull})
    assert gone.returncode == 1
    assert "'present'" in gone.stderr


@pytest.mark.parametrize(
    ("dialect", "said"),
    [
        ("forgetful", "'forgetful' of certbot_external_auth.dialects does not keep the contract IDialect: "),
        ("unwritten", "'unwritten' of certbot_external_auth.dialects cannot be loaded"),
    ],
)
def test_a_dialect_that_cannot_be_used(
    certbot: Certbot, scripts: Hooks, domain: str, site: Path, dialect: str, said: str
) -> None:
    """Said in one sentence, before the CA is asked."""
    words = handler(scripts.native, "--external-auth-dialect", dialect)
    result = certbot.run("certonly", *words, *names(domain), env={"PYTHONPATH": str(site)})
    assert result.returncode == 1
    assert not result.asked_ca
    assert scripts.calls() == []
    sentences = [line for line in result.stderr.splitlines() if line and not line.startswith(("Saving debug", "Ask"))]
    assert len(sentences) == 1, result
    assert said in sentences[0]


def test_contributing_shows_this_package() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    assert textwrap.indent((PACKAGE / "present.py").read_text(), " " * 7) in text
    assert 'present = "' in text
