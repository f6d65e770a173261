"""The host itself misbehaves: a full disk, calls of the system that fail, a clock that goes back, others at work."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from faults.bed import Host, at_a_time, host
from faults.table import Row, Table
from tests import support
from tests.support.certbot import Result
from tests.support.recover import journal, recover
from tests.support.testca import TestCA
from tests.support.words import RENEW_NOW, handler, names

CALLS = {"fsync": 1, "renameat": 1, "unlinkat": 2, "flock": 1, "fchmod": 1, "mkdirat": 1}
"""Calls of the system by which the journal is kept, and the first of a run that is not Certbot's own."""
FALSE_CLOCK = Path(support.__file__).parent / "false_clock"
TIMES = 3
"""So many of each are tried: the first fails, or the second, or the third."""
LINEAGES, FEW = 50, 3
NO_SUCH_CALL = "there is no such call in a run"
MOST = 0.9
GROWTH = 20_000
"""KiB by which Certbot itself and the plugin may grow over all lineages."""
PATIENCE = 120.0


@dataclass(frozen=True)
class Found:
    """:ivar wrong: what is not as it must be. :ivar said: what the table shows."""

    said: str
    wrong: str = ""


def table(ca: TestCA, folder: Path, quick: bool) -> Table:
    cases: dict[str, Callable[[Host], Found]] = {
        "work directory on a full disk": _full_disk,
        "a second run and a recovery while one is at work": _two_at_once,
        "clock put back by three hours in the middle": _clock_in_run,
        "clock put back by three hours after a kill": _clock_after_kill,
        f"{FEW if quick else LINEAGES} lineages renewed in one process": partial(_many, FEW if quick else LINEAGES),
    }
    for call, first in list(CALLS.items())[: 1 if quick else None]:
        for number in range(first, first + (1 if quick else TIMES)):
            cases[f"{call} fails with EIO, number {number}"] = partial(_failing_call, call, number)
    found = list(at_a_time(lambda case: case(host(folder, ca)), list(cases.values())))
    rows = [
        Row(not one.wrong, (what, one.wrong or one.said))
        for what, one in zip(cases, found, strict=True)
        if one.wrong or one.said != NO_SUCH_CALL
    ]
    return Table(
        "Surroundings that fail",
        "Real runs on a host that misbehaves. Nothing may be published that is not noted, nothing may be left when the "
        "next run has ended well, and what is wrong must be said in a sentence, not in a traceback. Calls of the "
        "system fail by `strace`, in Certbot's process, whoever makes them; the clock that goes back is Python's "
        "(`time.time` and `datetime.now`).",
        ("what fails", "what came of it"),
        rows,
    )


def _words(place: Host, script: str = "publishes.py", name: str = "") -> list[str]:
    return ["certonly", *handler(place.hooks.path(script)), *names(f"{name}{place.domain}")]


def _left(place: Host, name: str = "") -> list[str]:
    return place.certbot.ca.txt(f"_acme-challenge.{name}{place.domain}")


def _wrong(place: Host, result: Result, name: str = "") -> str:
    """What must be so after every run that is not killed."""
    if "Traceback" in result.stderr or "unexpected error" in result.stderr:
        return f"a traceback: {result.stderr[-300:]}"
    if _left(place, name) and result.returncode == 0:
        return "a record is left after a good run"
    return ""


def _after(place: Host) -> str:
    """The next run must end well and leave nothing of what was before, nor in the journal."""
    result = place.certbot.run(*_words(place, name="next."))
    left = [*_left(place), *_left(place, "next."), *map(str, journal(place.certbot))]
    if result.returncode or left:
        return f"the next run: exit code {result.returncode}, left {left}, {result.stderr[-300:]}"
    return ""


def _sentence(result: Result) -> str:
    lines = [line for line in result.stderr.splitlines() if line and not line.startswith(("Saving", "Ask for help"))]
    return re.sub(r"/\S*/(?=work)", "…/", lines[0])[:160] if lines else ""


def _full_disk(place: Host) -> Found:
    place.certbot.work_dir.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=256k,mode=0755", "tmpfs", str(place.certbot.work_dir)]
    if subprocess.run(words, capture_output=True).returncode:
        return Found("not tried: it needs the right to mount")
    try:
        first = place.certbot.run(*_words(place, name="first."))
        filler = place.certbot.work_dir / "filler"
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 4096)
        place.hooks.forget()
        result = place.certbot.run(*_words(place))
        called = place.hooks.operations
        filler.unlink()
        wrong = "" if first.returncode == 0 else f"the first run: {first.stderr[-300:]}"
        wrong = wrong or _wrong(place, result) or ("" if result.returncode else "it went on")
        wrong = wrong or (f"the handler was called: {called}" if called else "") or _after(place)
        return Found(f"refused before the handler is called: {_sentence(result)}", wrong)
    finally:
        subprocess.run(["umount", str(place.certbot.work_dir)], check=False)


def _wait(ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.05)


