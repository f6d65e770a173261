"""The modules of the Ansible collection, each run twice, against a CA that really validates."""

from __future__ import annotations

import fcntl
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from certbot_external_auth.thumbprint import snippets
from tests.support import certificates, web
from tests.support.ansible import Ansible, Play
from tests.support.certbot import Certbot
from tests.support.testca import BLOCKED, TestCA
from tests.support.webroot import Webroot

PROGRAM = Path(sys.executable).parent / "certbot-external-auth"
HEAD = """
- hosts: localhost
  gather_facts: false
  module_defaults:
    group/external_auth.certbot.certificate:
      executable: "{{ program }}"
      config_dir: "{{ config_dir }}"
      work_dir: "{{ work_dir }}"
  tasks:
    - name: Begin
      external_auth.certbot.certificate_begin: &begin
        names: ["{{ domain }}"]
        challenge: [http-01]
        arguments: "{{ arguments }}"
        lock_timeout: 0
      register: begun
    - name: Begin again
      external_auth.certbot.certificate_begin: *begin
"""
ISSUE = f"""{HEAD}
    - name: Publish
      ansible.builtin.copy:
        content: "{{{{ item.value }}}}"
        dest: "{{{{ webroot }}}}/{{{{ item.key | basename }}}}"
        mode: "0644"
      loop: "{{{{ begun.http | default({{}}) | dict2items }}}}"
    - name: Finish
      external_auth.certbot.certificate_finish: &finish
        session: "{{{{ begun.session | default('') }}}}"
        answering: [{{host: here, address: 127.0.0.1, port: "{{{{ port }}}}"}}]
        look_timeout: 1
    - name: Finish again
      external_auth.certbot.certificate_finish: *finish
    - name: Look
      external_auth.certbot.certificate_info:
"""
GIVE_UP = f"""{HEAD}
    - name: Finish what nobody published
      external_auth.certbot.certificate_finish:
        session: "{{{{ begun.session }}}}"
        answering: [{{host: web1, address: 127.0.0.1, port: "{{{{ port }}}}"}}]
        look_timeout: 0
      ignore_errors: true
    - name: Begin once more
      external_auth.certbot.certificate_begin: *begin
      register: third
    - name: Another certificate
      external_auth.certbot.certificate_begin:
        names: ["b.{{{{ domain }}}}"]
        lock_timeout: 0
        arguments: "{{{{ arguments }}}}"
      ignore_errors: true
    - name: Give up
      external_auth.certbot.certificate_abort: &abort
        session: "{{{{ third.session }}}}"
    - name: Give up again
      external_auth.certbot.certificate_abort: *abort
    - name: A name that the CA refuses
      external_auth.certbot.certificate_begin:
        names: ["{BLOCKED}"]
        arguments: "{{{{ arguments }}}}"
"""


class Host:
    """A host that orders, as the tasks see it."""

    def __init__(self, certbot: Certbot, ca: TestCA, folder: Path, domain: str, webroot: Path, runtime: str) -> None:
        self.certbot, self.ca, self.domain = certbot, ca, domain
        self.ansible = Ansible(folder / "ansible", {**certbot.environment, "XDG_RUNTIME_DIR": runtime})
        arguments = ["--server", ca.directory, "--agree-tos", "--register-unsafely-without-email"]
        arguments += ["--logs-dir", str(certbot.logs_dir), "--http-01-port", str(ca.http_port)]
        arguments += ["--external-auth-verify-nameservers", ca.dns, "--external-auth-verify-timeout", "2"]
        self.vars = {
            "program": str(PROGRAM),
            "config_dir": str(certbot.config_dir),
            "work_dir": str(certbot.work_dir),
            "domain": domain,
            "arguments": arguments,
            "webroot": str(webroot),
            "port": ca.http_port,
            "ansible_python_interpreter": os.path.realpath("/usr/bin/python3"),
        }

    def play(self, text: str, *words: str) -> Play:
        """Run a playbook. What the CA has validated is forgotten afterwards."""
        play = self.ansible.play(text, "-e", json.dumps(self.vars), *words)
        self.certbot.after_run()
        return play


@pytest.fixture
def host(certbot: Certbot, ca: TestCA, tmp_path: Path, domain: str, webroot_folder: Path) -> Iterator[Host]:
    # A socket's path is short, and those of pytest's folders are not.
    with tempfile.TemporaryDirectory() as runtime:
        yield Host(certbot, ca, tmp_path, domain, webroot_folder, runtime)


def changed(play: Play) -> list[bool]:
    """Whether each task changed something, in order, without those that only published."""
    return [next(iter(one.values()))["changed"] for name, one in play.tasks if one and not name.startswith("Publish")]


