"""The command that changes the options that Certbot has saved for a lineage."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

import certbot

from certbot_external_auth.text import flag_words

_HAS_RECONFIGURE = (2, 3)
"""The first Certbot with the verb `reconfigure`, by its CHANGELOG.md."""
NAME = "external-auth"


def command(
    lineage: str, flags: Sequence[str], installer: str | None, certbot_version: str = certbot.__version__
) -> str:
    """Return the command for a version of Certbot, quoted for a shell.

    :param flags: the new options of the plugin.
    :param installer: the lineage's installer. A Certbot without `reconfigure` forgets it unless it is given again.
    """
    name = flag_words(lineage)
    if version(certbot_version) >= _HAS_RECONFIGURE:
        return shlex.join(["certbot", "reconfigure", *name, *flags])
    plugins = ["-a", NAME, *(["-i", installer] if installer else [])]
    return shlex.join(["certbot", "certonly", "--force-renewal", *name, *plugins, *flags])


def version(text: str = certbot.__version__) -> tuple[int, ...]:
    """Return major and minor of a version of Certbot, by default of the running one."""
    return tuple(int(number) for number in re.findall(r"\d+", text)[:2])
