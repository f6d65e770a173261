"""The test bed itself: a test that cannot fail is worse than none."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest

from tests.support import purity
from tests.support.authorizations import Account
from tests.support.certbot import Certbot
from tests.support.hooks import Hooks
from tests.support.testca import TestCA
from tests.support.words import handler, names

CERTONLY = ("certonly", "-n", "-a", "external-auth", "--external-auth-mode", "json")
OLD = ("certonly", "-a", "certbot-external-auth:out")
RUN = "cb0667cb-ff0d-4dbf-8c06-9c511450cada"
COMMON = f'"run": "{RUN}", "ts": "2026-01-01T00:00:00.000Z"}}\n'
HELLO = f'{{"cmd": "hello", "protocol": "1.0", "plugin": "1", "certbot": "5", "features": [], "seq": 1, {COMMON}'
SUMMARY = '{"cmd": "summary", "ok": true, "counts": {}, "unconfirmed": [], "lineages": [], "seq": 2, '
END = SUMMARY + COMMON
NEWS = f'{{"cmd": "news", "seq": 2, {COMMON}'


@pytest.mark.parametrize(
    ("stdout", "words", "returncode"),
    [
        pytest.param(f"noise\n{HELLO}{END}", CERTONLY, 0, id="noise-before"),
        pytest.param(f"{HELLO}\n{END}", CERTONLY, 0, id="blank-line"),
        pytest.param(f"{HELLO}{END}noise", CERTONLY, 0, id="noise-after"),
        pytest.param(f"{HELLO}[]\n{END}", CERTONLY, 0, id="no-object"),
        pytest.param(f'{HELLO}{{"seq": 2}}\n{END}', CERTONLY, 0, id="no-cmd"),
        pytest.param(HELLO, CERTONLY, 0, id="no-summary"),
        pytest.param(END, CERTONLY, 0, id="no-hello"),
        pytest.param(HELLO + END.replace("2,", "3,"), CERTONLY, 0, id="gap-in-seq"),
        pytest.param(HELLO + END.replace("cb0667cb", "ffffffff"), CERTONLY, 0, id="another-run"),
        pytest.param(HELLO + END, CERTONLY, 1, id="ok-in-spite-of-the-exit-code"),
        pytest.param("", CERTONLY, 0, id="nothing"),
        pytest.param(HELLO + END.replace('"ok"', '"news": 1, "ok"'), CERTONLY, 0, id="key-that-is-not-described"),
        pytest.param(HELLO + END.replace("[]", "{}", 1), CERTONLY, 0, id="value-of-another-kind"),
        pytest.param(HELLO + END.replace('"unconfirmed": [], ', ""), CERTONLY, 0, id="key-left-out"),
        pytest.param(f"{HELLO}{NEWS}{END.replace('2,', '3,')}", CERTONLY, 0, id="line-that-is-not-described"),
        pytest.param(HELLO + END, OLD, 0, id="protocol-1-for-0"),
        pytest.param('{"cmd": "save"}\n', OLD, 0, id="no-report"),
    ],
)
def test_impure_run_is_found_and_not_forgotten(
    tmp_path: Path, stdout: str, words: tuple[str, ...], returncode: int
) -> None:
    """Guards against: a broken check that every JSON run of the tests relies on."""
    expected = purity.protocol(words, tmp_path, tmp_path / "cli.ini")
    with pytest.raises(purity.ImpureError):
        purity.check(stdout.encode(), expected, returncode, words)
    assert len(purity.failures) == 1
    purity.failures.clear()


def test_pure_run_is_not_complained_about() -> None:
    """The runs of the test above must be wrong in one thing only."""
    assert len(purity.check((HELLO + END).encode(), 1, 0, CERTONLY)) == 2


def test_json_mode_is_seen_wherever_it_is_said(tmp_path: Path) -> None:
    """Guards against: the same for runs whose mode is not on the command line."""
    ini, renewal = tmp_path / "cli.ini", tmp_path / "renewal"
    assert purity.protocol(CERTONLY, tmp_path, ini) == 1
    assert purity.protocol((*CERTONLY, "--external-auth-protocol=0"), tmp_path, ini) == 0
    assert purity.protocol(OLD, tmp_path, ini) == 0
    assert purity.protocol(("renew",), tmp_path, ini) is None
    renewal.mkdir()
    (renewal / "a.conf").write_text("authenticator = external-auth\nexternal_auth_mode = json\n")
    assert purity.protocol(("renew",), tmp_path, ini) == 1
    assert purity.protocol(("certificates",), tmp_path, ini) is None
    ini.write_text("external-auth-mode = json\nexternal-auth-protocol = 0\n")
    assert purity.protocol(("certonly",), tmp_path, ini) == 0


def test_ca_leaves_nothing_behind_after_a_failure() -> None:
    """Guards against: processes and files that the tests leave on the machine."""
    ca = TestCA()
    with contextlib.suppress(ZeroDivisionError), ca:
        processes, folder = [process.pid for process in ca._processes], ca.folder
        raise ZeroDivisionError
    assert len(processes) == 2
    assert not folder.exists()
    for process in processes:
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)


def test_ca_validates(certbot: Certbot, scripts: Hooks, ca: TestCA, domain: str) -> None:
    """Guards against: a CA that accepts everything, so that no other test proves anything."""
    result = certbot.run("certonly", *handler(scripts.native), *names(domain), env={"FORGET": domain})
    assert result.returncode == 1
    assert ca.asked(f"_acme-challenge.{domain}")


def test_ca_forgets_what_it_has_validated(reusing_ca: TestCA, certbot: Certbot, scripts: Hooks, domain: str) -> None:
    """Guards against: one renewal test in a hundred that fails at random."""
    certbot.ca = reusing_ca
    certbot.environment["CHALLTESTSRV"] = reusing_ca.management
    certbot.environment["REQUESTS_CA_BUNDLE"] = str(reusing_ca.ca_bundle)
    words = ("certonly", *handler(scripts.native), "--force-renewal", *names(domain))
    first = certbot.run(*words)
    assert first.returncode == 0, first
    (account,) = certbot.config_dir.glob("accounts/**/regr.json")
    Account(account.parent, reusing_ca.ca_bundle).forget(certbot.authorizations(first.log))
    scripts.forget()
    assert certbot.run(*words).returncode == 0
    assert "perform" in scripts.operations