def test_an_order_each_step_twice(host: Host, web: Webroot) -> None:
    """Guards against: a step that changes something when it is run again, and one that acts in check mode."""
    would = host.play(ISSUE, "--check", "--diff")
    assert (would.code, changed(would)) == (0, [True, True, False, False, False]), would.output
    begun = would.result("Begin")
    assert (begun["state"], begun["reasons"], begun["diff"]["after"]["domains"]) == ("due", ["new"], [host.domain])
    assert not host.certbot.config_dir.joinpath("accounts").exists()

    issued = host.play(ISSUE, "--diff", "-vvv")
    assert (issued.code, changed(issued)) == (0, [True, False, True, False, False]), issued.output
    assert certificates.names(host.certbot.live(host.domain)) == [host.domain]
    [found] = issued.result("Look")["lineages"]
    assert (found["name"], found["due"]) == (host.domain, False)
    assert issued.result("Finish")["diff"]["after"][host.domain]["sha256"] == found["sha256"]
    key = host.certbot.live(host.domain, "privkey").read_text().splitlines()[1]
    log = Path(host.ansible.environment["ANSIBLE_LOG_PATH"]).read_text()
    assert key not in issued.output + log + json.dumps(issued.tasks)

    again = host.play(ISSUE)
    assert (again.code, changed(again)) == (0, [False] * 5), again.output


@pytest.mark.long
def test_what_fails_says_why_in_one_sentence(host: Host, web: Webroot) -> None:
    """Guards against: a reason that has to be read out of a page of JSON, and a lock that stays."""
    play = host.play(GIVE_UP)
    assert play.code != 0
    unanswered, locked, refused = play.reasons
    assert re.fullmatch(r"The CA was not asked, because .*: web1: HTTP status 404 .* at 127.0.0.1\.", unanswered)
    assert locked.startswith(f"Session {play.result('Begin once more')['session']}, which uses")
    assert re.fullmatch(r"The CA refused the request: .*blocked.example.*\.", refused)
    assert [name for name, one in play.tasks if one and next(iter(one.values()))["changed"]] == [
        "Begin",
        "Begin once more",
        "Give up",
    ]


@pytest.mark.long
def test_a_lock_that_is_given_back(host: Host, web: Webroot) -> None:
    """Guards against: a play that fails because another Certbot renews at the same time."""
    host.certbot.config_dir.mkdir(parents=True, exist_ok=True)
    words = ("-e", json.dumps(host.vars))
    with open(host.certbot.config_dir / ".certbot.lock", "w") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        process = host.ansible.start(ISSUE.replace("lock_timeout: 0", "lock_timeout: 60"), *words)
        deadline = time.monotonic() + 60
        # Certbot was started, and has found the lock.
        while not [path for path in host.certbot.logs_dir.glob("*.log") if "is already running" in path.read_text()]:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output.decode()
    assert certificates.names(host.certbot.live(host.domain)) == [host.domain]


HAPROXY = """
defaults
    mode http
    timeout client 10s
frontend plain
    bind 127.0.0.1:80
    http-request return status 404
"""
THUMBPRINT = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
LINES = """
- hosts: localhost
  gather_facts: false
  tasks:
    - name: Install
      external_auth.certbot.responder_install: &install
        path: "{{ site }}"
        lines: "{{ lines }}"
        insert_after: '^ *bind '
        test: &test ["{{ haproxy }}", -c, -f, "{{ site }}"]
    - name: Install again
      external_auth.certbot.responder_install: *install
    - name: Lines that HAProxy does not take
      external_auth.certbot.responder_install:
        path: "{{ site }}"
        lines: no-such-word
        insert_after: '^ *bind '
        test: *test
      ignore_errors: true
    - name: A place that there is not
      external_auth.certbot.responder_install:
        path: "{{ site }}"
        lines: "{{ lines }}"
        insert_after: ':443$'
      ignore_errors: true
"""


def test_lines_for_a_server_that_includes_no_files(tmp_path: Path) -> None:
    """Guards against: a second copy of the lines, and a configuration that the server does not take."""
    tool, site = Ansible(tmp_path / "ansible", {"PATH": os.environ["PATH"]}), tmp_path / "haproxy.cfg"
    site.write_text(HAPROXY)
    site.chmod(0o640)
    given = {"site": str(site), "haproxy": web.program("haproxy"), "lines": snippets.FORMATS["haproxy"](THUMBPRINT)}
    would = tool.play(LINES, "--check", "--diff", "-e", json.dumps(given))
    assert (changed(would)[:2], site.read_text()) == ([True, True], HAPROXY), would.output
    assert THUMBPRINT in would.result("Install")["diff"]["after"]

    installed = tool.play(LINES, "-e", json.dumps(given))
    assert (installed.code, changed(installed)) == (0, [True, False, False, False]), installed.output
    unknown, nowhere = installed.reasons
    assert re.search(r" ended with code 1, so the file before is in place again: .*no-such-word", unknown)
    assert nowhere == f"No line of {site} matches :443$, so nothing was changed."
    before, _, rest = site.read_text().partition("    # BEGIN external_auth.certbot\n")
    block, _, after = rest.partition("    # END external_auth.certbot\n")
    assert (before + after, block.count(THUMBPRINT)) == (HAPROXY, 1)
    assert site.stat().st_mode & 0o777 == 0o640
