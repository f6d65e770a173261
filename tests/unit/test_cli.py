"""The command `certbot-external-auth`: its verbs, and what their ends mean to a shell."""

from __future__ import annotations

import argparse
import importlib
import json
import re
import subprocess
import sys
import types

import pytest
from certbot import errors

from certbot_external_auth import __version__, cli
from certbot_external_auth.console import documents


@pytest.mark.parametrize("verb", [*cli.VERBS, *cli.PRINTED])
def test_every_verb_has_a_module_and_a_line_of_help(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    module, text = {**cli.VERBS, **cli.PRINTED}[verb]
    loaded = importlib.import_module(module)
    assert callable(loaded.arguments)
    assert callable(loaded.main)
    with pytest.raises(SystemExit) as ended:
        cli.main([verb, "--help"])
    assert ended.value.code in (0, None)
    assert " ".join(text.split()) in " ".join(capsys.readouterr().out.split())


def test_all_verbs_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    shown = capsys.readouterr().out
    assert shown.startswith("usage: certbot-external-auth ")
    assert all(re.search(rf"\n    {verb}\s", shown) for verb in cli.VERBS)


def test_the_version_is_the_plugins(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])
    assert (ended.value.code, capsys.readouterr().out) == (0, f"{__version__}\n")


@pytest.mark.parametrize("words", [[], ["nothing"], ["--nothing"]])
def test_a_verb_is_needed(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(words)
    assert ended.value.code == 2
    said = capsys.readouterr()
    assert (said.out, "usage: certbot-external-auth" in said.err) == ("", True)


def test_the_words_of_the_command_line_count_if_none_are_given(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["certbot-external-auth", "schema", "--protocol", "0"])
    assert cli.main() == 0
    assert json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("end", "code", "said"),
    [
        (lambda: 7, 7, ""),
        (errors.Error("wrong use"), 2, "wrong use\n"),
        (documents.NotPrintedError("not printed"), 1, "not printed\n"),
        (OSError(28, "No space", "/f"), 1, "tried failed: /f: No space.\n"),
        (OSError("odd"), 1, "tried failed: odd.\n"),
    ],
)
def test_how_a_verb_ends(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], end: object, code: int, said: str
) -> None:
    module = types.ModuleType("tried_by_a_test")

    def main(arguments: argparse.Namespace) -> object:
        assert (arguments.verb, arguments.flag) == ("tried", "x")
        if isinstance(end, BaseException):
            raise end
        assert callable(end)
        return end()

    module.arguments = lambda parser: parser.add_argument("--flag")  # type: ignore[attr-defined]
    module.main = main  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(cli.VERBS, "tried", (module.__name__, "a verb"))
    assert cli.main(["tried", "--flag", "x"]) == code
    assert capsys.readouterr() == ("", said)


def test_only_the_verb_that_was_typed_is_loaded() -> None:
    """Guards against: a `check` that cannot start because a library of another verb is not there."""
    code = (
        "import sys\nfrom certbot_external_auth import cli\ncli.main(['schema'])\n"
        "print([one for one in sys.modules if one.startswith('certbot_external_auth.') and one.endswith("
        "('.verb', '.begin', '.finish', '.status', '.abort'))], file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert ended.stderr == "[]\n"
