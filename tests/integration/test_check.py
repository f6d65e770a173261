"""`certbot-external-auth check` with real hooks, and with hooks that have the faults hooks have."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support import ports, tls
from tests.support.bind import Bind
from tests.support.hooks import Hooks
from tests.support.rehearsals import Rehearsal, ended, rehearse, started
from tests.support.webroot import Webroot

ZONE, TARGETS = "example.test", "acme.test"
# Native hooks that do their work, and clean only once.
FILE_HOOK = """#!/bin/sh
case $1 in
perform) printf %s "$cbot_key_auth" >"$WEBROOT/$cbot_token" ;;
cleanup) rm -- "$WEBROOT/$cbot_token" ;;
esac
"""
TLS_HOOK = """#!/bin/sh
case $1 in
perform)
    cp "$cbot_key_path" "$TLS_FOLDER/$cbot_z_domain.key.pem"
    cp "$cbot_cert_path" "$TLS_FOLDER/$cbot_z_domain.crt.pem" ;;
cleanup) rm "$TLS_FOLDER/$cbot_z_domain.key.pem" "$TLS_FOLDER/$cbot_z_domain.crt.pem" ;;
esac
"""
GATHERING_HOOK = """#!/bin/sh
case $1 in
pre-perform) : >"$GATHER" ;;
perform) echo "update add $cbot_txt_domain 1 TXT \\"$cbot_validation\\"" >>"$GATHER" ;;
post-perform)
    name=$(head -n 1 "$GATHER" | cut -d " " -f 3)
    { echo "server $SERVER"; echo "update delete $name TXT"; cat "$GATHER"; echo send; } | nsupdate -k "$KEY_FILE" ;;
cleanup)
    printf 'server %s\\nupdate delete %s TXT "%s"\\nsend\\n' "$SERVER" "$cbot_txt_domain" "$cbot_validation" |
        nsupdate -k "$KEY_FILE" ;;
esac
"""
ALIAS_HOOK = """#!/bin/sh
case $1 in
perform) change=add ;;
cleanup) change=delete ;;
*) exit 0 ;;
esac
[ -n "$cbot_txt_target" ] || { echo "$cbot_txt_domain is no alias" >&2; exit 2; }
printf 'server %s\\nzone %s\\nupdate %s %s 1 TXT "%s"\\nsend\\n' "$SERVER" "$cbot_txt_zone" \\
    "$change" "$cbot_txt_target" "$cbot_validation" | nsupdate -k "$KEY_FILE"
