"""Runs on a host that misbehaves: a full disk, failing system calls, a clock that goes back, several runs at once."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from faults import failing_calls
from faults.bed import Host, at_a_time, host
from faults.outcome import PATIENCE, Found, after, left, sentence, wait, words_of, wrong_with
from faults.table import Row, Table
from tests import support
from tests.support.recover import recover
from tests.support.testca import TestCA
from tests.support.words import RENEW_NOW

FALSE_CLOCK = Path(support.__file__).parent / "false_clock"
LINEAGES, FEW = 50, 3
MOST = 0.9
GROWTH = 20_000
"""KiB by which the memory of Certbot and the plugin may grow over all lineages."""


def table(ca: TestCA, folder: Path, quick: bool) -> Table:
    cases: dict[str, Callable[[Host], Found]] = {
        "work directory on a full disk": _full_disk,
        "a second run and a recovery during a run": _two_at_once,
        "clock put back by three hours during a run": _clock_in_run,
        "clock put back by three hours after a kill": _clock_after_kill,
        f"{FEW if quick else LINEAGES} lineages renewed in one process": partial(_many, FEW if quick else LINEAGES),
    }
    cases.update(failing_calls.cases(quick))
    outcomes = list(at_a_time(lambda case: case(host(folder, ca)), list(cases.values())))
    rows = [
        Row(not case.wrong, (what, case.wrong or case.said))
        for what, case in zip(cases, outcomes, strict=True)
        if case.wrong or case.said != failing_calls.NO_SUCH_CALL
    ]
    return Table(
        "Failures of the host",
        "Real runs on a host that misbehaves. The plugin may publish only what it has written to its "
        "journal. After the next successful run nothing may be left. A message must say what is "
        "wrong, without a traceback. `strace` makes one system call of Certbot's process fail; unless "
        "the row names a file or a folder, any part of the process may make that call. The clock "
        "that goes back is Python's (`time.time` and `datetime.now`).",
        ("what fails", "result"),
        rows,
    )


def _full_disk(place: Host) -> Found:
    place.certbot.work_dir.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=256k,mode=0755", "tmpfs", str(place.certbot.work_dir)]
    if subprocess.run(words, capture_output=True).returncode:
        return Found("not tried: it needs the right to mount")
    try:
        first = place.certbot.run(*words_of(place, name="first."))
        filler = place.certbot.work_dir / "filler"
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 4096)
        place.hooks.forget()
        result = place.certbot.run(*words_of(place))
        called = place.hooks.operations
        filler.unlink()
        wrong = "" if first.returncode == 0 else f"the first run: {first.stderr[-300:]}"
        wrong = wrong or wrong_with(place, result) or ("" if result.returncode else "it went on")
        wrong = wrong or (f"the handler was called: {called}" if called else "") or after(place)
        return Found(f"refused before the handler is called: {sentence(result)}", wrong)
    finally:
        subprocess.run(["umount", str(place.certbot.work_dir)], check=False)


def _two_at_once(place: Host) -> Found:
    published, go = Path(f"{place.record}.published"), Path(f"{place.record}.go")
    with place.certbot.started(words_of(place, "waits-for-a-file.sh")) as process:
        wait(published.exists)
        second = place.certbot.command(words_of(place, name="second."))
        refused = subprocess.run(second, env=place.certbot.environment, cwd=place.certbot.cwd, capture_output=True)
        recovered = recover(place.certbot)
        there = left(place)
        go.touch()
        process.communicate(timeout=PATIENCE)
    wrong = "" if there else "the record of the run at work was withdrawn"
    wrong = wrong or ("" if process.returncode == 0 else f"the run at work ended with {process.returncode}")
    wrong = wrong or ("" if not left(place) else "its record is left") or after(place)
    said = f"second run: exit code {refused.returncode} (Certbot's lock); recovery: exit code {recovered.returncode}"
    return Found(f"{said}, nothing removed; the first run succeeded", wrong)


@contextlib.contextmanager
def _false_clock(place: Host) -> Iterator[Path]:
    clock = place.record.with_name("clock")
    clock.write_text("0\n")
    place.certbot.environment.update(PYTHONPATH=str(FALSE_CLOCK), CLOCK=str(clock))
    yield clock


def _clock_in_run(place: Host) -> Found:
    with _false_clock(place) as clock:
        result = place.certbot.run(*words_of(place, "turns-the-clock-back.sh"), timeout=PATIENCE)
        turned = clock.read_text().strip()
        wrong = wrong_with(place, result) or ("" if result.returncode == 0 else result.stderr[-300:]) or after(place)
    return Found("issued, nothing left", wrong or ("" if turned == "-10800" else "the clock was not put back"))


def _clock_after_kill(place: Host) -> Found:
    with _false_clock(place) as clock:
        with place.certbot.started(words_of(place, "waits-for-a-file.sh")) as process:
            wait(Path(f"{place.record}.published").exists)
            process.kill()
            process.communicate(timeout=PATIENCE)
        place.end_started()
        there = left(place)
        clock.write_text("-10800\n")
        return Found("removed by the next run", after(place) or ("" if there else "nothing was there to withdraw"))


def _many(count: int, place: Host) -> Found:
    config = place.certbot.config_dir
    issued = place.certbot.run(*words_of(place, "looks-at-its-caller.sh"))
    for number in range(1, count):
        _copy_lineage(config, place.domain, f"l{number}")
    caller = Path(f"{place.record}.caller")
    caller.unlink(missing_ok=True)
    result = place.certbot.run(*RENEW_NOW, timeout=PATIENCE + 10 * count)
    looks = [tuple(map(int, line.split())) for line in caller.read_text().splitlines()] if caller.exists() else []
    wrong = "" if issued.returncode == 0 else issued.stderr[-300:]
    wrong = wrong or wrong_with(place, result) or ("" if result.returncode == 0 else result.stderr[-300:])
    # All are renewed, but Pebble reuses one authorization in a hundred, and then there is nothing to publish.
    wrong = wrong or ("" if len(looks) > count * MOST - 1 else f"{len(looks)} renewals") or after(place)
    if wrong or not looks:
        return Found("", wrong or "no renewal")
    (descriptors, _, memory), (descriptors_after, zombies, memory_after) = looks[0], looks[-1]
    said = f"descriptors {descriptors} at the first, {descriptors_after} at the last; ended children {zombies}; "
    said += f"memory {memory // 1024} MiB, {memory_after // 1024} MiB"
    grown = descriptors_after > descriptors or zombies or memory_after > memory + GROWTH
    return Found(said, said if grown else "")


def _copy_lineage(config: Path, source: str, target: str) -> None:
    """Copy a certificate to another lineage, in the form in which Certbot stores it."""
    shutil.copytree(config / "archive" / source, config / "archive" / target)
    live = config / "live" / target
    live.mkdir()
    for link in (config / "live" / source).glob("*.pem"):
        (live / link.name).symlink_to(os.readlink(link).replace(f"/{source}/", f"/{target}/"))
    text = (config / "renewal" / f"{source}.conf").read_text()
    for kind in ("archive", "live"):
        text = text.replace(f"/{kind}/{source}", f"/{kind}/{target}")
    (config / "renewal" / f"{target}.conf").write_text(text)
