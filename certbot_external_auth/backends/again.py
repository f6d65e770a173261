"""A certificate that a person made has to be made by a person again: when, how, and how to be done with that."""

from __future__ import annotations

import atexit
import contextlib
import os
import shlex
from collections.abc import Callable, Mapping, Sequence

from certbot_external_auth import certificate, deployment
from certbot_external_auth.backends.instructions import wrapped

HANDLER = "a script (--external-auth-mode handler --external-auth-handler PATH)"
CNAME = "one CNAME to a zone that a script may write to (docs/delegation.md)"
_watched: set[str] = set()


def command(lineage: str, repeat: Sequence[str]) -> str:
    """What makes it again.

    :param repeat: the flags of this certificate, without its name.
    """
    return shlex.join(["certbot", "certonly", "--cert-name", lineage, *repeat])


def notice(lineage: str, day: str, repeat: Sequence[str], width: int) -> str:
    """After it was made; the command stands on a line of its own, to be pasted.

    :param day: its last day, ``YYYY-MM-DD``.
    """
    begin = (
        f"The certificate {lineage} ends on {day}. It must be made again before, by a person and with this command, "
        "since 'certbot renew' alone cannot:"
    )
    end = f"Two ways to be done with it: {HANDLER}; or, where no script can reach your zone, {CNAME}."
    return "\n\n".join([wrapped(begin, width), command(lineage, repeat), wrapped(end, width)])


def sentence(lineage: str, day: str | None, repeat: Sequence[str]) -> str:
    """The same for somebody who reads what cron sends."""
    ends = f" and ends on {day}" if day else ""
    return (
        f"The certificate {lineage} is made by a person (mode manual){ends}, so 'certbot renew' cannot renew it: make "
        f"it again with {command(lineage, repeat)} ; or be done with that by {HANDLER}, by {CNAME}, or by a program "
        "(--external-auth-mode json)."
    )


def last_day(config_dir: str, lineage: str) -> str | None:
    """The day the live certificate ends, UTC."""
    with contextlib.suppress(OSError, ValueError):
        path = os.path.join(config_dir, "live", lineage, "cert.pem")
        return certificate.read(path).not_after.date().isoformat()
    return None


def tell_at_exit(config_dir: str, say: Callable[[str, str], None]) -> None:
    """When Certbot ends, tell about the certificates that this process made; registered once for a folder.

    :param say: is given the lineage and its last day. A terminal that is gone by then is no failure.
    """
    if config_dir in _watched:
        return
    _watched.add(config_dir)
    before = deployment.live_certificates(config_dir)
    atexit.register(_tell, config_dir, before, say)


def _tell(config_dir: str, before: Mapping[str, str], say: Callable[[str, str], None]) -> None:
    for lineage, sha256 in deployment.live_certificates(config_dir).items():
        day = last_day(config_dir, lineage)
        if day is not None and before.get(lineage) != sha256:
            with contextlib.suppress(OSError):
                say(lineage, day)
