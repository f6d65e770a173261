"""Every flag once, and the step from what was typed to checked settings.

Certbot keeps an option in the renewal file only as text, so every option here is text; see
``Settings.resolve`` for what is accepted. Nothing in this module touches the file system.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from certbot_external_auth.errors import UsageError

if TYPE_CHECKING:
    from certbot_external_auth.endpoint import Endpoint

NAME, HISTORIC_NAME = "external-auth", "certbot-external-auth:out"
"""The plugin's names in Certbot: today's, and that of 2016-2020."""
MODES = ("handler", "json", "manual")
DIALECTS = ("native", "dehydrated", "certbot", "lego", "lego-raw", "uacme", "acmetool")
VERIFY = ("auto", "strict", "off")
CHAINING_DIALECTS = ("dehydrated",)


@dataclass(frozen=True)
class Option:
    """One command line option.

    :ivar name: without the plugin's prefix.
    :ivar default: what holds when it is not given, for the help text.
    :ivar help: one or two sentences.
    :ivar modes: the modes that use it.
    :ivar historic_switch: an on/off flag of the plugin of 2016-2020.
    """

    name: str
    default: str
    help: str
    modes: tuple[str, ...] = MODES
    metavar: str = "VALUE"
    historic_switch: bool = False


OPTIONS = (
    Option(
        "mode",
        "handler if a handler or dehydrated-config is given, else manual",
        "Who publishes the challenges: handler (a script), json (the program that started Certbot, which exchanges "
        "JSON lines with it), manual (a person at the terminal).",
        metavar="MODE",
    ),
    Option(
        "handler",
        "none",
        "The handler: a path, the name of a program on PATH, or a command line with arguments.",
        modes=("handler",),
        metavar="COMMAND",
    ),
    Option(
        "dialect",
        "native",
        "How the plugin calls the handler: native, or as another client calls its hooks: dehydrated, certbot "
        "(--manual-auth-hook), lego and lego-raw (provider exec), uacme, acmetool (a hook or a folder of hooks).",
        modes=("handler",),
        metavar="DIALECT",
    ),
    Option(
        "cleanup-handler",
        "none",
        "Dialect certbot: the script that you would give to --manual-cleanup-hook. Without it the plugin removes "
        "nothing.",
        modes=("handler",),
        metavar="COMMAND",
    ),
    Option(
        "hook-chain",
        "no",
        "Dialect dehydrated: yes makes one call for all challenges of a batch, instead of one call for each.",
        modes=("handler",),
        metavar="YES/NO",
    ),
    Option(
        "jobs",
        "1",
        "How many handler calls may run at the same time. Calls for the same TXT name never overlap. A value above 1 "
        "needs a handler of which several copies may run at once.",
        modes=("handler",),
        metavar="NUMBER",
    ),
    Option(
        "timeout",
        "300",
        "Seconds that one handler call may take. Then the plugin ends the handler and every process that it started. "
        "0 means no limit.",
        modes=("handler",),
        metavar="SECONDS",
    ),
    Option(
        "dehydrated-config",
        "none",
        "An existing Dehydrated configuration. The plugin uses its exports, HOOK, HOOK_CHAIN, WELLKNOWN and "
        "CHALLENGETYPE; flags override them. Implies the dialect dehydrated.",
        modes=("handler",),
        metavar="FILE",
    ),
    Option(
        "env-file",
        "none",
        "File of NAME=VALUE lines, in the format of systemd's EnvironmentFile, for the handler's environment. Use it "
        "for the secrets of your DNS provider. The plugin refuses a file that other users can read.",
        modes=("handler",),
        metavar="FILE",
    ),
    Option(
        "wellknown",
        "none",
        "Directory for http-01 files. The plugin writes each file before it calls the handler to publish, and deletes "
        "it before it calls the handler to clean up.",
        modes=("handler",),
        metavar="DIRECTORY",
    ),
    Option(
        "verify",
        "auto",
        "Check every address for what was published before the CA is asked to validate: auto (fail if a server "
        "answers without it, warn if no server answers), strict (fail unless every server returns it), off (do not "
        "check).",
        metavar="POLICY",
    ),
    Option(
        "verify-timeout",
        "120",
        "Seconds that verifying may take.",
        metavar="SECONDS",
    ),
    Option(
        "verify-nameservers",
        "the zone's own",
        "Name servers or resolvers to ask instead, HOST[:PORT] or [IPv6]:PORT, separated by commas: for private CAs, "
        "hidden primaries and split horizons, and where port 53 is closed.",
        metavar="HOST[:PORT],…",
    ),
    Option(
        "verify-settle",
        "0",
        "Seconds to wait after verifying has succeeded.",
        metavar="SECONDS",
    ),
    Option(
        "protocol",
        "1",
        "Version of the JSON lines: 1, or 0 for drivers of the plugin of 2016-2020.",
        modes=("json",),
        metavar="VERSION",
    ),
    Option(
        "socket",
        "none",
        "Exchange JSON lines over this Unix socket instead of stdout and stdin. Renewals ignore it.",
        modes=("json",),
        metavar="PATH",
    ),
    Option(
        "ack-timeout",
        "3600",
        "Mode json: seconds to wait for the answers to the challenges of a batch, or to a deployment.",
        modes=("json",),
        metavar="SECONDS",
    ),
)

HISTORIC_OPTIONS = (
    Option("handler", "none", "Handler script. Without it the mode is json.", metavar="PATH"),
    Option("dehydrated-dns", "off", "Call the handler as a Dehydrated hook.", historic_switch=True),
    Option("text-mode", "off", "Show a person what to do, instead of printing JSON.", historic_switch=True),
    Option("public-ip-logging-ok", "off", "Accepted for old command lines. Has no effect.", historic_switch=True),
    Option("test-mode", "off", "Accepted for old command lines. Has no effect.", historic_switch=True),
)

_NOTHING_WITHDRAWN = (
    "What the handler publishes stays there: without --external-auth-cleanup-handler, the script of "
    "--manual-cleanup-hook, the dialect certbot withdraws nothing."
)

SESSION = "CERTBOT_EXTERNAL_AUTH_SESSION"
"""The variable in which `certbot-external-auth begin` names its session's folder to the Certbot it starts."""
MOST_SECONDS = 2_000_000
"""Some three weeks; the system's poll() takes no longer time than 2**31 milliseconds."""

