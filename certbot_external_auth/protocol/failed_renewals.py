"""Renewals that failed, as Certbot logs them.

`certbot renew` logs why it could not renew a certificate, and goes on with the next one. It calls no method of a plugin
then, so its log is the only place to learn it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

_LOGGER = "certbot._internal.renewal"
_MESSAGE = "Failed to renew certificate %s with error: %s"


def listen(told: Callable[[BaseException, str], None]) -> None:
    """Call a function for each renewal that fails from now on.

    :param told: called with what ended the renewal, and the name of the lineage.
    """
    logging.getLogger(_LOGGER).addHandler(_Listener(told))


class _Listener(logging.Handler):
    def __init__(self, told: Callable[[BaseException, str], None]) -> None:
        super().__init__(logging.ERROR)
        self._told = told

    def emit(self, record: logging.LogRecord) -> None:
        if record.msg == _MESSAGE and isinstance(record.args, tuple) and len(record.args) == 2:
            lineage, exception = record.args
            if isinstance(exception, BaseException):
                self._told(exception, str(lineage))
