"""The environment a handler is started with: the caller's, without what a snap or virtual environment put there."""

from __future__ import annotations

import os
from collections.abc import Mapping

from certbot_external_auth.handler_setup.command_line import SEARCH_PATH

# They point any Python the handler starts at Certbot's own libraries.
_PYTHON = ("PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV", "VIRTUAL_ENV_PROMPT", "__PYVENV_LAUNCHER__")


def handler_environment(caller: Mapping[str, str]) -> dict[str, str]:
    """A new mapping; `caller` is left alone.

    PATH loses the directories of the virtual environment or snap, and is set where the caller has none.
    """
    environment = {
        name: value
        for name, value in caller.items()
        if name not in _PYTHON and not name.startswith("SNAP") and name != "CERTBOT_SNAPPED"
    }
    foreign = [root for root in (caller.get("VIRTUAL_ENV"), caller.get("SNAP")) if root]
    if "SNAP" in caller:
        environment.pop("LD_LIBRARY_PATH", None)
    kept = [
        folder
        for folder in caller.get("PATH", "").split(os.pathsep)
        if folder and not any(folder == root or folder.startswith(root.rstrip("/") + "/") for root in foreign)
    ]
    environment["PATH"] = os.pathsep.join(kept) or SEARCH_PATH
    return environment
