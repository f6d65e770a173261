"""A notifier is called for each certificate that was not issued, renewed or handed over, and for no other."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import json
import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support import documents, ports
from tests.support.certbot import Certbot
from tests.support.front import Answer, Front
from tests.support.hooks import Hooks
from tests.support.testca import TestCA
from tests.support.words import RENEW_NOW, handler, handler_for_both, names


@dataclass
class Notifier:
    """A script that writes down what it is told, and exits with 3, which must change nothing."""

    path: Path

    @property
    def words(self) -> tuple[str, str]:
        return "--external-auth-notify", f"{shlex.quote(str(self.path))} 'one word'"

    @property
    def told(self) -> dict[str, dict[str, Any]]:
        """The documents by lineage. No lineage is told twice."""
        texts = [path.read_text() for path in sorted(self.path.parent.glob("told.*"))]
        found = [documents.checked(text, "notify") for text in texts]
        assert len({one["lineage"] for one in found}) == len(found)
        for path in self.path.parent.glob("told.*"):
            path.unlink()
        return {one["lineage"]: one for one in found}

    @property
    def summaries(self) -> list[str]:
        file = self.path.parent / "summaries"
        return file.read_text().splitlines() if file.exists() else []


@pytest.fixture
def notifier(tmp_path: Path) -> Notifier:
    folder = tmp_path / "notifier of ours"
    folder.mkdir()
    script = folder / "tell.sh"
    here = shlex.quote(str(folder))
    script.write_text(
        f'#!/bin/sh\n[ "$1" = "one word" ] || exit 9\ncat >{here}/told.$$\necho "$summary" >>{here}/summaries\nexit 3\n'
    )
    script.chmod(0o755)
    return Notifier(script)


class Refusing(Front):
    """A CA that validates, and then does not issue."""

    def after(self, url: str, request: bytes, answer: Answer) -> Answer:
        if "/finalize-order/" not in url:
            return answer
        problem = {"type": "urn:ietf:params:acme:error:caa", "detail": "not for this CA", "status": 403}
        headers = [pair for pair in answer.headers if pair[0].lower() != "content-type"]
        return dataclasses.replace(
            answer,
            status=403,
            headers=[*headers, ("Content-Type", "application/problem+json")],
            body=json.dumps(problem).encode(),
        )


@pytest.fixture
def refusing(certbot: Certbot, ca: TestCA) -> Iterator[Certbot]:
    with contextlib.ExitStack() as stack:
        certbot.ca = copy.copy(ca)
        certbot.ca.directory = stack.enter_context(Refusing(ca, ca.directory).at(ports.free(stack)))
        yield certbot


def test_issuing_fails_before_the_ca_is_asked_and_after_it_was(
    refusing: Certbot, scripts: Hooks, notifier: Notifier, domain: str
) -> None:
    """The first run has an environment as empty as that of cron."""
    bare = {name: refusing.environment[name] for name in ("REQUESTS_CA_BUNDLE", "HOME")}
    words = handler("/bin/false", *notifier.words)
    failed = refusing.run("certonly", *words, *names(domain, f"www.{domain}"), only_env=bare)
    assert failed.returncode == 1
    ((lineage, told),) = notifier.told.items()
    assert (lineage, told["stage"], told["code"]) == (domain, "issue", "challenge.not_published")
    assert told["names"] == [domain, f"www.{domain}"]
    assert told["message"].startswith("The handler /bin/false failed at pre-perform for")
    assert notifier.summaries == [f"The certificate {domain} was not issued: {told['message'].splitlines()[0]}"]
    assert "The notifier" in failed.stderr
    # A trial, and a mistake in the notifier's own command line.
    assert refusing.run("certonly", "--dry-run", *words, *names(domain)).returncode == 1
    mistaken = refusing.run("certonly", *handler("/bin/false", "--external-auth-notify", "/none"), *names(domain))
    assert not mistaken.ordered
    assert "The notifier /none does not exist; correct --external-auth-notify" in mistaken.stderr
    assert notifier.told == {}
    # Certbot fails after the plugin has done its part.
    refused = refusing.run("certonly", *handler(scripts.native, *notifier.words), *names(domain))
    assert refused.returncode == 1
    ((lineage, told),) = notifier.told.items()
    assert (lineage, told["stage"], told["code"]) == (domain, "issue", "ca.refused")
    assert "not for this CA" in told["message"]


def test_a_renewal_of_many_tells_of_each_that_fails(
    certbot: Certbot, scripts: Hooks, notifier: Notifier, domain: str
) -> None:
    def place(name: str) -> Path:
        path = scripts.folder / name
        path.write_text(
            f'#!/bin/sh\n[ "$1" != deploy_cert ] || [ ! -e "$0.broken" ] || exit 5\nexec {scripts.native} "$@"\n'
        )
        path.chmod(0o755)
        return path

    gone, good, undeployed = (f"{word}.{domain}" for word in ("gone", "good", "undeployed"))
    for name in (gone, good, undeployed):
        words = handler_for_both(str(place(name)), *notifier.words)
        issued = certbot.run("run", *words, *names(name))
        assert issued.returncode == 0, issued
    assert notifier.told == {}
    os.unlink(scripts.folder / gone)
    (scripts.folder / f"{undeployed}.broken").touch()
    renewed = certbot.run(*RENEW_NOW, "-q")
    assert renewed.returncode == 1
    told = notifier.told
    assert {name: (one["stage"], one["code"]) for name, one in told.items()} == {
        gone: ("renew", "usage"),
        undeployed: ("deploy", "deploy.failed"),
    }
    assert [one["names"] for one in told.values()] == [[name] for name in told]
    # It is not due any more, and is handed over again: that fails again.
    assert certbot.run("renew", "--no-random-sleep-on-renew", "-q", "--cert-name", undeployed).returncode == 1
    assert set(notifier.told) == {undeployed}
    installed = certbot.run("install", "-n", "-i", "external-auth", "--cert-name", undeployed)
    assert (installed.returncode, {one["stage"] for one in notifier.told.values()}) == (1, {"deploy"})
    # A notifier that is gone costs no renewal.
    os.unlink(notifier.path)
    last = certbot.run(*RENEW_NOW, "-q", "--cert-name", good)
    assert last.returncode == 0, last
    assert "cannot call the notifier" in certbot.after_run()
