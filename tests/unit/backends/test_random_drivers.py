"""Drivers that behave by chance, before the real stream, channel, backend and run, over real pipes.

`make random-drivers` for more of them; a seed that fails is in the test's message.
"""

from __future__ import annotations

import datetime
import fcntl
import json
import os
import random
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from certbot import errors
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from certbot_external_auth.backends import Context, json_lines
from certbot_external_auth.challenges import Challenge
from certbot_external_auth.configuration import resolution
from certbot_external_auth.dialects import Facts
from certbot_external_auth.lineages import handed_over
from certbot_external_auth.protocol import stream
from certbot_external_auth.protocol.channel import Channel
from certbot_external_auth.protocol.stream import Stream
from certbot_external_auth.run.ids import next_id
from certbot_external_auth.run.run import Run
from tests.support import schemas
from tests.support.purity import Line
from tests.support.random_driver import RandomDriver

COUNT = int(os.environ.get("EXTERNAL_AUTH_DRIVERS", "100"))
GROUPS = 4
LIMIT = 0.1
"""Seconds a line waits for its answer. Nothing here depends on whether an answer came in time, only on what was made
of it."""
NAME = "w.example"
THUMBPRINT = "gHYgpVqfIRL3XmmkGQfK38u5rTsuGckP8bMVvolCGHw"
Ending = tuple[BaseException | None, bool]


