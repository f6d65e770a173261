"""Which ends of Certbot a notifier hears of."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import pytest
from certbot import errors

from certbot_external_auth.errors import DeployError, Failure, PerformError, UsageError
from certbot_external_auth.notification.notifier import Notifier
from certbot_external_auth.notification.trouble import Stage, Trouble
from certbot_external_auth.notification.watch import Watch, Watched

DEPLOY = DeployError(Failure("The handler", "deploy_cert", (), "exit code 1"), "a.test")


class Hearing(Notifier):
    def __init__(self) -> None:
        super().__init__()
        self.heard: list[tuple[str, Stage, str]] = []

    def tell(self, words: Sequence[str], trouble: Trouble) -> None:
        self.heard.append((trouble.lineage, trouble.stage, trouble.code))


def watching(verb: str) -> tuple[Watch, Hearing]:
    hearing = Hearing()
    watch = Watch(hearing)
    watch.add(Watched("a.test", ("a.test",), verb, ("/bin/true",)))
    return watch, hearing


@pytest.mark.parametrize(
    ("verb", "exception", "told"),
    [
        ("certonly", UsageError(["x"]), [("a.test", Stage.ISSUE, "usage")]),
        ("run", PerformError([]), [("a.test", Stage.ISSUE, "challenge.not_published")]),
        ("run", DEPLOY, [("a.test", Stage.DEPLOY, "deploy.failed")]),
        ("install", errors.Error("x"), [("a.test", Stage.DEPLOY, "certbot.failed")]),
        ("renew", errors.Error("1 renew failure(s)"), []),
        ("certonly", KeyboardInterrupt(), []),
        ("certonly", errors.SignalExit(15), []),
        ("certonly", None, []),
    ],
)
def test_the_end_of_certbot(
    verb: str,
    exception: BaseException | None,
    told: list[tuple[str, Stage, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "last_value", exception, raising=False)
    watch, hearing = watching(verb)
    watch.at_exit()
    assert hearing.heard == told


def test_a_child_of_certbot_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "last_value", errors.Error("x"), raising=False)
    watch, hearing = watching("certonly")
    monkeypatch.setattr(os, "getpid", lambda: 1)
    watch.at_exit()
    assert hearing.heard == []


def test_renewals_that_fail_are_told_if_they_have_a_notifier() -> None:
    watch, hearing = watching("renew")
    watch.renewal_failed(errors.Error("x"), "other.test")
    watch.renewal_failed(errors.SignalExit(15), "a.test")
    assert hearing.heard == []
    watch.renewal_failed(DEPLOY, "a.test")
    watch.renewal_failed(errors.Error("x"), "a.test")
    assert [stage for _, stage, _ in hearing.heard] == [Stage.DEPLOY, Stage.RENEW]
