"""One call of a handler: what is started, and what the way it ends means. No program runs here."""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Sequence
from dataclasses import replace

import pytest

from certbot_external_auth.backends import Context, Finished
from certbot_external_auth.backends.handler import call as module
from certbot_external_auth.backends.handler.call import HandlerCaller
from certbot_external_auth.backends.handler.mistakes import Kind
from certbot_external_auth.challenges import Challenge
from certbot_external_auth.dialects import Call, dialect
from certbot_external_auth.errors import NOT_TRIED, Failure
from certbot_external_auth.interfaces import DialectAbilities
from certbot_external_auth.processes.program import Ended, Program
from certbot_external_auth.settings import Settings
from tests.support.challenges import DNS, FACTS

FAILED = Ended(code=1)
DECLINED = Ended(code=42)
DONE = Ended(code=0)
HOOK = ("/hook", "-x")
WITH_CLEANUP = dataclasses.replace(FACTS, cleanup_words=("/cleanup",))


@pytest.fixture(autouse=True)
def _nothing_was_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_called", set())
    # No call at the end of the tests' own process.
    monkeypatch.setattr(HandlerCaller, "_exit_later", lambda caller: None)


def handler(
    name: str = "native", historic: bool = False, until: float | None = None, words: tuple[str, ...] = HOOK
) -> HandlerCaller:
    settings = Settings(mode="handler", dialect=name, historic=historic)
    convention = dialect(name)
    return HandlerCaller(
        Context(settings, FACTS, words=words, until=until), convention, DialectAbilities.of(convention)
    )


def carried_out(caller: HandlerCaller, call: Call, *ends: Ended) -> tuple[list[Program], list[Failure]]:
    """The programs that the call starts, each of which ends as told, and what failed."""
    steps = caller.steps(call)
    programs = []
    try:
        programs.append(next(steps))
        for ended in ends:
            programs.append(steps.send(ended))
    except StopIteration as end:
        return programs, end.value
    raise AssertionError("it starts more programs")


def failures(caller: HandlerCaller, call: Call, *ends: Ended) -> list[Failure]:
    return carried_out(caller, call, *ends)[1]


def test_a_program_has_the_words_of_the_handler_and_of_the_call() -> None:
    call = Call("perform", ("perform",), {"cmd": "perform"}, document=b"{}", umask=0o077, challenges=(DNS,))
    ((program,), failed) = carried_out(handler(), call, DONE)
    assert (list(program.argv), program.stdin, program.umask) == ([*HOOK, "perform"], b"{}", 0o077)
    assert program.environment["cmd"] == "perform"
    assert failed == []


SETTINGS = [("acmetool", "ACME_STATE_DIR", "/c"), ("dehydrated", "BASEDIR", "/c")]