Raw = Mapping[str, "str | bool | None"]


@dataclass(frozen=True)
class Settings:
    """Checked settings of one lineage.

    :ivar handler: the command line as kept or typed, still to be resolved to a file.
    :ivar jobs: handler calls at a time.
    :ivar timeout: seconds for a handler call, or None for no limit.
    :ivar verify: ``auto``, ``strict`` or ``off``. :ivar verify_timeout, verify_settle: seconds.
    :ivar historic: the plugin was called by its name of 2016-2020.
    :ivar warnings: sentences to be said once.
    """

    mode: str
    handler: str | None = None
    dialect: str = "native"
    hook_chain: bool = False
    jobs: int = 1
    timeout: float | None = 300.0
    wellknown: str | None = None
    cleanup_handler: str | None = None
    env_file: str | None = None
    dehydrated_config: str | None = None
    verify: str = "auto"
    verify_timeout: float = 120.0
    verify_nameservers: tuple[Endpoint, ...] = ()
    verify_settle: float = 0.0
    protocol: int = 1
    ack_timeout: float = 3600.0
    historic: bool = False
    warnings: tuple[str, ...] = field(default=(), compare=False)


class _Checker:
    """Collects every problem, so that all are said at once."""

    def __init__(self, raw: Raw, prefix: str) -> None:
        self.raw = raw
        self.prefix = prefix
        self.problems: list[str] = []

    def flag(self, name: str) -> str:
        return f"--{self.prefix}-{name}"

    def text(self, name: str) -> str | None:
        value = self.raw.get(name)
        return None if value is None else str(value)

    def word(self, name: str, default: str, accepted: Iterable[str]) -> str:
        value = self.text(name)
        words = tuple(accepted)
        if value is None or value in words:
            return default if value is None else value
        import difflib

        close = difflib.get_close_matches(value.lower(), words, n=1, cutoff=0.5)
        hint = f"; did you mean {close[0]}?" if close else "."
        self.problems.append(f"{self.flag(name)}: {value!r} is not known, accepted are {', '.join(words)}{hint}")
        return default

    def number(self, name: str, default: float, least: float, what: str = "a whole number of seconds") -> float:
        value = self.text(name)
        if value is None:
            return default
        # int() alone reads the digits of every script, and blanks and underscores among them.
        number = float(int(value[:20])) if value.isascii() and value.isdigit() else -1.0
        if least <= number <= MOST_SECONDS:
            return number
        digits = "".join(c for c in value if c.isdigit())
        hint = f"; did you mean {digits}?" if digits and digits != value else "."
        self.problems.append(f"{self.flag(name)}: {value!r} is not accepted, {what} from {least:.0f} upward is{hint}")
        return default

    def endpoints(self, name: str, port: int) -> tuple[Endpoint, ...]:
        value = self.text(name)
        if value is None:
            return ()
        from certbot_external_auth.endpoint import EndpointError, parse_list

        try:
            return parse_list(value, port)
        except EndpointError as error:
            self.problems.append(f"{self.flag(name)}: {error}; separate several by commas.")
            return ()