"""
ALL_STEPS = ["start", "before", "publish", "second", "keep", "withdraw", "again", "dash", "dash-withdraw"]
CHAINED_STEPS = ["start", "before", "publish", "withdraw", "chain", "chain-withdraw", "again", "dash", "dash-withdraw"]
REST_SKIPPED = dict.fromkeys(ALL_STEPS[3:], "skipped")


@dataclass
class Place:
    """A name of this test alone, and a hook that can publish there."""

    dns: Bind
    scripts: Hooks
    domain: str = field(default_factory=lambda: f"t{uuid.uuid4().hex[:12]}.{ZONE}")

    @property
    def txt(self) -> list[str]:
        return self.dns.txt(f"_acme-challenge.{self.domain}")

    @property
    def words(self) -> list[str]:
        return ["--domain", self.domain, "--nameserver", self.dns.server, "--verify-timeout", "1"]

    @property
    def with_wildcard(self) -> list[str]:
        """A certificate for the name and its wildcard, which needs two values at one name."""
        return ["-d", f"*.{self.domain}"]

    def environment(self, fault: str = "") -> dict[str, str]:
        server = f"{self.dns.address} {self.dns.port}"
        return {"SERVER": server, "KEY_FILE": str(self.dns.key_file), "FAULT": fault}

    def check(self, fault: str = "", *more: str, hook: str = "updates.sh", dialect: str = "dehydrated") -> Rehearsal:
        words = [self.scripts.path(hook), "--dialect", dialect, "--json", *self.words, *more]
        return rehearse(*words, environment=self.environment(fault))


@pytest.fixture(scope="module")
def dns() -> Iterator[Bind]:
    with Bind(ZONE, TARGETS, records=f"web A {ports.ADDRESS}") as found:
        yield found


@pytest.fixture
def place(dns: Bind, scripts: Hooks) -> Place:
    return Place(dns, scripts)


@pytest.mark.parametrize(("more", "steps"), [((), ALL_STEPS), (("--hook-chain", "yes"), CHAINED_STEPS)])
def test_a_good_hook_passes_and_leaves_nothing(place: Place, more: tuple[str, ...], steps: list[str]) -> None:
    found = place.check("", *more)
    assert found.code == 0, found
    assert list(found.steps) == steps
    assert found.results == {}
    values = [one["seen"] for one in found.steps["dash"]["observations"]]
    assert values[0][0].startswith("-")
    assert found.summary == {
        "format_version": "1.0",
        "kind": "summary",
        "ok": True,
        "passed": 9,
        "warning": 0,
        "failed": 0,
        "skipped": 0,
        "left": [],
        "interrupted": None,
        "during": None,
        "single": True,
        "with_wildcard": "yes",
        "stays": "nothing",
    }
    assert place.txt == []


@pytest.mark.parametrize(
    ("fault", "code", "results", "change"),
    [
        ("replaces", 0, {"second": "warning", "keep": "skipped"}, "--external-auth-hook-chain yes solves this"),
        (
            "unchained",
            1,
            {"second": "warning", "keep": "skipped", "chain": "failed", "chain-withdraw": "skipped"},
            "cannot be issued this way",
        ),
        ("removes-all", 0, {"keep": "warning"}, "removes every value"),
        ("once", 0, {"again": "warning"}, "succeed when there is nothing to remove"),
        ("dash", 1, {"dash": "failed", "dash-withdraw": "skipped"}, "no program takes it ($4) for an option"),
        (
            "nothing",
            1,
            {"publish": "failed", **REST_SKIPPED},
            "reported success, but the servers do not have the value",
        ),
        ("silent", 1, {"publish": "failed", **REST_SKIPPED}, "It printed nothing; let it say on stderr what is wrong."),
        ("hangs", 1, {"publish": "failed", **REST_SKIPPED}, "Give it more time with --external-auth-timeout"),
    ],
)
def test_a_fault_is_found_and_what_to_change_is_said(
    place: Place, fault: str, code: int, results: dict[str, str], change: str
) -> None:
    """With a warning, certificates can still be issued."""
    found = place.check(fault, "--timeout", "1" if fault == "hangs" else "30", *place.with_wildcard)
    assert found.results == results
    first = next(iter(results))
    assert change in found.steps[first]["change"]
    assert found.code == code
    assert found.summary["left"] == []
    assert place.txt == []


def test_an_alias_is_followed_as_in_a_run(place: Place) -> None:
    """A hook that needs the alias's target passes; where the dialect does not give it, the report says why it fails."""
    target = f"{place.domain.partition('.')[0]}.{TARGETS}"
    place.dns.change(f"add _acme-challenge.{place.domain} 60 CNAME {target}.")
    hook = place.scripts.write("delegated.sh", ALIAS_HOOK)
    found = place.check("", hook=hook, dialect="native")
    assert found.code == 0, found
    assert list(found.steps) == ALL_STEPS
    assert found.results == {}
    assert [one["asked"] for one in found.steps["dash"]["observations"]] == [target]
    assert place.dns.txt(target) == []
    unknowing = place.check()
    assert unknowing.results == {"publish": "failed", **REST_SKIPPED}
    assert f"is an alias (CNAME) of {target}: the record must stand there" in unknowing.steps["publish"]["reasons"][0]


