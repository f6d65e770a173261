"""One call of a handler: what is started, and what the way it ends means. No program runs here."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from certbot_external_auth.backends import Context
from certbot_external_auth.backends.handler import call as module
from certbot_external_auth.backends.handler.call import HandlerCaller
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


@pytest.fixture(autouse=True)
def _nothing_was_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_called", set())
    # No call at the end of the tests' own process.
    monkeypatch.setattr(HandlerCaller, "_exit_later", lambda caller: None)


def handler(name: str = "native", historic: bool = False, until: float | None = None) -> HandlerCaller:
    settings = Settings(mode="handler", dialect=name, historic=historic)
    convention = dialect(name)
    return HandlerCaller(Context(settings, FACTS, words=HOOK, until=until), convention, DialectAbilities.of(convention))


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
