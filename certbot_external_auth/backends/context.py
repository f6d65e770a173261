"""Who carries challenges and certificates out: a handler, a JSON driver, a person."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from certbot_external_auth.dialects import Facts
from certbot_external_auth.extensions import load
from certbot_external_auth.settings import Settings
from certbot_external_auth.visibility import report
from certbot_external_auth.visibility.probe import Surroundings

if TYPE_CHECKING:
    from certbot_external_auth.interfaces import Backend

GROUP = "certbot_external_auth.backends"
BUILT_IN = {
    "handler": "certbot_external_auth.backends.handler.backend:HandlerBackend",
    "json": "certbot_external_auth.backends.json_lines:JsonBackend",
    "manual": "certbot_external_auth.backends.manual.backend:ManualBackend",
}
HISTORIC_JSON = "certbot_external_auth.backends.historic_lines:HistoricBackend"
"""What `json` is in protocol 0."""


@dataclass(frozen=True)
class Context:
    """What a backend is made with.

    :ivar words: the handler's command line, files absolute; empty in other modes.
    :ivar unattended: Certbot was told not to ask (``-n``, ``renew``).
    :ivar renewing: the verb is renew.
    :ivar silent: nothing may be printed for information (``-q``, ``renew``).
    :ivar preferred: what ``--preferred-challenges`` names, empty if it was not given.
    :ivar server: the CA's directory.
    :ivar tls_port: where a server must answer TLS challenges (``--https-port``).
    :ivar folder: working directory of a handler; None is the caller's.
    :ivar recovering: what an earlier run left is withdrawn, so calls for the end of the process are not due.
    :ivar http_port: where a server must answer http-01 (``--http-01-port``).
    :ivar subset: names that fail may be left out (``--allow-subset-of-names``).
    :ivar until: monotonic time after which no call is begun any more; None for no limit.
    :ivar deliberate: somebody named the batch that is withdrawn, so that also a call which may publish is made.
    :ivar config_files: what was read of a Dehydrated configuration.
    :ivar hear: called with each line that a handler prints: a label that names the call, and the line.
    :ivar repeat: flags by which Certbot makes this certificate once more, without its name.
    :ivar install: flags by which `certbot install` hands it over again, without its name.
    """

    settings: Settings
    facts: Facts
    words: tuple[str, ...] = ()
    unattended: bool = False
    renewing: bool = False
    silent: bool = False
    preferred: tuple[str, ...] = ()
    server: str = ""
    tls_port: int = 443
    folder: str | None = None
    recovering: bool = False
    http_port: int = 80
    subset: bool = False
    repeat: tuple[str, ...] = ()
    install: tuple[str, ...] = ()
    until: float | None = None
    config_files: tuple[str, ...] = ()
    deliberate: bool = False
    hear: Callable[[str, str], None] | None = None


def surroundings(context: Context) -> Surroundings:
    """Return what the probes must know to see what the CA will see."""
    return Surroundings(context.settings.verify_nameservers, context.http_port, context.tls_port)


def publisher(context: Context) -> report.Publisher:
    """Return who published, for sentences about what is visible."""
    settings, mode = context.settings, context.settings.mode
    if mode == "handler":
        return report.Publisher(f"The handler {context.words[0]}", settings.dialect, settings.hook_chain)
    return report.Publisher("The program that drives Certbot" if mode == "json" else "Whoever published")


def backend(name: str, context: Context) -> Backend:
    """Load a backend by its name, and make one object of it.

    :raises UsageError: if it cannot be loaded or does not provide `IBackend`.
    """
    from certbot_external_auth.interfaces import IBackend

    built_in = {**BUILT_IN, "json": HISTORIC_JSON} if context.settings.protocol == 0 else BUILT_IN
    made: Backend = load(GROUP, built_in, name, IBackend)(context)
    return made