def test_what_stays_at_the_end_of_an_alias_is_named_there(place: Place) -> None:
    target = f"{place.domain.partition('.')[0]}.{TARGETS}"
    place.dns.change(f"add _acme-challenge.{place.domain} 60 CNAME {target}.")
    hook = place.scripts.write("delegated.sh", ALIAS_HOOK.replace("cleanup) change=delete", "cleanup) exit 0"))
    found = place.check("", hook=hook, dialect="native")
    assert found.code == 1
    assert sorted(found.summary["left"]) == [f'the TXT record {target}. "{value}"' for value in place.dns.txt(target)]
    assert len(found.summary["left"]) == 4
    values = place.dns.txt(target)
    (seen,) = place.check("", hook=hook, dialect="native").stderr.splitlines()
    assert seen.startswith(f"{target} has TXT records already ({values[0]}")


def test_the_reason_of_a_run_is_told(place: Place) -> None:
    name = f"_acme-challenge.{place.domain}"
    replaces = place.check("replaces").steps["second"]
    assert f"2 values are wanted at {name}, and only 1 of them is there: The handler " in replaces["reasons"][0]
    assert "replaces what stands at the name" in replaces["reasons"][0]
    assert replaces["seen"].startswith(f"{place.dns.server}: 1 of 2 there; missing: ")
    # The first value stands, so nothing was replaced.
    unchained = place.check("unchained").steps
    assert unchained["chain"]["reasons"] == []
    assert "--external-auth-hook-chain yes" in unchained["second"]["reasons"][0]
    doubles = place.scripts.write(
        "doubles.sh",
        f'#!/bin/sh\n[ "$1" = deploy_challenge ] || exit 0\nprintf \'server %s\\nupdate add {name}.{ZONE} 1 TXT "%s"'
        '\\nsend\\n\' "$SERVER" "$4" | nsupdate -k "$KEY_FILE"\n',
    )
    doubled = place.check("", hook=doubles)
    assert doubled.results == {"publish": "failed", **REST_SKIPPED}
    assert (
        f"The value stands at {name}.{ZONE}, where the zone's name is there twice"
        in (doubled.steps["publish"]["reasons"][0])
    )
    place.dns.change(f"add *.{place.domain} 60 TXT v=spf1")
    wild = place.check()
    assert wild.code == 2
    assert f"comes from the wildcard record *.{place.domain}, not from a record of that name" in wild.stderr


def test_a_server_with_the_old_zone_is_named(place: Place) -> None:
    with Bind(primary=place.dns) as late:
        found = place.check("", "--nameserver", late.server)
    assert found.results == {"publish": "failed", **REST_SKIPPED}
    assert f"({late.server}) still has the zone {ZONE} with serial " in found.steps["publish"]["reasons"][0]


USES_PERFORMS_NAME = """#!/bin/sh
case $1 in perform) change=add ;; cleanup) change=delete ;; *) echo NotImplemented; exit 1 ;; esac
printf 'server %s\\nupdate %s %s. 60 TXT "%s"\\nsend\\n' "$SERVER" $change "$txt_domain" "$validation" |
    nsupdate -k "$KEY_FILE"
echo "$change"
"""


def test_a_handler_whose_name_is_empty_at_cleanup(place: Place) -> None:
    """Lost: why every value stays, since the handler that cannot remove reports success."""
    place.scripts.write("performs-name.sh", USES_PERFORMS_NAME)
    found = place.check(hook="performs-name.sh", dialect="native")
    assert (found.results["withdraw"], found.results["stays"]) == ("warning", "failed")
    assert "The variable txt_domain is not set at cleanup; use cbot_txt_domain" in found.steps["withdraw"]["change"]


def test_what_a_hook_leaves_is_named(place: Place) -> None:
    found = place.check("leaves")
    assert found.code == 1
    assert found.results == {
        "keep": "warning",
        "withdraw": "warning",
        "stays": "failed",
        "again": "skipped",
        "dash-withdraw": "failed",
    }
    assert (found.summary["single"], found.summary["with_wildcard"], found.summary["stays"]) == (
        True,
        "yes",
        "collects",
    )
    name = f"_acme-challenge.{place.domain}"
    assert sorted(found.summary["left"]) == sorted(f'the TXT record {name}. "{value}"' for value in place.txt)
    assert len(place.txt) == 4
    again = place.check()
    assert again.code == 2
    assert f"{name} has TXT records already" in again.stderr
    assert "another domain with --domain" in again.stderr
    place.dns.change(f"del {name} TXT")


