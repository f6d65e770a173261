"""The documents for readers: their links lead somewhere, and the messages that they explain exist."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")])
LINK = re.compile(r"\[[^]]*\]\(([^)\s]+)\)")
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"^    .*$", re.MULTILINE)
CERTBOTS_OWN = (
    *("unrecognized arguments", "rateLimited"),
    "The 'certbot_external_auth.plugin' plugin errored while loading",
    *("The requested", "plugin does not appear to be installed"),
    *("Another instance of Certbot is already running", "Missing command line flag or config entry for this setting"),
    *("Some challenges have failed.", "None of the preferred challenges", "Certificate not yet due for renewal"),
    *("Renewal configuration file", "is broken."),
)
"""Parts of messages in docs/troubleshooting.md that Certbot, Python or a CA prints."""


def prose(page: Path) -> str:
    return INDENTED.sub("", FENCED.sub("", page.read_text()))


@functools.cache
def anchors(page: Path) -> set[str]:
    """As hosting sites make them from headings."""
    headings = re.findall(r"^#+ (.*)$", FENCED.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links() -> Iterator[tuple[Path, str]]:
    for page in PAGES:
        for target in LINK.findall(prose(page)):
            if not re.match(r"https?:", target):
                yield page, target


def test_links_lead_somewhere() -> None:
    """Guards against pages that are renamed, and headings that are reworded, while a link to them stays."""
    broken = []
    for page, target in links():
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        if not there.exists() or (anchor and anchor not in anchors(there)):
            broken.append(f"{page.relative_to(ROOT)}: {target}")
    assert broken == []


def test_every_page_can_be_found_from_the_index() -> None:
    index = ROOT / "docs" / "README.md"
    listed = {(index.parent / target).resolve() for page, target in links() if page == index}
    assert set(ROOT.glob("docs/**/*.md")) - {index} <= listed


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 200


@functools.cache
def code() -> str:
    """The package's text, its messages joined where a line ends."""
    text = "\n".join(path.read_text() for path in sorted((ROOT / "certbot_external_auth").glob("**/*.py")))
    return re.sub(r'"\s*\n\s*f?"', "", text)


def printed() -> Iterator[tuple[str, str]]:
    """Every string of the package that can be part of a message, that is, every one but docstrings."""
    for path in sorted((ROOT / "certbot_external_auth").glob("**/*.py")):
        tree = ast.parse(path.read_text())
        alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in alone:
                yield str(path.relative_to(ROOT)), node.value


def test_no_message_leads_to_a_page_that_is_not_installed() -> None:
    """Guards against a path in cron's mail that exists in a checkout only. A message has the words that help."""
    paths = re.compile(r"\b(docs|examples)/|\b[A-Za-z-]+\.md\b")
    assert [(where, text) for where, text in printed() if paths.search(text)] == []


def messages() -> list[str]:
    rows = re.findall(r"^\| ([^|]+) \|", (ROOT / "docs" / "troubleshooting.md").read_text(), re.MULTILINE)
    quoted = [message for row in rows for message in re.findall(r"`([^`]+)`", row)]
    parts = [part.strip(" :") for message in quoted for part in message.split("…")]
    return [part for part in parts if part]


@pytest.mark.parametrize("part", sorted(set(messages()) - set(CERTBOTS_OWN)))
def test_a_message_that_is_explained_is_one_of_the_plugins(part: str) -> None:
    """Guards against: an entry that cannot be found, because the message was reworded."""
    assert part in code()
