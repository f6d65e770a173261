"""Python's clock of the day, moved by as many seconds as the file $CLOCK says, for a process with this on PYTHONPATH.

libfaketime is no use: it moves the clock by which Python waits as well. What C libraries ask, and the times of files,
stay true.
"""

import datetime
import os
import time

_time = time.time


def _shift() -> float:
    with open(os.environ["CLOCK"], encoding="ascii") as file:
        return float(file.read() or 0)


class _Meta(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _datetime)


_datetime = datetime.datetime


class _Datetime(_datetime, metaclass=_Meta):
    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> "_Datetime":
        return cls.fromtimestamp(time.time(), tz)

    @classmethod
    def utcnow(cls) -> "_Datetime":
        return cls.now(datetime.timezone.utc).replace(tzinfo=None)


if "CLOCK" in os.environ:
    time.time = lambda: _time() + _shift()
    datetime.datetime = _Datetime  # type: ignore[misc]
