"""The content of the state file."""

from __future__ import annotations

import json

import pytest

from certbot_external_auth.metrics.state import OK, Change, Entry, changed, content, entries

A = Entry("/le", 1.0, OK, 2.0, 3.0, True, 4.0)


def test_what_is_written_is_read() -> None:
    noted = {"b.test": Entry("/le"), "a.test": A}
    assert entries(json.loads(json.dumps(content(noted)))) == noted


def test_a_change_leaves_the_other_values() -> None:
    found = changed({"a.test": A}, [Change("a.test", "/le", {"code": "usage"}), Change("b.test", "/le")])
    assert found == {"a.test": Entry("/le", 1.0, "usage", 2.0, 3.0, True, 4.0), "b.test": Entry("/le")}
    assert changed({"a.test": A}, [Change("a.test", "/other", {"attempt": 9.0})]) == {"a.test": Entry("/other", 9.0)}


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        {"version": 2, "lineages": {"a.test": {"config_dir": "/le"}}},
        {"version": 1, "lineages": []},
        {"version": 1, "lineages": {"a.test": []}},
        {"version": 1, "lineages": {"a.test": {}}},
        {"version": 1, "lineages": {"a.test": {"config_dir": 1}}},
        {"version": 1, "lineages": {"a.test": {"config_dir": "/le", "attempt": "x"}}},
        {"version": 1, "lineages": {"a.test": {"config_dir": "/le", "attempt": True}}},
        {"version": 1, "lineages": {"a.test": {"config_dir": "/le", "attempt": float("nan")}}},
        {"version": 1, "lineages": {"a.test": {"config_dir": "/le", "attempt": 10**400}}},
        {"version": 1, "lineages": {"a.test": {"config_dir": "/le", "visibility": -1}}},
        {"version": 1, "lineages": {"a.test": {"config_dir": "/le", "rehearsed": 1}}},
        {"version": 1, "lineages": {"a.test": {"config_dir": "/le", "code": 1}}},
    ],
)
def test_a_damaged_file_has_no_entries(value: object) -> None:
    assert entries(value) == {}


def test_a_later_version_may_add_values() -> None:
    value = {"version": 1, "lineages": {"a.test": {"config_dir": "/le", "new": [1], "attempt": 1}, "b.test": 1}}
    assert entries(value) == {"a.test": Entry("/le", 1.0)}
