"""What a set-up is: how a host comes to be, what breaks, and what `rehearse` must say."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from faults.renewals.site import Site

Step = Callable[[Site], object]
PUBLISH = ("--publish",)
NO_CAA = "not tried: Pebble does not look at CAA records"


@dataclass(frozen=True)
class WillFail:
    """A host that has a certificate, and then breaks.

    :ivar issue: lets Certbot issue. :ivar spoil: what happens afterwards.
    :ivar code: of the finding. :ivar fix: words of its message that tell what to do.
    :ivar flags: of `rehearse`.
    :ivar unshown: why no renewal shows the failure; empty if one does.
    :ivar of_host: the finding is about all certificates.
    :ivar engine: that must be installed.
    """

    what: str
    issue: Step
    spoil: Step
    code: str
    fix: str
    flags: tuple[str, ...] = ()
    unshown: str = ""
    of_host: bool = False
    engine: str = ""


@dataclass(frozen=True)
class Healthy:
    """A host that has a certificate, and whose next renewal works.

    :ivar warned: codes of warnings.
    :ivar meanwhile: what happens during the rehearsal.
    :ivar unshown: why no renewal is tried; empty if one is.
    :ivar plain_ca: its CA does not tell by which names CAA records know it.
    :ivar engine: that must be installed.
    """

    what: str
    issue: Step
    flags: tuple[str, ...] = PUBLISH
    warned: tuple[str, ...] = ()
    meanwhile: Callable[[Site], contextlib.AbstractContextManager[object]] = contextlib.nullcontext
    unshown: str = ""
    plain_ca: bool = False
    engine: str = ""
