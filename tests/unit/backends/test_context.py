"""What backends share: each mode has one, and the probes and the sentences learn from the settings."""

from __future__ import annotations

import dataclasses

import pytest

from certbot_external_auth.backends import Context, context
from certbot_external_auth.backends.handler.backend import HandlerBackend
from certbot_external_auth.backends.manual.backend import ManualBackend
from certbot_external_auth.dialects import Facts
from certbot_external_auth.endpoint import Endpoint
from certbot_external_auth.errors import UsageError
from certbot_external_auth.settings import Settings


def made(mode: str, **settings: object) -> Context:
    return Context(Settings(mode, **settings), Facts(), words=("/hook",), http_port=8080, tls_port=8443)  # type: ignore[arg-type]


@pytest.mark.parametrize(("mode", "kind"), [("handler", HandlerBackend), ("manual", ManualBackend)])
def test_each_mode_has_a_backend(mode: str, kind: type) -> None:
    assert type(context.backend(mode, made(mode))) is kind


def test_an_unknown_mode_is_wrong_use() -> None:
    with pytest.raises(UsageError, match="fax"):
        context.backend("fax", made("handler"))


def test_the_probes_look_where_the_ca_looks() -> None:
    servers = (Endpoint("192.0.2.1", 53),)
    found = context.surroundings(made("handler", verify_nameservers=servers))
    assert (found.nameservers, found.http_port, found.https_port) == (servers, 8080, 8443)


def test_who_published_is_named_by_the_mode() -> None:
    chained = context.publisher(made("handler", dialect="dehydrated", hook_chain=True))
    assert (chained.who, chained.dialect, chained.chained) == ("The handler /hook", "dehydrated", True)
    assert len({context.publisher(made(mode)).who for mode in ("handler", "json", "manual")}) == 3


@pytest.mark.parametrize(
    ("mode", "dialect", "expected"),
    [
        ("handler", "dehydrated", "dehydrated"),
        ("handler", "lego", "native"),
        ("json", "native", "native"),
        ("manual", "dehydrated", "dehydrated"),
    ],
)
def test_a_command_of_its_own_takes_certificates_in_every_mode_as_the_caller(
    mode: str, dialect: str, expected: str
) -> None:
    before = made(mode, dialect=dialect, run_as="nobody", deploy_handler="/deploy", timeout=7.0, env_file="/e")
    assert context.deploy_handler(before) is None
    caller = context.deploy_handler(dataclasses.replace(before, deploy_words=("/deploy", "-x")))
    assert isinstance(caller, HandlerBackend)
    found = caller._context
    assert (found.words, found.origin) == (("/deploy", "-x"), "--external-auth-deploy-handler")
    assert (found.settings.dialect, found.settings.run_as) == (expected, None)
    assert (found.settings.timeout, found.settings.env_file) == (7.0, "/e")
    assert [origin for _, origin in caller._handler.commands()] == ["--external-auth-deploy-handler"]


def test_a_run_is_attended_and_not_a_recovery_unless_it_says_so() -> None:
    plain = Context(Settings("manual"), Facts())
    assert not any((plain.unattended, plain.renewing, plain.silent, plain.recovering, plain.subset, plain.deliberate))
    assert (plain.words, plain.preferred, plain.server, plain.repeat, plain.install, plain.config_files) == (
        *((), (), ""),
        *((), (), ()),
    )
    assert (plain.http_port, plain.tls_port, plain.folder, plain.until, plain.hear) == (80, 443, None, None, None)
