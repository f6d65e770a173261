"""Renewals that failed are known by what Certbot logs."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from certbot_external_auth.protocol import failed_renewals

RENEWAL = logging.getLogger("certbot._internal.renewal")
FAILED = "Failed to renew certificate %s with error: %s"


@pytest.fixture
def told() -> Iterator[list[tuple[BaseException, str]]]:
    found: list[tuple[BaseException, str]] = []
    before = list(RENEWAL.handlers)
    failed_renewals.listen(lambda error, lineage: found.append((error, lineage)))
    (added,) = (one for one in RENEWAL.handlers if one not in before)
    try:
        yield found
    finally:
        RENEWAL.removeHandler(added)


def test_what_ended_the_renewal_is_told_with_the_lineage(told: list[tuple[BaseException, str]]) -> None:
    error = ValueError("x")
    RENEWAL.error(FAILED, "a.test", error)
    assert told == [(error, "a.test")]


@pytest.mark.parametrize(
    ("message", "arguments"),
    [
        ("Something else about %s: %s", ("a.test", ValueError("x"))),
        (FAILED, ("a.test", "no exception")),
        (FAILED.replace(" with error: %s", ""), ("a.test",)),
    ],
)
def test_other_records_are_not(
    told: list[tuple[BaseException, str]], message: str, arguments: tuple[object, ...]
) -> None:
    RENEWAL.error(message, *arguments)
    RENEWAL.warning(FAILED, "a.test", ValueError("x"))
    assert told == []