def test_a_hook_for_acme_dns_can_be_used_and_checked_again(place: Place) -> None:
    """The name always has the last two values, and nothing is ever removed."""
    hook = place.scripts.write(
        "rolling.sh",
        "#!/bin/sh\n[ $1 = present ] || exit 0\n"
        'old=$(dig @"${SERVER% *}" -p "${SERVER#* }" +short "$2" TXT | grep -v -e "$(cat "$KEPT")")\n'
        '{ echo "server $SERVER"; for one in $old; do echo "update delete $2 TXT $one"; done\n'
        '  echo "update add $2 1 TXT \\"$3\\""; echo send; } | nsupdate -k "$KEY_FILE" && echo "$3" >"$KEPT"\n',
    )
    place.scripts.record.write_text("none\n")
    environment = {**place.environment(), "KEPT": str(place.scripts.record)}
    words = [hook, "--dialect", "lego", "--json", *place.words, *place.with_wildcard]
    first = rehearse(*words, environment=environment)
    assert first.code == 0, first
    assert first.results == {
        "keep": "warning",
        "withdraw": "warning",
        "again": "skipped",
        "dash-withdraw": "warning",
    }
    assert (first.summary["with_wildcard"], first.summary["stays"]) == ("yes", "makes_room")
    assert len(place.txt) == 2
    refused = rehearse(*words, environment=environment)
    assert refused.code == 2
    assert "--not-empty" in refused.stderr
    assert rehearse(*words, "--not-empty", environment=environment).code == 0
    place.dns.change(f"del _acme-challenge.{place.domain} TXT")


def test_two_values_that_only_chains_could_bring_fail_without_chains(place: Place) -> None:
    """In a dialect without chains nothing makes up for a hook that replaces. Here it is called as lego calls it."""
    hook = place.scripts.write(
        "lego.sh",
        '#!/bin/sh\nset -- "$1" "${2%.}" "$3"\n'
        '{ echo "server $SERVER"; echo "update delete $2 TXT"\n'
        '  [ "$1" = cleanup ] || echo "update add $2 1 TXT \\"$3\\""; echo send; } | nsupdate -k "$KEY_FILE"\n',
    )
    single = place.check("", hook=hook, dialect="lego")
    assert (single.code, single.results) == (0, {"second": "warning", "keep": "skipped"})
    assert (single.summary["single"], single.summary["with_wildcard"]) == (True, "no")
    found = place.check("", *place.with_wildcard, hook=hook, dialect="lego")
    assert found.code == 1
    assert found.results == {"second": "failed", "keep": "skipped"}
    assert (
        f"A certificate for {place.domain} together with *.{place.domain} cannot be issued"
        in (found.steps["second"]["change"])
    )
    assert place.txt == []


def test_a_native_hook_may_take_an_order_together(place: Place) -> None:
    """At post-perform it writes what it collected, in place of the existing records: one order works."""
    hook = place.scripts.write("gathers.sh", GATHERING_HOOK)
    found = rehearse(
        hook, "--json", *place.words, environment={**place.environment(), "GATHER": str(place.scripts.record)}
    )
    assert found.code == 0, found
    assert found.results == {"second": "warning", "keep": "skipped"}
    assert list(found.steps)[6:8] == ["together", "together-withdraw"]
    assert "If the steps with one batch below pass" in found.steps["second"]["change"]
    assert place.txt == []


@pytest.mark.parametrize("dialect", ["native", "lego", "uacme"])
def test_a_hook_of_another_dialect_is_recognized(place: Place, dialect: str) -> None:
    found = place.check("", dialect=dialect)
    assert found.code == 1
    assert found.steps["publish"]["change"] == "The handler looks like a hook of another dialect: --dialect dehydrated"


