"""A backend for tests of what calls it: it notes its calls, and fails where it is told to."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

from certbot_external_auth.backends import Context, Deployment, Finished
from certbot_external_auth.challenges import Challenge
from certbot_external_auth.configuration import resolution
from certbot_external_auth.dialects import Facts
from certbot_external_auth.errors import DeployError, Failure, PerformError
from certbot_external_auth.interfaces import Backend


class RecordingBackend:
    """:ivar calls: the name of each call, and what it was about.
    :ivar failing: names of the methods that fail.
    """

    challenge_types = ("dns-01", "http-01")

    def __init__(self, *failing: str) -> None:
        self.calls: list[tuple[str, ...]] = []
        self.finished: list[Finished] = []
        self.failing = set(failing)

    def prepare(self, publishing: bool, deploying: bool) -> None:
        self.calls.append(("prepare", f"publishing={publishing}", f"deploying={deploying}"))

    def perform(self, challenges: Sequence[Challenge], begin: Callable[[Sequence[Challenge]], None]) -> None:
        begin(challenges)
        self.calls.append(("perform", *(challenge.id for challenge in challenges)))
        if "perform" in self.failing:
            problems = {challenge.id: {"type": "test", "detail": "told to"} for challenge in challenges}
            raise PerformError([self._failure("perform")], problems)

    def cleanup(self, finished: Sequence[Finished]) -> list[Failure]:
        self.calls.append(("cleanup", *(one.challenge.id for one in finished)))
        self.finished = list(finished)
        ids = tuple(one.challenge.id for one in finished)
        return [self._failure("cleanup", ids)] if "cleanup" in self.failing else []

    def deploy(self, deployment: Deployment) -> None:
        self.calls.append(("deploy", deployment.domain))
        if "deploy" in self.failing:
            raise DeployError(self._failure("deploy"), deployment.lineage)

    def unchanged(self, deployment: Deployment) -> None:
        self.calls.append(("unchanged", deployment.domain))

    @staticmethod
    def _failure(operation: str, ids: tuple[str, ...] = ()) -> Failure:
        return Failure("The backend", operation, (), "told to fail", ids=ids)


TYPED: Backend = RecordingBackend()


def context(folder: Path, historic: bool = False, **options: str) -> Context:
    """The context of a run with its folders below `folder`; nothing is checked for visibility."""
    raw = {"verify": "off", **(options or {"handler": "/bin/true"})}
    facts = Facts(config_dir=str(folder / "config"), work_dir=str(folder / "work"))
    return Context(dataclasses.replace(resolution.resolve(raw), historic=historic), facts, words=("/bin/true",))