def _two_at_once(place: Host) -> Found:
    published, go = Path(f"{place.record}.published"), Path(f"{place.record}.go")
    with place.certbot.started(_words(place, "waits-for-a-file.sh")) as process:
        _wait(published.exists)
        second = place.certbot.command(_words(place, name="second."))
        refused = subprocess.run(second, env=place.certbot.environment, cwd=place.certbot.cwd, capture_output=True)
        recovered = recover(place.certbot)
        there = _left(place)
        go.touch()
        process.communicate(timeout=PATIENCE)
    wrong = "" if there else "the record of the run at work was withdrawn"
    wrong = wrong or ("" if process.returncode == 0 else f"the run at work ended with {process.returncode}")
    wrong = wrong or ("" if not _left(place) else "its record is left") or _after(place)
    said = f"second run: exit code {refused.returncode} (Certbot's lock); recovery: exit code {recovered.returncode}"
    return Found(f"{said}, nothing withdrawn; the first one ended well", wrong)


@contextlib.contextmanager
def _false_clock(place: Host) -> Iterator[Path]:
    clock = place.record.with_name("clock")
    clock.write_text("0\n")
    place.certbot.environment.update(PYTHONPATH=str(FALSE_CLOCK), CLOCK=str(clock))
    yield clock


def _clock_in_run(place: Host) -> Found:
    with _false_clock(place) as clock:
        result = place.certbot.run(*_words(place, "turns-the-clock-back.sh"), timeout=PATIENCE)
        turned = clock.read_text().strip()
        wrong = _wrong(place, result) or ("" if result.returncode == 0 else result.stderr[-300:]) or _after(place)
    return Found("issued, nothing left", wrong or ("" if turned == "-10800" else "the clock was not put back"))


def _clock_after_kill(place: Host) -> Found:
    with _false_clock(place) as clock:
        with place.certbot.started(_words(place, "waits-for-a-file.sh")) as process:
            _wait(Path(f"{place.record}.published").exists)
            process.kill()
            process.communicate(timeout=PATIENCE)
        place.end_started()
        there = _left(place)
        clock.write_text("-10800\n")
        return Found("withdrawn by the next run", _after(place) or ("" if there else "nothing was there to withdraw"))


def _failing_call(call: str, number: int, place: Host) -> Found:
    if shutil.which("strace") is None:
        return Found("not tried: strace is missing")
    # Certbot has its account and folders before; what fails is a call of the run itself.
    first = place.certbot.run(*_words(place, name="first."))
    place.hooks.forget()
    if call == "mkdirat":
        shutil.rmtree(place.certbot.work_dir / "external-auth")
    trace = place.record.with_name("trace")
    failing = ["-e", f"trace={call}", "-e", f"inject={call}:error=EIO:when={number}"]
    words = ["strace", "-qq", "-o", str(trace), *failing, *place.certbot.command(_words(place))]
    ended = subprocess.run(words, env=place.certbot.environment, cwd=place.certbot.cwd, capture_output=True)
    failed = "(INJECTED)" in trace.read_text() if trace.exists() else False
    result = Result((), ended.returncode, ended.stdout.decode(), ended.stderr.decode(), "")
    wrong = f"the first run: {first.stderr[-300:]}" if first.returncode else _wrong(place, result) or _after(place)
    if not failed:
        return Found(NO_SUCH_CALL, wrong)
    outcome = "issued" if ended.returncode == 0 else "refused"
    return Found(f"{outcome}, nothing left after the next run: {_sentence(result)}", wrong)


def _many(count: int, place: Host) -> Found:
    config = place.certbot.config_dir
    issued = place.certbot.run(*_words(place, "looks-at-its-caller.sh"))
    for number in range(1, count):
        _copy_lineage(config, place.domain, f"l{number}")
    caller = Path(f"{place.record}.caller")
    caller.unlink(missing_ok=True)
    result = place.certbot.run(*RENEW_NOW, timeout=PATIENCE + 10 * count)
    looks = [tuple(map(int, line.split())) for line in caller.read_text().splitlines()] if caller.exists() else []
    wrong = "" if issued.returncode == 0 else issued.stderr[-300:]
    wrong = wrong or _wrong(place, result) or ("" if result.returncode == 0 else result.stderr[-300:])
    # All are renewed, but Pebble uses one authorization in a hundred again, and there is nothing to publish then.
    wrong = wrong or ("" if len(looks) > count * MOST - 1 else f"{len(looks)} renewals") or _after(place)
    if wrong or not looks:
        return Found("", wrong or "no renewal")
    (descriptors, _, memory), (descriptors_after, zombies, memory_after) = looks[0], looks[-1]
    said = f"descriptors {descriptors} at the first, {descriptors_after} at the last; ended children {zombies}; "
    said += f"memory {memory // 1024} MiB, {memory_after // 1024} MiB"
    grown = descriptors_after > descriptors or zombies or memory_after > memory + GROWTH
    return Found(said, said if grown else "")


def _copy_lineage(config: Path, source: str, target: str) -> None:
    """The same certificate once more under another name, as Certbot keeps it."""
    shutil.copytree(config / "archive" / source, config / "archive" / target)
    live = config / "live" / target
    live.mkdir()
    for link in (config / "live" / source).glob("*.pem"):
        (live / link.name).symlink_to(os.readlink(link).replace(f"/{source}/", f"/{target}/"))
    text = (config / "renewal" / f"{source}.conf").read_text()
    for kind in ("archive", "live"):
        text = text.replace(f"/{kind}/{source}", f"/{kind}/{target}")
    (config / "renewal" / f"{target}.conf").write_text(text)
