"""A handler that publishes as another user, with real programs; certificates are handed over as the caller."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import pytest

from certbot_external_auth.backends import Context, Finished
from certbot_external_auth.backends.handler import call as module
from certbot_external_auth.backends.handler.backend import HandlerBackend
from certbot_external_auth.errors import UsageError
from certbot_external_auth.handler_setup import run_as
from certbot_external_auth.settings import Settings
from tests.support.another_user import NAME, NOBODY
from tests.support.challenges import DEPLOYMENT, DNS, FACTS, HTTP

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes somebody else")
RECORDS = 'echo "$1 $(id -u) $HOME $USER $SECRET $(pwd)" >>"$(dirname "$0")/calls"'


@pytest.fixture(autouse=True)
def _nothing_was_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_called", set())
    monkeypatch.setattr(module.atexit, "register", lambda *given: None)
    monkeypatch.setattr(module, "_last", {})


class Place:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.hook = folder / "hook"
        self.calls = folder / "calls"
        self.calls.touch()
        self.calls.chmod(0o666)

    def backend(self, script: str = RECORDS, owner: int = 0, **settings: Any) -> HandlerBackend:
        self.hook.write_text(f"#!/bin/sh\n{script}\n")
        self.hook.chmod(0o755)
        os.chown(self.hook, owner, -1)
        found = Settings(**{"mode": "handler", "dialect": "dehydrated", "verify": "off", "run_as": NAME, **settings})
        return HandlerBackend(Context(found, FACTS, words=(str(self.hook),)))

    def told(self) -> list[list[str]]:
        return [line.split() for line in self.calls.read_text().splitlines()]


@pytest.fixture
def place(open_folder: Path) -> Place:
    return Place(open_folder)


def test_what_publishes_is_the_user_and_what_deploys_is_the_caller(place: Place) -> None:
    """Guards against: a script of that user that runs as root, and a deployment that cannot read the key."""
    backend = place.backend()
    backend.perform([DNS], lambda begun: None)
    backend.cleanup([Finished(DNS, "valid")])
    assert [line[:2] for line in place.told()] == [
        ["startup_hook", str(NOBODY)],
        ["deploy_challenge", str(NOBODY)],
        ["clean_challenge", str(NOBODY)],
    ]
    assert {tuple(line[2:4]) for line in place.told()} == {("/nonexistent", NAME)}
    place.calls.write_text("")
    backend.deploy(DEPLOYMENT)
    backend.unchanged(DEPLOYMENT)
    assert [line[:2] for line in place.told()] == [
        ["startup_hook", "0"],
        ["sync_cert", "0"],
        ["deploy_cert", "0"],
        ["unchanged_cert", "0"],
    ]
    assert {line[2] for line in place.told()} == {os.environ.get("HOME", "")}


def test_the_call_at_the_end_runs_as_the_last_one(place: Place) -> None:
    """Else a script that its owner may change would run as root at the end of every run."""
    backend = place.backend()
    backend.perform([DNS], lambda begun: None)
    backend._handler.exit()
    backend.deploy(DEPLOYMENT)
    module._called.clear()
    backend._handler.exit()
    assert [line[1] for line in place.told() if line[0] == "exit_hook"] == [str(NOBODY), "0"]


def test_the_caller_reads_the_env_file(place: Place, tmp_path: Path) -> None:
    secrets = tmp_path / "env"
    secrets.write_text("SECRET=hunter2hunter2\nHOME=/of-the-file\n")
    secrets.chmod(0o600)
    backend = place.backend(env_file=str(secrets))
    backend.prepare(publishing=True, deploying=False)
    backend.perform([DNS], lambda begun: None)
    assert place.told()[-1][2:5] == ["/of-the-file", NAME, "hunter2hunter2"]


def test_a_folder_that_the_user_cannot_enter_is_not_where_it_starts(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root's home, where an administrator types the command."""
    tmp_path.chmod(0o700)
    monkeypatch.chdir(tmp_path)
    backend = place.backend()
    backend.prepare(publishing=True, deploying=False)
    backend.perform([DNS], lambda begun: None)
    monkeypatch.chdir(place.folder)
    backend.prepare(publishing=True, deploying=False)
    backend.cleanup([Finished(DNS, "valid")])
    assert [" ".join(line[4:]) for line in place.told()[1:]] == ["/", str(place.folder)]


