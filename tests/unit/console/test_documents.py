"""Documents are printed whole, or the verb fails."""

from __future__ import annotations

import io
import json
import os
import sys

import pytest

from certbot_external_auth.console import documents


def test_a_document_has_the_version_of_its_format() -> None:
    assert json.loads(documents.text({"x": 1})) == {"format_version": "1.0", "x": 1}
    assert documents.text({"x": 1}).splitlines()[1] == ' "format_version": "1.0",'
    assert documents.text({"x": 1}, None) == '{"format_version": "1.0", "x": 1}'


def test_a_document_is_printed_with_a_newline(capsys: pytest.CaptureFixture[str]) -> None:
    documents.tell({"x": 1})
    assert capsys.readouterr().out == documents.text({"x": 1}) + "\n"


def test_what_stdout_does_not_take_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python would write the rest again when it ends, and complain in its own words."""
    with open("/dev/full", "w", encoding="utf-8") as full:
        monkeypatch.setattr(sys, "stdout", full)
        with pytest.raises(documents.NotPrintedError, match="The table could not be printed: No space left"):
            documents.put("x", "The table")
        assert os.path.samestat(os.fstat(full.fileno()), os.stat(os.devnull))


def test_a_file_without_a_descriptor_is_given_up_too() -> None:
    documents.give_up(io.StringIO())
