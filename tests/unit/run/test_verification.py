"""The check between publishing and asking the CA: what a run reports, also after an unexpected error."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from pathlib import Path

import pytest
from certbot import errors

from certbot_external_auth.backends import Context
from certbot_external_auth.backends.handler import mistakes
from certbot_external_auth.backends.printed import Printed, about
from certbot_external_auth.challenges import Challenge
from certbot_external_auth.configuration import resolution
from certbot_external_auth.dialects import Facts
from certbot_external_auth.errors import NotVisibleError
from certbot_external_auth.protocol.lines import Line
from certbot_external_auth.run.verification import Verification
from certbot_external_auth.visibility import Clue, Expectation, Observation, Outcome, watch
from certbot_external_auth.visibility.observer import Observer
from certbot_external_auth.visibility.probe import Surroundings

CHALLENGE = Challenge("c1", "dns-01", "example.org", "dns", "token", "token.thumbprint")
SIGNALS = [errors.SignalExit("SIGTERM"), KeyboardInterrupt()]


class Broken(Observer):
    """Sees that there is no record, and fails at everything else."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(Surroundings())
        self._error = error

    def look(self, expectations: Sequence[Expectation], until: float) -> list[Observation]:
        return [Observation(one.place, "ns1", "192.0.2.1:53", Outcome.NO_RECORD) for one in expectations]

    def explain(
        self, expectations: Sequence[Expectation], observations: Sequence[Observation], until: float
    ) -> list[Clue]:
        raise self._error

    def follow(self, names: Sequence[str], until: float) -> dict[str, tuple[str, str]]:
        raise self._error


def nothing(ids: Collection[str]) -> list[Printed]:
    """What a handler has printed that prints nothing."""
    return []


def verification(error: BaseException, words: str = "/bin/true", **more: str) -> Verification:
    checked = resolution.resolve({"handler": "/bin/true", "verify-timeout": "0", **more})
    check = Verification(Context(checked, Facts(), words=(words,)), None, lambda line: None)
    check.observer = Broken(error)
    return check


def test_the_table_is_reported_even_if_the_reason_cannot_be_found() -> None:
    """Guards against: an error of the plugin that hides what two minutes of checks have shown."""
    with pytest.raises(NotVisibleError) as caught:
        verification(ValueError("no such\nthing")).check([CHALLENGE], nothing)
    text = str(caught.value)
    assert "_acme-challenge.example.org\n  ns1  192.0.2.1:53  no record  0.00 s\n" in text
    assert "\nThe reason could not be looked for: ValueError: no such thing\n" in text
    assert "--external-auth-verify-timeout" in text
    assert list(caught.value.problems) == ["c1"]


def test_the_lines_of_calls_for_missing_names_are_in_the_error() -> None:
    """Lost: why nothing was published, where the handler knew and exited with 0."""

    def printed(ids: Collection[str]) -> list[Printed]:
        return about([Printed("perform", (id,), (id,), (f"line of {id}",)) for id in ("c1", "c2", "c3")], ids)

    one = verification(ValueError())
    one.observer = Replaced(ValueError())
    other = Challenge("c2", "dns-01", "example.net", "dns", "token", "token.other")
    with pytest.raises(NotVisibleError) as caught:
        one.check([CHALLENGE, other], printed)
    assert "  | line of c1\n" in str(caught.value)
    assert "line of c2" not in str(caught.value)


class Replaced(Broken):
    """The aliases of two names end at one name, which has only the value that was published last."""

    def look(self, expectations: Sequence[Expectation], until: float) -> list[Observation]:
        last = expectations[-1].values
        return [
            Observation(
                one.place,
                "ns1",
                "192.0.2.1:53",
                Outcome.MATCH if one.values == last else Outcome.OTHER_VALUES,
                last,
                asked="x.other.org",
            )
            for one in expectations
        ]


def test_reasons_are_searched_in_the_whole_batch() -> None:
    """Guards against: no reason, because the plugin ignores the names that are visible."""
    check = verification(ValueError())
    check.observer = Replaced(ValueError())
    other = Challenge("c2", "dns-01", "example.net", "dns", "token", "token.other")
    with pytest.raises(NotVisibleError) as caught:
        check.check([CHALLENGE, other], nothing)
    text = str(caught.value)
    assert "What was published for example.org cannot be seen everywhere, after 0 seconds (1 of 2 places):" in text
    assert "2 values are wanted at x.other.org, and only 1 of them is there: The handler /bin/true replaces" in text


class Slower(Broken):
    """Each answer takes longer than the one before, and the third has the record."""

    looks = 0

    def look(self, expectations: Sequence[Expectation], until: float) -> list[Observation]:
        self.looks += 1
        outcome = Outcome.MATCH if self.looks == 3 else Outcome.NO_RECORD
        return [Observation(one.place, "ns1", "a:53", outcome, seconds=0.12345 * self.looks) for one in expectations]


