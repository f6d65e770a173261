"""The groups of a run with routes: which part publishes which challenge, and what is said before the order."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import pytest
from certbot import errors

from certbot_external_auth import journal
from certbot_external_auth.backends import Context
from certbot_external_auth.challenges import Challenge
from certbot_external_auth.errors import GuardError, NotVisibleError, PerformError, UsageError
from certbot_external_auth.routes.problem import Kind, RoutesError
from certbot_external_auth.run import aliases, groups
from certbot_external_auth.run.groups import Groups
from certbot_external_auth.run.informer import Informer
from certbot_external_auth.run.part import Surroundings
from certbot_external_auth.run.verification import Verification
from tests.support.recording_backend import RecordingBackend, context

ROUTES = """\
[a.example]
handler = /bin/a
[b.example]
handler = /bin/b
verify-timeout = 7
[*]
handler = /bin/rest
challenge = http-01
"""
HANDLERS = {"a": "[a.example]", "b": "[b.example]", "rest": "[*]"}


def challenge(name: str, number: int = 0, kind: str = "dns-01") -> Challenge:
    token = f"{name.replace('.', '_')}_{number}".ljust(22, "t")
    address = name[0].isdigit()
    return Challenge(f"{name}/{number}", kind, name, "ip" if address else "dns", token, f"{token}.{'k' * 43}")


class Made:
    """A run with these routes.

    :ivar backends: by the name of the program.
    :ivar contexts: what they were made with.
    :ivar ends: what the CNAMEs lead to.
    :ivar looked: the names that were looked up.
    """

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, *failing: str) -> None:
        self.folder = folder
        self.backends = {name: RecordingBackend(*(["perform"] if name in failing else [])) for name in HANDLERS}
        self.contexts: dict[str, Context] = {}
        self.ends: dict[str, tuple[str, str]] = {}
        self.looked: list[str] = []
        self.unsaid: set[str] = set()
        monkeypatch.setattr(groups, "backend", self._backend)
        monkeypatch.setattr(aliases, "ends", self._ends)
        # The paths of the routes name nothing.
        monkeypatch.setattr("certbot_external_auth.handler_setup.command_line.program", lambda word, *_: word)

    def _backend(self, mode: str, made: Context) -> RecordingBackend:
        name = made.words[0].rpartition("/")[2]
        self.contexts[name] = made
        return self.backends[name]

    def _ends(
        self, observer: object, names: Sequence[str], verify: str, unsaid: Callable[[Collection[str]], None]
    ) -> dict[str, tuple[str, str]]:
        self.looked += names
        if silent := self.unsaid.intersection(names):
            unsaid(silent)
        return {name: end for name, end in self.ends.items() if name in names}

    def groups(self, *asked: str, text: str = ROUTES, known: bool = True, **more: Any) -> Groups:
        path = self.folder / "routes.ini"
        path.write_text(text)
        path.chmod(0o644)
        found = dataclasses.replace(context(self.folder, routes=str(path), verify="off"), words=(), **more)
        return Groups(found, str(path), Surroundings(asked if known else None, Informer(None), None))

    def calls(self, *names: str) -> list[tuple[str, ...]]:
        """Calls that publish or withdraw, of these programs."""
        return [call for name in names or HANDLERS for call in self.backends[name].calls if call[0] != "prepare"]


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Made:
    return Made(tmp_path, monkeypatch)


def entries(folder: Path) -> list[tuple[tuple[str, ...], list[str]]]:
    """The command line and the challenges of each file of the journal."""
    contents = journal.read_all(str(folder / "work"))
    found = [*contents.left, *contents.running]
    return sorted((one.handler.words, [each.identifier for each in one.challenges]) for one in found)


NAMES = ("a.example", "*.a.example", "www.b.example", "c.test")
BATCH = [
    challenge("c.test", kind="http-01"),
    challenge("a.example"),
    challenge("www.b.example"),
    challenge("a.example", 1),
]


def test_each_group_goes_to_its_own_publisher(made: Made, tmp_path: Path) -> None:
    run = made.groups(*NAMES)
    run.prepare(publishing=True, deploying=False)
    assert [run.usable(name, addresses=True) for name in ("a.example", "www.b.example", "c.test")] == [
        ["dns-01", "http-01"],
        ["dns-01", "http-01"],
        ["http-01"],
    ]
    run.perform(BATCH)
    assert made.calls() == [
        ("perform", "a.example/0", "a.example/1"),
        ("perform", "www.b.example/0"),
        ("perform", "c.test/0"),
    ]
    assert made.contexts["b"].settings.verify_timeout == 7
    # One entry for each group, in the form of any run.
    assert entries(tmp_path) == [
        (("/bin/a",), ["a.example", "a.example"]),
        (("/bin/b",), ["www.b.example"]),
        (("/bin/rest",), ["c.test"]),
    ]
    run.cleanup(None)
    assert [call[0] for call in made.calls()] == ["perform", "cleanup"] * 3
    assert entries(tmp_path) == []
    assert {end.status for backend in made.backends.values() for end in backend.finished} == {"valid"}


def test_a_failure_in_the_second_group_withdraws_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Made(tmp_path, monkeypatch, "b")
    run = made.groups(*NAMES)
    with pytest.raises(PerformError) as caught:
        run.perform(BATCH)
    assert len(caught.value.failures) == 1
    assert made.calls("rest") == []
    run.cleanup(caught.value)
    assert [call[0] for call in made.calls("a", "b")] == ["perform", "cleanup"] * 2
    assert {end.status for end in made.backends["a"].finished} == {"not_asked"}
    assert entries(tmp_path) == []


def test_a_signal_at_the_cleanup_of_one_group_leaves_the_others_to_a_recovery(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guards against: files of the journal that stay locked as long as Certbot renews other lineages."""
    run = made.groups(*NAMES)
    run.perform(BATCH)

    def interrupted(finished: object) -> None:
        raise errors.SignalExit("SIGTERM")

    monkeypatch.setattr(made.backends["a"], "cleanup", interrupted)
    with pytest.raises(errors.SignalExit):
        run.cleanup(None)
    contents = journal.read_all(str(tmp_path / "work"))
    assert (len(contents.left), len(contents.running)) == (3, 0)


