"""Describes the machine and the versions that were measured."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

PACKAGES = ("pebble", "dehydrated", "lego")


def introduction() -> Iterator[str]:
    """Write the beginning of docs/performance.md."""
    yield "# Performance"
    yield ""
    yield "Written by `make bench`; do not edit."
    yield ""
    yield f"- Machine: {processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}"
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("certbot", "acme", "zope.interface"))
    yield f"- Versions: Python {platform.python_version()}, {versions}"
    yield f"- Debian: {', '.join(f'{name} {packaged(name)}' for name in PACKAGES)}"
    yield f"- Plugin: certbot-external-auth {importlib.metadata.version('certbot-external-auth')}"
    yield f"- Date: {time.strftime('%Y-%m-%d')}"
    yield ""


def processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def packaged(name: str) -> str:
    """Return the version of a Debian package, because not every program prints its own."""
    try:
        asked = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", name], capture_output=True, text=True)
    except OSError:
        return "(version unknown)"
    return asked.stdout or "(version unknown)"