LISTS = ("verify-nameservers",)
"""Options in which commas separate, with or without blanks."""


def kept_text(name: str, value: object) -> str:
    """The text of an option that comes from a renewal file, where a comma without quotation marks makes a list.

    :raises UsageError: for a list where the option has none, since the blanks around its commas are lost.
    """
    if not isinstance(value, list):
        return str(value)
    if name not in LISTS:
        raise UsageError([f"{name}: a value with a comma must stand between quotation marks in a renewal file."])
    return ",".join(map(str, value))


def mode_of(raw: Raw) -> str:
    """The mode that options of `external-auth` choose, not checked."""
    publishers = (raw.get("handler"), raw.get("dehydrated-config"))
    return str(raw.get("mode") or ("manual" if publishers == (None, None) else "handler"))


def mode_of_historic(raw: Raw) -> str:
    """The same for the options of `certbot-external-auth:out`."""
    without_handler = "manual" if raw.get("text-mode") is True else "json"
    return without_handler if raw.get("handler") is None else "handler"


def resolve(raw: Raw, extra_modes: Iterable[str] = (), extra_dialects: Iterable[str] = ()) -> Settings:
    """Check the options of `external-auth`.

    :param raw: option name without prefix to what was given, None where nothing was.
    :param extra_modes: names of backends registered by other packages.
    :param extra_dialects: names of dialects registered by other packages.
    :raises UsageError: with one sentence for every wrong option.
    """
    check = _Checker(raw, "external-auth")
    handler, config = check.text("handler"), check.text("dehydrated-config")
    mode = check.word("mode", mode_of({**raw, "mode": None}), (*MODES, *extra_modes))
    dialect = check.word("dialect", "native" if config is None else "dehydrated", (*DIALECTS, *extra_dialects))
    chain = check.word("hook-chain", "no", ("yes", "no")) == "yes"
    jobs = int(check.number("jobs", 1.0, 1.0, "a whole number"))
    timeout = check.number("timeout", 300.0, 0.0)
    protocol = check.word("protocol", "1", ("0", "1"))
    ack_timeout = check.number("ack-timeout", 3600.0, 1.0)
    verify = check.word("verify", "auto", VERIFY)
    verify_timeout, verify_settle = check.number("verify-timeout", 120.0, 0.0), check.number("verify-settle", 0.0, 0.0)
    nameservers = check.endpoints("verify-nameservers", 53)
    if handler is not None and not handler.strip():
        check.problems.append("--external-auth-handler is empty; give the path of your script.")
    if mode == "handler" and config is not None and dialect != "dehydrated":
        check.problems.append(
            f"--external-auth-dehydrated-config is for the dialect dehydrated, not {dialect}; leave one of both out."
        )
    if mode == "handler" and handler is None and config is None:
        check.problems.append(
            "--external-auth-mode handler needs --external-auth-handler with the path of your script."
        )
    if mode == "handler" and chain and dialect not in CHAINING_DIALECTS:
        check.problems.append(
            f"--external-auth-hook-chain yes: the dialect {dialect} has no chains, only "
            f"{', '.join(CHAINING_DIALECTS)} has; add --external-auth-dialect dehydrated or leave the flag out."
        )
    cleanup_handler = check.text("cleanup-handler")
    if cleanup_handler is not None and not cleanup_handler.strip():
        check.problems.append("--external-auth-cleanup-handler is empty; give the path of your script.")
    if mode == "handler" and cleanup_handler is not None and dialect != "certbot":
        check.problems.append(
            f"--external-auth-cleanup-handler: the dialect {dialect} calls one handler for both ways, only certbot has "
            "two; leave the flag out, or add --external-auth-dialect certbot."
        )
    if check.problems:
        raise UsageError(check.problems)
    warnings = _unused(raw, mode)
    if mode == "handler" and dialect == "certbot" and cleanup_handler is None:
        warnings = (*warnings, _NOTHING_WITHDRAWN)
    return Settings(
        mode=mode,
        handler=handler,
        dialect=dialect,
        hook_chain=chain,
        jobs=jobs,
        timeout=timeout or None,
        wellknown=check.text("wellknown"),
        cleanup_handler=cleanup_handler,
        env_file=check.text("env-file"),
        dehydrated_config=config,
        verify=verify,
        verify_timeout=verify_timeout,
        verify_nameservers=nameservers,
        verify_settle=verify_settle,
        protocol=int(protocol),
        ack_timeout=ack_timeout,
        warnings=warnings,
    )