def test_a_fault_of_the_file_is_said_before_it_is_called(place: Place) -> None:
    wrong = {
        "missing.sh": (None, 0, "does not exist"),
        "mode.sh": ("#!/bin/sh\n", 0o644, "is not executable; run: chmod +x"),
        "crlf.sh": ("#!/bin/sh\r\nexit\r\n", 0o755, "has Windows line ends (CRLF)"),
        "interpreter.sh": ("#!/usr/bin/no-such\n", 0o755, "needs the interpreter /usr/bin/no-such"),
        "open.sh": ("#!/bin/sh\n", 0o777, "can be changed by every user of this machine; run: chmod o-w"),
    }
    for name, (content, mode, sentence) in wrong.items():
        if content is not None:
            place.scripts.write(name, content, mode)
        found = place.check("", hook=name)
        assert found.code == 1
        assert found.results == {"start": "failed"}
        assert sentence in found.steps["start"]["seen"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_check_cleans_up(place: Place, tmp_path: Path, number: signal.Signals) -> None:
    with interrupted(place, tmp_path, "interrupted") as process:
        process.send_signal(number)
        found = ended(process)
    assert found.code == 128 + number
    assert (found.summary["interrupted"], found.summary["during"]) == (number.name, "publish")
    assert found.summary["left"] == []
    assert not found.summary["ok"]
    assert place.txt == []


def test_a_second_interruption_ends_at_once_and_says_what_may_be_left(place: Place, tmp_path: Path) -> None:
    with interrupted(place, tmp_path, "interrupted-twice") as process:
        process.send_signal(signal.SIGINT)
        wait_for(tmp_path / "cleaning")
        process.send_signal(signal.SIGINT)
        found = ended(process)
    assert found.code == 128 + signal.SIGINT
    (value,) = place.txt
    assert found.summary["left"] == [f'the TXT record _acme-challenge.{place.domain}. "{value}"']
    place.dns.change(f"del _acme-challenge.{place.domain} TXT")


@contextlib.contextmanager
def interrupted(place: Place, folder: Path, fault: str) -> Iterator[subprocess.Popen[str]]:
    """A rehearsal whose hook has published and does not end."""
    words = [place.scripts.path("updates.sh"), "--dialect", "dehydrated", "--json", *place.words]
    process = started(*words, environment={**place.environment(fault), "MARK": str(folder)})
    try:
        wait_for(folder / "publishing")
        assert len(place.txt) == 1
        yield process
    finally:
        process.kill()
        process.wait()


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_report_that_cannot_be_printed(place: Place) -> None:
    """A full disk behind a redirection. Guards against: a traceback in place of the verdict."""
    hook = place.scripts.write("hook.sh", "#!/bin/sh\nexit 0\n")
    words = [hook, "--domain", f"a.{ZONE}", "--nameserver", place.dns.server, "--verify-timeout", "1"]
    with open("/dev/full", "wb") as full:
        command = [sys.executable, "-m", "certbot_external_auth", "check", *words]
        ended = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=full, stderr=subprocess.PIPE, text=True)
    said = "The report could not be printed: No space left on device. The check itself ran to its end.\n"
    assert (ended.returncode, ended.stderr) == (1, said)


def test_http_01_is_fetched(place: Place, webroot_folder: Path) -> None:
    """The hook writes the file, the plugin does (--wellknown), or neither does."""
    with contextlib.ExitStack() as stack:
        port = ports.free(stack)
        web = stack.enter_context(Webroot(webroot_folder, port))
        words = ["--type", "http-01", "--http-01-port", str(port), "--json", "--nameserver", place.dns.server]
        words += ["--domain", f"web.{ZONE}", "--verify-timeout", "1"]
        hook = place.scripts.write("files.sh", FILE_HOOK)
        found = rehearse(hook, *words, environment={"WEBROOT": str(webroot_folder)})
        assert found.code == 0, found
        assert found.results == {"again": "warning"}
        assert [status for _, status in web.asked] == [200, 404, 404, 200, 404]
        by_us = rehearse("/bin/true", "--wellknown", str(webroot_folder), *words)
        assert by_us.code == 0, by_us
        assert by_us.results == {}
        by_nobody = rehearse("/bin/true", *words)
        assert by_nobody.code == 1
        assert "with the key authorization alone" in by_nobody.steps["publish"]["change"]
        assert web.files() == []