def test_what_cannot_work_is_said_before_the_order_all_at_once(place: Place, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    backend = place.backend()
    place.hook.chmod(0o750)
    with pytest.raises(UsageError) as raised:
        backend.prepare(publishing=True, deploying=False)
    assert len(raised.value.problems) == 1
    assert f"the user {NAME} cannot start the handler {place.hook}" in raised.value.problems[0]
    # As installer only, it runs as the caller.
    backend.prepare(publishing=False, deploying=True)
    with pytest.raises(UsageError) as raised:
        place.backend(run_as="nobdy", wellknown=str(tmp_path / "missing")).prepare(publishing=True, deploying=False)
    assert ["run-as" in raised.value.problems[0], "wellknown" in raised.value.problems[1]] == [True, True]


def test_a_user_that_is_gone_is_not_replaced_by_root(place: Place) -> None:
    """Guards against: a script as root, since a package that made its user was removed."""
    backend = place.backend(run_as="qqqqqq")
    with pytest.raises(UsageError):
        backend.perform([DNS], lambda begun: None)
    with pytest.raises(UsageError):
        backend.cleanup([Finished(DNS, "valid")])
    assert place.told() == []


@pytest.mark.parametrize(
    ("deploying", "settings", "warned"),
    [(False, {}, False), (True, {}, True), (False, {"run_as": None}, True)],
)
def test_only_a_handler_that_nobody_but_its_owner_runs_may_be_its_owners(
    place: Place, deploying: bool, settings: dict[str, Any], warned: bool
) -> None:
    """Guards against: a script that its user may change, and that root runs when there is a certificate."""
    findings = place.backend(owner=NOBODY, **settings).examine(publishing=True, deploying=deploying)
    assert (findings.problems, any(NAME in warning for warning in findings.warnings)) == ([], warned)


def test_types_with_a_key_are_refused(place: Place) -> None:
    assert not {"tls-alpn-01", "tls-sni-01"} & set(place.backend(dialect="native").challenge_types)
    assert "tls-alpn-01" in place.backend(dialect="native", run_as=None).challenge_types


def test_files_for_http_are_written_by_the_caller_before(place: Place) -> None:
    folder = place.folder / "wellknown"
    folder.mkdir()
    backend = place.backend('cat "$WELLKNOWN/$3" >>"$(dirname "$0")/calls"', wellknown=str(folder))
    context = dataclasses.replace(backend._context, facts=dataclasses.replace(FACTS, wellknown=str(folder)))
    HandlerBackend(context).perform([HTTP], lambda begun: None)
    assert place.calls.read_text() == HTTP.key_authorization
    assert (folder / HTTP.token).stat().st_uid == 0


def test_every_hook_of_a_folder_is_tried(place: Place) -> None:
    hooks = place.folder / "hooks"
    hooks.mkdir()
    for name, mode in (("a", 0o755), ("b", 0o700)):
        (hooks / name).write_text("#!/bin/sh\nexit 42\n")
        (hooks / name).chmod(mode)
    backend = place.backend(dialect="acmetool")
    context = dataclasses.replace(backend._context, words=(str(hooks),))
    assert [hooks / "b"] == [
        Path(problem.split("handler ")[1].split(";")[0]) for problem in HandlerBackend(context).examine().problems
    ]


def test_the_words_of_the_flag_are_those_of_the_option() -> None:
    assert f"--external-auth-{'run-as'}" == run_as.FLAG
