"""Several handler calls at a time: who meets whom is seen by the handlers themselves, not read from a clock."""

from __future__ import annotations

import dataclasses
import json
import signal
from pathlib import Path

import pytest

from tests.support.certbot import Certbot
from tests.support.hooks import Hooks
from tests.support.testca import TestCA
from tests.support.words import RENEW_NOW, handler, names

THREE = ("--external-auth-jobs", "3")
FOUR = ("--external-auth-jobs", "4")


@dataclasses.dataclass(frozen=True)
class Met:
    """One call of `tests/hooks/meets.py`: what was running when it began."""

    operation: str
    name: str
    value: str
    pid: int
    met: list[str]
    remaining: str | None


class Meetings:
    """What a host's handlers saw of each other."""

    def __init__(self, certbot: Certbot, scripts: Hooks, folder: Path) -> None:
        self._scripts = scripts
        self._folder = folder
        certbot.environment["TOGETHER"] = "3"
        self.begin(certbot, "first")

    def begin(self, certbot: Certbot, name: str) -> None:
        """Forget all calls; those that follow meet each other only."""
        self._scripts.forget()
        folder = self._folder / name
        folder.mkdir()
        certbot.environment["MEET"] = str(folder)

    def calls(self, *operations: str) -> list[Met]:
        calls = [Met(**json.loads(line)) for line in self._scripts.record.read_text().splitlines()]
        return [call for call in calls if not operations or call.operation in operations]


@pytest.fixture
def meetings(certbot: Certbot, scripts: Hooks, tmp_path: Path) -> Meetings:
    folder = tmp_path / "meetings"
    folder.mkdir()
    return Meetings(certbot, scripts, folder)


