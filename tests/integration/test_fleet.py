"""A fleet: real playbooks over ssh to hosts with addresses of their own, and a CA that looks at them.

Each host is a set of namespaces of this machine, with sshd and nginx from Debian.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import certificates
from tests.support import fleet as fleets
from tests.support.fleet_bed import NAME, PLAY, bed
from tests.support.hooks import Hooks
from tests.support.testca import BLOCKED

pytestmark = pytest.mark.skipif(not fleets.possible(), reason="only root can make namespaces for networks")

ROOT = Path(__file__).resolve().parents[2]
RENEW = """
- hosts: web
  gather_facts: false
  tasks:
    - name: Renew
      ansible.builtin.include_role:
        name: external_auth.certbot.certificate
        tasks_from: renew
"""
DNS_TASKS = """
- name: Change the zone
  ansible.builtin.uri:
    url: "MANAGEMENT/{{ 'set-txt' if certificate_state == 'present' else 'clear-txt' }}"
    method: POST
    body_format: json
    body: {host: "{{ item.name }}.", value: "{{ item.value }}"}
  loop: "{{ certificate_txt }}"
  delegate_to: localhost
"""
FULL = """
- name: Ask the zone
  ansible.builtin.fail:
    msg: the zone is full
  when: certificate_state == 'present'
