"""Every option once, and the checked settings that result from them.

Each Certbot command of the host loads this module, so it holds only data; `configuration.resolution` reads and checks
what was given. Certbot keeps an option in the renewal file only as text, so every option is text there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from certbot_external_auth.option import MODES as MODES
from certbot_external_auth.option import Kind as Kind
from certbot_external_auth.option import Option as Option

if TYPE_CHECKING:
    from certbot_external_auth.endpoint import Endpoint

NAME, HISTORIC_NAME = "external-auth", "certbot-external-auth:out"
"""The plugin's names in Certbot: today's, and that of 2016-2020."""
DIALECTS = ("native", "dehydrated", "certbot", "lego", "lego-raw", "uacme", "acmetool")
PUBLISHERS = ("handler", "provider", "dehydrated-config", "routes")
"""Options that name who publishes, and so imply the mode handler."""
ENGINES = ("acme.sh", "lego", "lexicon", "certbot", "httpreq")
"""Engines by which providers are reached."""
PROVIDER = "provider"
"""What `Settings.dialect` says of a provider, which is not called in any dialect."""
CHAINING_DIALECTS = ("dehydrated",)
OFF = "off"
VERIFY = ("auto", "strict", OFF)
MAX_SECONDS = 2_000_000
"""About three weeks; poll() takes at most 2**31 milliseconds."""
SESSION = "CERTBOT_EXTERNAL_AUTH_SESSION"
"""The variable in which `certbot-external-auth begin` names its session's folder to the Certbot it starts."""


_HANDLER = ("handler",)
_JSON = ("json",)

OPTIONS = (
    Option(
        "mode",
        "Who publishes the challenges: handler (a script), json (the program that started Certbot, which exchanges "
        "JSON lines with it), manual (a person at the terminal), stateless (http-01 only: web servers answer "
        "each token from the account's thumbprint; see certbot-external-auth thumbprint).",
        "MODE",
        kind=Kind.WORD,
        accepted=MODES,
        default_help="handler if a handler, provider, routes or dehydrated-config is given, else manual",
    ),
    Option(
        "handler",
        "The handler: a path, the name of a program on PATH, or a command line with arguments.",
        "COMMAND",
        kind=Kind.COMMAND_LINE,
        modes=_HANDLER,
        of_handler=True,
        in_dehydrated_config=True,
    ),
    Option(
        "provider",
        "A DNS provider, in place of a handler: ENGINE:NAME. The engine is a program or library of this machine that "
        "reaches the provider. Its settings come from the env file.",
        "ENGINE:NAME",
        kind=Kind.PROVIDER,
        accepted=ENGINES,
        modes=_HANDLER,
    ),
    Option(
        "routes",
        "File that says who publishes for which names, if one certificate has names at several providers.",
        "FILE",
        modes=_HANDLER,
    ),
    Option(
        "dialect",
        "How the plugin calls the handler: native, or as another client calls its hooks: dehydrated, certbot "
        "(--manual-auth-hook), lego and lego-raw (provider exec), uacme, acmetool (a hook or a folder of hooks).",
        "DIALECT",
        kind=Kind.WORD,
        accepted=DIALECTS,
        default="native",
        modes=_HANDLER,
        of_handler=True,
        deploys=True,
        in_dehydrated_config=True,
    ),
    Option(
        "cleanup-handler",
        "Dialect certbot: the script that you would give to --manual-cleanup-hook. Without it the plugin removes "
        "nothing.",
        "COMMAND",
        kind=Kind.COMMAND_LINE,
        modes=_HANDLER,
        of_handler=True,
        only_dialect="certbot",
    ),
    Option(
        "deploy-handler",
        "A command for new certificates, in every mode: the plugin calls it with deploy_cert and unchanged_cert, in "
        "place of what publishes. Its dialect is dehydrated if that is the dialect, else native.",
        "COMMAND",
        kind=Kind.COMMAND_LINE,
    ),
    Option(
        "hook-chain",
        "Dialect dehydrated: yes makes one call for all challenges of a batch, instead of one call for each.",
        "YES/NO",
        kind=Kind.YES_NO,
        default=False,
        modes=_HANDLER,
        of_handler=True,
        only_dialect="dehydrated",
        in_dehydrated_config=True,
    ),
    Option(
        "jobs",
        "How many handler calls may run at the same time. Calls for the same TXT name never overlap. A value above 1 "
        "needs a handler of which several copies may run at once.",
        "NUMBER",
        kind=Kind.NUMBER,
        least=1,
        default=1,
        modes=_HANDLER,
    ),
    Option(
        "timeout",
        "Seconds that one handler call may take. Then the plugin ends the handler and every process that it started. "
        "0 means no limit.",
        "SECONDS",
        kind=Kind.SECONDS,
        default=300.0,
        modes=_HANDLER,
        deploys=True,
    ),
    Option(
        "dehydrated-config",
        "An existing Dehydrated configuration. The plugin uses its exports, HOOK, HOOK_CHAIN, WELLKNOWN and "
        "CHALLENGETYPE; flags override them. Implies the dialect dehydrated.",
        "FILE",
        modes=_HANDLER,
        of_handler=True,
        only_dialect="dehydrated",
    ),
    Option(
        "env-file",
        "File of NAME=VALUE lines, in the format of systemd's EnvironmentFile, for the handler's environment. Use it "
        "for the secrets of your DNS provider. The plugin refuses a file that other users can read.",
        "FILE",
        modes=_HANDLER,
        deploys=True,
    ),
    Option(
        "run-as",
        "Run the handler as this user when it publishes and removes, with the user's groups and HOME. The plugin must "
        "run as root. Certificates are handed over as root.",
        "USER[:GROUP]",
        modes=_HANDLER,
    ),
    Option(
        "wellknown",
        "Directory for http-01 files. The plugin writes each file before it calls the handler to publish, and deletes"
        " it before it calls the handler to clean up.",
        "DIRECTORY",
        modes=_HANDLER,
        of_handler=True,
        in_dehydrated_config=True,
    ),
    Option(
        "verify",
        "Check every address for what was published before the CA is asked to validate: auto (fail if a server "
        "answers without it, warn if no server answers), strict (fail unless every server returns it), off (do not "
        "check).",
        "POLICY",
        kind=Kind.WORD,
        accepted=VERIFY,
        default="auto",
    ),
    Option("verify-timeout", "Seconds that verifying may take.", "SECONDS", kind=Kind.SECONDS, default=120.0),
    Option(
        "verify-nameservers",
        "Name servers or resolvers to ask instead, HOST[:PORT] or [IPv6]:PORT, separated by commas: for private CAs, "
        "hidden primaries and split horizons, and where port 53 is closed.",
        "HOST[:PORT],…",
        kind=Kind.ENDPOINTS,
        default=(),
        default_help="the zone's own",
    ),
    Option(
        "verify-settle", "Seconds to wait after verifying has succeeded.", "SECONDS", kind=Kind.SECONDS, default=0.0
    ),
    Option(
        "protocol",
        "Version of the JSON lines: 1, or 0 for drivers of the plugin of 2016-2020.",
        "VERSION",
        kind=Kind.WORD,
        accepted=(0, 1),
        default=1,
        modes=_JSON,
    ),
    Option(
        "socket",
        "Exchange JSON lines over this Unix socket instead of stdout and stdin. Renewals ignore it.",
        "PATH",
        modes=_JSON,
        kept=False,
    ),
    Option(
        "ack-timeout",
        "Mode json: seconds to wait for the answers to the challenges of a batch, or to a deployment.",
        "SECONDS",
        kind=Kind.SECONDS,
        least=1,
        default=3600.0,
        modes=_JSON,
    ),
    Option(
        "notify",
        "Command that the plugin calls if the certificate was not issued, renewed or handed over, also if Certbot "
        "itself fails. Standard input is a JSON document, and $summary a sentence.",
        "COMMAND",
        kind=Kind.COMMAND_LINE,
    ),
    Option(
        "metrics",
        "File with figures for Prometheus's node_exporter (NAME.prom). Needs the Python library prometheus-client.",
        "FILE",
    ),
)


