"""What stdout of a run in JSON mode may carry. Every run of `tests.support.certbot` passes through here."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.support import schemas

Line = dict[str, Any]

NEW = "external-auth"
HISTORIC = "certbot-external-auth:out"
VERBS_WITH_LINES = ("certonly", "run", "install", "renew", "reconfigure")
OTHER_VERBS = (
    "plugins",
    "register",
    "update_account",
    "show_account",
    "unregister",
    "revoke",
    "rollback",
    "certificates",
    "delete",
    "enhance",
    "update_symlinks",
)
USAGE = 2
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")

failures: list[str] = []
"""Impure runs not yet reported: a fixture fails the test for them, even one that swallowed the exception."""


class ImpureError(AssertionError):
    """stdout carried something that the protocol has no room for."""


def verb(words: Sequence[str]) -> str:
    return next((word for word in words if word in VERBS_WITH_LINES + OTHER_VERBS), "run")


def protocol(words: Sequence[str], config_dir: Path, cli_ini: Path) -> int | None:
    """The protocol that stdout of such a run must carry, None if it is not in JSON mode.

    The mode may come from the command line, from cli.ini or from a renewal file.
    """
    if verb(words) not in VERBS_WITH_LINES or {"-h", "--help", "--version"} & set(words):
        return None
    silent = verb(words) == "renew" or bool({"-q", "--quiet"} & set(words))
    if HISTORIC in words or any(word.endswith("=" + HISTORIC) for word in words):
        by_handler = any(word.startswith(f"--{HISTORIC}-handler") for word in words)
        return None if f"--{HISTORIC}-text-mode" in words or (by_handler and silent) else 0
    options = _assignments(cli_ini.read_text(), f"{NEW}-") if cli_ini.exists() else {}
    if verb(words) == "renew":
        options = _renewal_files(config_dir, words) | options
        if options.get("historic"):
            return 0
    mode = _option(words, "mode") or options.get("mode")
    if mode != "json":
        return None
    return int(_option(words, "protocol") or options.get("protocol") or 1)


def check(stdout: bytes, expected: int | None, returncode: int, words: Sequence[str], whole: bool = True) -> list[Line]:
    """The lines of a run, `[]` where it was not in JSON mode.

    :param whole: the stream was read to its end.
    :raises ImpureError: noting it in `failures` as well.
    """
    if expected is None:
        return []
    try:
        return _check(stdout, expected, returncode, words, whole)
    except ImpureError as error:
        failures.append(f"{error}\n(certbot {' '.join(words)}, exit code {returncode}, stdout: {stdout[:4000]!r})")
        raise


def _check(stdout: bytes, expected: int, returncode: int, words: Sequence[str], whole: bool) -> list[Line]:
    rest = _without_processing(stdout, words)
    _require(not rest or rest.endswith(b"\n"), "the last line is not ended")
    lines = [parsed(line) for line in rest.split(b"\n")[:-1]]
    # A timer's renewal that has nothing to do prints nothing.
    timer = verb(words) == "renew" and _option(words, "mode") is None and returncode == 0
    _require(bool(lines) or returncode == USAGE or not whole or timer, "there are no lines")
    if not lines:
        return []
    # A signal may end the stream at any moment.
    whole = whole and returncode >= 0
    (_check_numbered if expected else _check_historic)(lines, whole, returncode)
    for line in lines:
        found = schemas.complaint(line, expected)
        _require(found is None, f"the schema of protocol {expected} has no line like {line}: {found}")
    return lines


def _check_numbered(lines: list[Line], whole: bool, returncode: int) -> None:
    commands = [line["cmd"] for line in lines]
    _require(commands[0] == "hello", f"the first line is {commands[0]}")
    _require(commands.count("hello") == 1, "there is more than one hello")
    _require("summary" not in commands[:-1], "there are lines after the summary")
    _require([line.get("seq") for line in lines] == list(range(1, len(lines) + 1)), "seq does not count 1, 2, 3 …")
    _require(len({line.get("run") for line in lines}) == 1, "not all lines name the same run")
    _require(all(TIME.fullmatch(str(line.get("ts"))) for line in lines), "a ts is no RFC 3339 time")
    if whole:
        _require(commands[-1] == "summary", f"the last line is {commands[-1]}, not summary")
        _require(lines[-1]["ok"] is (returncode == 0), f"summary says ok {lines[-1]['ok']}, the exit code {returncode}")


def _check_historic(lines: list[Line], whole: bool, returncode: int) -> None:
    if whole:
        _require(lines[-1]["cmd"] == "report", f"the last line is {lines[-1]['cmd']}, not report")


def parsed(line: bytes) -> Line:
    try:
        value = json.loads(line.decode("utf-8"))
    except ValueError:
        raise ImpureError(f"{line[:500]!r} is no JSON") from None
    _require(isinstance(value, dict) and isinstance(value.get("cmd"), str), f"{line[:500]!r} has no cmd")
    assert isinstance(value, dict)
    return value


def _without_processing(stdout: bytes, words: Sequence[str]) -> bytes:
    """Certbot names the renewal file before it reads the mode in it; `-q`, or the mode given again, is the mend."""
    if verb(words) != "renew" or _option(words, "mode") or {"-q", "--quiet"} & set(words):
        return stdout
    frame = rb"(- )+-\n"
    return re.sub(rb"\A\n?" + frame + rb"Processing[ \n]\S+\n" + frame, b"", stdout)


def _require(held: bool, complaint: str) -> None:
    if not held:
        raise ImpureError(f"stdout is not clean: {complaint}")


def _option(words: Sequence[str], name: str) -> str | None:
    flag = f"--{NEW}-{name}"
    for place, word in enumerate(words):
        if word == flag and place + 1 < len(words):
            return words[place + 1]
        if word.startswith(flag + "="):
            return word.partition("=")[2]
    return None


def _renewal_files(config_dir: Path, words: Sequence[str]) -> dict[str, str]:
    """Of the lineages that a renewal goes through, those in JSON mode."""
    found: dict[str, str] = {}
    chosen = words[list(words).index("--cert-name") + 1] if "--cert-name" in words else "*"
    for path in sorted((config_dir / "renewal").glob(f"{chosen}.conf")):
        text = path.read_text()
        of_ours = re.search(rf"^(authenticator|installer) = {NEW}$", text, re.MULTILINE)
        options = _assignments(text, f"{NEW.replace('-', '_')}_") if of_ours else {}
        if options.get("mode") == "json":
            found.update(options)
        historic = re.search(rf"^(authenticator|installer) = {HISTORIC}$", text, re.MULTILINE)
        # Behind a handler the lines are only information, which a renewal does without.
        if historic and "out_text_mode = True" not in text and "out_handler = " not in text:
            found["historic"] = "yes"
    return found


def _assignments(text: str, prefix: str) -> dict[str, str]:
    return dict(re.findall(rf"^{prefix}(\w+) *= *(.*?) *$", text, re.MULTILINE))
