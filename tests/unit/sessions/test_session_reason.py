"""Why a session failed, found in what it left: its lines, else the end of Certbot's output."""

from __future__ import annotations

from typing import Any

import pytest

from certbot_external_auth.sessions import session_reason
from certbot_external_auth.sessions.session_reason import Reason, reason, sentence

CHALLENGES = [{"cmd": "perform_challenge", "id": f"c{n}", "domain": f"{name}.test"} for n, name in enumerate("abc", 1)]
INVALID = [
    {"cmd": "result", "id": f"c{n}", "status": "invalid", "error": {"type": "urn:x", "detail": f"no record {n}"}}
    for n in (2, 3)
]


def error(code: str, message: str = "m", **more: object) -> dict[str, Any]:
    return {"cmd": "error", "code": code, "message": message, **more}


SUMMED_UP = error("certbot.failed", "2 renew failure(s)")
REFUSED = error("answer.refused", "c1 was refused (dns.full: no room).", id="c1")
UNPUBLISHED = error("challenge.not_published", "It failed for a.test: no room.\nThe CA was not asked.")


@pytest.mark.parametrize(
    ("state", "lines", "expected"),
    [
        # The first name that the CA could not validate, with what it said; how many others.
        (
            "refused",
            [*CHALLENGES, *INVALID, error("challenge.failed", "Some challenges have failed.")],
            Reason("validation", "no record 2", ("b.test", "c.test")),
        ),
        ("refused", [{"cmd": "result", "id": "c9", "status": "invalid", "error": None}], Reason("validation", "")),
        (
            "refused",
            [error("ca.refused", "urn :: too many", problem={"type": "urn:x", "detail": "too many"})],
            Reason("request", "too many"),
        ),
        ("refused", [error("ca.refused", "No words.")], Reason("error", "No words.")),
        # Lost: the reason, to what follows from it.
        ("failed", [REFUSED, UNPUBLISHED, SUMMED_UP], Reason("error", "It failed for a.test: no room.")),
        ("failed", [error("recovery.failed"), error("usage", "Bad flag.")], Reason("error", "Bad flag.")),
        (
            "failed",
            [
                error(
                    "challenge.not_visible", "It cannot be seen:\nrows", problem={"type": "x", "detail": "a.test: 404"}
                )
            ],
            Reason("look", "a.test: 404"),
        ),
        ("failed", [error("challenge.not_visible", "Not seen:\nrows")], Reason("error", "Not seen:")),
        ("failed", [SUMMED_UP], Reason("error", "2 renew failure(s)")),
        ("failed", [REFUSED], Reason("error", "c1 was refused (dns.full: no room).")),
        ("deploy_failed", [error("deploy.failed", "web1 is down.")], Reason("error", "web1 is down.")),
    ],
)
def test_the_reason(state: str, lines: list[dict[str, Any]], expected: Reason) -> None:
    assert reason(state, lines, "the output") == expected


@pytest.mark.parametrize("state", ["waiting", "done", "nothing_due", "aborted", "lost", "expired", "locked"])
def test_a_state_that_says_it_all(state: str) -> None:
    assert reason(state, [SUMMED_UP], "the output") is None


def test_without_an_error_it_is_what_certbot_printed_last() -> None:
    said = (
        "usage:\n  certbot\ncertbot: error: unrecognized arguments: --x\nAsk for help or search for solutions at …\n\n"
    )
    assert reason("failed", [], said) == Reason("output", "certbot: error: unrecognized arguments: --x")
    assert reason("failed", [], "\n") is None


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (Reason("validation", "No TXT record.", ("a.test",)), "The CA could not validate a.test: No TXT record."),
        (Reason("validation", "x", ("a.test", "b.test", "c.test")), "The CA could not validate a.test and 2 more: x."),
        (Reason("validation", ""), "The CA could not validate a name."),
        (Reason("request", "too many\ncertificates"), "The CA refused the request: too many certificates."),
        (
            Reason("look", "a.test at 192.0.2.2:80: 404"),
            "The CA was not asked, because it would not see everything: a.test at 192.0.2.2:80: 404.",
        ),
        (Reason("error", "The zone is full."), "The zone is full."),
        (Reason("error", "These have no record:"), "These have no record."),
        (Reason("output", ""), "Certbot failed."),
    ],
)
def test_the_sentence(found: Reason, expected: str) -> None:
    assert sentence(found) == expected


def test_a_sentence_is_short_and_on_one_line() -> None:
    said = sentence(Reason("error", f"a\n{'b' * 5000}\x1b[31m"))
    assert len(said) <= session_reason._MAX_CHARACTERS + 1
    assert said.isprintable()
