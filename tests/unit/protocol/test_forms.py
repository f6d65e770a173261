"""The two forms of a line."""

from __future__ import annotations

import datetime

from certbot_external_auth.protocol import forms

LINE = {"cmd": "result", "id": "c1", "status": "valid"}


def test_protocol_1_numbers_every_line_that_it_writes() -> None:
    form = forms.Numbered("run7")
    first, nothing, second = (
        form.written(line) for line in (LINE, {"cmd": "report", "messages": []}, {"cmd": "report", "messages": ["x"]})
    )
    assert nothing is None
    assert first is not None
    assert second is not None
    assert {key: first[key] for key in LINE} == LINE
    assert [(line["seq"], line["run"]) for line in (first, second)] == [(1, "run7"), (2, "run7")]
    written = datetime.datetime.fromisoformat(first["ts"].replace("Z", "+00:00"))
    assert abs(datetime.datetime.now(datetime.timezone.utc) - written) < datetime.timedelta(minutes=10)


def test_protocol_0_has_no_line_that_is_newer_than_2016() -> None:
    assert forms.Historic().written({"cmd": "hello", "run": "x"}) is None
