"""Makes the environment of a handler: the caller's, without the variables of a snap or virtual environment."""

from __future__ import annotations

import os
from collections.abc import Mapping

from certbot_external_auth.handler_setup.command_line import SEARCH_PATH

# With these, a Python that the handler starts would load Certbot's libraries.
_PYTHON = ("PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV", "VIRTUAL_ENV_PROMPT", "__PYVENV_LAUNCHER__")


def handler_environment(caller: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for a handler.

    PATH is without the directories of the virtual environment or snap, and has a default if the caller has none.
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
