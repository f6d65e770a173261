"""Writes docs/reliability.md. Each table has a section, which can be repeated alone and tells when it was made."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import time
from collections.abc import Mapping

from bench.machine import packaged, processor
from faults.table import Table

_HEAD = """# Reliability

`make faults` and `make mutants` write this page; do not edit it. The first line of each section has the command that
repeats the section, with the same random moments and values.

"""
_SECTION = re.compile(r"^(?=## )", re.MULTILINE)
_VERDICT = re.compile(r"^\*\*(.*)\.\*\*$", re.MULTILINE)
_PACKAGES = ("certbot", "acme", "certbot-external-auth")


def page(before: str, tables: Mapping[str, Table], seed: int) -> str:
    """Return the page with new sections for these tables.

    :param before: the page as it is, whose other sections stay; empty if there are none.
    :param tables: by the word that chooses each on the command line.
    """
    sections = {part.split("\n", 1)[0].removeprefix("## "): part.rstrip() for part in _SECTION.split(before)[1:]}
    for word, table in tables.items():
        head, rest = table.markdown().split("\n", 1)
        sections[table.title] = f"{head}\n\n{_made(word, table, seed)}\n{rest}".rstrip()
    verdicts = [f"- {title}: {_verdict(text)}\n" for title, text in sections.items()]
    return _HEAD + "".join(verdicts) + "".join(f"\n{text}\n" for text in sections.values())


def _verdict(section: str) -> str:
    verdict = _VERDICT.search(section)
    return verdict[1] if verdict else "unknown"


def _made(word: str, table: Table, seed: int) -> str:
    command = table.command or f"make faults ONLY={word}"
    versions = [f"{name} {importlib.metadata.version(name)}" for name in (*_PACKAGES, *table.packages)]
    return (
        f"`{command} SEED={seed}`, {time.strftime('%Y-%m-%d')}, {processor()}, {os.cpu_count()} cores, "
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}, {', '.join(versions)}, "
        f"Pebble {packaged('pebble')}"
    )
