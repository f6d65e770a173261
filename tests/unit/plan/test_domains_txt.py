"""Lines of domains.txt, compared with what Dehydrated's own functions make of them."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from certbot_external_auth.plan.domains_txt import Flaw, Line, Unusable, parse

DEHYDRATED = Path("/usr/bin/dehydrated")


def lines(text: str) -> list[Line]:
    found = parse(text, "domains.txt")
    assert all(isinstance(one, Line) for one in found), found
    return [one for one in found if isinstance(one, Line)]


@pytest.mark.parametrize(
    ("text", "lineage", "names"),
    [
        ("a.test b.test > web", "web", ("a.test", "b.test")),
        ("a.test>web b.test", "web", ("a.test", "b.test")),
        ("A.test\t B.test \r", "a.test", ("a.test", "b.test")),
        ("a.te\rst b.test\r", "a.test", ("a.test", "b.test")),
        ("*.a.test > star", "star", ("*.a.test",)),
        ("*.a.test a.test", "a.test", ("*.a.test", "a.test")),
        ("ip:192.0.2.7 a.test", "192.0.2.7", ("ip:192.0.2.7", "a.test")),
    ],
)
def test_one_certificate_a_line(text: str, lineage: str, names: tuple[str, ...]) -> None:
    [line] = lines(f"# a comment\n\n{text}\n")
    assert (line.lineage, line.names, line.place) == (lineage, names, "domains.txt:3")


def test_names_and_addresses() -> None:
    [line] = lines("a.test ip:2001:db8::1")
    assert (line.domains, line.addresses) == (("a.test",), ("2001:db8::1",))
    assert line.identifiers == {"a.test", "2001:db8::1"}


@pytest.mark.parametrize(
    ("text", "flaw", "detail"),
    [
        ("a.test > x > y", Flaw.SEVERAL_ALIASES, "x y"),
        ("> web", Flaw.NO_NAME, ""),
        ("a.test > ../../root", Flaw.ALIAS_IS_A_PATH, "../../root"),
        ("a.test > .hidden", Flaw.ALIAS_IS_A_PATH, ".hidden"),
        ("a.test bücher.test $(id)", Flaw.NOT_A_NAME, "bücher.test $(id)"),
        ("a.test --server", Flaw.NOT_A_NAME, "--server"),
        ("ip:300.0.0.1", Flaw.NOT_A_NAME, "ip:300.0.0.1"),
    ],
)
def test_a_line_that_cannot_become_a_command(text: str, flaw: Flaw, detail: str) -> None:
    assert parse(text, "f") == [Unusable("f:1", flaw, detail)]


def test_the_last_line_may_end_without_a_newline() -> None:
    assert [line.alias for line in lines("a.test\r\nb.test")] == ["a.test", "b.test"]


@pytest.mark.skipif(not DEHYDRATED.exists(), reason="no Dehydrated to compare with")
def test_dehydrated_reads_the_same(tmp_path: Path) -> None:
    """Its own pipeline, copied out of the installed program."""
    text = "A.test  b.test\t>Web\r\n  # no\n\nc.test > x \n\td.test>y e.test\r\n"
    (tmp_path / "domains.txt").write_bytes(text.encode())
    [pipeline] = re.findall(r'\$\((<"\$\{DOMAINS_TXT\}" [^\n]*)\); do', DEHYDRATED.read_text())
    script = f'DOMAINS_TXT=domains.txt; _sed() {{ sed -r "$@"; }}; {pipeline}'
    theirs = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert [(line.names, line.alias) for line in lines(theirs)] == [(line.names, line.alias) for line in lines(text)]
    assert len(theirs.splitlines()) == 3
