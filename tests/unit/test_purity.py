"""Modules that call themselves pure do not reach the system."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "certbot_external_auth"
IMPURE = {"os", "socket", "subprocess", "time"}
LISTED = {
    "backends/handler/schedule.py",
    "backends/manual/instructions.py",
    "challenges/challenge.py",
    "challenges/dns01.py",
    "challenges/guard.py",
    "challenges/http01.py",
    "challenges/tlsalpn01.py",
    "challenges/tlssni01.py",
    "dialects/acmetool.py",
    "dialects/call.py",
    "dialects/certbot.py",
    "dialects/dehydrated.py",
    "dialects/lego.py",
    "dialects/native.py",
    "dialects/recognise.py",
    "dialects/uacme.py",
    "journal/entry.py",
    "protocol/answers.py",
    "protocol/lines.py",
    "visibility/report.py",
    "visibility/verdict.py",
}
"""Pure whether or not the first line of the module says so."""
NOT_WHOLLY = {"validation_certificates/build.py"}
"""Modules whose docstring uses the word for a part of them."""


def says_pure(path: Path) -> bool:
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return re.search(r"\bpure\b|\bno I/O\b", text, re.IGNORECASE) is not None


def pure() -> list[str]:
    """All modules that are listed, and all that say so themselves."""
    saying = {str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.py") if says_pure(path)}
    return sorted(LISTED | (saying - NOT_WHOLLY))


def imports(tree: ast.AST) -> Iterator[str]:
    """First names of what a module imports anywhere; imports for a type checker are none."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            continue
        if isinstance(node, ast.Import):
            yield from (name.name.partition(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").partition(".")[0]
        else:
            yield from imports(node)


@pytest.mark.parametrize("module", pure())
def test_a_pure_module_imports_nothing_that_reaches_the_system(module: str) -> None:
    """Guards against: a dialect or a rule whose result depends on more than its arguments."""
    found = set(imports(ast.parse((PACKAGE / module).read_text(encoding="utf-8"))))
    assert not found & IMPURE


def test_imports_are_found_wherever_they_stand() -> None:
    """Guards against: an import in a function, and one of a submodule, that this test does not see."""
    code = "import os.path\ndef f():\n    from socket import socket\nif TYPE_CHECKING:\n    import time\n"
    assert set(imports(ast.parse(code))) == {"os", "socket"}