@pytest.mark.parametrize(("name", "variable", "ours"), SETTINGS)
@pytest.mark.parametrize("of_caller", [None, "/caller"])
@pytest.mark.parametrize("of_env_file", [None, "/env file"])
def test_a_users_setting_wins(
    name: str, variable: str, ours: str, of_caller: str | None, of_env_file: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lost: the folder with a hook's own state, which a user had named, and got Certbot's in its place."""
    monkeypatch.setattr(os, "environ", {variable: of_caller} if of_caller else {})
    for environment in environments(name, {variable: of_env_file} if of_env_file else {}):
        assert environment[variable] == (of_env_file or of_caller or ours)


def environments(name: str, of_env_file: dict[str, str] | None = None, *challenges: Challenge) -> list[dict[str, str]]:
    """The environments of all calls about challenges."""
    caller, convention = handler(name), dialect(name)
    caller.secrets = of_env_file or {}
    caller.read_environment()
    asked = challenges or (DNS,)
    calls = [
        *convention.perform(asked, WITH_CLEANUP),
        *convention.cleanup([Finished(one, "valid") for one in asked], WITH_CLEANUP),
    ]
    programs = [carried_out(caller, call, DONE)[0] for call in calls]
    return [dict(program.environment) for program in itertools.chain(*programs)]


@pytest.mark.parametrize(
    ("name", "variables"),
    [
        ("native", ["cbot_domain", "cbot_txt_target", "cbot_txt_zone", "cbot_uri", "cbot_json"]),
        ("certbot", ["CERTBOT_DOMAIN", "CERTBOT_VALIDATION", "CERTBOT_TOKEN", "CERTBOT_AUTH_OUTPUT"]),
        ("dehydrated", ["CHALLENGETYPE", "alias", "altnames", "CERTDIR", "ALPNCERTDIR", "COMMAND"]),
        ("uacme", ["UACME_METHOD", "UACME_IDENT", "UACME_AUTH"]),
        ("lego", ["EXEC_MODE"]),
        ("lego-raw", ["EXEC_MODE"]),
    ],
)
def test_what_describes_the_challenge_is_never_the_users(
    name: str, variables: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guards against: a value at another name than the challenge's, and a hook that removes where it is to publish.

    Certbot's own plugin `manual` leaves CERTBOT_* in the environment of its process, and certificates that are renewed
    after that get it.
    """
    foreign = dict.fromkeys(variables, "foreign")
    monkeypatch.setattr(os, "environ", foreign)
    module._called.add((HOOK, "startup_hook", None))
    for of_env_file in ({}, foreign):
        for environment in environments(name, of_env_file):
            assert not {variable: value for variable, value in environment.items() if value == "foreign"}


@pytest.mark.parametrize("name", ["native", "certbot", "dehydrated", "uacme", "lego", "acmetool"])
def test_what_a_hook_reads_besides_stays(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lost: UACME_CHALLENGE_PATH of uacme's own hook, for a name that begins as those of the call."""
    settings = {
        "UACME_CHALLENGE_PATH": "/srv",
        "CERTBOT_DNS_ZONE": "x",
        "EXEC_PATH": "/x",
        "cbot_own": "1",
        "HOOK": "h",
    }
    monkeypatch.setattr(os, "environ", settings)
    for environment in environments(name):
        assert settings.items() <= environment.items()


def test_only_http_01_has_a_token_whatever_the_caller_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards against: a hook that takes dns-01 for http-01, since it tells the two apart by this variable."""
    monkeypatch.setattr(os, "environ", {"CERTBOT_TOKEN": "x", "CERTBOT_AUTH_OUTPUT": "x"})
    publish, withdraw = environments("certbot")
    assert "CERTBOT_TOKEN" not in {**publish, **withdraw}
    assert ("CERTBOT_AUTH_OUTPUT" in publish, withdraw["CERTBOT_AUTH_OUTPUT"]) == (False, "")


def test_a_call_can_have_another_command_line() -> None:
    ((program,), _) = carried_out(handler(), Call("cleanup-hook", words=("/cleanup",)), DONE)
    assert list(program.argv) == ["/cleanup"]


@pytest.mark.parametrize(
    ("name", "operation", "ended", "count"),
    [
        ("native", "pre-perform", Ended(code=1, stdout="NotImplemented\n"), 0),
        ("native", "pre-perform", FAILED, 1),
        ("native", "perform", Ended(code=1, stdout="NotImplemented\n"), 1),
        ("uacme", "done", FAILED, 0),
        ("uacme", "begin", FAILED, 1),
        ("acmetool", "challenge-dns-stop", DECLINED, 0),
        ("acmetool", "challenge-dns-start", DECLINED, 1),
    ],
)
def test_only_operations_that_a_handler_supports_can_fail(name: str, operation: str, ended: Ended, count: int) -> None:
    """Guards against: a run that fails because of an operation that its hook never had."""
    found = failures(handler(name), Call(operation, challenges=(DNS,), identifiers=("a.example",)), ended)
    assert [(one.operation, one.identifiers, one.ids) for one in found] == [
        (operation, ("a.example",), ("c1",))
    ] * count


@pytest.mark.parametrize(
    ("ends", "failing"),
    [
        ((DECLINED, DONE), None),
        ((FAILED, DONE), None),
        ((DECLINED, DECLINED), "/hooks/1"),
        ((DECLINED, FAILED), "/hooks/2"),
        ((FAILED, DECLINED), "/hooks/1"),
    ],
)
def test_of_a_folder_one_hook_is_enough(
    ends: Sequence[Ended], failing: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guards against: an error that blames a hook which only declined, while another one tried and failed."""
    monkeypatch.setattr(module, "handlers", lambda words, found: [("/hooks/1",), ("/hooks/2",)])
    call = Call("challenge-dns-start", declined_by=42)
    programs, found = carried_out(handler("acmetool"), call, *ends)
    assert [program.argv[0] for program in programs] == ["/hooks/1", "/hooks/2"]
    assert [one.who.rpartition(" ")[2] for one in found] == ([failing] if failing else [])


def test_a_failure_of_an_optional_call_changes_nothing() -> None:
    assert failures(handler("dehydrated"), Call("startup_hook", optional=True), FAILED) == []


def test_a_call_that_is_due_once_is_made_once() -> None:
    caller, call = handler("dehydrated"), Call("startup_hook", once=True)
    assert len(carried_out(caller, call, DONE)[0]) == 1
    assert carried_out(caller, call) == ([], [])
    assert len(carried_out(caller, Call("deploy_cert"), DONE)[0]) == 1


@pytest.mark.parametrize(("operation", "count"), [("startup_hook", 0), ("unchanged_cert", 1)])
def test_under_the_historic_name_only_calls_of_its_time_are_made(operation: str, count: int) -> None:
    programs, _ = carried_out(handler(historic=True), Call(operation, optional=True), *[DONE] * count)
    assert len(programs) == count


def test_nothing_is_called_after_the_time_for_it() -> None:
    programs, (failure,) = carried_out(handler(until=0.0), Call("cleanup", challenges=(DNS,)))
    assert (programs, failure.happened, failure.ids) == ([], NOT_TRIED, ("c1",))


# --- two values at one name ---

BASE = DNS
WILDCARD = replace(DNS, id="c2", token="B" * 22, key_authorization=f"{'B' * 22}.{'t' * 43}")
ELSEWHERE = replace(DNS, id="c3", identifier="b.example")
SLOW = Ended(timed_out=True)


def published(caller: HandlerCaller, challenge: Challenge, ended: Ended) -> list[Kind]:
    """Let the handler be called to publish; return what may be wrong with it."""
    call = Call("begin", challenges=(challenge,))
    steps = caller.steps(call, publishing=True)
    next(steps)
    with pytest.raises(StopIteration):
        steps.send(ended)
    return [mistake.kind for mistake in caller.mistakes(HOOK, call, ended)]


@pytest.mark.parametrize("ended", [FAILED, SLOW])
def test_the_second_value_at_a_name_may_be_one_too_many(ended: Ended) -> None:
    """Whether that call fails or hangs. The call before it did not find a value of this certificate."""
    caller = handler("uacme")
    assert Kind.TWO_VALUES not in published(caller, BASE, ended)
    published(caller, BASE, DONE)
    assert Kind.TWO_VALUES not in published(caller, ELSEWHERE, ended)
    assert published(caller, WILDCARD, ended)[0] is Kind.TWO_VALUES


def test_after_a_cleanup_no_value_stands_at_the_name() -> None:
    caller = handler("uacme")
    published(caller, BASE, DONE)
    assert failures(caller, Call("done", challenges=(BASE,)), DONE) == []
    assert Kind.TWO_VALUES not in published(caller, WILDCARD, FAILED)


def test_a_handler_behind_a_program_that_starts_it_is_named() -> None:
    caller = handler(words=("/usr/bin/env", "A=/b", "/bin/sh", "/hook"))
    (failure,) = failures(caller, Call("perform", challenges=(DNS,)), FAILED)
    assert failure.who == "The handler /hook"


@pytest.mark.parametrize(
    ("operation", "name", "told"),
    [("cleanup", "native", True), ("perform", "native", False), ("cleanup", "lego", False)],
)
def test_a_cleanup_that_fails_by_a_variable_of_perform(
    operation: str, name: str, told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lost: why the same script publishes and does not remove."""
    monkeypatch.setattr(module.preflight, "handler_text", lambda words: "curl $txt_domain present")
    (found,) = failures(handler(name), Call(operation, challenges=(DNS,)), Ended(code=2, tail=("not set",)))
    assert ("cbot_txt_domain" in found.mend) is told
