"""Which lineage `certbot renew` works on, as Certbot logs it.

Certbot tells a plugin the lineage only when it hands a certificate over. Before that its names are known, but several
lineages can have the same names: one with an RSA key and one with an ECDSA key.
"""

from __future__ import annotations

import logging
import os
import re

_LOGGER = "certbot._internal.display.obj"
_MESSAGE = "Notifying user: %s"
# Certbot wraps the line where it is long.
_PROCESSING = re.compile(r"Processing\s+(\S.*\.conf)", re.DOTALL)
_last: list[str] = []
"""The renewal file that was logged last, at the end."""


def listen() -> None:
    """Take note of each renewal file that Certbot begins with from now on."""
    logger = logging.getLogger(_LOGGER)
    # The plugin has two names, and is asked for its arguments under each.
    if not any(isinstance(handler, _Listener) for handler in logger.handlers):
        logger.addHandler(_Listener(logging.DEBUG))


def lineage(config_dir: str) -> str | None:
    """Return the lineage that Certbot works on; None if that is not known, or it belongs to another directory."""
    folder, file = os.path.split(_last[-1] if _last else "")
    if os.path.realpath(folder) != os.path.realpath(os.path.join(config_dir, "renewal")):
        return None
    return file.removesuffix(".conf")


class _Listener(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        if record.msg == _MESSAGE and isinstance(record.args, tuple) and len(record.args) == 1:
            found = _PROCESSING.fullmatch(str(record.args[0]))
            if found is not None:
                _last[:] = [found[1]]
