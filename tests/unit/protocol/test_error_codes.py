"""Which code, message and problem document an exception has for a driver."""

from __future__ import annotations

import pytest
import requests
from acme import errors as acme_errors
from acme import messages
from certbot import errors as certbot_errors

from certbot_external_auth import errors
from certbot_external_auth.errors import Failure
from certbot_external_auth.protocol import error_codes

FAILURE = Failure("/hook", "perform", (), "exit code 3")
RATE = messages.Error(typ="urn:ietf:params:acme:error:rateLimited", detail="too many")


@pytest.mark.parametrize(
    ("exception", "code"),
    [
        (errors.UsageError(["x"]), "usage"),
        (errors.GuardError(["x"]), "challenge.not_accepted"),
        (errors.NotVisibleError(["x"], {}), "challenge.not_visible"),
        (errors.PerformError([FAILURE]), "challenge.not_published"),
        (errors.DriverError("x"), "challenge.not_published"),
        (errors.DeployError(FAILURE, None), "deploy.failed"),
        (certbot_errors.AuthorizationError("x"), "challenge.failed"),
        (certbot_errors.LockError("x"), "certbot.locked"),
        (certbot_errors.SignalExit(), "certbot.interrupted"),
        (KeyboardInterrupt(), "certbot.interrupted"),
        (RATE, "ca.refused"),
        (acme_errors.IssuanceError(RATE), "ca.refused"),
        (acme_errors.ClientError("x"), "ca.failed"),
        (requests.exceptions.ConnectionError("x"), "ca.unreachable"),
        (certbot_errors.Error("x"), "certbot.failed"),
        (ValueError("x"), "certbot.failed"),
    ],
)
def test_code(exception: BaseException, code: str) -> None:
    assert error_codes.code_of(exception) == code
    assert code in error_codes.CODES


@pytest.mark.parametrize("exception", [KeyboardInterrupt(), certbot_errors.SignalExit(), ValueError(), RATE])
def test_an_exception_without_a_text_has_a_message(exception: BaseException) -> None:
    assert error_codes.message_of(exception).strip()


def test_the_text_of_an_exception_is_its_message() -> None:
    assert error_codes.message_of(ValueError("no room")) == "no room"
    assert error_codes.message_of(ValueError()) == "ValueError"
    assert error_codes.message_of(KeyboardInterrupt()) != error_codes.message_of(certbot_errors.SignalExit())


def test_what_the_ca_would_not_see_is_told_like_a_problem() -> None:
    problem = {"type": "challenge.not_visible", "detail": "a.test: 404"}
    assert (
        error_codes.problem_of(errors.NotVisibleError(["x"], {"c1": problem, "c2": {**problem, "detail": "y"}}))
        == problem
    )
    assert error_codes.problem_of(errors.NotVisibleError(["x"], {})) is None


def test_the_problem_document_is_the_cas_alone() -> None:
    """RFC 8555 section 6.7; of an order that became invalid, the exception has only the document."""
    document = {"type": RATE.typ, "detail": "too many"}
    assert error_codes.problem_of(RATE) == document
    assert error_codes.problem_of(acme_errors.IssuanceError(RATE)) == document
    assert error_codes.problem_of(ValueError("x")) is None


def test_what_python_raises_in_place_of_the_cas_error() -> None:
    """Guards against: "can't set attribute" in place of the CA's reason, with Certbot 2.1 on Python 3.11."""
    found = AttributeError("can't set attribute")
    found.__context__ = RATE
    assert error_codes.code_of(found) == "ca.refused"
    assert "too many" in error_codes.message_of(found)
    assert error_codes.problem_of(found) == error_codes.problem_of(RATE)
    assert error_codes.code_of(AttributeError("x")) == "certbot.failed"
