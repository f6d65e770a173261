"""From what was typed to settings."""

from __future__ import annotations

import pytest

from certbot_external_auth import settings
from certbot_external_auth.configuration import resolution
from certbot_external_auth.errors import UsageError


def raw(**given: str) -> dict[str, str | bool | None]:
    return {option.name: given.get(option.name.replace("-", "_")) for option in settings.OPTIONS}


def test_defaults() -> None:
    checked = resolution.resolve(raw())
    assert (
        checked.mode,
        checked.dialect,
        checked.hook_chain,
        checked.timeout,
        checked.ack_timeout,
        checked.protocol,
    ) == (
        *("manual", "native", False),
        *(300.0, 3600.0, 1),
    )
    assert resolution.resolve(raw(handler="x")).mode == "handler"
    assert resolution.resolve(raw(handler="x", timeout="0")).timeout is None


def test_every_wrong_option_is_said_in_one_go() -> None:
    with pytest.raises(UsageError) as caught:
        resolution.resolve(raw(mode="jsno", dialect="dehydrate", hook_chain="y", timeout="5m", protocol="3"))
    assert len(caught.value.problems) == 5
    text = str(caught.value)
    for hint in ("did you mean json?", "did you mean dehydrated?", "did you mean 5?", "accepted: 0, 1"):
        assert hint in text


@pytest.mark.parametrize("value", ["", "-1", "1.5", "1e3", "99999999999", "٣"])
def test_numbers_that_are_none(value: str) -> None:
    with pytest.raises(UsageError, match="--external-auth-timeout"):
        resolution.resolve(raw(handler="x", timeout=value))


def test_modes_and_dialects_of_other_packages() -> None:
    assert resolution.resolve(raw(mode="fax"), extra_modes=["fax"]).mode == "fax"
    assert resolution.resolve(raw(handler="x", dialect="klingon"), extra_dialects=["klingon"]).dialect == "klingon"


def test_options_of_another_mode_are_a_warning() -> None:
    checked = resolution.resolve(raw(mode="json", handler="x", wellknown="/y"))
    assert checked.warnings == (
        "The mode is json, which does not use --external-auth-handler, --external-auth-wellknown.",
    )


@pytest.mark.parametrize(
    ("given", "mode", "dialect"),
    [
        ({}, "json", "native"),
        ({"text-mode": True}, "manual", "native"),
        ({"handler": "./x"}, "handler", "native"),
        ({"handler": "./x", "dehydrated-dns": True}, "handler", "dehydrated"),
    ],
)
def test_historic_defaults(given: dict[str, str | bool | None], mode: str, dialect: str) -> None:
    checked = resolution.resolve_historic(given)
    assert (checked.mode, checked.dialect, checked.protocol, checked.historic) == (mode, dialect, 0, True)


@pytest.mark.parametrize("given", [{"dehydrated-dns": True}, {"text-mode": True, "handler": "x"}, {"handler": " "}])
def test_historic_contradictions(given: dict[str, str | bool | None]) -> None:
    with pytest.raises(UsageError):
        resolution.resolve_historic(given)


def test_where_to_look_is_read_and_refused() -> None:
    checked = resolution.resolve(raw(verify="strict", verify_timeout="0", verify_nameservers="ns:5353,[2001:db8::1]"))
    assert (checked.verify, checked.verify_timeout, checked.verify_settle) == ("strict", 0.0, 0.0)
    assert list(map(str, checked.verify_nameservers)) == ["ns:5353", "[2001:db8::1]:53"]
    with pytest.raises(UsageError) as caught:
        resolution.resolve(
            raw(verify="of", verify_timeout="2m", verify_settle="-1", verify_nameservers="a,2001:db8::1:x")
        )
    assert len(caught.value.problems) == 4
    text = str(caught.value)
    for part in ("--external-auth-verify: 'of' is not known", "did you mean off?", "did you mean 2?"):
        assert part in text
    assert "--external-auth-verify-nameservers: '2001:db8::1:x' is not accepted; give host, host:port" in text


def test_the_historic_name_does_not_look() -> None:
    """It has no flag by which looking could be mended."""
    assert resolution.resolve({}).verify == "auto"
    assert resolution.resolve_historic({}).verify == "off"


@pytest.mark.parametrize("option", ["handler", "provider", "dialect", "env-file", "wellknown", "dehydrated-config"])
def test_a_publisher_beside_routes_is_refused(option: str) -> None:
    """Guards against: a secret or a script that the person believes is used."""
    given = {"provider": "httpreq:", "dialect": "lego"}.get(option, "/x")
    with pytest.raises(UsageError, match=f"--external-auth-routes and --external-auth-{option} contradict each other"):
        resolution.resolve({"routes": "/r", option: given})


def test_routes_imply_the_mode_and_take_what_holds_for_all() -> None:
    checked = resolution.resolve({"routes": "/r", "jobs": "4", "verify": "strict", "run-as": "nobody"})
    assert (checked.mode, checked.routes, checked.jobs, checked.verify) == ("handler", "/r", 4, "strict")
    # The command that takes certificates has a dialect and an env file of its own.
    deploying = {"deploy-handler": "/d", "dialect": "dehydrated", "env-file": "/e"}
    assert resolution.resolve({"routes": "/r", **deploying}).dialect == "dehydrated"
    assert "does not use --external-auth-routes" in resolution.resolve({"routes": "/r", "mode": "json"}).warnings[0]