def gone(pid: int) -> bool:
    """Nothing of it runs; what is dead and not yet waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in ("Z", "X")
    except FileNotFoundError:
        return True


NATIVE = (["pre-perform"], "perform", ["post-perform", "pre-cleanup"], "cleanup", ["post-cleanup"])
DEHYDRATED = (["startup_hook"], "deploy_challenge", [], "clean_challenge", ["exit_hook"])
CERTBOT = ([], "auth", [], "cleanup-hook", [])


@pytest.mark.parametrize(
    ("dialect", "order"),
    [
        pytest.param("native", NATIVE, id="native"),
        pytest.param("dehydrated", DEHYDRATED, id="dehydrated"),
        pytest.param("certbot", CERTBOT, id="certbot"),
    ],
)
def test_calls_meet_three_at_a_time_but_never_at_one_name(
    certbot: Certbot,
    scripts: Hooks,
    meetings: Meetings,
    ca: TestCA,
    domain: str,
    dialect: str,
    order: tuple[list[str], str, list[str], str, list[str]],
) -> None:
    """Guards against: calls that wait for each other, and two that change one name at once."""
    path = scripts.path("meets.py")
    words = handler(path if dialect != "certbot" else f"{path} auth", "--external-auth-dialect", dialect, *FOUR)
    if dialect == "certbot":
        words += ["--external-auth-cleanup-handler", f"{path} cleanup-hook"]
    # Of any four of these six two have one name, so three is what there can be at a time.
    wanted = [f"{name}.{domain}" for name in ("a", "*.a", "b", "*.b", "c", "*.c")]
    before, publish, between, withdraw, after = order
    for run, verb in (("issue", ("certonly", *words, *names(*wanted))), ("renew", RENEW_NOW)):
        meetings.begin(certbot, run)
        result = certbot.run(*verb)
        assert result.returncode == 0, (result, scripts.record.read_text())
        calls = meetings.calls()
        expected = [*before, *[publish] * 6, *between, *[withdraw] * 6, *after]
        assert [call.operation for call in calls] == expected
        for call in calls:
            met = [other.split()[:2] for other in call.met]
            assert len(met) <= 2
            assert [call.operation, call.name] not in met
            assert {operation for operation, _ in met} <= {call.operation} & {publish, withdraw}
            if call.remaining == "0":
                assert met == []
        assert {call.value for call in meetings.calls(publish)} == {call.value for call in meetings.calls(withdraw)}
        if dialect == "certbot":
            assert sorted(str(call.remaining) for call in meetings.calls(publish)) == list("012345")
            assert meetings.calls(publish)[-1].remaining == meetings.calls(withdraw)[-1].remaining == "0"
    assert "jobs = 4" in certbot.renewal(f"a.{domain}")


@pytest.mark.parametrize("dialect", ["native", "dehydrated"])
@pytest.mark.parametrize("looks", ["auto", "off"])
def test_names_that_are_aliases_of_one_name_do_not_meet(
    certbot: Certbot, scripts: Hooks, meetings: Meetings, ca: TestCA, domain: str, dialect: str, looks: str
) -> None:
    """Guards against: two calls that write at one name, which the hook does not know is the same."""
    wanted = [f"{name}.{domain}" for name in "abc"]
    for name in wanted[:2]:
        ca.manage("set-cname", {"host": f"_acme-challenge.{name}.", "target": f"x.{domain}."})
    more = ("--external-auth-dialect", dialect, "--external-auth-verify", looks)
    looking = ("--external-auth-verify-nameservers", ca.dns, "--external-auth-verify-timeout", "0")
    words = handler(scripts.path("meets.py"), *more, *looking, *FOUR)
    # The CA finds nothing: this hook knows of no alias. Of these three calls two write at one name.
    certbot.run("certonly", *words, *names(*wanted), env={"TOGETHER": "2"})
    calls = meetings.calls("perform", "cleanup", "deploy_challenge", "clean_challenge")
    aliases = [call for call in calls if call.name in wanted[:2]]
    assert len(aliases) == 4
    for call in aliases:
        assert not {other.split()[1] for other in call.met} & set(wanted[:2])


@pytest.mark.parametrize("then", ["fail", "all-fail"])
def test_the_first_failure_starts_nothing_more_and_waits_for_what_runs(
    certbot: Certbot, scripts: Hooks, meetings: Meetings, ca: TestCA, domain: str, then: str
) -> None:
    """Guards against: failed names that are not reported, and records that the run forgets."""
    wanted = [f"{name}.{domain}" for name in "abcdef"]
    env = {"THEN": then, "TOGETHER": "2"}
    result = certbot.run(
        "certonly", *handler(scripts.path("meets.py"), "--external-auth-jobs", "2"), *names(*wanted), env=env
    )
    assert result.returncode == 1, result
    assert not result.validated
    begun = meetings.calls("perform")
    assert len(begun) == 2
    assert sorted(call.value for call in meetings.calls("cleanup")) == sorted(call.value for call in begun)
    assert meetings.calls("post-perform") == []
    failed = begun if then == "all-fail" else [call for call in begun if f"at perform for {call.name}" in result.stderr]
    assert len(failed) == (2 if then == "all-fail" else 1)
    for call in failed:
        assert f"failed at perform for {call.name}: exit code" in result.stderr
    assert ("so does the next one" in result.stderr) == (then == "all-fail")
    assert all(name not in result.stderr for name in wanted if name not in [call.name for call in failed])
    if then == "fail":
        # It was let finish.
        (other,) = [call for call in begun if call not in failed]
        assert ca.txt(f"_acme-challenge.{other.name}") == [other.value]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_all_that_run_and_cleans_all_that_began(
    certbot: Certbot, scripts: Hooks, meetings: Meetings, domain: str, number: signal.Signals
) -> None:
    """Guards against: scripts that go on after a service was stopped, and records that stay."""
    wanted = [f"{name}.{domain}" for name in "abcdef"]
    words = handler(scripts.path("meets.py"), *THREE)
    result = certbot.run("certonly", *words, *names(*wanted), env={"THEN": number.name})
    assert result.returncode == (1 if number == signal.SIGINT else -number), result
    begun = meetings.calls("perform")
    assert len(begun) == 3
    assert all(gone(call.pid) for call in begun)
    assert sorted(call.value for call in meetings.calls("cleanup")) == sorted(call.value for call in begun)


LEAVES_A_DAEMON = """#!/bin/sh
[ "$1" = perform ] || exit 0
daemon() {
    ( env -i setsid sh -c 'echo $$ >"$1.new"; mv "$1.new" "$1"; exec sleep 600' sh "$1" >/dev/null 2>&1 </dev/null & )
    while ! [ -e "$1" ]; do sleep 0.01; done
}
# The CA decides the order of names.
if mkdir "$DAEMONS/first"; then daemon "$DAEMONS/a"; exec sleep 600; fi
if mkdir "$DAEMONS/second"; then while ! [ -e "$DAEMONS/a" ]; do sleep 0.01; done; exit 0; fi
daemon "$DAEMONS/c"
kill -TERM $PPID
exec sleep 600
"""


def test_a_signal_ends_what_has_left_a_call_that_began_before_another(
    certbot: Certbot, domain: str, tmp_path: Path
) -> None:
    """Guards against: a daemon that goes on because two handlers could have started it."""
    path = tmp_path / "leaves-a-daemon.sh"
    path.write_text(LEAVES_A_DAEMON)
    path.chmod(0o755)
    wanted = [f"{name}.{domain}" for name in "abc"]
    words = handler(str(path), "--external-auth-jobs", "2")
    result = certbot.run("certonly", *words, *names(*wanted), env={"DAEMONS": str(tmp_path)})
    assert result.returncode == -signal.SIGTERM, result
    assert all(gone(int((tmp_path / name).read_text())) for name in "ac")


def test_the_time_limit_holds_for_each(certbot: Certbot, scripts: Hooks, meetings: Meetings, domain: str) -> None:
    """Guards against: an error that does not name the domain whose provider did not answer."""
    wanted = [f"{name}.{domain}" for name in "abcdef"]
    words = handler(scripts.path("meets.py"), *THREE, "--external-auth-timeout", "3")
    result = certbot.run("certonly", *words, *names(*wanted), env={"THEN": "hang"})
    assert result.returncode == 1, result
    begun = meetings.calls("perform")
    assert len(begun) == 3
    for call in begun:
        assert f"at perform for {call.name}: it had not ended after 3 seconds" in result.stderr
        assert gone(call.pid)
    assert len(meetings.calls("cleanup")) == 3