def test_nothing_is_published_if_the_ca_sends_something_else(made: Made, tmp_path: Path) -> None:
    run = made.groups("a.example", "b.example")
    with pytest.raises(GuardError):
        run.perform([challenge("a.example"), challenge("evil.example", kind="http-01")])
    assert (made.calls(), entries(tmp_path)) == ([], [])
    # Only what was asked for is looked up.
    assert made.looked == ["_acme-challenge.a.example", "_acme-challenge.b.example"]


# --- delegated names ---


def test_a_delegated_name_takes_the_route_of_its_target(made: Made) -> None:
    made.ends = {
        "_acme-challenge.c.test": ("x.b.example", "b.example"),
        "_acme-challenge.a.example": ("y.b.example", ""),
    }
    run = made.groups("a.example", "*.a.example", "c.test")
    run.prepare(publishing=True, deploying=False)
    # Its own section would have http-01, which no CNAME delegates.
    assert run.usable("c.test", addresses=True) == ["dns-01"]
    run.perform([challenge("a.example"), challenge("a.example", 1), challenge("c.test")])
    assert made.calls() == [("perform", "a.example/0", "a.example/1", "c.test/0")]
    assert made.calls("b") != []


@pytest.mark.parametrize(
    ("target", "handler"),
    [
        # No section names it: the own section before [*].
        ("x.elsewhere.test", "a"),
        # Its section cannot prove anything by dns-01.
        ("x.web.example", "a"),
        ("x.b.example", "b"),
    ],
)
def test_a_target_without_a_section_does_not_count(made: Made, target: str, handler: str) -> None:
    made.ends = {"_acme-challenge.a.example": (target, "")}
    text = f"{ROUTES}[web.example]\nhandler = /bin/rest\nchallenge = http-01\n"
    run = made.groups("a.example", text=text)
    run.perform([challenge("a.example")])
    assert [name for name in HANDLERS if made.calls(name)] == [handler]


def test_a_name_that_is_proven_in_another_way_is_not_looked_up(made: Made) -> None:
    text = "[a.example]\nhandler = /bin/a\nchallenge = http-01\n[b.example]\nhandler = /bin/b\n"
    made.ends = {"_acme-challenge.a.example": ("x.b.example", "")}
    run = made.groups("a.example", "192.0.2.1", text=f"{text}[*]\nhandler = /bin/rest\n")
    run.prepare(publishing=True, deploying=False)
    assert made.looked == []
    assert run.usable("a.example", addresses=True) == ["http-01"]
    assert run.usable("192.0.2.1", addresses=True) == ["http-01"]


def test_nothing_is_looked_up_if_dns_01_is_not_allowed(made: Made) -> None:
    run = made.groups("a.example", preferred=("http-01",))
    run.prepare(publishing=True, deploying=False)
    assert made.looked == []


def test_a_name_about_which_no_server_answers_has_its_own_route(made: Made, caplog: pytest.LogCaptureFixture) -> None:
    made.unsaid = {"_acme-challenge.a.example"}
    run = made.groups("a.example")
    run.perform([challenge("a.example")])
    assert made.calls("a") != []
    assert "No server said whether _acme-challenge.a.example is an alias" in caplog.text
    assert caplog.records[0].levelname == "WARNING"