@pytest.mark.parametrize("option", settings.OPTIONS, ids=lambda option: option.name)
def test_the_defaults_of_the_table_are_those_of_the_settings(option: settings.Option) -> None:
    """Guards against a help text that promises another default than the one that holds."""
    if option.kept and option.name not in ("mode", "handler"):
        name = option.name.replace("-", "_")
        assert getattr(resolution.resolve({}), name) == getattr(settings.Settings(mode="manual"), name)
    if option.kind in (settings.Kind.SECONDS, settings.Kind.NUMBER, settings.Kind.WORD) and option.name != "mode":
        given = {"handler": "x", option.name: option.shown_default}
        assert resolution.resolve(given) == resolution.resolve({"handler": "x"})


@pytest.mark.parametrize(
    ("option", "accepted", "refused"),
    [
        ("jobs", "1", "0"),
        ("ack-timeout", "1", "0"),
        ("timeout", str(settings.MAX_SECONDS), str(settings.MAX_SECONDS + 1)),
        ("verify-settle", "0", "-0"),
    ],
)
def test_the_limits_of_numbers(option: str, accepted: str, refused: str) -> None:
    resolution.resolve({"handler": "x", option: accepted})
    with pytest.raises(UsageError, match=f"--external-auth-{option}: '{refused}'"):
        resolution.resolve({"handler": "x", option: refused})


@pytest.mark.parametrize(
    ("given", "flag"),
    [
        ({"dehydrated-config": "c", "dialect": "lego"}, "dehydrated-config"),
        ({"handler": "x", "dialect": "lego", "cleanup-handler": "y"}, "cleanup-handler"),
        ({"handler": "x", "hook-chain": "yes"}, "hook-chain"),
    ],
)
def test_an_option_of_another_dialect_is_refused(given: dict[str, str], flag: str) -> None:
    with pytest.raises(UsageError, match=f"--external-auth-{flag} works only with the dialect"):
        resolution.resolve(given)
    # In another mode it contradicts nothing.
    assert resolution.resolve({**given, "mode": "manual"}).warnings


def test_an_option_at_its_default_fits_every_dialect() -> None:
    assert not resolution.resolve({"handler": "x", "hook-chain": "no"}).warnings


@pytest.mark.parametrize("option", ["handler", "cleanup-handler"])
def test_an_empty_command_is_refused(option: str) -> None:
    with pytest.raises(UsageError, match=f"--external-auth-{option} is empty"):
        resolution.resolve({"handler": "x", "dialect": "certbot", option: " "})


def test_a_handler_is_needed() -> None:
    with pytest.raises(UsageError, match="--external-auth-mode handler needs --external-auth-handler"):
        resolution.resolve({"mode": "handler"})
    assert resolution.resolve({"dehydrated-config": "c"}).dialect == "dehydrated"


def test_without_a_cleanup_handler_the_dialect_certbot_is_a_warning() -> None:
    (warning,) = resolution.resolve({"handler": "x", "dialect": "certbot"}).warnings
    assert "--external-auth-cleanup-handler" in warning
    assert not resolution.resolve({"handler": "x", "dialect": "certbot", "cleanup-handler": "y"}).warnings


@pytest.mark.parametrize("value", ["httpreq", "acme.sh:cf", "acme.sh:west_cn"])
def test_a_provider_is_published_by_mode_handler(value: str) -> None:
    checked = resolution.resolve(raw(provider=value))
    assert (checked.mode, checked.provider, checked.dialect) == ("handler", value, settings.PROVIDER)
    assert checked.carrier == f"the provider {value}"
    assert checked.warnings == ()


@pytest.mark.parametrize("value", ["", ":cf", "acme.sh:", "acme.sh:../cf", "acme.sh:c f", "acme.sh:a:b", "acme.sh:-x"])
def test_a_provider_that_is_not_engine_and_name(value: str) -> None:
    with pytest.raises(UsageError) as caught:
        resolution.resolve(raw(provider=value, timeout="x"))
    assert len(caught.value.problems) == 2
    assert caught.value.problems[0].startswith(f"--external-auth-provider: {value!r} is not ENGINE:NAME")


def test_an_engine_that_is_nearly_right() -> None:
    with pytest.raises(UsageError, match=r"did you mean acme\.sh"):
        resolution.resolve(raw(provider="acmesh:cf"))
    assert resolution.resolve(raw(provider="fax:1"), extra_engines=["fax"]).provider == "fax:1"


@pytest.mark.parametrize(
    "option", ["handler", "dialect", "cleanup_handler", "hook_chain", "dehydrated_config", "wellknown"]
)
def test_a_provider_beside_a_handler(option: str) -> None:
    """Both flags are named, whichever a person wants to keep."""
    with pytest.raises(UsageError) as caught:
        resolution.resolve(raw(provider="httpreq", **{option: "no" if option == "hook_chain" else "lego"}))
    (problem,) = caught.value.problems
    assert "--external-auth-provider" in problem
    assert f"--external-auth-{option.replace('_', '-')}" in problem
