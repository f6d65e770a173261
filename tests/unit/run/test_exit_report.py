"""What became of the certificates, and which types are offered: facts for the last lines and the first."""

from __future__ import annotations

from pathlib import Path

import pytest

from certbot_external_auth.backends import Context
from certbot_external_auth.challenges import TYPES
from certbot_external_auth.dialects import Facts
from certbot_external_auth.errors import DriverError, UsageError
from certbot_external_auth.lineages import handed_over, lineage
from certbot_external_auth.lineages.handed_over import Attempts, HandedOver, live_certificates
from certbot_external_auth.run.exit_report import exit_report
from certbot_external_auth.run.informer import Informer
from certbot_external_auth.run.offered_types import OfferedTypes
from certbot_external_auth.settings import Settings
from tests.support import certificates


def issue(config: Path, name: str) -> None:
    folder = config / "live" / name
    folder.mkdir(parents=True, exist_ok=True)
    certificates.self_signed(folder / "cert.pem", [name])


def state(name: str, **true: bool) -> dict[str, object]:
    flags = dict.fromkeys(("changed", "deployed", "deploy_pending", "deploy_failed"), False)
    return {"name": name, **flags, **true}


def test_each_lineage_that_something_happened_to_is_reported(tmp_path: Path) -> None:
    config = tmp_path / "c"
    for name in ("quiet.test", "renewed.test", "failed.test"):
        issue(config, name)
    attempts = Attempts(live_certificates(str(config)))
    state_file = HandedOver(str(config), str(tmp_path / "w"))
    state_file.baseline()
    assert exit_report(str(config), state_file, attempts) == ([], [])
    for name in ("renewed.test", "failed.test", "new.test"):
        issue(config, name)
    now = live_certificates(str(config))
    state_file.record("renewed.test", now["renewed.test"] or "")
    attempts.failed.add("failed.test")
    saved, reported = exit_report(str(config), state_file, attempts)
    assert sorted(reported, key=lambda one: str(one["name"])) == [
        state("failed.test", changed=True, deploy_pending=True, deploy_failed=True),
        state("new.test", changed=True),
        state("renewed.test", changed=True, deployed=True),
    ]
    assert sorted(path for path, _ in saved) == [
        str(config / "live" / name / "fullchain.pem") for name in ("failed.test", "new.test", "renewed.test")
    ]
    assert all(len(day) == 10 and day.count("-") == 2 for _, day in saved)


def test_where_certbot_keeps_the_files() -> None:
    found = lineage.Lineage("/c", "a.test")
    kinds = {"cert_path": "cert", "key_path": "privkey", "chain_path": "chain", "fullchain_path": "fullchain"}
    assert found.paths == {key: f"/c/live/a.test/{kind}.pem" for key, kind in kinds.items()}
    assert handed_over.lineage_of("/c/live/a.test/cert.pem", "/c") == "a.test"
    assert handed_over.lineage_of("/d/live/a.test/cert.pem", "/c") is None


class Lines:
    """In place of a stream."""

    def __init__(self, gone: bool = False) -> None:
        self.said: list[object] = []
        self._gone = gone

    def emit(self, line: object) -> None:
        if self._gone:
            raise DriverError("gone")
        self.said.append(line)

    def note_result(self, status: str) -> None:
        self.said.append(status)

    def error(self, code: str, message: str) -> None:
        self.said.append((code, message))

    def note_failure(self) -> None:
        self.said.append("failed")

    def finish(self, exception: BaseException) -> None:
        self.said.append(exception)


@pytest.mark.parametrize(("mirrors", "said"), [(True, ["a", "c"]), (False, ["a"])])
def test_who_is_told_what(mirrors: bool, said: list[str]) -> None:
    lines = Lines()
    informer = Informer(lines, mirrors)  # type: ignore[arg-type]
    informer.inform("a")  # type: ignore[arg-type]
    informer.mirror("c")  # type: ignore[arg-type]
    assert lines.said == said
    ended = ValueError("x")
    informer.count("valid")
    informer.error("code", "message")
    informer.end(ended)
    assert lines.said[len(said) :] == ["valid", ("code", "message"), "failed", ended]


def test_a_reader_that_is_gone_stops_nothing() -> None:
    Informer(Lines(gone=True)).inform({"cmd": "x"})  # type: ignore[arg-type]
    nobody = Informer(None)
    nobody.inform({"cmd": "x"})
    nobody.count("valid")
    nobody.error("code", "message")
    nobody.end(ValueError("x"))


def offered(preferred: tuple[str, ...] = (), server: str = "https://ca.test/", **settings: str) -> OfferedTypes:
    found = Settings(**{"mode": "json", **settings})  # type: ignore[arg-type]
    return OfferedTypes(Context(found, Facts(), preferred=preferred, server=server), TYPES)


def test_the_types_that_are_offered(caplog: pytest.LogCaptureFixture) -> None:
    assert offered().of("a.test") == ["dns-01", "http-01", "tls-alpn-01"]
    assert offered().of("*.a.test") == ["dns-01"]
    assert offered(("http-01",)).usable("a.test", addresses=False) == ["http-01"]
    assert "dns-01" not in offered().usable("192.0.2.1", addresses=True)
    with pytest.raises(UsageError, match=r"192\.0\.2\.1"):
        offered().usable("192.0.2.1", addresses=False)
    offered().check({"a.test", "*.a.test"})
    assert caplog.records == []


@pytest.mark.parametrize(
    ("settings", "who"),
    [({"mode": "handler", "dialect": "lego"}, "the dialect lego"), ({"mode": "manual"}, "the mode manual")],
)
def test_what_cannot_be_proved_is_said_with_who_cannot(settings: dict[str, str], who: str) -> None:
    carried = OfferedTypes(Context(Settings(**settings), Facts()), ("http-01",))  # type: ignore[arg-type]
    carried.check({"a.test"})
    with pytest.raises(UsageError, match=who) as raised:
        carried.check({"*.a.test", "*.b.test"})
    assert all(name in str(raised.value) for name in ("*.a.test", "*.b.test"))


def test_a_type_that_lets_encrypt_ended_is_refused_there_alone(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(UsageError, match="tls-sni-01"):
        offered(("tls-sni-01",), "https://acme-v02.api.letsencrypt.org/directory").check({"a.test"})
    offered(("tls-sni-01",)).check({"a.test"})
    assert [one.levelname for one in caplog.records] in (["WARNING"], [])