# --- before the order ---


def problems(run: Groups) -> list[tuple[Kind, int]]:
    with pytest.raises(RoutesError) as caught:
        run.prepare(publishing=True, deploying=False)
    return [(one.kind, one.line) for one in caught.value.found]


def test_everything_that_is_wrong_is_said_at_once(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(publishing: bool, deploying: bool) -> None:
        raise UsageError(["It is not executable."])

    monkeypatch.setattr(made.backends["a"], "prepare", refused)
    text = "[a.example]\nhandler = /bin/a\n[b.example]\nhandler = /bin/b\nchallenge = tls-alpn-01\n"
    run = made.groups("a.example", "b.example", "other.test", "another.test", text=text)
    assert problems(run) == [(Kind.NO_ROUTE, 0), (Kind.UNUSABLE, 1), (Kind.NOT_CARRIED, 5)]
    with pytest.raises(RoutesError, match=r"another\.test, other\.test"):
        run.prepare(publishing=True, deploying=False)


def test_a_route_that_no_name_uses_need_not_work(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lost: all renewals of a machine, because a section for another certificate names a script that is gone."""

    def refused(publishing: bool, deploying: bool) -> None:
        raise UsageError(["It is gone."])

    monkeypatch.setattr(made.backends["b"], "prepare", refused)
    made.groups("a.example").prepare(publishing=True, deploying=False)
    # Certbot will ask a person for the names, so each may be needed.
    assert problems(made.groups(known=False)) == [(Kind.UNUSABLE, 3)]


def test_names_that_a_person_types_are_looked_up_when_certbot_names_them(made: Made) -> None:
    run = made.groups(known=False)
    run.prepare(publishing=True, deploying=False)
    made.ends = {"_acme-challenge.c.test": ("x.b.example", "")}
    assert run.usable("c.test", addresses=True) == ["dns-01"]
    run.perform([challenge("c.test")])
    assert made.calls("b") == [("perform", "c.test/0")]
    with pytest.raises(RoutesError) as caught:
        made.groups(known=False, text="[a.example]\nhandler = /bin/a\n").usable("c.test", addresses=True)
    assert [one.kind for one in caught.value.found] == [Kind.NO_ROUTE]


def test_a_wildcard_needs_a_route_with_dns_01(made: Made) -> None:
    with pytest.raises(RoutesError, match=r"the route \[\*\] supports only http-01; use another, or leave out \*\.c"):
        made.groups("*.c.test").prepare(publishing=True, deploying=False)


def test_the_file_is_not_read_for_a_certificate_that_is_not_due(made: Made, tmp_path: Path) -> None:
    run = made.groups("a.example")
    (tmp_path / "routes.ini").unlink()
    run.prepare(publishing=False, deploying=True)
    assert problems(run) == [(Kind.UNREADABLE, 0)]


# --- after publishing ---


@pytest.fixture
def hidden(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Names that cannot be seen."""
    names: set[str] = set()

    def check(self: Verification, challenges: Sequence[Challenge], printed: object) -> None:
        lost = {one.id: {"type": "x"} for one in challenges if one.identifier in names}
        if lost:
            raise NotVisibleError([f"{one} is not there." for one in lost], lost)

    monkeypatch.setattr(Verification, "check", check)
    return names


def test_a_group_that_cannot_be_seen_ends_the_run(made: Made, hidden: set[str]) -> None:
    hidden.add("a.example")
    run = made.groups(*NAMES)
    with pytest.raises(NotVisibleError) as caught:
        run.perform(BATCH)
    run.cleanup(caught.value)
    assert {end.status for name in HANDLERS for end in made.backends[name].finished} == {"not_asked"}


def test_a_subset_of_the_groups_will_do(made: Made, hidden: set[str], caplog: pytest.LogCaptureFixture) -> None:
    hidden.add("a.example")
    run = made.groups(*NAMES, subset=True)
    run.perform(BATCH)
    assert "a.example/0 is not there." in caplog.text
    run.cleanup(None)
    hidden.update(("www.b.example", "c.test"))
    run = made.groups(*NAMES, subset=True)
    with pytest.raises(NotVisibleError, match=r"c\.test/0 is not there"):
        run.perform(BATCH)


def test_the_hint_is_that_of_the_group_that_the_ca_refused(made: Made) -> None:
    run = made.groups(*NAMES)
    run.perform(BATCH)
    run.refused_by_ca("dns-01", BATCH[1].token, {"type": "urn:ietf:params:acme:error:caa"})
    assert "CAA" in run.hint()
    run.cleanup(errors.AuthorizationError())
    assert {end.status for end in made.backends["a"].finished} == {"invalid", "valid"}
    assert {end.status for end in made.backends["b"].finished} == {"pending"}
