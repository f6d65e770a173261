"""Every handler that the documents and examples show, where what it talks to does not answer.

Guards against handlers that people copy and that report success without having done anything. Programs that need a
network are replaced by ones that fail as they do when no server answers.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted(
    path
    for path in (ROOT / "examples").glob("*/*")
    if path.parent.name not in ("drivers", "notify") and os.access(path, os.X_OK)
)
BLOCK = re.compile(r"^```sh\n(#!/bin/sh\n.*?)^```$", re.MULTILINE | re.DOTALL)
PAGES = [page for page in (ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))) if BLOCK.search(page.read_text())]
SHOWN = [*EXAMPLES, *PAGES]
ONLY_FILES = {"minimal.sh", "minimal.py", "nginx-tls-alpn.sh"}
"""Handlers that write into a folder: where it is gone, nothing is left to remove."""
ITSELF = "standalone-tls.py"
"""It is the server."""
DEAD = {
    "nsupdate": "cat >/dev/null; echo 'could not reach any name server' >&2; exit 1",
    "ssh": "cat >/dev/null; echo 'connection refused' >&2; exit 255",
    "curl": "exit 22",
}
PLAIN = re.compile(r"\$\{?(txt_domain|uri|z_domain|cert_path|key_path|port|type|domain|token|validation|key_auth)\b")
TYPES = {"minimal.sh": "http-01", "minimal.py": "http-01", "ssh-webroot.sh": "http-01"}


def texts(path: Path) -> list[str]:
    return BLOCK.findall(path.read_text()) if path.suffix == ".md" else [path.read_text()]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.fixture
def dead(tmp_path: Path) -> dict[str, str]:
    """An environment in which no server answers."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, text in DEAD.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    nowhere = str(tmp_path / "nowhere")
    return {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "CHALLENGE_FOLDER": nowhere,
        "ACME_TLS_FOLDER": nowhere,
        "NSUPDATE_KEY_FILE": nowhere,
        "PDNS_API": "http://127.0.0.1:9",
        "PDNS_API_KEY": "k",
        "SSH_HOST": "web",
    }


def variables(path: Path) -> dict[str, str]:
    """What the plugin sets at perform and at cleanup alike, and the files of a TLS challenge."""
    kind = TYPES.get(path.name, "tls-alpn-01" if "tls" in path.name else "dns-01")
    plain = {"type": kind, "domain": "example.org", "token": "t", "validation": "v", "key_auth": "t.k"}
    where = {"txt_domain": "_acme-challenge.example.org", "z_domain": "example.org", "txt_target": "a.example.net"}
    files = {"cert_path": "/nowhere.crt", "key_path": "/nowhere.key", "port": "1", "alpn": "acme-tls/1"}
    fields = {**plain, **where, **files, "txt_zone": "example.net", "domains": "example.org"}
    return {**plain, **{f"cbot_{key}": value for key, value in fields.items()}}


def called(
    text: str, suffix: str, tmp_path: Path, words: list[str], environment: dict[str, str], kind: str = "http-01"
) -> subprocess.CompletedProcess[str]:
    script = tmp_path / f"handler{suffix}"
    script.write_text(text)
    program = sys.executable if suffix == ".py" else "/bin/sh"
    document = f'{{"type": "{kind}", "token": "t", "key_auth": "t.k"}}'
    return subprocess.run(
        [program, script, *words], input=document, env=environment, capture_output=True, text=True, timeout=60
    )


def words_for(text: str, operation: str) -> list[str]:
    if "deploy_challenge" not in text:
        return [operation]
    return [{"perform": "deploy_challenge", "cleanup": "clean_challenge"}[operation], "example.org", "t", "v"]


@pytest.mark.parametrize("path", [path for path in SHOWN if path.name != ITSELF], ids=name_of)
@pytest.mark.parametrize("operation", ["perform", "cleanup"])
def test_a_server_that_does_not_answer_is_a_failure(
    path: Path, operation: str, dead: dict[str, str], tmp_path: Path
) -> None:
    fails = operation == "perform" or path.name not in ONLY_FILES
    for text in texts(path):
        suffix = path.suffix.replace(".md", ".sh")
        ended = called(text, suffix, tmp_path, words_for(text, operation), {**dead, **variables(path)})
        assert (ended.returncode != 0, ended.stderr != "") == (fails, fails), ended
        assert "usage:" not in ended.stderr


