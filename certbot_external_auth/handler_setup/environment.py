"""Makes the environment of a handler: the caller's, without what points into Certbot's virtual environment or snap."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence

from certbot_external_auth.handler_setup.command_line import SEARCH_PATH

_POINTING = (
    "PATH",
    "PYTHONPATH",
    "PYTHONHOME",
    "VIRTUAL_ENV",
    "__PYVENV_LAUNCHER__",
    "LD_LIBRARY_PATH",
    "OPENSSL_MODULES",
    "AUGEAS_LENS_LIB",
    "CERTBOT_AUGEAS_PATH",
)
"""Variables with one or more paths. With one into Certbot's own environment, a program that the handler starts would
load Certbot's libraries in place of its own."""
_OF_THE_SNAP = ("SNAP", "CERTBOT_SNAPPED", "CERTBOT_PLUGIN_PATH", "OPENSSL_FORCE_FIPS_MODE")
"""What Certbot's snap sets besides: its recipe, and `snap_config.py` of Certbot. snapd sets SNAP and SNAP_*."""
_LIBRARIES_OF_SNAPD = "/var/lib/snapd"


def handler_environment(caller: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for a handler.

    Of paths, only those into Certbot's own environment are left out: the virtual environment that its Python runs in,
    and the snap. Others are the caller's choice, as for the hooks of Certbot's ``--manual``. PATH has a default if the
    caller has none.
    """
    own = _roots([sys.prefix] if sys.prefix != sys.base_prefix else [])
    environment = dict(caller)
    if "SNAP" in caller:
        own += _roots([caller["SNAP"], _LIBRARIES_OF_SNAPD])
        environment = {name: value for name, value in caller.items() if not _of_the_snap(name)}
    for name in filter(environment.__contains__, _POINTING):
        paths = environment.pop(name).split(os.pathsep)
        # An empty entry of PATH is the current folder, in which another user may have put a program.
        kept = [path for path in paths if not _below(path, own) and (path or name != "PATH")]
        if kept:
            environment[name] = os.pathsep.join(kept)
    if "VIRTUAL_ENV" not in environment:
        environment.pop("VIRTUAL_ENV_PROMPT", None)
    environment.setdefault("PATH", SEARCH_PATH)
    return environment


def _of_the_snap(name: str) -> bool:
    return name in _OF_THE_SNAP or name.startswith("SNAP_")


def _roots(folders: Sequence[str]) -> list[str]:
    """Return folders as they are written, and without symbolic links; each with a slash at its end."""
    return [
        os.path.join(each, "") for folder in folders for each in (os.path.normpath(folder), os.path.realpath(folder))
    ]


def _below(path: str, roots: Sequence[str]) -> bool:
    if not path:
        return False
    return any(os.path.join(each, "").startswith(root) for each in (path, os.path.realpath(path)) for root in roots)
