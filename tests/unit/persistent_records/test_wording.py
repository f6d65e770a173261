"""The words for reasons: each has its own, and text from outside is quoted."""

from __future__ import annotations

import pytest

from certbot_external_auth.persistent_records import Kind, OfferError, Problem, Reason, judge, wording
from certbot_external_auth.persistent_records.issue_value import Fault
from tests.support.wrong_records import CASES, NOW, OTHER, Wrong

DAY = 24 * 3600


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_a_reason_names_the_place_and_the_right_record(case: Wrong) -> None:
    """Guards against: a sentence that does not say where, or not what to publish."""
    text = wording.missing(judge(case.records, case.need, NOW, (OTHER,)).reason, case.need)
    assert "_validation-persist.example.com" in text
    assert text.endswith(f"TXT {wording.quoted_strings(case.need.value())}")


def test_a_long_record_is_shown_as_several_strings() -> None:
    """Guards against: a text that a name server refuses when it is pasted."""
    assert wording.quoted_strings("x" * 256) == f'"{"x" * 255}" "x"'


def test_text_from_outside_is_quoted() -> None:
    """Guards against: a TXT record that moves the cursor of a terminal."""
    need = CASES[0].need
    for kind in Kind:
        reason = Reason(kind, "\x1b[2J\n", "\x1b[2J\n", ("ca.example",), Fault.BAD_ISSUER, 0)
        assert "\x1b" not in wording.because(reason, need)
        assert "\n" not in wording.because(reason, need)


def test_every_fault_and_every_problem_has_words() -> None:
    """Guards against: a KeyError in place of a sentence."""
    need = CASES[0].need
    for fault in Fault:
        assert "cannot be read" in wording.because(Reason(Kind.SYNTAX, "x", "y", fault=fault), need)
    for problem in Problem:
        assert "cannot be used" in wording.offer(OfferError(problem, "\x1b", "z"))
        assert "\x1b" not in wording.offer(OfferError(problem, "\x1b", "z"))


def test_the_end_of_a_record() -> None:
    """Guards against: a date without the days that are left, and a time that no calendar reaches."""
    assert "in 3 days" in wording.ending("example.com", NOW + 3 * DAY, NOW)
    assert "ended on" in wording.ending("example.com", NOW - 1, NOW)
    assert str(2**63 - 1) in wording.date(2**63 - 1)
