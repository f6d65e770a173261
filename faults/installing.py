"""Hands certificates over again, and reads renewal files that were edited. No CA is asked."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from certbot_external_auth.settings import OPTIONS
from faults.bed import at_a_time
from faults.table import Row, Table
from tests.support.installing import BOTH, NAME, Host

VALUES = ("True", "False", "None", "a, b", "%(x)s", "''", "[]")
FEW = 2
"""How many values of one option are tried with --quick, and with `install`."""
Case = Callable[[Host], str]


def table(folder: Path, quick: bool) -> Table:
    options = [option.name for option in OPTIONS if option.name != "socket"]
    cases: dict[str, Case] = {
        "a deployment fails at a renewal; the printed command is pasted into a shell": _pasted,
        "`install` without the handler's options": _bare,
        "`install --external-auth-mode manual` where the certificate has a handler": _by_hand,
        "the handler's name is on PATH and in the current folder": partial(_named, True),
        "the handler's name is in the current folder only": partial(_named, False),
    }
    for option in ["wellknown"] if quick else options:
        values = VALUES[:FEW] if quick else VALUES
        cases[f"`{option}` in the renewal file: {', '.join(values)}"] = partial(_edited, option, values)

    def one(number: int, case: Case) -> str:
        place = folder / str(number)
        place.mkdir()
        return case(Host(place))

    numbered = [partial(one, number, case) for number, case in enumerate(cases.values())]
    outcomes = list(at_a_time(lambda work: work(), numbered))
    rows = [Row(not wrong, (what, wrong or "passed")) for what, wrong in zip(cases, outcomes, strict=True)]
    return Table(
        "Installing again, and edited renewal files",
        "Real Certbots with a certificate that is not due. After a failure, the command that the plugin prints "
        "must work. A certificate must count as deployed only if its own handler has deployed it. The plugin must "
        "report an unusable value in a sentence, not with a traceback.",
        ("what is done", "result"),
        rows,
    )


def _keeps(place: Host, *more: str) -> None:
    place.keeps(*BOTH, f"external_auth_handler = {place.handler}", *more)


def _pasted(place: Host) -> str:
    _keeps(place)
    (place.folder / "fails").touch()
    failed = place.certbot("renew", "-q")
    (place.folder / "fails").unlink()
    commands = re.findall(r"do it now: (certbot install .*)", failed.stderr)
    if failed.returncode != 1 or not commands:
        return f"exit code {failed.returncode}: {failed.stderr[-300:]}"
    ended = place.shell(commands[0])
    return _wrong(ended, place, deployed=True)


def _bare(place: Host) -> str:
    _keeps(place)
    return _wrong(place.install(), place, deployed=True)


def _by_hand(place: Host) -> str:
    _keeps(place)
    return _wrong(place.install("--external-auth-mode", "manual"), place, deployed=False)


def _wrong(ended: subprocess.CompletedProcess[str], place: Host, deployed: bool) -> str:
    calls = [line.split()[:2] for line in place.called]
    if ended.returncode:
        return f"exit code {ended.returncode}: {ended.stderr[-300:]}"
    if calls != ([["hook", "deploy_cert"]] if deployed else []):
        return f"called: {calls}"
    return "" if place.deployed is deployed else f"counts as deployed: {place.deployed}"


def _named(on_path: bool, place: Host) -> str:
    place.keeps(*BOTH)
    folders = {name: place.folder / name for name in ("here", "path")}
    for name, folder in folders.items():
        folder.mkdir()
        if on_path or name == "here":
            place.script(f"{name}/publish")
    place.environment["PATH"] = f".::{folders['path']}:{place.environment['PATH']}"
    words = f"--external-auth-handler publish --config-dir {place.folder}/config --work-dir {place.folder}/work"
    command = f"install -n -i external-auth --cert-name {NAME} --logs-dir {place.folder}/logs {words}"
    ended = place.shell(f"cd {folders['here']} && certbot {command}")
    calls = [line.split()[0] for line in place.called]
    if on_path:
        return "" if (ended.returncode, calls) == (0, ["path/publish"]) else f"called: {calls} {ended.stderr[-300:]}"
    said = "./publish" in ended.stderr
    return "" if (ended.returncode, calls, said) == (1, [], True) else f"called: {calls} {ended.stderr[-300:]}"


def _edited(option: str, values: Sequence[str], place: Host) -> str:
    wrong = []
    for number, value in enumerate(values):
        lines = {"handler": place.handler, option: value}
        place.keeps(*BOTH, *(f"external_auth_{name.replace('-', '_')} = {text}" for name, text in lines.items()))
        installed = [place.install()] if number < FEW else []
        for ended in (*installed, place.certbot("renew", "-q", "--no-random-sleep-on-renew")):
            if "Traceback" in ended.stderr or re.search("[a-z]Error: |object has no", ended.stderr):
                wrong.append(f"{value}: {ended.stderr[-200:]}")
            elif ended.returncode and not ended.stderr.strip():
                wrong.append(f"{value}: exit code {ended.returncode} without a message")
    return "; ".join(wrong)
