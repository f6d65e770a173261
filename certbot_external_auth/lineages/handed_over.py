"""Which certificates were handed over: one small file, and what this process saw and tried.

A certificate is due when its fingerprint differs from the last one deployed with success. The state file lies in
Certbot's work directory; the first contact as installer that finds nothing in it for this configuration directory
notes the fingerprints of all lineages present, so that nothing is deployed just because the plugin is new.
"""

from __future__ import annotations

import json
import logging
import os
from dataclasses import dataclass, field
from typing import Any

from certbot_external_auth.files import file_signature, own_folder
from certbot_external_auth.lineages import live

logger = logging.getLogger(__name__)

FILE = "deployments.json"
VERSION = 1


def live_certificates(config_dir: str) -> dict[str, str]:
    """Fingerprint of the live certificate of every lineage."""
    return live.of(config_dir).fingerprints()


def lineage_of(path: str, config_dir: str) -> str | None:
    """The lineage a live certificate file belongs to, None for a file elsewhere."""
    folder = os.path.dirname(os.path.abspath(path))
    live = os.path.join(os.path.abspath(config_dir), "live")
    return os.path.basename(folder) if os.path.dirname(folder) == live else None


def lineage_with(names: set[str], config_dir: str) -> str | None:
    """The lineage whose live certificate has exactly these names."""
    return live.of(config_dir).with_names(frozenset(names))


@dataclass
class Process:
    """What this process saw and did.

    :ivar before: fingerprints at the first contact.
    :ivar tried: deployments tried, by lineage or path, domain and fingerprint.
    :ivar failed: lineages whose deployment failed.
    """

    before: dict[str, str]
    tried: set[tuple[str, str, str]] = field(default_factory=set)
    done: set[tuple[str, str, str]] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)


_processes: dict[str, Process] = {}


def process(config_dir: str) -> Process:
    """The memory of this process for a configuration directory, made at the first call."""
    if config_dir not in _processes:
        _processes[config_dir] = Process(before=live_certificates(config_dir))
    return _processes[config_dir]


_states: dict[str, tuple[file_signature.Signature, dict[str, Any]]] = {}
"""By work directory, the state file as this process read or wrote it last; nobody changes such a content in place."""


class State:
    """The state file, for one configuration directory."""

    def __init__(self, config_dir: str, work_dir: str) -> None:
        self._config_dir = os.path.abspath(config_dir)
        self._work_dir = os.path.abspath(work_dir)

    def baseline(self) -> None:
        """At the first contact as installer; does nothing where there was one before."""
        content = self._load()
        if self._config_dir not in content["config_dirs"]:
            self._change(
                content, {name: {"sha256": value} for name, value in live_certificates(self._config_dir).items()}
            )

    def deployed(self, lineage: str) -> str | None:
        """Fingerprint of the last one deployed with success."""
        value = self._lineages(self._load()).get(lineage, {}).get("sha256")
        return value if isinstance(value, str) else None

    def known(self) -> dict[str, str | None]:
        """Every lineage that was deployed, or that a deployment was begun for."""
        return {name: entry.get("sha256") for name, entry in self._lineages(self._load()).items()}

    def begin(self, lineage: str) -> None:
        """A deployment begins; until `record` the lineage counts as due, also after a crash."""
        content = self._load()
        if lineage not in self._lineages(content):
            self._change(content, {lineage: {"sha256": None}})

    def record(self, lineage: str, sha256: str) -> None:
        self._change(self._load(), {lineage: {"sha256": sha256}})

    def _lineages(self, content: dict[str, Any]) -> dict[str, Any]:
        found = content["config_dirs"].get(self._config_dir, {"lineages": {}})["lineages"]
        assert isinstance(found, dict)
        return found

    def _change(self, content: dict[str, Any], entries: dict[str, Any]) -> None:
        own = {**content["config_dirs"].get(self._config_dir, {}), "lineages": {**self._lineages(content), **entries}}
        self._store({**content, "config_dirs": {**content["config_dirs"], self._config_dir: own}})

    def _load(self) -> dict[str, Any]:
        known = _states.get(self._work_dir)
        try:
            with own_folder.opened(self._work_dir, create=False) as folder:
                if known and known[0] == file_signature.of(os.stat(FILE, dir_fd=folder, follow_symlinks=False)):
                    return known[1]
                descriptor = os.open(FILE, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
        except FileNotFoundError:
            return {"version": VERSION, "config_dirs": {}}
        with os.fdopen(descriptor, encoding="utf-8") as file:
            signature = file_signature.of(os.fstat(descriptor))
            try:
                content = _checked(json.loads(file.read(50_000_000)))
            except (ValueError, RecursionError):
                return self._set_aside()
        _states[self._work_dir] = (signature, content)
        return content

    def _set_aside(self) -> dict[str, Any]:
        aside = f"{FILE}.damaged"
        with own_folder.opened(self._work_dir, create=False) as folder:
            os.replace(FILE, aside, src_dir_fd=folder, dst_dir_fd=folder)
        logger.warning(
            "What was noted about deployed certificates could not be read and is set aside as %s; every certificate "
            "counts as not deployed.",
            own_folder.path(self._work_dir, aside),
        )
        content: dict[str, Any] = {"version": VERSION, "config_dirs": {self._config_dir: {"lineages": {}}}}
        self._store(content)
        return content

    def _store(self, content: dict[str, Any]) -> None:
        data = json.dumps(content, indent=1, sort_keys=True).encode()
        with own_folder.opened(self._work_dir, create=True) as folder:
            written = own_folder.put(folder, FILE, data, sync=True)
            try:
                _states[self._work_dir] = (file_signature.of(os.fstat(written)), content)
            finally:
                os.close(written)
            os.fsync(folder)


def _checked(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict) or value.get("version") != VERSION or not isinstance(value.get("config_dirs"), dict):
        raise ValueError("not a state file of this version")
    for one in value["config_dirs"].values():
        lineages = one.get("lineages") if isinstance(one, dict) else None
        if not isinstance(lineages, dict) or not all(isinstance(entry, dict) for entry in lineages.values()):
            raise ValueError("not a state file")
    return value
