"""The CA that offers dns-account-01 and dns-persist-01, and a name of its own for each test."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from tests.support.new_ca import NewCA


@pytest.fixture(scope="module")
def ca() -> Iterator[NewCA]:
    with NewCA() as found:
        yield found


@pytest.fixture
def domain(ca: NewCA) -> str:
    return f"t{uuid.uuid4().hex[:12]}.test"
