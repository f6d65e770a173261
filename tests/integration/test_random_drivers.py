"""The same drivers that behave by chance as in tests/unit/backends/test_random_drivers.py, before real Certbots.

`EXTERNAL_AUTH_CERTBOTS=50` runs each quirk that often. Left out are those whose end is a time limit of a minute.
"""

from __future__ import annotations

import os
import subprocess

import pytest

from tests.support import purity
from tests.support.certbot import PATIENCE, Certbot
from tests.support.purity import Line
from tests.support.random_driver import RandomDriver
from tests.support.testca import TestCA
from tests.support.words import JSON, names

TIMES = int(os.environ.get("EXTERNAL_AUTH_CERTBOTS", "1"))


@pytest.mark.parametrize("seed", range(TIMES))
@pytest.mark.parametrize("quirk", ["none", "noisy", "refuses", "dies", "hangs-up"])
def test_whatever_a_driver_does(certbot: Certbot, ca: TestCA, domain: str, quirk: str, seed: int) -> None:
    """Guards against: a last line that contradicts what is on disk."""

    def publish(line: Line) -> None:
        for place, values in line.get("txt", {}).items():
            for value in values:
                ca.add_txt(place, value)

    words = ("certonly", *JSON, *names(domain, f"*.{domain}", f"www.{domain}"))
    answers, theirs = os.pipe()
    reading, lines = os.pipe()
    driver = RandomDriver(seed, reading, theirs, quirk, publish)
    with certbot.started(words, stdin=answers, stdout=lines, stderr=subprocess.DEVNULL) as process:
        os.close(answers)
        os.close(lines)
        driver.start()
        process.wait(PATIENCE)
    driver.end()
    certbot.after_run()
    said = bytes(driver.received[: driver.received.rfind(b"\n") + 1])
    found = purity.check(said, 1, process.returncode, words, whole=driver.reads_all)
    issued = certbot.live(domain).exists()
    assert issued is (process.returncode == 0)
    if driver.reads_all:
        of = {name: {line["id"] for line in found if line["cmd"] == name} for name in ("perform_challenge", "cleanup")}
        assert of["cleanup"] == of["perform_challenge"]
        assert [one["name"] for one in found[-1]["lineages"]] == ([domain] if issued else [])
    if quirk == "none":
        assert issued
