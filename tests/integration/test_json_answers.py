"""What a driver may answer, and what becomes of each answer."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.support.certbot import Certbot
from tests.support.drivers import Publisher, answer, refusal
from tests.support.hooks import Hooks
from tests.support.json_driver import Send, confirm
from tests.support.purity import Line
from tests.support.testca import TestCA
from tests.support.words import JSON, RENEW_NOW, handler, names

BOTH = ("-n", "--configurator", "external-auth", "--external-auth-mode", "json")


@pytest.fixture
def publisher(ca: TestCA, webroot_folder: Path) -> Publisher:
    return Publisher(ca, webroot_folder)


class Answering:
    """Publishes like a good driver, but answers the challenges with these bytes; `{0}`, `{1}` … are their ids."""

    def __init__(self, publisher: Publisher, template: str) -> None:
        self._publisher = publisher
        self._template = template

    def __call__(self, line: Line, send: Send) -> None:
        if line["cmd"] != "await":
            self._publisher(line, send)
            return
        text = self._template
        for number, identifier in enumerate(line["ids"]):
            text = text.replace(f"<{number}>", identifier)
        send(text.encode())


GOOD = [
    pytest.param("\n\n", id="empty-lines"),
    pytest.param("\r\n\r\n", id="empty-lines-of-windows"),
    pytest.param('{"ok": true}\n', id="for-all"),
    pytest.param('{"id": "<1>", "ok": true}\n{"id": "<0>", "ok": true}\n', id="out-of-order"),
    pytest.param('{"id": "<1>", "ok": true}\n\n', id="one-by-id-one-by-empty-line"),
    pytest.param('{"id": "<0>", "wait": 600}\n{"id": "<0>", "ok": true}\n{"ok": true}\n', id="wait"),
    pytest.param('{"id": "<0>", "ok": true, "news": [1]}\n{"id": "<0>", "ok": true}\n\n', id="twice-and-more-keys"),
]


@pytest.mark.parametrize("template", GOOD)
def test_ways_to_say_yes(certbot: Certbot, publisher: Publisher, domain: str, template: str) -> None:
    """Guards against: a failure of drivers that answer in any order, or only with newlines."""
    policy = Answering(publisher, template)
    result = certbot.drive("certonly", *JSON, *names(domain, f"*.{domain}"), policy=policy)
    assert result.returncode == 0, result
    assert not result.of("error")


BAD = [
    pytest.param(
        '{"id": "<0>", "ok": false, "error": {"code": "dns.full", "message": "no room"}}\n\n',
        ["dns.full", "no room"],
        id="refusal",
    ),
    pytest.param('{"ok": false}\n', [], id="refusal-of-all"),
    pytest.param("y\n", ["'y'"], id="no-json"),
    pytest.param("[true]\n", [], id="no-object"),
    pytest.param('{"id": "<0>"}\n', [], id="says-nothing"),
    pytest.param('{"id": "<0>", "ok": "yes"}\n', [], id="no-boolean"),
    pytest.param('{"id": "nobody", "ok": true}\n', ["nobody"], id="unknown-id"),
    pytest.param('{"id": "<0>", "wait": -5}\n', [], id="negative-wait"),
    pytest.param("x" * 200_000 + "\n", [], id="endless-line"),
    pytest.param("\x1b[2J\x07\n", [], id="control-characters"),
]


@pytest.mark.parametrize(("template", "said"), BAD)
def test_ways_to_end_the_run(
    certbot: Certbot, publisher: Publisher, ca: TestCA, domain: str, template: str, said: list[str]
) -> None:
    """Guards against: a refusal, or noise, that counts as a confirmation."""
    policy = Answering(publisher, template)
    result = certbot.drive("certonly", *JSON, *names(domain, f"*.{domain}"), policy=policy)
    assert result.returncode == 1, result
    assert {line["status"] for line in result.of("result")} == {"not_asked"}
    assert not result.validated
    assert len(result.of("cleanup")) == 2
    errors = result.of("error")
    assert all(line["code"] and line["message"] for line in errors)
    for text in said:
        assert any(text in f"{line['code']} {line['message']}" for line in errors)
    assert not {"\x1b", "\x07"} & set(result.stdout + result.stderr)
    assert ca.txt(f"_acme-challenge.{domain}") == []


def test_end_of_input_is_no_answer(certbot: Certbot, domain: str) -> None:
    """Guards against: a crash of the driver that counts as a confirmation."""
    result = certbot.run("certonly", *JSON, *names(domain))
    assert result.returncode == 1
    assert {line["status"] for line in result.of("result")} == {"not_asked"}
    assert result.of("error")
    assert result.lines[-1]["unconfirmed"]


def test_traceback_stays_off_stdout(certbot: Certbot, domain: str) -> None:
    """Guards against: a stream without its last lines if the driver fails."""
    result = certbot.run("certonly", *JSON, "--debug", "-vv", *names(domain))
    assert result.returncode == 1
    assert "Traceback" in result.stderr


def test_deadline_is_kept(certbot: Certbot, domain: str) -> None:
    """Guards against: a driver that hangs and blocks all renewals of a host."""

    def silent(line: Line, send: Send) -> None:
        if line["cmd"] == "cleanup":
            confirm(line, send)

    words = (*JSON, "--external-auth-ack-timeout", "1", *names(domain))
    result = certbot.drive("certonly", *words, policy=silent)
    assert result.returncode == 1
    assert {line["status"] for line in result.of("result")} == {"not_asked"}
    (challenge,) = result.of("perform_challenge")
    assert challenge["id"] in [line.get("id") for line in result.of("error")]


def test_refused_cleanup_is_told_and_harms_nothing(
    certbot: Certbot, publisher: Publisher, ca: TestCA, domain: str
) -> None:
    """Guards against: a record that stays without a message, and a certificate that is lost because of it."""

    def forgetful(line: Line, send: Send) -> None:
        if line["cmd"] == "cleanup":
            answer(send, **refusal(line, "dns.down", "try later"))
        else:
            publisher(line, send)

    result = certbot.drive("certonly", *JSON, *names(domain), policy=forgetful)
    assert result.returncode == 0, result
    (cleanup,) = result.of("cleanup")
    assert result.lines[-1]["unconfirmed"] == [cleanup["id"]]
    assert "try later" in result.stderr


def test_empty_line_confirms_neither_cleanup_nor_deployment(
    certbot: Certbot, publisher: Publisher, domain: str
) -> None:
    """Guards against: an extra newline of a driver of 2016 that confirms what it did not do."""

    def newlines(line: Line, send: Send) -> None:
        if line["cmd"] in ("cleanup", "deploy_cert"):
            send(b"\n")
        publisher(line, send)

    result = certbot.drive("run", *BOTH, *names(domain), policy=newlines)
    assert result.returncode == 0, result
    assert result.lines[-1]["unconfirmed"] == []


def test_refused_deployment_fails_and_is_tried_again(certbot: Certbot, publisher: Publisher, domain: str) -> None:
    """Guards against: a server with its old certificate, while every report says success."""

    def broken(line: Line, send: Send) -> None:
        if line["cmd"] == "deploy_cert":
            answer(send, **refusal(line, "server.down", "no connection to web1"))
        else:
            publisher(line, send)

    result = certbot.drive("run", *BOTH, *names(domain), policy=broken)
    assert result.returncode == 1
    assert "no connection to web1" in result.stderr
    summary = result.lines[-1]
    (lineage,) = summary["lineages"]
    assert (lineage["changed"], lineage["deployed"], lineage["deploy_pending"]) == (True, False, True)
    assert certbot.live(domain).exists()

    again = certbot.drive("renew", "--external-auth-mode", "json", policy=publisher)
    assert again.returncode == 0, again
    assert again.commands == ["hello", "deploy_cert", "summary"]
    assert again.lines[-1]["lineages"][0]["deployed"] is True
    third = certbot.drive("renew", "--external-auth-mode", "json", policy=publisher)
    assert third.commands == ["hello", "unchanged_cert", "summary"]


def test_unanswered_deployment_fails(certbot: Certbot, publisher: Publisher, domain: str) -> None:
    """Guards against: the same if the driver ends without an answer."""

    def gone(line: Line, send: Send) -> None:
        if line["cmd"] == "deploy_cert":
            send(b"")
        else:
            publisher(line, send)

    result = certbot.drive("run", *BOTH, *names(domain), policy=gone)
    assert result.returncode == 1
    (deploy,) = result.of("deploy_cert")
    assert deploy["id"] in result.lines[-1]["unconfirmed"]


@pytest.mark.parametrize("terminal", [False, True])
def test_renewal_with_nobody_to_answer_fails_before_the_order(
    certbot: Certbot, publisher: Publisher, domain: str, terminal: bool
) -> None:
    """Guards against: no reason why a certificate in mode json is not renewed by cron."""
    assert certbot.drive("certonly", *JSON, *names(domain), policy=publisher).returncode == 0
    words = (*RENEW_NOW, "-q")
    result = certbot.drive(*words, terminal=True) if terminal else certbot.run(*words)
    assert result.returncode == 1
    assert not result.ordered
    assert "no program is there to answer" in result.stderr
    assert "--external-auth-mode handler" in result.stderr


@pytest.mark.versions
def test_the_command_that_switches_to_a_script_is_one_that_this_certbot_has(
    certbot: Certbot, scripts: Hooks, publisher: Publisher, domain: str
) -> None:
    """Lost: whoever follows the advice on Debian 12, whose Certbot has no `reconfigure`."""
    assert certbot.drive("certonly", *BOTH, *names(domain), policy=publisher).returncode == 0
    refused = certbot.run(*RENEW_NOW, "-q")
    [advised] = re.findall(r"switch to a script: certbot (.*)", refused.stderr)
    changed = certbot.run(*shlex.split(advised.replace("PATH", scripts.native)), "-n")
    assert changed.returncode == 0, changed
    kept = certbot.renewal(domain)
    assert f"external_auth_handler = {scripts.native}" in kept
    assert "installer = external-auth" in kept


def test_person_at_a_terminal_is_shown_an_answer(certbot: Certbot, publisher: Publisher, domain: str) -> None:
    """Guards against: people who try it by hand and do not know how to answer."""
    result = certbot.drive("certonly", *JSON, *names(domain), policy=publisher, terminal=True)
    assert result.returncode == 0, result
    (challenge,) = result.of("perform_challenge")
    assert f'{{"id": "{challenge["id"]}", "ok": true}}' in result.stderr


def test_renewal_of_json_and_handler_side_by_side(
    certbot: Certbot, publisher: Publisher, scripts: Hooks, domain: str
) -> None:
    """Guards against: a failure on a host with certificates of both kinds."""
    by_script, by_driver = f"a.{domain}", f"b.{domain}"
    assert certbot.run("certonly", *handler(scripts.native), *names(by_script)).returncode == 0
    assert certbot.drive("certonly", *JSON, *names(by_driver), policy=publisher).returncode == 0
    result = certbot.drive(*RENEW_NOW, "-q", policy=publisher)
    assert result.returncode == 0, result
    assert {line["domain"] for line in result.of("perform_challenge")} == {by_driver}
    assert {line["name"] for line in result.lines[-1]["lineages"]} == {by_script, by_driver}
