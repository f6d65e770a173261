"""What a renewal of many certificates reads: each certificate once, whatever Certbot makes a new plugin object for."""

from __future__ import annotations

import collections
import json
import os
import subprocess
import sys
from pathlib import Path

from certbot_external_auth.lineages import handed_over, live
from tests.support import lineages
from tests.support.directory import directory

COUNTED = """
import collections, json, os, sys
counts = collections.Counter()
def count(event, arguments):
    if event in ("open", "os.listdir") and isinstance(arguments[0], str):
        counts[event, os.path.basename(arguments[0])] += 1
sys.addaudithook(count)
from certbot.main import main
try:
    code = main(sys.argv[1:])
except SystemExit as error:
    code = error.code
print(json.dumps([[*key, value] for key, value in counts.items()]))
sys.exit(code)
"""


def renewed(folder: Path, count: int, server: str) -> collections.Counter[tuple[str, str]]:
    """How often files were opened and folders listed, by name, when nothing was due."""
    options = ("authenticator = external-auth", "installer = external-auth", "external_auth_mode = manual")
    lineages.make(folder / "config", count, server, options)
    # What a newer version of the plugin has left, which this one leaves alone: it is there at each look.
    journal = folder / "work" / "external-auth" / "journal"
    journal.mkdir(parents=True)
    (journal / "0123456789abcdef0123456789abcdef.json").write_text('{"version": 99}')
    folders = [f"--{kind}-dir={folder / kind}" for kind in ("config", "work", "logs")]
    words = [sys.executable, "-c", COUNTED, "renew", "-q", *folders]
    shown = subprocess.run(words, capture_output=True, text=True, check=True, cwd="/")
    return collections.Counter({(event, name): number for event, name, number in json.loads(shown.stdout)})


def test_reading_grows_with_the_certificates_and_not_with_their_square(tmp_path: Path) -> None:
    """Guards against: a renewal of 2000 certificates that reads the same files again for an hour."""
    with directory() as server:
        few, more, most = (renewed(tmp_path / str(count), count, server) for count in (5, 10, 15))
    opened = [sum(found["open", f"{kind}.pem"] for kind in ("cert", "cert1")) for found in (few, more, most)]
    assert opened[2] - opened[1] == opened[1] - opened[0]
    for found in (few, more, most):
        assert found["open", "deployments.json"] <= 1
        assert found["os.listdir", "live"] <= 2
        assert found["open", "0123456789abcdef0123456789abcdef.json"] == 1


def test_what_is_written_meanwhile_is_seen(tmp_path: Path) -> None:
    """Guards against: no deployment of a certificate that this process has written."""
    lineages.make(tmp_path, 2, "none", ())
    first, second = map(lineages.name, (0, 1))
    before = handed_over.live_certificates(str(tmp_path))
    assert handed_over.lineage_with({first}, str(tmp_path)) == first
    lineages.one(tmp_path, first, "none", ())
    after = handed_over.live_certificates(str(tmp_path))
    assert (before[first] == after[first], before[second] == after[second]) == (False, True)
    lineages.make(tmp_path, 1, "none", (), first=2)
    assert handed_over.lineage_with({lineages.name(2)}, str(tmp_path)) == lineages.name(2)
    (tmp_path / "live" / first / "cert.pem").unlink()
    assert first not in handed_over.live_certificates(str(tmp_path))
    assert handed_over.lineage_with({first}, str(tmp_path)) is None


def test_a_certificate_in_place_of_another_is_found_by_its_own_names(tmp_path: Path) -> None:
    lineages.make(tmp_path, 1, "none", ())
    name = lineages.name(0)
    assert handed_over.lineage_with({name}, str(tmp_path)) == name
    (tmp_path / "live" / name / "cert.pem").write_bytes(lineages.certificate("other.example"))
    assert handed_over.lineage_with({name}, str(tmp_path)) is None
    assert handed_over.lineage_with({"other.example"}, str(tmp_path)) == name


def test_what_cannot_be_read_stands_in_nobodys_way(tmp_path: Path) -> None:
    lineages.make(tmp_path, 1, "none", ())
    for name in ("a", "b", "z"):
        (tmp_path / "live" / name).mkdir()
    (tmp_path / "live" / "a" / "cert.pem").write_text("no certificate")
    (tmp_path / "live" / "README").write_text("")
    (tmp_path / "live" / "z" / "cert.pem").symlink_to("nowhere")
    known = live.of(str(tmp_path)).fingerprints()
    assert [name for name, sha256 in known.items() if sha256 is not None] == [lineages.name(0)]
    # What is there and cannot be read is unknown; what is not there is not.
    assert [name for name, sha256 in known.items() if sha256 is None] == ["a"]
    assert live.of(str(tmp_path / "nothing")).fingerprints() == {}


def test_a_certificate_that_cannot_be_read_for_a_while_has_not_changed(tmp_path: Path) -> None:
    """Guards against: deploying what was not renewed, and waiting for a pipe in another user's folder."""
    lineages.make(tmp_path, 1, "none", ())
    name = lineages.name(0)
    before = handed_over.live_certificates(str(tmp_path))
    path = tmp_path / "live" / name / "cert.pem"
    target = path.readlink()
    path.unlink()
    os.mkfifo(path)
    meanwhile = handed_over.live_certificates(str(tmp_path))
    assert meanwhile == {name: None}
    assert not handed_over.has_changed(before, name, meanwhile[name])
    path.unlink()
    path.symlink_to(target)
    after = handed_over.live_certificates(str(tmp_path))
    assert after == before
    assert not handed_over.has_changed(meanwhile, name, after[name])
    assert handed_over.has_changed({}, name, after[name])


def test_what_is_noted_elsewhere_meanwhile_is_seen(tmp_path: Path) -> None:
    """Guards against: overwriting the notes of another process with what this one read before."""
    ours, theirs = (handed_over.HandedOver(str(tmp_path / name), str(tmp_path / "work")) for name in ("ours", "theirs"))
    ours.record("a", "01")
    assert ours.deployed("a") == "01"
    code = (
        "import sys; from certbot_external_auth.lineages import handed_over; "
        "handed_over.HandedOver(*sys.argv[1:3]).record('a', '02')"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "ours"), str(tmp_path / "work")], check=True)
    assert ours.deployed("a") == "02"
    theirs.record("b", "03")
    assert (ours.deployed("a"), ours.deployed("b"), theirs.deployed("b")) == ("02", None, "03")
    (tmp_path / "work" / "external-auth" / "deployments.json").unlink()
    assert ours.deployed("a") is None