@pytest.fixture(scope="module")
def certificates() -> list[bytes]:
    """An old and a new one."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.datetime(2026, 1, 1)
    builder = x509.CertificateBuilder(name, name, key.public_key(), None, now, now + datetime.timedelta(days=90))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
    made = [builder.serial_number(number).sign(key, hashes.SHA256()) for number in (1, 2)]
    return [one.public_bytes(serialization.Encoding.PEM) for one in made]


@dataclass
class Host:
    """What a run of Certbot has around it: its folders, and the driver at the other end."""

    folder: Path
    certificates: list[bytes]
    seed: int

    def __post_init__(self) -> None:
        self.random = random.Random(f"host {self.seed}")
        self.live = self.folder / "config" / "live" / NAME
        self.live.mkdir(parents=True)
        self.write(0)
        answers, theirs = os.pipe()
        reading, lines = os.pipe()
        # A driver that stops reading shall be noticed.
        fcntl.fcntl(lines, fcntl.F_SETPIPE_SZ, 4096)
        self.ours = (answers, lines)
        self.driver = RandomDriver(self.seed, reading, theirs)
        self.stream = Stream(Channel(answers, lines))

    def write(self, number: int) -> None:
        (self.live / "cert.pem").write_bytes(self.certificates[number])

    def paths(self) -> dict[str, str | None]:
        kinds = ("cert", "chain", "fullchain")
        return {
            "key_path": str(self.live / "privkey.pem"),
            **{f"{one}_path": str(self.live / "cert.pem") for one in kinds},
        }

    def run(self) -> Run:
        found = resolution.resolve({"mode": "json", "verify": "off"})
        facts = Facts(config_dir=str(self.folder / "config"), work_dir=str(self.folder / "work"))
        return Run(Context(replace(found, ack_timeout=LIMIT), facts), {NAME})

    def challenges(self) -> list[Challenge]:
        count = self.random.randint(1, 8)
        tokens = [f"{number:022d}" for number in range(count)]
        types = [self.random.choice(("dns-01", "http-01")) for _ in tokens]
        return [
            Challenge(next_id("c"), kind, NAME, "dns", token, f"{token}.{THUMBPRINT}")
            for kind, token in zip(types, tokens, strict=True)
        ]

    def certonly(self) -> Ending:
        """What Certbot does with a plugin that is authenticator and installer; the exception that ends it, and
        whether a certificate was handed over."""
        run = self.run()
        run.handover.first_contact()
        challenges = self.challenges()
        failure: BaseException | None = None
        try:
            run.publication.perform(challenges)
            if self.random.random() < 0.2:
                run.publication.refused_by_ca(
                    challenges[0].type, challenges[0].token, {"type": "unauthorized", "detail": "not seen"}
                )
                raise errors.AuthorizationError("Some challenges have failed.")
        except errors.Error as error:
            failure = error
        run.publication.cleanup(failure)
        if failure is not None:
            return failure, False
        self.write(1)
        try:
            return None, run.handover.deploy_lineage(NAME, self.paths())
        except errors.Error as error:
            return error, False

    def end(self, failure: BaseException | None) -> list[Line]:
        """What the end of the process does; the result is what was written, as far as it could be."""
        self.stream.finish(failure)
        for one in self.ours:
            os.close(one)
        self.driver.end()
        return [json.loads(line) for line in self.driver.received.splitlines() if line.endswith(b"}")]


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setattr(json_lines, "MAX_CLEANUP_SECONDS", LIMIT)
    return monkeypatch


@pytest.mark.parametrize("group", range(GROUPS))
def test_whatever_a_driver_does(
    tmp_path: Path, certificates: list[bytes], limits: pytest.MonkeyPatch, group: int
) -> None:
    """Guards against: missing cleanups, runs that hang, and a wrong last line."""
    for seed in range(group, COUNT, GROUPS):
        host = Host(tmp_path / str(seed), certificates, seed)
        limits.setattr(stream, "_stream", host.stream)
        # Only who does not read at all is given up; on a busy machine the others are slow.
        limits.setattr(stream, "MAX_SEND_SECONDS", LIMIT if host.driver.quirk == "stops-reading" else 60.0)
        host.driver.start()
        failure, deployed = host.certonly()
        lines = host.end(failure)
        try:
            check(host, lines, failure, deployed)
        except AssertionError as error:
            raise AssertionError(
                f"seed {seed}, a driver with the quirk {host.driver.quirk}: {error}\n{lines}"
            ) from error
        shutil.rmtree(host.folder)


def check(host: Host, lines: list[Line], failure: BaseException | None, deployed: bool) -> None:
    for line in lines:
        assert schemas.complaint(line, 1) is None
    assert [line["seq"] for line in lines] == list(range(1, len(lines) + 1))
    of = {name: [line for line in lines if line["cmd"] == name] for name in ("perform_challenge", "cleanup", "result")}
    said = host.driver.said
    asked = any(line["status"] != "not_asked" for line in of["result"])
    if asked:
        # Nothing but a yes to each, and no earlier no, lets the CA be asked.
        for line in of["perform_challenge"]:
            first = next((word for word in said.get(f"perform:{line['id']}", ()) if word != "wait"), "nothing")
            assert first == "yes", line
    state = handed_over.HandedOver(str(host.folder / "config"), str(host.folder / "work"))
    live = handed_over.live_certificates(str(host.folder / "config"))[NAME]
    if deployed:
        assert "yes" in next(words for name, words in said.items() if name.startswith("deploy_cert:"))
        assert state.deployed(NAME) == live
    if host.driver.reads_all:
        assert {line["id"] for line in of["cleanup"]} == {line["id"] for line in of["perform_challenge"]}
        assert {line["id"] for line in of["result"]} == {line["id"] for line in of["cleanup"]}
        check_summary(lines[-1], said, state.deployed(NAME), live, failure)


def check_summary(
    summary: Line, said: dict[str, list[str]], recorded: str | None, live: str, failure: BaseException | None
) -> None:
    assert summary["cmd"] == "summary"
    assert summary["ok"] is (failure is None)
    for name, words in said.items():
        kind, _, identifier = name.partition(":")
        if kind != "perform" and "yes" not in words:
            assert identifier in summary["unconfirmed"]
    for one in summary["lineages"]:
        assert one["deployed"] is (recorded == live)
        assert one["deploy_pending"] is (recorded != live)
    assert bool(summary["lineages"]) is (recorded != live or any(name.startswith("deploy_cert") for name in said))


def test_the_drivers_differ() -> None:
    """The test above is worth nothing if its random drivers are all alike."""
    assert len({RandomDriver(seed, -1, -1).quirk for seed in range(100)}) == 8
