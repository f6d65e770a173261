"""What the line says."""

from __future__ import annotations

from certbot_external_auth.progress import State


def test_it_has_how_many_and_the_name_just_now() -> None:
    assert State("Publishing", 12).text(0.4) == "Publishing: 0 of 12 done, 0 s"
    assert State("Publishing", 12, 3, ["d.test"]).text(24) == "Publishing: 3 of 12 done, now d.test, 24 s"
    assert State("Looking", 3, 1, ["b.test", "c.test"]).text(2) == "Looking: 1 of 3 done, now b.test and 1 more, 2 s"
