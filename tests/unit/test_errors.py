"""Errors as data: the facts that they keep, and that their messages have all of them."""

from __future__ import annotations

import shlex
from typing import Any

import pytest
from certbot import errors as certbot_errors

from certbot_external_auth import errors
from certbot_external_auth.errors import Failure

FAILURE = Failure("/hook", "perform", ("a.test", "b.test"), "exit code 3")


def test_wrong_use_keeps_each_problem_and_is_printed_by_certbot_as_it_is() -> None:
    found = errors.UsageError(["one", "two"])
    assert found.problems == ("one", "two")
    assert str(found) == "one\ntwo"
    assert not isinstance(found, certbot_errors.PluginError)


def test_a_missing_library_is_named_with_the_reason() -> None:
    reason = ImportError("no dns")
    found = errors.MissingDependencyError("dnspython", reason)
    assert (found.library, found.reason, len(found.problems)) == ("dnspython", reason, 1)
    assert all(part in str(found) for part in ("library dnspython", "ImportError: no dns", "pip install dnspython"))


@pytest.mark.parametrize(
    ("more", "lines"),
    [
        ({}, ["/hook failed at perform for a.test, b.test: exit code 3."]),
        ({"identifiers": ()}, ["/hook failed at perform: exit code 3."]),
        ({"mend": "Do it."}, ["/hook failed at perform for a.test, b.test: exit code 3. Do it."]),
        (
            {"output": ("x", "y"), "mend": "Do it."},
            [
                *("/hook failed at perform for a.test, b.test: exit code 3. Its last lines were:", "  | x", "  | y"),
                "Do it.",
            ],
        ),
    ],
)
def test_a_failure_says_who_what_for_whom_and_how(more: dict[str, Any], lines: list[str]) -> None:
    assert str(Failure(**{**vars(FAILURE), **more})).splitlines() == lines


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        ({"type": "urn:x", "detail": "no"}, "urn:x :: no"),
        ({"type": "urn:x"}, "urn:x"),
        ({"detail": "no", "type": ""}, "no"),
        ({}, ""),
    ],
)
def test_a_problem_document_on_one_line(problem: dict[str, str], text: str) -> None:
    assert errors.problem_text(problem) == text


def test_what_could_not_be_published_is_kept_by_challenge() -> None:
    problems = {"c1": {"type": "urn:x", "detail": "no"}}
    found = errors.PerformError([FAILURE, FAILURE], problems)
    assert (found.failures, found.problems) == ((FAILURE, FAILURE), problems)
    assert str(found).splitlines()[:2] == [str(FAILURE)] * 2
    assert errors.PerformError([]).problems == {}


def test_what_is_not_visible_is_a_reason_not_to_ask_the_ca() -> None:
    problems = {"c1": {"type": "urn:x", "detail": "no"}}
    found = errors.NotVisibleError(["table", "advice"], problems)
    assert isinstance(found, errors.PerformError)
    assert (found.text, found.problems, found.failures) == (("table", "advice"), problems, ())
    assert str(found).startswith("table\nadvice\n")


@pytest.mark.parametrize(("count", "shown", "more"), [(2, 2, False), (10, 10, False), (11, 10, True)])
def test_many_refusals_do_not_flood_the_log(count: int, shown: int, more: bool) -> None:
    refusals = [f"refusal {number:02}" for number in range(count)]
    found = errors.GuardError(refusals)
    assert found.refusals == tuple(refusals)
    assert [one in str(found) for one in refusals] == [True] * shown + [False] * (count - shown)
    assert ("1 more" in str(found)) is more


@pytest.mark.parametrize("lineage", ["a.test", "-x y", None])
def test_a_deployment_that_failed_names_the_command_that_repeats_it(lineage: str | None) -> None:
    found = errors.DeployError(FAILURE, lineage)
    assert (found.failure, found.lineage) == (FAILURE, lineage)
    assert str(found).startswith(f"{FAILURE}\n")
    if lineage is None:
        assert "certbot install" not in str(found)
    else:
        words = shlex.split(str(found).rpartition("now: ")[2])
        assert words[:2] == ["certbot", "install"]
        assert lineage in words[-1]
        found.mend_by("certbot install -i x")
        assert str(found).endswith("certbot install -i x")


def test_a_message_can_be_written_whatever_a_handler_or_a_file_is_called() -> None:
    """Names of files are octets. Guards against: a traceback of Certbot's log instead of the message."""
    odd = "/hook\udcff"
    for found in (
        errors.UsageError([odd]),
        errors.PerformError([Failure(odd, "perform", (), "x")]),
        errors.NotVisibleError([f"The handler {odd} replaces it."], {}),
        errors.DeployError(Failure(odd, "perform", (), "x"), "a"),
    ):
        assert b"/hook" in str(found).encode()