@pytest.mark.parametrize("kind", ["tls-alpn-01", "tls-sni-01"])
def test_tls_types_need_a_handshake(place: Place, tmp_path: Path, kind: str) -> None:
    with contextlib.ExitStack() as stack:
        port = ports.free(stack)
        folder = stack.enter_context(tls.serving(tmp_path / "tls", port))
        words = ["--type", kind, "--https-port", str(port), "--json", "--nameserver", place.dns.server]
        words += ["--domain", f"web.{ZONE}", "--verify-timeout", "2"]
        hook = place.scripts.write("certificates.sh", TLS_HOOK)
        found = rehearse(hook, *words, environment={"TLS_FOLDER": str(folder)})
        assert found.code == 0, found
        assert found.results == {"again": "warning"}
        nothing = rehearse("/bin/true", *words)
        assert nothing.code == 1
        assert "present the certificate" in nothing.steps["publish"]["change"]
        assert list(folder.iterdir()) == []


def test_a_person_sees_marks_and_a_terminal_without_them_sees_words(place: Place) -> None:
    words = [place.scripts.path("updates.sh"), "--dialect", "dehydrated", *place.words]
    shown = rehearse(*words, environment={**place.environment("once"), "PYTHONIOENCODING": "utf-8"})
    assert "✓ publish a value: it is visible (asked " in shown.stdout
    assert "! remove the first value again\n    expected: nothing changes" in shown.stdout
    assert "      | clean_challenge " in shown.stdout
    assert shown.stdout.endswith("8 passed, 1 warning: this handler can be used.\n")
    plain = rehearse(*words, environment={**place.environment("nothing"), "PYTHONIOENCODING": "ascii"})
    assert plain.stdout.isascii()
    assert "ok   look up the name: it has no TXT records" in plain.stdout
    assert "FAIL publish a value\n" in plain.stdout
    assert plain.stdout.endswith(": this handler cannot be used yet.\n")


def test_a_reader_that_goes_away_does_not_stop_the_cleaning(place: Place) -> None:
    words = [place.scripts.path("updates.sh"), "--dialect", "dehydrated", *place.words]
    process = started(*words, environment=place.environment())
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    process.stdout = None
    assert ended(process).code == 0
    assert place.txt == []


def test_the_flags_of_a_run_and_the_secrets_of_its_files_are_taken(place: Place, tmp_path: Path) -> None:
    """With a Dehydrated configuration, too, which names the hook and asks for chains."""
    secrets = tmp_path / "secrets"
    secrets.write_text(f'SERVER="{place.dns.address} {place.dns.port}"\nPASSWORD=hush-hush\n')
    secrets.chmod(0o600)
    config = place.scripts.write(
        "config",
        f"HOOK={place.scripts.path('updates.sh')}\nHOOK_CHAIN=yes\nCHALLENGETYPE=dns-01\n"
        f"export KEY_FILE={place.dns.key_file}\n",
        0o600,
    )
    more = ["--external-auth-env-file", str(secrets), "--external-auth-dehydrated-config", config, "--json"]
    found = rehearse(*more, *place.words, environment={"FAULT": "tells"})
    assert found.code == 1, found
    assert list(found.steps) == CHAINED_STEPS
    assert "the password is ***" in " ".join(found.steps["publish"]["output"])
    assert "hush-hush" not in found.stdout + found.stderr
    fine = rehearse(*more, *place.words, environment={"FAULT": ""})
    assert fine.code == 0, fine


def test_without_a_name_server_that_answers_nothing_is_published(place: Place) -> None:
    with contextlib.ExitStack() as stack:
        port = ports.free(stack)
        words = ["--dialect", "dehydrated", "--domain", place.domain, "--nameserver", f"127.0.0.1:{port}", "--json"]
        found = rehearse(place.scripts.path("updates.sh"), *words, environment=place.environment())
    assert found.code == 1
    assert found.results == {"before": "failed"}
    assert "--nameserver" in found.steps["before"]["change"]
