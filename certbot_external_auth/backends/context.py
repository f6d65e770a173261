"""The `Context` that a backend is made with, and the function that loads a backend."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from certbot_external_auth.dialects import Facts
from certbot_external_auth.extensions import load
from certbot_external_auth.handler_setup import command_line
from certbot_external_auth.progress import NOWHERE, Progress
from certbot_external_auth.settings import Settings
from certbot_external_auth.visibility.probe import Surroundings
from certbot_external_auth.visibility.publisher import Publisher

if TYPE_CHECKING:
    from certbot_external_auth.interfaces import Backend

GROUP = "certbot_external_auth.backends"
BUILT_IN = {
    "handler": "certbot_external_auth.backends.handler.backend:HandlerBackend",
    "json": "certbot_external_auth.backends.json_lines:JsonBackend",
    "manual": "certbot_external_auth.backends.manual.backend:ManualBackend",
    "stateless": "certbot_external_auth.backends.stateless:StatelessBackend",
}
_DEHYDRATED = "dehydrated"
HISTORIC_JSON = "certbot_external_auth.backends.historic_lines:HistoricBackend"
"""The backend for mode json in protocol 0."""


@dataclass(frozen=True)
class Context:
    """What a backend is made with.

    :ivar words: the handler's command line, files absolute; empty in other modes.
    :ivar deploy_words: the same of the command that takes certificates; empty if the publisher does.
    :ivar origin: the flag that has the command line `words`.
    :ivar unattended: Certbot was told not to ask (``-n``, ``renew``).
    :ivar renewing: Certbot's verb is renew.
    :ivar silent: print nothing but problems (``-q``, ``renew``).
    :ivar preferred: what ``--preferred-challenges`` names, empty if it was not given.
    :ivar server: the CA's directory.
    :ivar account: the id of the account in Certbot's files; empty if it is not known before the order.
    :ivar tls_port: where a server must answer TLS challenges (``--https-port``).
    :ivar folder: working directory of a handler; None is the caller's.
    :ivar recovering: the backend withdraws what an earlier run left. A handler gets no call for the end of the process.
    :ivar http_port: where a server must answer http-01 (``--http-01-port``).
    :ivar subset: Certbot may leave out names that fail (``--allow-subset-of-names``).
    :ivar until: monotonic time in seconds after which no call is started; None for no limit.
    :ivar deliberate: a person named the batch to withdraw. A call is then made even if it may publish instead.
    :ivar config_files: the files of the Dehydrated configuration.
    :ivar progress: tells a person how far a batch is.
    :ivar hear: takes each line that a handler prints: a label for the call, and the line.
    :ivar repeat: flags with which Certbot issues this certificate again, without its name.
    :ivar install: flags with which `certbot install` hands it over again, without its name.
    """

    settings: Settings
    facts: Facts
    words: tuple[str, ...] = ()
    deploy_words: tuple[str, ...] = ()
    origin: str = "--external-auth-handler"
    unattended: bool = False
    renewing: bool = False
    silent: bool = False
    preferred: tuple[str, ...] = ()
    server: str = ""
    account: str = ""
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
    progress: Progress = NOWHERE

    def named(self, words: Sequence[str] = ()) -> str:
        """Name who publishes in mode handler, for the beginning of a sentence.

        :param words: command line of one hook, if there are several.
        """
        if self.settings.provider is not None:
            return f"The provider {self.settings.provider}"
        return f"The handler {command_line.named(words or self.words)}"


def surroundings(context: Context) -> Surroundings:
    """Return what the probes must know to see what the CA will see."""
    return Surroundings(context.settings.verify_nameservers, context.http_port, context.tls_port)


def publisher(context: Context) -> Publisher:
    """Return who published, for sentences about what is visible."""
    settings, mode = context.settings, context.settings.mode
    if mode == "handler":
        return Publisher(context.named(), settings.dialect, settings.hook_chain, settings.wellknown or "")
    if mode == "stateless":
        return Publisher("The web server", stateless=True)
    return Publisher("The program that drives Certbot") if mode == "json" else Publisher()


def backend(name: str, context: Context) -> Backend:
    """Load a backend by its name, and make one object of it.

    :raises UsageError: if it cannot be loaded or does not provide `IBackend`.
    """
    from certbot_external_auth.interfaces import IBackend

    built_in = {**BUILT_IN, "json": HISTORIC_JSON} if context.settings.protocol == 0 else BUILT_IN
    made: Backend = load(GROUP, built_in, name, IBackend)(context)
    return made


def deploy_handler(context: Context) -> Backend | None:
    """Return what calls the command that takes certificates, in any mode; None if the publisher takes them.

    The command runs as the user who runs Certbot, whoever publishes.
    """
    if not context.deploy_words:
        return None
    settings = dataclasses.replace(
        context.settings,
        handler=context.settings.deploy_handler,
        dialect=_DEHYDRATED if context.settings.dialect == _DEHYDRATED else "native",
        provider=None,
        run_as=None,
        wellknown=None,
    )
    return backend(
        "handler",
        dataclasses.replace(
            context, settings=settings, words=context.deploy_words, origin="--external-auth-deploy-handler"
        ),
    )
