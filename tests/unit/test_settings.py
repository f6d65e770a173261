"""The table of options: names, values and defaults are a contract with command lines, renewal files and cli.ini."""

from __future__ import annotations

import pytest

from certbot_external_auth.configuration import resolution
from certbot_external_auth.errors import UsageError
from certbot_external_auth.settings import (
    ENGINES,
    HISTORIC_OPTIONS,
    MAX_SECONDS,
    MODES,
    OPTIONS,
    Kind,
    Option,
    Settings,
)

HANDLER, JSON = ("handler",), ("json",)
TABLE = {
    "mode": ("MODE", Kind.WORD, MODES, None, ("handler", "json", "manual", "stateless")),
    "handler": ("COMMAND", Kind.COMMAND_LINE, HANDLER, None, ()),
    "provider": ("ENGINE:NAME", Kind.PROVIDER, HANDLER, None, ENGINES),
    "routes": ("FILE", Kind.TEXT, HANDLER, None, ()),
    "dialect": (
        *("DIALECT", Kind.WORD, HANDLER, "native"),
        ("native", "dehydrated", "certbot", "lego", "lego-raw", "uacme", "acmetool"),
    ),
    "cleanup-handler": ("COMMAND", Kind.COMMAND_LINE, HANDLER, None, ()),
    "deploy-handler": ("COMMAND", Kind.COMMAND_LINE, MODES, None, ()),
    "hook-chain": ("YES/NO", Kind.YES_NO, HANDLER, False, ()),
    "jobs": ("NUMBER", Kind.NUMBER, HANDLER, 1, ()),
    "timeout": ("SECONDS", Kind.SECONDS, HANDLER, 300.0, ()),
    "dehydrated-config": ("FILE", Kind.TEXT, HANDLER, None, ()),
    "env-file": ("FILE", Kind.TEXT, HANDLER, None, ()),
    "run-as": ("USER[:GROUP]", Kind.TEXT, HANDLER, None, ()),
    "wellknown": ("DIRECTORY", Kind.TEXT, HANDLER, None, ()),
    "verify": ("POLICY", Kind.WORD, MODES, "auto", ("auto", "strict", "off")),
    "verify-timeout": ("SECONDS", Kind.SECONDS, MODES, 120.0, ()),
    "verify-nameservers": ("HOST[:PORT],…", Kind.ENDPOINTS, MODES, (), ()),
    "verify-settle": ("SECONDS", Kind.SECONDS, MODES, 0.0, ()),
    "protocol": ("VERSION", Kind.WORD, JSON, 1, (0, 1)),
    "socket": ("PATH", Kind.TEXT, JSON, None, ()),
    "ack-timeout": ("SECONDS", Kind.SECONDS, JSON, 3600.0, ()),
    "notify": ("COMMAND", Kind.COMMAND_LINE, MODES, None, ()),
    "metrics": ("FILE", Kind.TEXT, MODES, None, ()),
}
OF_A_DIALECT = {"cleanup-handler": "certbot", "hook-chain": "dehydrated", "dehydrated-config": "dehydrated"}
OF_A_HANDLER = {"handler", "dialect", "cleanup-handler", "hook-chain", "dehydrated-config", "wellknown"}
SAID_BY_DEHYDRATED = {"handler", "dialect", "hook-chain", "wellknown"}
SWITCHES = {"dehydrated-dns", "text-mode", "public-ip-logging-ok", "test-mode"}


def names(*flags: str) -> set[str]:
    return {one.name for one in OPTIONS if any(getattr(one, flag) for flag in flags)}


def test_every_option() -> None:
    assert {one.name: (one.metavar, one.kind, one.modes, one.default, one.accepted) for one in OPTIONS} == TABLE
    assert len(OPTIONS) == len(TABLE)
    assert {one.name: one.only_dialect for one in OPTIONS if one.only_dialect} == OF_A_DIALECT
    assert names("of_handler") == OF_A_HANDLER
    assert names("in_dehydrated_config") == SAID_BY_DEHYDRATED
    assert [one.name for one in OPTIONS if not one.kept] == ["socket"]
    assert names("historic_switch") == set()
    assert names("deploys") == {"dialect", "timeout", "env-file"}


def test_the_options_of_the_historic_name() -> None:
    assert {one.name for one in HISTORIC_OPTIONS if one.historic_switch} == SWITCHES
    (handler,) = (one for one in HISTORIC_OPTIONS if not one.historic_switch)
    assert (handler.name, handler.metavar, handler.kind, handler.shown_default) == (
        *("handler", "PATH", Kind.COMMAND_LINE),
        "none",
    )
    assert {one.shown_default for one in HISTORIC_OPTIONS if one.historic_switch} == {"off"}


@pytest.mark.parametrize(
    ("option", "shown"),
    [
        (Option("x", "h"), "none"),
        (Option("x", "h", default=False), "no"),
        (Option("x", "h", default=120.0), "120"),
        (Option("x", "h", default=7), "7"),
        (Option("x", "h", default=7, default_help="of the day"), "of the day"),
    ],
)
def test_the_default_is_shown_as_it_is_typed(option: Option, shown: str) -> None:
    assert option.shown_default == shown
    assert option.full_help == f"h (default: {shown})"


def test_a_percent_sign_in_a_help_is_none_of_argparse() -> None:
    assert Option("x", "50 %").full_help == "50 %% (default: none)"


def test_an_option_is_plain_text_for_every_mode_unless_it_says_more() -> None:
    plain = Option("x", "h")
    assert (plain.metavar, plain.kind, plain.accepted, plain.least, plain.modes) == ("VALUE", Kind.TEXT, (), 0, MODES)
    assert (plain.only_dialect, plain.in_dehydrated_config, plain.kept) == (None, False, True)


def test_settings_have_the_defaults_of_the_table() -> None:
    found = Settings("manual")
    by_name = {one.name.replace("-", "_"): one.default for one in OPTIONS}
    named = {name: value for name, value in vars(found).items() if name in by_name and name != "mode"}
    assert named == {name: by_name[name] for name in named}
    assert (found.historic, found.warnings, len(named)) == (False, (), len(OPTIONS) - 2)


def test_warnings_make_no_settings_different() -> None:
    assert Settings("manual", warnings=("x",)) == Settings("manual")


@pytest.mark.parametrize(
    ("option", "least"), [("jobs", 1), ("ack_timeout", 1), ("timeout", 0), ("verify_settle", 0), ("verify_timeout", 0)]
)
def test_the_smallest_and_the_largest_number(option: str, least: int) -> None:
    """Guards against: a limit of a system call that a number of the command line passes."""
    raw = {one.name: None for one in OPTIONS} | {"mode": "json" if option == "ack_timeout" else "handler"}
    raw |= {"handler": "x"}
    flag = option.replace("_", "-")
    found = resolution.resolve({**raw, flag: str(least)})
    assert getattr(found, option) in (least, None)
    with pytest.raises(UsageError):
        resolution.resolve({**raw, flag: str(least - 1)})
    if option != "jobs":
        assert MAX_SECONDS * 1000 < 2**31
        assert getattr(resolution.resolve({**raw, flag: str(MAX_SECONDS)}), option) == MAX_SECONDS
        with pytest.raises(UsageError):
            resolution.resolve({**raw, flag: str(MAX_SECONDS + 1)})
