"""What keeps a CA from issuing, with real name servers and a resolver that really checks signatures."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import json
import re
from collections.abc import Iterator

import pytest

from certbot_external_auth.endpoint import parse
from certbot_external_auth.permission import wording
from certbot_external_auth.permission.finding import Applicant, Finding, Kind
from certbot_external_auth.permission.look import Sight, look
from certbot_external_auth.visibility.dns.probe import Probe
from certbot_external_auth.visibility.probe import Surroundings
from tests.support import ports
from tests.support.bind import Bind
from tests.support.certbot import Certbot
from tests.support.front import Answer, Front
from tests.support.hooks import Hooks
from tests.support.rehearsals import rehearse
from tests.support.signed_zones import Signed, signed, unbound
from tests.support.testca import TestCA
from tests.support.words import handler, names

ACCOUNT = "https://ca.test/acct/1"
OURS = Applicant(("ca.test", "other.ca.test"), ACCOUNT, ("dns-01",))
RECORDS = """\
any A 127.0.0.1
ours CAA 0 issue "ca.test"
www.ours A 127.0.0.1
upper CAA 0 ISSUE "CA.Test"
theirs CAA 0 issue "their.test"
a.b.theirs A 127.0.0.1
both CAA 0 issue "their.test"
both CAA 0 issue "other.ca.test"
none CAA 0 issue ";"
mail CAA 0 iodef "mailto:a@b.test"
wild CAA 0 issue "ca.test"
wild CAA 0 issuewild "their.test"
onlywild CAA 0 issuewild ";"
critical CAA 128 tomorrow "yes"
critical CAA 0 issue "ca.test"
uncritical CAA 0 tomorrow "yes"
account CAA 0 issue "ca.test; accounturi=https://ca.test/acct/1"
foreign CAA 0 issue "ca.test; accounturi=https://ca.test/acct/2"
accounts CAA 0 issue "ca.test; accounturi=https://ca.test/acct/2"
accounts CAA 0 issue "ca.test; accounturi=https://ca.test/acct/1"
http CAA 0 issue "ca.test; validationmethods=http-01"
dns CAA 0 issue "ca.test; validationmethods=http-01,dns-01"
malformed CAA 0 issue "ca test"
alias CNAME theirs
below.alias2 CNAME any
alias2 CAA 0 issue ";"
long CAA 0 issue "ca.test; accounturi=https://ca.test/acct/1; comment=%s"
"""
KINDS = {
    "any.test": None,
    "new.any.test": None,
    "ours.test": None,
    "www.ours.test": None,
    "upper.test": None,
    "theirs.test": Kind.OTHER_CA,
    "a.b.theirs.test": Kind.OTHER_CA,
    "both.test": None,
    "none.test": Kind.NO_CA,
    "*.none.test": Kind.NO_CA,
    "mail.test": None,
    "wild.test": None,
    "*.wild.test": Kind.OTHER_CA,
    "onlywild.test": None,
    "*.onlywild.test": Kind.NO_CA,
    "critical.test": Kind.CRITICAL,
    "uncritical.test": None,
    "account.test": None,
    "foreign.test": Kind.OTHER_ACCOUNT,
    "accounts.test": None,
    "http.test": Kind.OTHER_METHODS,
    "dns.test": None,
    "malformed.test": Kind.MALFORMED,
    "alias.test": Kind.OTHER_CA,
    # The target has no record, and its parents do not count: those of the alias do.
    "below.alias2.test": Kind.NO_CA,
    "long.test": None,
    "192.0.2.1": None,
}


def seen(server: str, *names: str) -> Sight:
    return look(names, Probe(Surroundings((parse(server, 53),))))


def kinds(found: list[Finding]) -> list[Kind]:
    return [one.kind for one in found]


def test_caa_records_in_all_shapes() -> None:
    with Bind("test", records=RECORDS % ("x" * 900)) as bind:
        sight = seen(bind.server, *KINDS)
        found = {one.name: one for one in sight.findings(OURS)}
        assert {name: one.kind for name, one in found.items()} == {name: one for name, one in KINDS.items() if one}
        assert sight.unsaid == ()
        assert sight.restricted
        assert not sight.checked
        assert found["a.b.theirs.test"].owner == found["alias.test"].owner == "theirs.test"
        assert found["*.wild.test"].right == '0 issuewild "ca.test"'
        assert found["foreign.test"].right == f'0 issue "ca.test; accounturi={ACCOUNT}"'
        assert found["http.test"].right == '0 issue "ca.test; validationmethods=dns-01"'
        assert found["critical.test"].tag == "tomorrow"
        # Without the CA's name only what holds for every CA is said.
        unknown = {one.name: one.kind for one in sight.findings(Applicant(types=("dns-01",)))}
        assert set(unknown.values()) == {Kind.NO_CA, Kind.CRITICAL, Kind.MALFORMED}
        # What is advised is right: the same question again, once it is in the zone.
        fixed = ("theirs.test", "foreign.test", "http.test", "critical.test")
        for name in fixed:
            finding = found[name]
            if finding.tag:
                bind.change(f"del {name} CAA")
            else:
                bind.change(f"add {name} 60 CAA {finding.right}")
        assert seen(bind.server, *fixed).findings(OURS) == []


def test_servers_that_fail_at_caa_are_named_and_what_cannot_be_asked_is_not() -> None:
    with Bind("here.test", records='ours CAA 0 issue "ca.test"') as bind:
        # Nothing is known about the zone above, so nothing is said.
        sight = seen(bind.server, "none.here.test", "ours.here.test")
        assert sight.findings(OURS) == []
        assert sight.unsaid == ("none.here.test",)
        bind.stop()
        sight = seen(bind.server, "ours.here.test")
        assert (sight.findings(OURS), sight.unsaid) == ([], ("ours.here.test",))


@pytest.fixture(scope="module")
def zones() -> Iterator[Signed]:
    """``right.test`` and ``otherkey.test``, which Knot signs, and ``altered.test``, changed after it was signed."""
    caa = '@ CAA 0 issue "ca.test"'
    with signed({"altered.test": caa}) as before:
        copy = before.copy("altered.test")
        changed = re.sub(r'(CAA 0 issue )"ca.test"', r'\1"attacker.test"', copy)
        assert changed != copy
        with signed({"right.test": caa, "otherkey.test": caa, "late.test": caa}, {"altered.test": changed}) as found:
            yield found


def test_a_resolver_that_checks_signatures_shows_what_is_bogus(zones: Signed) -> None:
    anchors = {**zones.anchors, "otherkey.test": zones.anchors["right.test"].replace("right.test", "otherkey.test")}
    with unbound(zones.server, anchors) as resolver:
        sight = seen(resolver, "right.test", "otherkey.test", "altered.test")
    assert sight.checked
    found = {one.name: one for one in sight.findings(Applicant()) if one.kind is Kind.BOGUS}
    assert set(found) == {"otherkey.test", "altered.test"}
    assert found["otherkey.test"].errors == (9,)
    assert found["altered.test"].errors == (6,)
    assert found["altered.test"].servers == (resolver,)
    assert "replace them" in wording.sentence(found["otherkey.test"], OURS)


def test_an_expired_signature_is_named(zones: Signed) -> None:
    with unbound(zones.server, zones.anchors, "val-override-date: 20380101000000") as resolver:
        (finding,) = [one for one in seen(resolver, "right.test").findings(OURS) if one.kind is Kind.BOGUS]
    assert "signature expired" in finding.says[0]
    assert "Sign the zone again" in wording.fix(finding)


def test_without_a_resolver_that_checks_signatures_nothing_is_said(zones: Signed) -> None:
    with unbound(zones.server, zones.anchors, validates=False) as resolver:
        sight = seen(resolver, "right.test", "altered.test")
    assert not sight.checked
    assert Kind.BOGUS not in kinds(sight.findings(OURS))


# --- in a run, and in a check ---


class NamedFront(Front):
    """Before a Pebble, whose directory does not tell by which names CAA records know it."""

    def after(self, url: str, request: bytes, answer: Answer) -> Answer:
        if not url.endswith("/dir"):
            return answer
        directory = json.loads(answer.body)
        directory["meta"]["caaIdentities"] = ["CA.test"]
        return dataclasses.replace(answer, body=json.dumps(directory).encode())


def test_a_run_names_caa_records_if_the_ca_refuses(certbot: Certbot, ca: TestCA) -> None:
    """Pebble looks at no CAA records; it refuses, because no server answers."""
    records = 'a CAA 0 issue "their.test"\nb CAA 0 issue "ca.test; accounturi=https://ca.test/acct/7"\nc A 127.0.0.1\n'
    with contextlib.ExitStack() as stack:
        bind = stack.enter_context(Bind("test", records=records))
        certbot.ca = copy.copy(ca)
        certbot.ca.directory = stack.enter_context(NamedFront(ca, ca.directory).at(ports.free(stack)))
        more = ("--external-auth-verify", "off", "--external-auth-verify-nameservers", bind.server)
        words = (*handler("/bin/true", "--preferred-challenges", "http", *more), *names("a.test", "b.test", "c.test"))
        result = certbot.run("certonly", *words)
    assert result.returncode == 1
    hint = " ".join(result.stdout.split())
    assert 'At a.test stands: 0 issue "their.test". Add the record: a.test. CAA 0 issue "ca.test"' in hint
    (account,) = re.findall(r'Change the record to: b.test. CAA 0 issue "ca.test; accounturi=([^"]+)"', hint)
    assert account == json.loads(next(certbot.config_dir.rglob("regr.json")).read_text())["uri"]
    assert "At c.test" not in hint


def test_a_check_warns_at_its_end(scripts: Hooks) -> None:
    with Bind("example.test", records='a CAA 0 issue ";"\nb CAA 0 issue "their.test"') as bind:
        environment = {"SERVER": f"{bind.address} {bind.port}", "KEY_FILE": str(bind.key_file), "FAULT": ""}
        hook = scripts.path("updates.sh")
        words = [hook, "--dialect", "dehydrated", "--json", "--nameserver", bind.server, "--verify-timeout", "2"]
        found = rehearse(*words, "-d", "a.example.test", environment=environment)
        assert (found.code, found.results, list(found.steps)[-1]) == (0, {"permission": "warning"}, "permission")
        assert "CAA records let no CA issue for a.example.test" in found.steps["permission"]["seen"]
        assert "nothing is said about DNSSEC" in found.steps["permission"]["seen"]
        assert found.steps["permission"]["change"].startswith("Let the CA's name stand in an issue record")
        # The CA that is not known may be the one that is named.
        found = rehearse(*words, "-d", "b.example.test", "--server", "http://127.0.0.1:9/dir", environment=environment)
        assert (found.code, found.results) == (0, {})
