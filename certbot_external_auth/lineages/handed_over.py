"""Remembers which certificates were handed over, in one small file, and what this process has tried, in memory.

A certificate is due if its fingerprint differs from the one that was handed over last. The state file lies in Certbot's
work directory. If the file has nothing about a configuration directory yet, the first contact as installer notes the
fingerprints of all its certificates: none is handed over only because the plugin is new.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable, Mapping
from typing import Any

from certbot_external_auth.files import file_signature, own_folder
from certbot_external_auth.lineages import live
from certbot_external_auth.lineages.deployment import Deployment
from certbot_external_auth.lineages.lineage import live_folder

logger = logging.getLogger(__name__)

FILE = "deployments.json"
VERSION = 1


def live_certificates(config_dir: str) -> dict[str, str | None]:
    """Return the fingerprint of the live certificate of every lineage; None where it cannot be read."""
    return live.of(config_dir).fingerprints()


def has_changed(before: Mapping[str, str | None], lineage: str, sha256: str | None) -> bool:
    """Tell whether a lineage's certificate has changed, or is new. False if one of the two cannot be read.

    :param before: what `live_certificates` returned before.
    :param sha256: the fingerprint now.
    """
    if sha256 is None:
        return False
    return lineage not in before or before[lineage] not in (None, sha256)


def lineage_of(path: str, config_dir: str) -> str | None:
    """Return the lineage to which a live certificate file belongs; None for a file elsewhere."""
    folder = os.path.dirname(os.path.abspath(path))
    parent = live_folder(os.path.abspath(config_dir))
    return os.path.basename(folder) if os.path.dirname(folder) == parent else None


def lineage_with(names: set[str], config_dir: str, told: str | None = None) -> str | None:
    """Return the lineage whose live certificate has exactly these names.

    :param told: the lineage that it is, if it has these names. Otherwise it is the first one that has.
    """
    found = live.of(config_dir)
    return told if told is not None and found.has_names(told, frozenset(names)) else found.with_names(frozenset(names))


Key = tuple[str, str, str]
"""Lineage or path, domain, and fingerprint of a certificate."""


class Attempts:
    """What this process saw and tried.

    :ivar before: fingerprints of the live certificates at the first contact.
    :ivar failed: lineages whose last deployment did not succeed.
    """

    def __init__(self, before: Mapping[str, str | None]) -> None:
        self.before = before
        self.failed: set[str] = set()
        self._tried: set[Key] = set()
        self._succeeded: set[Key] = set()

    def once(self, deployment: Deployment) -> bool:
        """Count an attempt; False if this process has tried the same before."""
        key = _key(deployment, deployment.domain)
        if key in self._tried:
            return False
        self._tried.add(key)
        return True

    def succeeded(self, deployment: Deployment) -> None:
        """Count a success."""
        self._succeeded.add(_key(deployment, deployment.domain))

    def all_succeeded(self, deployment: Deployment, names: Iterable[str]) -> bool:
        """Tell whether the certificate was handed over for each of these names."""
        return all(_key(deployment, name) in self._succeeded for name in names)

    def tried(self, lineage: str) -> bool:
        """Tell whether this process has tried to hand over a certificate of a lineage."""
        return any(key[0] == lineage for key in self._tried)


def _key(deployment: Deployment, name: str) -> Key:
    return deployment.lineage or deployment.cert_path, name, deployment.sha256


_attempts: dict[str, Attempts] = {}


def attempts_for(config_dir: str) -> Attempts:
    """Return what this process saw and tried in a configuration directory. The first call is the first contact."""
    if config_dir not in _attempts:
        _attempts[config_dir] = Attempts(live_certificates(config_dir))
    return _attempts[config_dir]


_states: dict[str, tuple[file_signature.Signature, dict[str, Any]]] = {}
"""By work directory, the state file as this process read or wrote it last; its content is never changed in place."""


class HandedOver:
    """The certificates of one configuration directory that were handed over: its part of the state file.

    Every method raises OSError if the file cannot be used.
    """

    def __init__(self, config_dir: str, work_dir: str) -> None:
        self._config_dir = os.path.abspath(config_dir)
        self._work_dir = os.path.abspath(work_dir)

    def baseline(self) -> None:
        """Count every live certificate as handed over, at the first contact as installer; does nothing later."""
        content = self._load()
        if self._config_dir not in content["config_dirs"]:
            live_now = live_certificates(self._config_dir).items()
            self._change(content, {name: {"sha256": value} for name, value in live_now if value is not None})

    def deployed(self, lineage: str) -> str | None:
        """Return the fingerprint of the certificate that was handed over last; None if none was."""
        value = self._lineages(self._load()).get(lineage, {}).get("sha256")
        return value if isinstance(value, str) else None

    def known(self) -> dict[str, str | None]:
        """Return this fingerprint for every lineage that was handed over, or begun; None while it is only begun.

        Only looks: nothing is created or changed. A state file that is damaged says nothing.
        """
        try:
            with own_folder.looked_into(self._work_dir) as folder:
                content = self._read(folder)
        except (FileNotFoundError, ValueError, RecursionError):
            return {}
        return {name: entry.get("sha256") for name, entry in self._lineages(content).items()}

    def begin(self, lineage: str) -> None:
        """Note that a deployment begins. Until `record`, the lineage counts as due, even after a crash."""
        content = self._load()
        if lineage not in self._lineages(content):
            self._change(content, {lineage: {"sha256": None}})

    def record(self, lineage: str, sha256: str) -> None:
        """Note that a certificate was handed over."""
        self._change(self._load(), {lineage: {"sha256": sha256}})

    def _lineages(self, content: dict[str, Any]) -> dict[str, Any]:
        lineages = content["config_dirs"].get(self._config_dir, {"lineages": {}})["lineages"]
        assert isinstance(lineages, dict)
        return lineages

    def _change(self, content: dict[str, Any], entries: dict[str, Any]) -> None:
        own = {**content["config_dirs"].get(self._config_dir, {}), "lineages": {**self._lineages(content), **entries}}
        self._store({**content, "config_dirs": {**content["config_dirs"], self._config_dir: own}})

    def _load(self) -> dict[str, Any]:
        try:
            with own_folder.opened(self._work_dir, create=False) as folder:
                return self._read(folder)
        except FileNotFoundError:
            return {"version": VERSION, "config_dirs": {}}
        except (ValueError, RecursionError):
            return self._set_aside()

    def _read(self, folder: int) -> dict[str, Any]:
        """Return the content of the state file.

        :param folder: that it lies in.
        :raises ValueError: if it is damaged. Deep nesting raises RecursionError.
        """
        known = _states.get(self._work_dir)
        if known and known[0] == file_signature.of(os.stat(FILE, dir_fd=folder, follow_symlinks=False)):
            return known[1]
        descriptor = own_folder.file(folder, FILE)
        with os.fdopen(descriptor, encoding="utf-8") as file:
            signature = file_signature.of(os.fstat(descriptor))
            content = _checked(json.loads(file.read(50_000_000)))
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
    for part in value["config_dirs"].values():
        lineages = part.get("lineages") if isinstance(part, dict) else None
        if not isinstance(lineages, dict) or not all(isinstance(entry, dict) for entry in lineages.values()):
            raise ValueError("not a state file")
    return value