def _switch(name: str, sentence: str) -> Option:
    return Option(name, sentence, default_help="off", historic_switch=True)


HISTORIC_OPTIONS = (
    Option("handler", "Handler script. Without it the mode is json.", "PATH", kind=Kind.COMMAND_LINE),
    _switch("dehydrated-dns", "Call the handler as a Dehydrated hook."),
    _switch("text-mode", "Show a person what to do, instead of printing JSON."),
    _switch("public-ip-logging-ok", "Accepted for old command lines. Has no effect."),
    _switch("test-mode", "Accepted for old command lines. Has no effect."),
)


def _default(option: str) -> Any:
    return next(each.default for each in OPTIONS if each.name == option)


@dataclass(frozen=True)
class Settings:
    """Checked settings of one lineage: the kept options, with the defaults of the table.

    :ivar handler: the command line as kept or typed, still to be resolved to a file.
    :ivar provider: ENGINE:NAME; then `dialect` is `PROVIDER`.
    :ivar deploy_handler: the same of the command that takes certificates; None if the publisher does.
    :ivar run_as: the user as whom the handler publishes and withdraws; None for the caller.
    :ivar jobs: how many handler calls may run at the same time.
    :ivar timeout: seconds for a handler call, or None for no limit.
    :ivar verify: ``auto``, ``strict`` or ``off``.
    :ivar verify_timeout: seconds.
    :ivar verify_settle: seconds.
    :ivar ack_timeout: seconds.
    :ivar notify, metrics: the command line and the file, as kept or typed.
    :ivar historic: the plugin was called by its name of 2016-2020.
    :ivar warnings: sentences for the log, each printed once in a process.
    """

    mode: str
    handler: str | None = None
    provider: str | None = None
    routes: str | None = None
    dialect: str = _default("dialect")
    hook_chain: bool = _default("hook-chain")
    jobs: int = _default("jobs")
    timeout: float | None = _default("timeout")
    wellknown: str | None = None
    cleanup_handler: str | None = None
    deploy_handler: str | None = None
    run_as: str | None = None
    env_file: str | None = None
    dehydrated_config: str | None = None
    verify: str = _default("verify")
    verify_timeout: float = _default("verify-timeout")
    verify_nameservers: tuple[Endpoint, ...] = _default("verify-nameservers")
    verify_settle: float = _default("verify-settle")
    protocol: int = _default("protocol")
    ack_timeout: float = _default("ack-timeout")
    notify: str | None = None
    metrics: str | None = None
    historic: bool = False
    warnings: tuple[str, ...] = field(default=(), compare=False)

    @property
    def carrier(self) -> str:
        """What limits the challenge types, for a sentence."""
        if self.mode != "handler":
            return f"the mode {self.mode}"
        name = f"the dialect {self.dialect}" if self.provider is None else f"the provider {self.provider}"
        unread = " with --external-auth-run-as, whose user cannot read keys of TLS challenges,"
        return name if self.run_as is None else name + unread