"""
ISSUES = int(os.environ.get("ISSUES", "50"))
WITHIN = 60.0


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_issue_and_install(tmp_path: Path) -> None:
    """Guards against: a CA that is asked although one host lacks its token, and a second run that changes something."""
    with bed(tmp_path, 3) as found:
        web2 = found.fleet.hosts[1]
        # A web server that serves another folder than the one in which the tokens are.
        (web2.folder / "www").rename(web2.folder / "elsewhere")
        (web2.folder / "www").symlink_to("/var/empty")
        missing = found.play()
        assert missing.code != 0
        assert [reason for reason in missing.reasons if "web2: HTTP status 404" in reason], missing.output
        assert "/chalZ/" not in found.ca.log("pebble")
        (web2.folder / "www").unlink()
        (web2.folder / "elsewhere").rename(web2.folder / "www")

        issued = found.play("--diff", "-vvv")
        assert issued.code == 0, issued.output
        assert len(found.installed()) == 1
        assert {host.served() for host in found.fleet.hosts} == found.installed()
        key = found.certbot.live("shop", "privkey").read_text()
        assert all(host.read("ssl/shop/current/privkey.pem") == key for host in found.fleet.hosts)
        shown = issued.output + found.ansible.log() + json.dumps(issued.tasks)
        assert not [
            one for one in (key.splitlines()[1], base64.b64encode(key.encode()).decode()[60:120]) if one in shown
        ]
        assert found.tokens() == []

        again = found.play("--diff")
        assert (again.code, again.count("changed")) == (0, 0), again.output


@pytest.mark.long
def test_ten_hosts(tmp_path: Path) -> None:
    """A day in the life of a fleet: issue, renew, a host that was down, a server that does not reload."""
    with bed(tmp_path, 10) as found:
        hosts = found.fleet.hosts
        planned = found.play("--check", "--diff")
        assert (planned.code, found.certbot.live("shop").exists()) == (0, False), planned.output
        assert planned.result("Begin")["reasons"] == ["new"]

        issued = found.play("-f", "10")
        assert issued.code == 0, issued.output
        first = found.installed()
        assert {host.served() for host in hosts} == first
        again = found.play("-f", "10")
        assert (again.code, again.count("changed")) == (0, 0), again.output
        checked = found.play("--check", "--diff")
        assert (checked.code, checked.count("changed")) == (0, 0), checked.output

        # Renewed, but only on the hosts that the administrator named.
        renewed = found.play("-f", "10", "--limit", "web1:web2", certificate_force=True)
        assert renewed.code == 0, renewed.output
        second = {hosts[0].served()}
        assert {host.served() for host in hosts[1:3]} == first | second
        assert found.tokens() == []

        # A host that is down is healed by a later run, without another certificate.
        hosts[6].down()
        partly = found.play("-f", "10")
        assert partly.hosts["web7"]["unreachable"] == 1, partly.output
        assert {host.served() for host in hosts if host is not hosts[6]} == second
        hosts[6].up()
        assert {hosts[6].served()} == first
        healed = found.play("-f", "10")
        assert (healed.code, healed.hosts["web7"]["changed"] > 0, healed.hosts["web8"]["changed"]) == (0, True, 0)
        assert {host.served() for host in hosts} == second

        # A server that does not reload, although its configuration is right.
        stuck = [
            "sh",
            "-c",
            f"ip -o address | grep -q {hosts[3].address}/ || exec {' '.join(found.vars['certificate_reload'])}",
        ]
        late = found.play("-f", "10", certificate_force=True, certificate_reload=stuck)
        assert late.code != 0
        assert [one for one in late.reasons if "web4 does not serve the new certificate shop" in one], late.output
        assert (late.hosts["web4"]["failed"], late.hosts["web5"]["failed"]) == (1, 0)
        recovered = found.play("-f", "10")
        assert recovered.code == 0, recovered.output
        assert {host.served() for host in hosts} == found.installed()
        assert (recovered.hosts["web4"]["changed"] > 0, recovered.hosts["web5"]["changed"]) == (True, 0)


@pytest.mark.long
def test_a_play_that_is_killed(tmp_path: Path) -> None:
    """The next play goes on with its session, and removes what it has published. Lost: a quarter of an hour."""
    with bed(tmp_path, 2) as found:
        given = json.dumps({**found.vars, "certificate_look_timeout": 60})
        www = found.fleet.hosts[1].folder / "www"
        www.rename(www.parent / "elsewhere")
        www.symlink_to("/var/empty")
        process = found.ansible.start(PLAY, "-e", given, inventory=found.fleet.inventory())
        wait_for(lambda: found.tokens() != [])
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        www.unlink()
        (www.parent / "elsewhere").rename(www)
        issued = found.play()
        assert issued.code == 0, issued.output
        assert issued.result("Begin")["resumed"] is True
        assert found.tokens() == []


@pytest.mark.long
def test_a_configuration_that_is_wrong(tmp_path: Path) -> None:
    """Guards against: a server that cannot be started any more, because of a certificate that it does not take."""
    with bed(tmp_path, 2) as found:
        before = [host.served() for host in found.fleet.hosts]
        wrong = found.play(certificate_test=["sh", "-c", "echo no such directive >&2; exit 1"])
        assert wrong.code != 0
        assert [one for one in wrong.reasons if one.endswith("is in place again: no such directive")], wrong.output
        assert [host.served() for host in found.fleet.hosts] == before
        assert found.installed() == set(before)
        assert found.play().code == 0


@pytest.mark.long
def test_keys_that_stay_on_their_hosts(tmp_path: Path) -> None:
    """CSR mode: the machine that orders never has a key, and knows by the hosts' certificates what is due."""
    with bed(tmp_path, 3) as found:
        found.certificate["key_on_host"] = True
        found.vars["certificate_request_dir"] = str(tmp_path / "requested")
        planned = found.play("--check", "--diff")
        assert (planned.code, list((tmp_path / "orders").rglob("*.pem"))) == (0, []), planned.output
        issued = found.play()
        assert issued.code == 0, issued.output
        assert len(found.installed()) == 3
        assert {host.served() for host in found.fleet.hosts} == found.installed()
        for folder in (tmp_path / "requested", found.certbot.config_dir / "live", found.certbot.config_dir / "archive"):
            assert not [path for path in folder.rglob("*") if path.is_file() and "PRIVATE" in path.read_text()]
        keys = [host.read("ssl/shop/current/privkey.pem").splitlines()[1] for host in found.fleet.hosts]
        assert not [key for key in keys if key in found.ansible.log()]
        again = found.play("--diff")
        assert (again.code, again.count("changed")) == (0, 0), again.output
        # Other names: every host needs a new certificate.
        found.certificate["names"] = [NAME, f"www.{NAME}"]
        found.ca.set_addresses(f"www.{NAME}", *(host.address for host in found.fleet.hosts))
        assert found.play("--check").result("See whether a host needs a certificate")["reasons"] == ["names"]
        renamed = found.play()
        assert renamed.code == 0, renamed.output
        assert {host.served() for host in found.fleet.hosts} == found.installed()


