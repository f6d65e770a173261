"""The verb `providers`, as its users start it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from certbot_external_auth import cli
from certbot_external_auth.providers import elsewhere, listed, listing, registry
from certbot_external_auth.providers.engine import Missing, Provider, Variable
from certbot_external_auth.providers.listing import Engine, Match, Row, State
from tests.support import documents
from tests.unit.providers.test_listing import Gone, Here, engines, row

COMMAND = "certbot-external-auth check --provider here:x"
__all__ = ["Gone", "Here", "engines"]


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    code = cli.main(["providers", *words])
    return code, capsys.readouterr().out


def test_what_can_be_used_is_listed_with_what_is_missing(
    engines: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    code, shown = run(capsys)
    assert code == 0
    assert "  here: 2 providers\n" in shown
    assert "  gone: not installed, would reach 1 provider; it needs x; run: pip install x\n" in shown
    assert re.search(r"^  broken: .*IProviderEngine", shown, re.MULTILINE)
    assert "here:x: usable here\n  needs X_TOKEN; optional: X_TTL\n" in shown
    assert "here:y: not usable: it asks a person; use acme.sh:x.\n" in shown
    assert "gone:x: its engine is not installed\n" in shown


def test_a_word_finds_the_one_to_take_with_the_next_command(
    engines: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, shown = run(capsys, "X")
    assert (code, "here:y" in shown) == (0, False)
    assert "Take here:x. Set X_TOKEN in a file of NAME=VALUE lines, mode 0600.\n" in shown
    assert f"run: {COMMAND} --env-file FILE --domain NAME\n" in shown
    secrets = tmp_path / "env"
    secrets.write_text("X_TOKEN=hunter2hunter2\n")
    secrets.chmod(0o600)
    code, shown = run(capsys, "x", "--env-file", str(secrets))
    assert "here:x: usable here, and every variable is set\n" in shown
    assert f"Take here:x.\nTo try it without a certificate, run: {COMMAND} --env-file {secrets} " in shown
    assert "hunter2" not in shown
    code, shown = run(capsys, "x", "--engine", "gone")
    assert "Take gone:x. First install its engine: it needs x; run: pip install x\n" in shown


@pytest.mark.parametrize(
    ("word", "code", "said"),
    [
        ("y", 0, "None of these can be used, as it says above."),
        ("zzz", 1, "No engine knows a provider like zzz."),
    ],
)
def test_nothing_to_take(
    engines: list[str], capsys: pytest.CaptureFixture[str], word: str, code: int, said: str
) -> None:
    found, shown = run(capsys, word)
    assert (found, said in shown) == (code, True)


def test_several_providers_are_not_chosen_from() -> None:
    rows = [(Match.PART, row("acme.sh", name)) for name in ("xcloud", "xhome")]
    *_, last = listed.lines([rows[0][1].engine], rows, None, "x", [])
    assert last == "These are several providers. Name one of them."


def test_the_document_is_as_described_and_has_no_values(
    engines: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("X_TOKEN", "hunter2hunter2")
    for words, code in ((["--json"], 0), (["x", "--json"], 0), (["zzz", "--json"], 1)):
        found, shown = run(capsys, *words)
        document = documents.checked(shown, "providers", None)
        assert (found, "hunter2" in shown) == (code, False)
    assert (document["providers"], document["take"]) == ([], None)
    document = json.loads(run(capsys, "--json")[1])
    assert [(each["provider"], each["state"], each["instead"]) for each in document["providers"]] == [
        ("here:x", "ready", []),
        ("here:y", "refused", ["acme.sh:x"]),
        ("gone:x", "engine_missing", []),
    ]
    assert [each["install"] for each in document["engines"]] == [[], ["pip install x"], []]
    assert json.loads(run(capsys, "x", "--json")[1])["take"] == "here:x"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--engine", "her"], "--engine: 'her' is not known; accepted: here, gone, broken; did you mean here?"),
        (["--env-file", "/missing"], "--external-auth-env-file: /missing cannot be read"),
    ],
)
def test_wrong_use(engines: list[str], capsys: pytest.CaptureFixture[str], words: list[str], said: str) -> None:
    assert cli.main(["providers", *words]) == 2
    assert said in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("variables", "line"),
    [
        ((), None),
        ((Variable("A"), Variable("B")), "needs A and B"),
        ((Variable("A"), Variable("B"), Variable("C")), "needs A, B and C"),
        ((Variable("A"), Variable("B", "", 1), Variable("C", "", 1)), "needs A, or B and C"),
        ((Variable("A"), Variable("B", "", None)), "needs A; optional: B"),
    ],
)
def test_variables_are_said_in_a_line(variables: tuple[Variable, ...], line: str | None) -> None:
    found = [(Match.NAME, Row(Engine("e"), Provider("p", variables=variables)))]
    lines = list(listed.lines([Engine("e")], found, None, "p", []))
    assert lines[lines.index("e:p: usable here, and every variable is set") + 1] == (f"  {line}" if line else "")


def test_variables_of_which_none_is_said_to_be_needed() -> None:
    found = Row(Engine("e"), Provider("p", variables=(Variable("A", "", None),)), undecided=True)
    lines = list(listed.lines([Engine("e")], [(Match.NAME, found)], found, "p", []))
    assert lines[lines.index("e:p: usable here") + 1] == "  may have: A"
    assert "Take e:p. Set those of its variables that you need in a file of NAME=VALUE lines, mode 0600." in lines


def test_text_of_an_engine_cannot_change_the_terminal() -> None:
    odd = "\x1b]0;title\x07X\nY"
    engine = Engine("e", Missing("m", ("pip install m",), odd))
    found = [(Match.NAME, Row(engine, Provider("p", odd)))]
    assert "\x1b" not in "\n".join(listed.lines([engine], found, found[0][1], "p", []))


def test_every_state_has_a_word() -> None:
    assert set(listed._STATES) == set(State)


def test_what_is_known_of_engines_that_are_not_installed_fits_them() -> None:
    known = elsewhere.known()
    assert set(known) <= set(registry.names())
    for name, content in known.items():
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", content["date"])
        assert content["version"]
        assert content["names"] == sorted(set(content["names"]))
        assert [each.name for each in elsewhere.providers(name)] == content["names"]


def test_the_preferred_engines_exist() -> None:
    assert set(registry.BUILT_IN) <= set(listing.PREFERRED)
