"""What documents and messages tell people to type exists in every Certbot that the plugin supports, or says since when.

Guards against advice that Debian 12's Certbot answers with "unrecognized arguments".
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import certbot
import pytest
from certbot._internal.cli import verb_help

from tests.support.certbot_versions import FLAGS, NEWER, OLDEST, VERBS

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "certbot_external_auth"
PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *(path for path in ROOT.glob("examples/**/*") if path.is_file())]
)
SECTION = re.compile(r"^(?=#+ )", re.MULTILINE)
COMMAND = re.compile(r"(?<![\w-])certbot ((?:[^`\n]*\\\n)*[^`\n]*)")
"""The words of a command line behind `certbot`; it can go on in the next line."""
VERB = re.compile(r"(?<![\w-])certbot(?:[ \n]+|\\\n[ ]*)([a-z_]+)(?= -|`| \\|$)", re.MULTILINE)
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]+")
OURS = "--external-auth-"
SAYS_OLDER_WAY = re.compile(r"--force-renewal|renewal\.md#change-an-option|recent enough")
HIDDEN = {"--no-random-sleep-on-renew"}
"""Flags that Certbot accepts and does not show in its help."""
RUNNING = tuple(int(number) for number in re.findall(r"\d+", certbot.__version__)[:2])


def sections() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for section in SECTION.split(page.read_text()):
            yield f"{page.relative_to(ROOT)}: {section.splitlines()[0] if section else ''}", section


def flags_of(text: str) -> set[str]:
    typed = [flag for command in COMMAND.findall(text) for flag in FLAG.findall(command)]
    return {flag for flag in typed if not flag.startswith((OURS, "--certbot-external-auth"))}


def test_every_verb_and_flag_of_a_command_is_in_the_table() -> None:
    """Look a new one up in Certbot's changelog."""
    known = VERBS | FLAGS | set(NEWER)
    missing = [
        (where, word)
        for where, text in sections()
        for word in sorted(flags_of(text) | set(VERB.findall(text)))
        if word not in known
    ]
    assert missing == []


def test_a_section_that_names_a_newer_one_names_its_version() -> None:
    silent = []
    for where, text in sections():
        for word, version in NEWER.items():
            named = f"certbot {word}" if not word.startswith("-") else word
            if (
                re.search(rf"{re.escape(named)}(?![\w-])", text)
                and f"Certbot {'.'.join(map(str, version))}" not in text
            ):
                silent.append((where, word))
    assert silent == []


def test_a_section_that_advises_reconfigure_says_what_to_do_without_it() -> None:
    assert [
        where
        for where, text in sections()
        if "certbot reconfigure" in text and not where.startswith("CHANGELOG") and not SAYS_OLDER_WAY.search(text)
    ] == []


def messages() -> Iterator[tuple[str, str]]:
    """The strings of the package that are not docstrings."""
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text())
        explained = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in explained:
                yield str(path.relative_to(PACKAGE)), node.value


def test_messages_name_a_newer_one_only_where_the_version_is_looked_at() -> None:
    """A word alone is a key in a table, not advice."""
    # Flags that `check` accepts are no advice.
    looked_at = {"lineages/change.py", "plan/commands.py", "check/certbot_flags.py"}
    advised = [
        (where, text)
        for where, text in messages()
        for word in NEWER
        if re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text) and text != word and where not in looked_at
    ]
    assert advised == []


@pytest.mark.versions
def test_the_table_agrees_with_the_running_certbot() -> None:
    """Guards against a table that was written from memory."""
    words = [str(Path(sys.executable).parent / "certbot"), "--help", "all"]
    helped = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    accepted = set(FLAG.findall(helped)) | {verb for verb, _ in verb_help.VERB_HELP} | {"run"} | HIDDEN
    assert OLDEST <= RUNNING
    assert sorted((VERBS | FLAGS) - accepted) == []
    assert {word: word in accepted for word in NEWER} == {word: since <= RUNNING for word, since in NEWER.items()}