def superseded(raw: Raw, typed: Collection[str]) -> tuple[str, ...]:
    """Options of a renewal file that leave no place for those of a command line; no flag takes them away.

    :param raw: see `resolve`.
    :param typed: names of the options on the command line.
    :returns: names of those to be forgotten; without that they would contradict the others at every renewal. What
        another mode does not use contradicts nothing: it is kept for the way back.
    """
    gone: set[str] = set()
    dialect = raw.get("dialect")
    if "dehydrated-config" in typed:
        gone.update(("handler", "dialect", "cleanup-handler", "hook-chain", "wellknown"))
    if "dialect" in typed:
        gone.update(["cleanup-handler"] if dialect != "certbot" else [])
        gone.update(["hook-chain"] if dialect not in CHAINING_DIALECTS else [])
        gone.update(["dehydrated-config"] if dialect != "dehydrated" else [])
    return tuple(
        option.name
        for option in OPTIONS
        if option.name in gone and option.name not in typed and raw.get(option.name) is not None
    )


def _unused(raw: Raw, mode: str) -> tuple[str, ...]:
    unused = [
        f"--external-auth-{option.name}"
        for option in OPTIONS
        if mode in MODES and mode not in option.modes and raw.get(option.name) is not None
    ]
    if not unused:
        return ()
    return (f"The mode is {mode}, which does not use {', '.join(unused)}.",)


def resolve_historic(raw: Raw) -> Settings:
    """Check the options of `certbot-external-auth:out`, whose default is JSON lines of protocol 0.

    :raises UsageError: where the switches contradict each other.
    """
    check = _Checker(raw, "certbot-external-auth:out")
    handler = check.text("handler")
    dehydrated = raw.get("dehydrated-dns") is True
    if handler is not None and not handler.strip():
        check.problems.append(f"{check.flag('handler')} is empty; give the path of your script.")
    if dehydrated and handler is None:
        check.problems.append(f"{check.flag('dehydrated-dns')} needs {check.flag('handler')}.")
    if raw.get("text-mode") is True and handler is not None:
        check.problems.append(f"{check.flag('text-mode')} and {check.flag('handler')} contradict each other; keep one.")
    check.problems += [
        f"{check.flag(option.name)}: {raw[option.name]!r} in the renewal file is not accepted, only True and False are."
        for option in HISTORIC_OPTIONS
        if option.historic_switch and raw.get(option.name) not in (None, True, False)
    ]
    if check.problems:
        raise UsageError(check.problems)
    return Settings(
        mode=mode_of_historic(raw),
        handler=handler,
        dialect="dehydrated" if dehydrated else "native",
        # The plugin of 2016-2020 had no flag by which looking could be mended or switched off.
        verify="off",
        protocol=0,
        historic=True,
    )