@pytest.mark.long
def test_other_proofs(tmp_path: Path) -> None:
    """dns-01 by tasks of one's own, and by a handler of the plugin's; one that fails is told by its name."""
    with bed(tmp_path, 2) as found:
        tasks = tmp_path / "txt.yml"
        tasks.write_text(DNS_TASKS.replace("MANAGEMENT", found.ca.management))
        found.certificate.update(challenge="dns-01", tasks=str(tasks))
        issued = found.play()
        assert issued.code == 0, issued.output
        assert found.ca.txt(f"_acme-challenge.{NAME}") == []
        tasks.write_text(FULL)
        failed = found.play(certificate_force=True)
        assert failed.code != 0
        [reason] = failed.reasons[-1:]
        assert "Ask the zone: the zone is full" in reason, failed.output
        assert found.certbot.run("certificates").returncode == 0
        assert found.play().code == 0

        scripts = Hooks(tmp_path / "hooks", tmp_path / "calls")
        more = ["--external-auth-mode", "handler", "--external-auth-handler", str(scripts.native)]
        found.ansible.environment["RECORD"] = str(scripts.record)
        found.certificate.update(proof="plugin", arguments=more)
        by_handler = found.play(certificate_force=True)
        assert by_handler.code == 0, by_handler.output
        assert {host.served() for host in found.fleet.hosts} == found.installed()


RESPONDER = """
- hosts: web
  gather_facts: false
  vars:
    responder_executable: "{{ certificate_executable }}"
    responder_config_dir: "{{ certificate_config_dir }}"
    responder_work_dir: "{{ certificate_work_dir }}"
    responder_path: /srv/responder.conf
    responder_test: "{{ certificate_test }}"
    responder_reload: "{{ certificate_reload }}"
    responder_server_name: shop.test
    responder_look_timeout: 3
  roles:
    - role: external_auth.certbot.responder
"""


@pytest.mark.long
def test_stateless(tmp_path: Path) -> None:
    """An account is made once, the hosts answer from its thumbprint, and no file travels for an order or a renewal."""
    with bed(tmp_path, 3) as found:
        hosts = found.fleet.hosts
        found.certificate["proof"] = "stateless"
        given: dict[str, object] = {"responder_server": found.ca.directory}
        given["responder_arguments"] = ["--agree-tos", "--register-unsafely-without-email"]
        given["responder_arguments"] += ["--logs-dir", str(found.certbot.logs_dir)]
        accounts = found.certbot.config_dir / "accounts"

        planned = found.play("--check", "--diff", text=RESPONDER, **given)
        assert (planned.code, accounts.exists()) == (0, False), planned.output
        assert [planned.hosts[host.name]["changed"] for host in hosts] == [2, 1, 1]
        wrong = found.play(text=RESPONDER, **given, responder_test=["sh", "-c", "echo no such directive >&2; exit 1"])
        assert wrong.code != 0
        assert wrong.reasons[-1].endswith("so the file was removed: no such directive"), wrong.output
        assert not [host for host in hosts if (host.folder / "responder.conf").exists()]

        # A host whose web server does not reload.
        stuck = f"ip -o address | grep -q {hosts[1].address}/ || exec {' '.join(found.vars['certificate_reload'])}"
        late = found.play(text=RESPONDER, **given, responder_reload=["sh", "-c", stuck])
        assert late.code != 0
        assert late.reasons == ["web2 does not answer http-01 for shop.test at 10.99.0.12: HTTP status 404."], (
            late.output
        )
        # The CA is not asked while one host does not answer.
        refused = found.play()
        assert refused.code != 0
        assert [reason for reason in refused.reasons if "10.99.0.12:80 (web2): wrong content: 404" in reason], (
            refused.output
        )
        assert "/chalZ/" not in found.ca.log("pebble")

        healed = found.play("--diff", text=RESPONDER, **given)
        assert healed.code == 0, healed.output
        assert [healed.hosts[host.name]["changed"] for host in hosts] == [0, 2, 0]
        again = found.play("--check", "--diff", text=RESPONDER, **given)
        assert (again.code, again.count("changed")) == (0, 0), again.output
        assert len(list(accounts.glob("**/regr.json"))) == 1

        issued = found.play()
        assert issued.code == 0, issued.output
        assert {host.served() for host in hosts} == found.installed()
        assert not [host for host in hosts if (host.folder / "www" / ".well-known").exists()]
        before = found.installed()
        renewal = found.certbot.config_dir / "renewal" / "shop.conf"
        renewal.write_text("renew_before_expiry = 9999 days\n" + renewal.read_text())
        renewed = found.play(text=RENEW)
        assert renewed.code == 0, renewed.output
        assert {host.served() for host in hosts} == found.installed() != before


