"""What the plugin makes of Certbot's calls: a real handler, and Certbot's own objects, but no Certbot and no CA."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import josepy
import pytest
from acme import challenges, messages
from certbot import achallenges, errors
from cryptography.hazmat.primitives.asymmetric import ec

from certbot_external_auth import plugin, settings
from certbot_external_auth.errors import DeployError, PerformError, UsageError
from certbot_external_auth.lineages import handed_over
from tests.support import certificates

KEY = josepy.JWKEC(key=ec.generate_private_key(ec.SECP256R1()))
TOKEN = b"0123456789abcdef0123456789abcdef"
HOOK = """#!/bin/sh
{ printf '%s|' "$@"; echo; } >>"$RECORD"
case "$1:$FAIL" in perform:perform|deploy_cert:deploy) echo full; exit 3 ;; esac
"""


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    found = tmp_path / "record"
    found.touch()
    monkeypatch.setenv("RECORD", str(found))
    return found


@pytest.fixture
def hook(tmp_path: Path) -> Path:
    found = tmp_path / "hook"
    found.write_text(HOOK)
    found.chmod(0o755)
    return found


@pytest.fixture
def config(tmp_path: Path, hook: Path) -> Iterator[Namespace]:
    (tmp_path / "config").mkdir()
    found = Namespace(
        authenticator="external-auth",
        installer="external-auth",
        configurator=None,
        verb="run",
        certname=None,
        domains=["a.test", "b.test"],
        csr=None,
        dry_run=False,
        quiet=True,
        noninteractive_mode=True,
        pref_challs=[],
        server="https://ca.test/directory",
        account=None,
        https_port=443,
        http01_port=80,
        tls_sni_01_port=443,
        allow_subset_of_names=False,
        duplicate=False,
        key_type="ecdsa",
        elliptic_curve="secp256r1",
        rsa_key_size=2048,
        config_dir=str(tmp_path / "config"),
        work_dir=str(tmp_path / "work"),
        logs_dir=str(tmp_path / "logs"),
        live_dir=str(tmp_path / "config" / "live"),
        renewal_configs_dir=str(tmp_path / "config" / "renewal"),
    )
    for option in settings.OPTIONS:
        setattr(found, f"external_auth_{option.name.replace('-', '_')}", None)
    found.external_auth_handler = str(hook)
    found.external_auth_verify = "off"
    return found


def made(config: Namespace) -> plugin.ExternalAuth:
    return plugin.ExternalAuth(config, "external-auth")


def calls(record: Path) -> list[list[str]]:
    return [line.split("|")[:-1] for line in record.read_text().splitlines()]


def asked(domain: str, kind: type[challenges.KeyAuthorizationChallenge] = challenges.DNS01) -> Any:
    body = messages.ChallengeBody(chall=kind(token=TOKEN), uri="https://ca.test/1", status=messages.STATUS_PENDING)
    return achallenges.KeyAuthorizationAnnotatedChallenge(challb=body, domain=domain, account_key=KEY)


def live(config: Namespace, name: str) -> dict[str, str]:
    """A lineage on disk."""
    folder = Path(config.live_dir, name)
    folder.mkdir(parents=True)
    paths = {f"{kind}_path": str(folder / f"{kind}.pem") for kind in ("cert", "chain", "fullchain")}
    for path in paths.values():
        certificates.self_signed(Path(path), [name])
    (folder / "privkey.pem").touch()
    return {**paths, "key_path": str(folder / "privkey.pem")}


def test_challenges_are_published_answered_and_withdrawn(config: Namespace, record: Path) -> None:
    one = made(config)
    one.prepare()
    achalls = [asked("a.test"), asked("b.test", challenges.HTTP01)]
    responses = one.perform(achalls)
    assert [type(response) for response in responses] == [challenges.DNS01Response, challenges.HTTP01Response]
    authorization = achalls[0].key_authorization(KEY)
    assert [response.key_authorization for response in responses] == [authorization] * 2
    assert [words[0] for words in calls(record)] == ["pre-perform", "perform", "perform", "post-perform"]
    record.write_text("")
    one.cleanup(achalls)
    assert [words[0] for words in calls(record)] == ["pre-cleanup", "cleanup", "cleanup", "post-cleanup"]
    record.write_text("")
    one.cleanup(achalls)
    assert calls(record) == [], "what is withdrawn is not withdrawn again"


def test_what_the_handler_could_not_publish_is_not_validated(
    config: Namespace, record: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAIL", "perform")
    one = made(config)
    one.prepare()
    with pytest.raises(PerformError) as raised:
        one.perform([asked("a.test")])
    (failure,) = raised.value.failures
    assert (failure.operation, failure.identifiers, failure.output) == ("perform", ("a.test",), ("full",))
    one.cleanup([])
    assert [words[0] for words in calls(record) if words[0] == "cleanup"] == ["cleanup"]


def test_types_are_those_of_the_dialect_in_the_order_that_is_preferred(config: Namespace) -> None:
    assert [kind.typ for kind in made(config).get_chall_pref("a.test")] == ["dns-01", "http-01", "tls-alpn-01"]
    config.pref_challs = ["http-01"]
    assert [kind.typ for kind in made(config).get_chall_pref("a.test")] == ["http-01"]
    config.pref_challs = []
    config.external_auth_dialect = "certbot"
    assert [kind.typ for kind in made(config).get_chall_pref("a.test")] == ["dns-01", "http-01"]
    assert [kind.typ for kind in made(config).get_chall_pref("*.a.test")] == ["dns-01"]
    with pytest.raises(UsageError, match=r"192\.0\.2\.1"):
        made(config).get_chall_pref("192.0.2.1")
    config.ip_addresses = ["192.0.2.1"]
    assert [kind.typ for kind in made(config).get_chall_pref("192.0.2.1")] == ["http-01"]


@pytest.mark.parametrize(("verb", "error"), [("certonly", UsageError), ("plugins", errors.MisconfigurationError)])
def test_wrong_use_is_said_before_there_is_an_order(
    config: Namespace, verb: str, error: type[errors.Error], record: Path
) -> None:
    config.verb = verb
    config.external_auth_handler = "/nowhere/hook"
    with pytest.raises(error, match="/nowhere/hook"):
        made(config).prepare()
    config.authenticator = config.installer = "other"
    made(config).prepare()
    assert calls(record) == []


def deployments(record: Path) -> list[str]:
    return [words[0] for words in calls(record)]


def test_a_certificate_is_handed_over_once(config: Namespace, record: Path) -> None:
    """`run` installs for every name of the certificate; the handler is called for the certificate."""
    one = made(config)
    one.prepare()
    paths = live(config, "a.test")
    order = ("cert_path", "key_path", "chain_path", "fullchain_path")
    for name in ("a.test", "b.test"):
        one.deploy_cert(name, *(paths[kind] for kind in order))
    one.save("Deployed", temporary=False)
    one.restart()
    assert deployments(record) == ["deploy_cert"]
    noted = json.loads(Path(config.work_dir, "external-auth", "deployments.json").read_text())
    assert "a.test" in json.dumps(noted)


def test_a_deployment_that_failed_is_tried_again_at_the_next_renewal(
    config: Namespace, record: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAIL", "deploy")
    config.verb = "renew"
    one = made(config)
    one.prepare()
    lineage = Namespace(lineagename="a.test", **live(config, "a.test"))
    with pytest.raises(DeployError) as raised:
        one.renew_deploy(lineage)
    assert (raised.value.lineage, raised.value.failure.operation) == ("a.test", "deploy_cert")
    monkeypatch.delenv("FAIL")
    record.write_text("")
    made(config).generic_updates(lineage)
    assert deployments(record) == [], "one process tries it once"
    # As the next process begins.
    monkeypatch.setattr(handed_over, "_attempts", {})
    made(config).generic_updates(lineage)
    assert deployments(record) == ["deploy_cert"]
    record.write_text("")
    made(config).generic_updates(lineage)
    assert "deploy_cert" not in deployments(record)


def test_what_is_not_the_plugins_is_refused_or_nothing(config: Namespace) -> None:
    one = made(config)
    assert (one.get_all_names(), one.supported_enhancements()) == ([], [])
    with pytest.raises(errors.NotSupportedError, match="redirect"):
        one.enhance("a.test", "redirect")
    for call in (one.rollback_checkpoints, one.recovery_routine, one.config_test):
        assert call() is None
    assert "--external-auth-handler" in one.more_info()


def test_each_flag_is_added_as_the_table_says() -> None:
    added: dict[str, dict[str, Any]] = {}
    plugin.ExternalAuth.add_parser_arguments(lambda name, **more: added.update({name: more}))
    assert set(added) == {option.name for option in settings.OPTIONS}
    for option in settings.OPTIONS:
        more = added[option.name]
        assert (more["metavar"], more["help"]) == (option.metavar, option.full_help)
        assert more["type"]("x y") == "x y"
    added.clear()
    plugin.HistoricExternalAuth.add_parser_arguments(lambda name, **more: added.update({name: more}))
    switches = {name for name, more in added.items() if more.get("action") == "store_true"}
    assert switches == {option.name for option in settings.HISTORIC_OPTIONS if option.historic_switch}
    assert plugin.HistoricExternalAuth.hidden


def test_certonly_hands_over_what_it_has_written_and_nothing_else(config: Namespace, record: Path) -> None:
    config.verb = "certonly"
    live(config, "quiet.test")
    one = made(config)
    one.prepare()
    live(config, "new.test")
    one.restart()
    ((command, *_),) = calls(record)
    assert command == "deploy_cert"
    noted = json.loads(Path(config.work_dir, "external-auth", "deployments.json").read_text())
    assert set(noted["config_dirs"][config.config_dir]["lineages"]) == {"quiet.test", "new.test"}
    one.restart()
    assert len(calls(record)) == 1


def test_a_certificate_that_cannot_be_read_is_not_handed_over(config: Namespace, record: Path) -> None:
    missing = str(Path(config.live_dir, "a.test", "cert.pem"))
    with pytest.raises(DeployError) as raised:
        made(config).deploy_cert("a.test", missing, "/k", "/c", "/f")
    failure = raised.value.failure
    assert (failure.who, failure.operation) == ("The plugin", f"reading {missing}")
    assert "No such file" in failure.happened
    assert raised.value.lineage == "a.test"
    assert calls(record) == []
