"""The text for Prometheus."""

from __future__ import annotations

from certbot_external_auth.metrics.figures import Figures
from certbot_external_auth.metrics.state import OK, Entry
from certbot_external_auth.metrics.text import FAMILIES, LEFTOVERS, PREFIX, SUCCESS, text
from tests.support.figures import parsed

GOOD = Entry("/le", 1000.5, OK, 2.5, 900.0, True, 5000.0)
BAD = Entry("/le", 2000.0, "challenge.not_visible", None, 1900.0, False)


def test_every_family_has_its_values() -> None:
    found = parsed(text([Figures("a.test", GOOD, 7000.0, False), Figures('b"\\.test', BAD, None, True)], 3))
    odd = ('b"\\.test',)
    assert found == {
        f"{PREFIX}certificate_expiry_timestamp_seconds": {("a.test",): 7000.0},
        f"{PREFIX}last_attempt_timestamp_seconds": {("a.test",): 1000.5, odd: 2000.0},
        f"{PREFIX}last_attempt_success": {("a.test", "ok"): 1.0, (*odd, "challenge.not_visible"): 0.0},
        f"{PREFIX}deployment_pending": {("a.test",): 0.0, odd: 1.0},
        f"{PREFIX}rehearsal_timestamp_seconds": {("a.test",): 900.0, odd: 1900.0},
        f"{PREFIX}rehearsal_success": {("a.test",): 1.0, odd: 0.0},
        f"{PREFIX}visibility_seconds": {("a.test",): 2.5},
        f"{PREFIX}persist_until_timestamp_seconds": {("a.test",): 5000.0},
        f"{PREFIX}leftovers": {(): 3.0},
    }
    assert set(found) == {PREFIX + name for name in (*FAMILIES, SUCCESS, LEFTOVERS)}


def test_what_is_not_known_has_no_value() -> None:
    found = parsed(text([Figures("a.test", Entry("/le"))], None))
    assert not any(found.values())
    assert f"{PREFIX}leftovers" not in found


def test_a_name_that_is_not_utf_8_spoils_no_other_figure() -> None:
    odd = Figures("\udcff\n.test", Entry("/le", 1.0, OK))
    found = parsed(text([odd, Figures("a.test", GOOD)], None))
    assert set(found[f"{PREFIX}last_attempt_success"]) == {("\\xff\n.test", "ok"), ("a.test", "ok")}


def test_the_names_carry_their_units() -> None:
    """As https://prometheus.io/docs/practices/naming/ asks: base units, and time stamps in seconds."""
    for name in FAMILIES:
        assert name.endswith(("_seconds", "_success", "_pending")), name
        assert ("timestamp" in name) == name.endswith("_timestamp_seconds")