@pytest.mark.long
def test_validation_certificates(tmp_path: Path) -> None:
    """tls-alpn-01: nginx presents the files that the role copies; a host that cannot have them is told by its name."""
    text = (ROOT / "examples" / "nginx-tls-alpn" / "acme-tls.conf").read_text()
    for kind, wanted in (("certificate", "crt"), ("certificate_key", "key")):
        words = f"ssl_{kind} /var/lib/acme-tls/$certificate.pem"
        assert words in text
        text = text.replace(words, f"ssl_{kind} /srv/acme-tls/$certificate.{wanted}.pem")
    text = text.replace("listen [::]:443;", "")
    with bed(tmp_path, 3, f"load_module /usr/lib/nginx/modules/ngx_stream_module.so;\n{text}") as found:
        found.certificate["challenge"] = "tls-alpn-01"
        found.vars["certificate_alpn_dir"] = "/srv/acme-tls"
        folder = found.fleet.hosts[1].folder
        (folder / "acme-tls").symlink_to("/dev/null")
        missing = found.play()
        assert missing.code != 0
        assert [reason for reason in missing.reasons if "as it should: web2: " in reason], missing.output
        assert "/chalZ/" not in found.ca.log("pebble")
        (folder / "acme-tls").unlink()
        issued = found.play("--diff", "-vvv")
        assert issued.code == 0, issued.output
        assert {host.served() for host in found.fleet.hosts} == found.installed()
        assert not [path for host in found.fleet.hosts for path in host.folder.glob("acme-tls/*")]
        assert "BEGIN PRIVATE KEY" not in issued.output + found.ansible.log()
        again = found.play("--diff")
        assert (again.code, again.count("changed")) == (0, 0), again.output


@pytest.mark.long
def test_serial_and_renewal_of_several(tmp_path: Path) -> None:
    """The batches of `serial` share one order; a renewal orders only what is due, and one that fails stops no other."""
    with bed(tmp_path, 4) as found:
        names = ["a.test", BLOCKED, "c.test"]
        for name in names:
            found.ca.set_addresses(name, *(host.address for host in found.fleet.hosts))
        more = [{"name": name.partition(".")[0], "names": [name], "served": False} for name in names]
        found.vars["certificate_list"] = [found.certificate, *more]
        issued = found.play(text=PLAY.replace("gather_facts", "serial: 2\n  max_fail_percentage: 100\n  gather_facts"))
        assert issued.code != 0
        assert [one for one in issued.reasons if one.startswith("blocked was not ordered. The CA refused")], (
            issued.output
        )
        assert len(found.installed()) == 1
        folders = [sorted(os.listdir(host.folder / "ssl")) for host in found.fleet.hosts[:2]]
        assert folders == [["a", "c", "shop"]] * 2

        renewal = found.certbot.config_dir / "renewal"
        for name in ("a", "shop"):
            text = (renewal / f"{name}.conf").read_text()
            (renewal / f"{name}.conf").write_text("renew_before_expiry = 9999 days\n" + text)
        before = {name: certificates.serial(found.certbot.live(name)) for name in ("a", "c", "shop")}
        found.vars["certificate_list"] = [found.certificate, more[0], more[2]]
        renewed = found.play(text=RENEW)
        assert renewed.code == 0, renewed.output
        after = {name: certificates.serial(found.certbot.live(name)) for name in ("a", "c", "shop")}
        assert [name for name in after if after[name] != before[name]] == ["a", "shop"]
        assert {host.served() for host in found.fleet.hosts} == found.installed() == {after["shop"]}

        found.vars["certificate_list"] = [found.certificate]
        (found.fleet.hosts[0].folder / "ssl" / "shop" / "current").unlink()
        installed = found.play("--tags", "certificate_install", certificate_force=True)
        assert (installed.code, found.installed()) == (0, {after["shop"]}), installed.output
        ordered = found.play("--tags", "certificate_order", certificate_force=True)
        assert (ordered.code, found.installed()) == (0, {after["shop"]}), ordered.output
        assert certificates.serial(found.certbot.live("shop")) != after["shop"]


@pytest.mark.long
def test_fifty_issues_in_a_row(tmp_path: Path) -> None:
    """No validation fails, whichever host the CA asks."""
    with bed(tmp_path, 3) as found:
        for number in range(ISSUES):
            issued = found.play(certificate_force=True)
            assert issued.code == 0, (number, issued.output)
        assert {host.served() for host in found.fleet.hosts} == found.installed()
        assert found.tokens() == []