@pytest.mark.parametrize("path", SHOWN, ids=name_of)
def test_only_variables_that_every_operation_has(path: Path) -> None:
    """Lost: what was published by `$txt_domain`, which is empty at cleanup."""
    assert [found[0] for text in texts(path) for found in PLAIN.finditer(text)] == []


def test_half_a_certificate_is_not_handed_over(dead: dict[str, str], tmp_path: Path) -> None:
    """A shell takes the exit code of a pipe's last program, so it misses that the key could not be read."""
    (tmp_path / "bin" / "ssh").write_text(f"#!/bin/sh\ncat >{tmp_path}/arrived\n")
    (tmp_path / "fullchain.pem").write_text("certificate\n")
    paths = {"cbot_fullchain_path": str(tmp_path / "fullchain.pem"), "cbot_key_path": str(tmp_path / "gone.pem")}
    text = (ROOT / "examples" / "handlers" / "ssh-webroot.sh").read_text()
    environment = {**dead, **paths, "SSH_CERTIFICATES": "/etc/ssl/acme", "cbot_lineage": "example.org"}
    ended = called(text, ".sh", tmp_path, ["deploy_cert"], environment)
    assert ended.returncode != 0
    assert not (tmp_path / "arrived").exists()


def delegated(dead: dict[str, str], tmp_path: Path, operation: str, *unset: str) -> tuple[int, str]:
    """Exit code of the handler in docs/delegation.md, and what it sent to a name server that takes everything."""
    (tmp_path / "bin" / "nsupdate").write_text(f"#!/bin/sh\ncat >>{tmp_path}/sent\n")
    (tmp_path / "sent").write_text("")
    page = ROOT / "docs" / "delegation.md"
    [text] = texts(page)
    environment = {name: value for name, value in {**dead, **variables(page)}.items() if name not in unset}
    return called(text, ".sh", tmp_path, [operation], environment).returncode, (tmp_path / "sent").read_text()


def test_without_an_alias_nothing_was_published(dead: dict[str, str], tmp_path: Path) -> None:
    """Lost: the journal's entry, which no later run can clear: it does not have the alias that is there by then."""
    assert delegated(dead, tmp_path, "cleanup", "cbot_txt_target", "cbot_txt_zone") == (0, "")
    assert delegated(dead, tmp_path, "perform", "cbot_txt_target", "cbot_txt_zone") == (1, "")


@pytest.mark.parametrize("operation", ["perform", "cleanup"])
def test_the_zone_is_not_always_known(dead: dict[str, str], tmp_path: Path, operation: str) -> None:
    """A named server may have no other zone than that of the alias."""
    code, sent = delegated(dead, tmp_path, operation, "cbot_txt_zone")
    assert code == 0
    assert sent.splitlines()[0] == "server 127.0.0.1"
    assert "zone" not in sent
    assert "zone example.net" in delegated(dead, tmp_path, operation)[1]


ONE_KIND = [path for path in EXAMPLES if path.name != "template.sh"]


@pytest.mark.parametrize("path", ONE_KIND, ids=name_of)
def test_what_a_handler_does_not_publish_it_need_not_remove(path: Path, dead: dict[str, str], tmp_path: Path) -> None:
    """Lost: the journal's entry, which stays since cleanup fails as perform did."""
    wrong = "dns-01" if variables(path)["cbot_type"] != "dns-01" else "http-01"
    there = tmp_path / "there"
    there.mkdir()
    environment = {**dead, **variables(path), "cbot_type": wrong, "type": wrong, "cbot_txt_domain": ""}
    environment |= {"cbot_z_domain": "", "CHALLENGE_FOLDER": str(there), "ACME_TLS_FOLDER": str(there)}
    for operation, fails in (("perform", True), ("cleanup", False)):
        ended = called(path.read_text(), path.suffix, tmp_path, [operation], environment, wrong)
        assert (ended.returncode != 0) is fails, (operation, ended)