def test_a_line_has_the_time_of_each_answer_and_another_time_is_no_news(monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver must learn which server is slow, and must not get a line for each check that shows nothing new."""
    monkeypatch.setattr(watch, "_sleep", lambda seconds: False)
    told: list[Line] = []
    checked = resolution.resolve({"handler": "/bin/true"})
    check = Verification(Context(checked, Facts(), words=("/bin/true",)), None, told.append)
    check.observer = Slower(ValueError())
    check.check([CHALLENGE], nothing)
    asked = {"server": "ns1", "address": "a:53"}
    assert [(line["id"], line["state"], line["observations"]) for line in told] == [
        ("c1", "waiting", [{**asked, "outcome": "no_record", "seconds": 0.12}]),
        ("c1", "visible", [{**asked, "outcome": "match", "seconds": 0.37}]),
    ]


def test_publishing_goes_on_if_aliases_cannot_be_followed(caplog: pytest.LogCaptureFixture) -> None:
    """Guards against: no certificate for any name, because of aliases that most names do not have."""
    with caplog.at_level(logging.WARNING):
        assert verification(ValueError("no such thing")).aliased([CHALLENGE]) == [CHALLENGE]
    assert [record.args for record in caplog.records] == [("ValueError: no such thing",)]


class Knows(Broken):
    """Knows one alias, and fails at everything else."""

    end = ("x.acme.example", "acme.example")

    def follow(self, names: Sequence[str], until: float) -> dict[str, tuple[str, str]]:
        return {"_acme-challenge.example.org": self.end}


def test_aliases_are_followed_even_with_verify_off() -> None:
    """Guards against: a record at the name of the alias, where nothing can be published."""
    blind = verification(ValueError(), verify="off")
    blind.observer = Knows(ValueError())
    (aliased,) = blind.aliased([CHALLENGE])
    assert (aliased.txt_target, aliased.txt_zone) == ("x.acme.example", "acme.example")
    blind.check([aliased], nothing)


@pytest.mark.parametrize(
    "end",
    [
        ("`id`|x&y'<>*.acme.example", "acme.example"),
        ("-rf.test", "test"),
        ("x.acme.example", "acme.example; $(id)"),
        ("x.acme.example", "-rf"),
        ("x." * 127 + "acme.example", "acme.example"),
        (r"a\010b.acme.example", "acme.example"),
    ],
)
def test_an_alias_with_an_invalid_end_is_not_followed(end: tuple[str, str], caplog: pytest.LogCaptureFixture) -> None:
    """Guards against: a handler that runs shell text from a zone of another person."""
    check = verification(ValueError())
    check.observer = odd = Knows(ValueError())
    odd.end = end
    with caplog.at_level(logging.WARNING):
        assert check.aliased([CHALLENGE]) == [CHALLENGE]
    (record,) = caplog.records
    assert f"_acme-challenge.example.org is an alias of {ascii(end[0])[:50]}" in record.getMessage()


@pytest.mark.parametrize("zone", ["", ".", "acme.example"])
def test_the_root_and_an_unknown_zone_are_none_the_worse(zone: str) -> None:
    check = verification(ValueError())
    check.observer = known = Knows(ValueError())
    known.end = ("_x.y-1_.acme.example", zone)
    (aliased,) = check.aliased([CHALLENGE])
    assert (aliased.txt_target, aliased.txt_zone) == ("_x.y-1_.acme.example", zone or None)


def test_under_the_historic_name_no_server_is_asked() -> None:
    historic = Verification(Context(resolution.resolve_historic({}), Facts()), None, lambda line: None)
    historic.observer = Knows(ValueError())
    assert historic.aliased([CHALLENGE]) == [CHALLENGE]


@pytest.mark.parametrize("signal", SIGNALS)
def test_a_signal_still_ends_it(signal: BaseException) -> None:
    """Guards against: a run that a shutdown does not end. Certbot turns signals into exceptions."""
    with pytest.raises(type(signal)):
        verification(signal).check([CHALLENGE], nothing)
    with pytest.raises(type(signal)):
        verification(signal).aliased([CHALLENGE])


def test_a_hook_that_asks_a_person_is_told_of_the_mode_for_people(tmp_path: Path) -> None:
    """It gets no answer, and most such hooks go on and end with success."""
    hook = tmp_path / "hook"
    hook.write_text("#!/bin/sh\necho 'Add the record, then press Enter'\nread answer\n")
    found = verification(ValueError(), dialect="lego", words=str(hook))
    with pytest.raises(NotVisibleError) as caught:
        found.check([CHALLENGE], nothing)
    assert mistakes.sentence(mistakes.ASKS_A_PERSON) in caught.value.text
