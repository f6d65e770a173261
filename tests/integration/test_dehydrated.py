"""The whole Dehydrated contract, and an existing configuration of it."""

from __future__ import annotations

import re
import shlex
import shutil
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from certbot_external_auth.handler_setup.dehydrated_config import SETTINGS
from certbot_external_auth.plan import making, report
from certbot_external_auth.plan.services import Found
from certbot_external_auth.processes.exec_limits import RESERVED_BYTES, system_limit
from tests.support import certificates, web
from tests.support.certbot import Certbot, Result
from tests.support.hooks import Hooks
from tests.support.testca import TestCA
from tests.support.webroot import Webroot
from tests.support.words import AUTHENTICATOR, BOTH, RENEW, RENEW_NOW, handler, handler_for_both, names

PROGRAM = Path(sys.executable).parent / "certbot-external-auth"
DEHYDRATED = ("--external-auth-dialect", "dehydrated")
FLAG = "--external-auth-dehydrated-config"
EXAMPLE = Path("/usr/share/doc/dehydrated/examples/config")
START = {"BASEDIR", "CERTDIR", "ALPNCERTDIR", "COMMAND"}
CERTIFICATE = {"alias", "CHALLENGETYPE", "KEY_ALGO", "PRIVATE_KEY_ROLLOVER", "altnames"}


def test_every_operation_in_dehydrateds_order(certbot: Certbot, scripts: Hooks, domain: str) -> None:
    """Guards against: a failure of hooks that prepare first, copy at sync_cert, or report at the end."""
    result = certbot.run("certonly", *handler_for_both(scripts.dehydrated, *DEHYDRATED), *names(domain))
    assert result.returncode == 0, result
    order = ["startup_hook", "deploy_challenge", "clean_challenge", "sync_cert", "deploy_cert", "exit_hook"]
    assert scripts.operations == order
    startup, *others = scripts.calls()
    assert set(startup.env) >= START
    assert not CERTIFICATE & set(startup.env)
    assert all(set(call.env) >= START | CERTIFICATE for call in others)
    live = [str(certbot.live(domain, file)) for file in ("privkey", "cert", "fullchain", "chain")]
    assert scripts.calls("sync_cert")[0].argv[1:] == [*live, ""]
    assert scripts.calls("exit_hook")[0].argv == ["exit_hook"]
    scripts.forget()
    assert certbot.run(*RENEW).returncode == 0
    assert scripts.operations == ["startup_hook", "unchanged_cert", "exit_hook"]


def test_once_for_many_certificates(certbot: Certbot, scripts: Hooks, domain: str) -> None:
    for name in (domain, f"b.{domain}"):
        assert certbot.run("certonly", *handler(scripts.dehydrated, *DEHYDRATED), *names(name)).returncode == 0
    scripts.forget()
    assert certbot.run(*RENEW_NOW).returncode == 0
    each = ["deploy_challenge", "clean_challenge"]
    assert scripts.operations == ["startup_hook", *each, *each, "exit_hook"]
    *_, cleaned, ended = scripts.calls()
    assert ended.env["alias"] == cleaned.env["alias"]


@pytest.mark.versions
def test_a_lineage_that_certbot_numbers_has_one_alias(certbot: Certbot, scripts: Hooks, domain: str) -> None:
    """Lost: a hook's files for a certificate, which lie under another name at renewal than at issue."""
    first = certbot.run("certonly", *handler(scripts.dehydrated, *DEHYDRATED), *names(domain, f"a.{domain}"))
    assert first.returncode == 0, first
    scripts.forget()
    words = handler_for_both(scripts.dehydrated, *DEHYDRATED)
    second = certbot.run("certonly", *words, *names(domain, f"b.{domain}"))
    assert second.returncode == 0, second
    numbered = f"{domain}-0001"
    assert certbot.live(numbered).exists()
    told = ("deploy_challenge", "clean_challenge", "deploy_cert")
    assert {call.env["alias"] for each in told for call in scripts.calls(each)} == {numbered}
    scripts.forget()
    # Certbot finds the lineage by its names, and renews it.
    again = certbot.run("certonly", "--force-renewal", *words, *names(domain, f"b.{domain}"))
    renewed = certbot.run(*RENEW_NOW, "--cert-name", numbered)
    assert (again.returncode, renewed.returncode) == (0, 0), (again, renewed)
    assert {call.env["alias"] for each in told for call in scripts.calls(each)} == {numbered}
    assert not certbot.live(f"{domain}-0002").exists()


@pytest.mark.versions
def test_lineages_with_the_same_names_are_told_apart_at_renewal(certbot: Certbot, scripts: Hooks, domain: str) -> None:
    """Lost: the second of two certificates, one for RSA and one for ECDSA, whose hook is told the first one's name."""
    words = handler(scripts.dehydrated, *DEHYDRATED)
    for more in ((), ("--duplicate",)):
        assert certbot.run("certonly", *words, *more, *names(domain)).returncode == 0
    deployed = [call.env["alias"] for call in scripts.calls("deploy_challenge")]
    scripts.forget()
    renewed = certbot.run(*RENEW_NOW)
    assert renewed.returncode == 0, renewed
    assert deployed == [domain, f"{domain}-0001"]
    assert sorted(call.env["alias"] for call in scripts.calls("deploy_challenge")) == deployed
    assert {call.env["alias"] for call in scripts.calls("clean_challenge")} == set(deployed)


def test_invalid_challenge_names_what_really_failed(certbot: Certbot, scripts: Hooks, domain: str) -> None:
    """Dehydrated names the last name of the certificate."""
    wanted = names(f"a.{domain}", domain, f"z.{domain}")
    words = handler(scripts.dehydrated, *DEHYDRATED, "--external-auth-verify", "off")
    result = certbot.run("certonly", *words, *wanted, env={"FORGET": domain})
    assert result.returncode == 1
    [invalid] = scripts.calls("invalid_challenge")
    assert invalid.argv[1] == domain
    assert "No TXT records found" in invalid.argv[2]
    assert len(scripts.calls("clean_challenge")) == 3
    operations = scripts.operations
    assert operations.index("invalid_challenge") < operations.index("clean_challenge")
    [ended] = scripts.calls("exit_hook")
    assert "Some challenges have failed" in ended.argv[1]


@pytest.mark.parametrize("operation", ["startup_hook", "sync_cert", "unchanged_cert", "exit_hook"])
def test_no_optional_operation_fails_a_run(certbot: Certbot, scripts: Hooks, domain: str, operation: str) -> None:
    """Eleven of 32 public hooks end with an error when they are called for something they do not know."""
    failing = {"FAIL_AT": operation}
    words = handler_for_both(scripts.dehydrated, *DEHYDRATED)
    assert certbot.run("certonly", *words, *names(domain), env=failing).returncode == 0
    renewed = certbot.run(*RENEW, env=failing)
    assert renewed.returncode == 0, renewed
    assert operation in scripts.operations


def test_a_chain_that_no_program_could_be_given(certbot: Certbot, scripts: Hooks, domain: str) -> None:
    """Said before anything is published; a chain is not cut, since a hook would take its half for the whole."""
    left = system_limit() - RESERVED_BYTES - 3000
    padding = {f"PADDING_{number}": "x" * min(100_000, left - number) for number in range(0, left, 100_000)}
    words = handler(scripts.dehydrated, *DEHYDRATED, "--external-auth-hook-chain", "yes")
    wanted = names(*(f"n{number}.{domain}" for number in range(20)))
    result = certbot.run("certonly", *words, *wanted, env=padding)
    assert result.returncode == 1
    assert f"and this system passes {system_limit()} at most" in result.stderr
    assert "ask for fewer names in one certificate, or give --external-auth-hook-chain no" in result.stderr
    assert scripts.operations == []
    assert not result.validated


# --- an existing configuration ---


def test_the_page_has_every_option() -> None:
    """Guards against: an option of Dehydrated whose effect is documented nowhere."""
    page = (Path(__file__).parents[2] / "docs" / "dehydrated.md").read_text()
    shipped = set(re.findall(r"^#?([A-Z_]+)=", EXAMPLE.read_text(), re.MULTILINE)) if EXAMPLE.exists() else set()
    known = {one for one in SETTINGS if not one.startswith("CA_")} - {"COMMAND", "SCRIPTDIR"}
    assert sorted(one for one in shipped | known if f"`{one}" not in page) == []


PAGE = Path(__file__).parents[2] / "docs" / "dehydrated.md"


def the_pages_loop(domains_txt: str, config: str) -> str:
    [loop] = re.findall(r"^    [^\n]*\| while read .*?^    done$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    for old, new in (("/etc/dehydrated/domains.txt", domains_txt), ("/etc/dehydrated/config", config)):
        assert old in loop
        loop = loop.replace(old, new)
    return loop


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("a.test b.test > web", ["--cert-name", "web", "-d", "a.test", "-d", "b.test"]),
        ("a.test", ["--cert-name", "a.test", "-d", "a.test"]),
        ("a.test b.test\r", ["--cert-name", "a.test", "-d", "a.test", "-d", "b.test"]),
        ("a.test\tb.test>web \r", ["--cert-name", "web", "-d", "a.test", "-d", "b.test"]),
        ("ip:192.0.2.7 a.test >x", ["--cert-name", "x", "--ip-address", "192.0.2.7", "-d", "a.test"]),
        ("ip:192.0.2.7", ["--cert-name", "192.0.2.7", "--ip-address", "192.0.2.7"]),
        ("*.a.test > star", ["--cert-name", "star", "-d", "*.a.test"]),
        ("  # a.test", []),
        ("", []),
        ("\r", []),
    ],
)
def test_the_pages_loop_reads_domains_txt(tmp_path: Path, line: str, words: list[str]) -> None:
    (tmp_path / "domains.txt").write_bytes(f"{line}\n".encode())
    script = 'certbot() { printf "<%s>" "$@"; }\n' + the_pages_loop("domains.txt", "/CONFIG")
    said = subprocess.run(["sh", "-c", script], cwd=tmp_path, capture_output=True, check=True).stdout.decode()
    assert re.findall("<([^>]*)>", said.partition("</CONFIG>")[2]) == words


@pytest.mark.versions
def test_the_pages_loop_gives_each_line_its_own_certificate(
    certbot: Certbot, config: Path, domain: str, tmp_path: Path
) -> None:
    """Lost: the first certificate, which Certbot wants to replace by one that contains its names too."""
    lines = [f"{domain} b.{domain} > web", "# the second one", domain, f"c.{domain} {domain} b.{domain}"]
    (tmp_path / "domains.txt").write_bytes("".join(f"{line}\r\n" for line in lines).encode())
    ended = certbot.script(the_pages_loop(str(tmp_path / "domains.txt"), shlex.quote(str(config))), tmp_path)
    live = certbot.config_dir / "live"
    found = {path.parent.name: certificates.names(path) for path in live.glob("*/cert.pem")}
    assert found == {
        "web": sorted([domain, f"b.{domain}"]),
        domain: [domain],
        f"c.{domain}": sorted([domain, f"b.{domain}", f"c.{domain}"]),
    }, ended.stdout


@pytest.fixture
def config(tmp_path: Path, scripts: Hooks) -> Path:
    """As Debian ships it: a small file, and others beside it."""
    folder = tmp_path / "etc dehydrated"
    (folder / "conf.d").mkdir(parents=True)
    (folder / "conf.d" / "credentials.sh").write_text("export PROVIDER_KEY='k e y'\nNOT_EXPORTED=1\n")
    path = folder / "config"
    path.write_text(
        f'CONFIG_D="{folder}/conf.d"\nBASEDIR="{folder}/base"\nHOOK="{scripts.dehydrated}"\nHOOK_CHAIN="yes"\n'
        'WELLKNOWN="${BASEDIR}/acme-challenges"\nCHALLENGETYPE="dns-01"\nexport HOOK_WAIT=${HOOK_WAIT:-5}\n'
    )
    return path


def refused(result: Result, *sentences: str) -> None:
    assert result.returncode == 1, result
    assert not result.asked_ca
    assert "Traceback" not in result.stderr
    for sentence in sentences:
        assert sentence in result.stderr, result


def test_one_command_moves_from_dehydrated(certbot: Certbot, scripts: Hooks, config: Path, domain: str) -> None:
    """Guards against: people who must write their configuration or hook again."""
    result = certbot.run("certonly", "-n", *BOTH, FLAG, str(config), *names(domain, f"*.{domain}"))
    assert result.returncode == 0, result
    assert len(scripts.calls("deploy_challenge")) == 1
    for call in scripts.calls():
        assert call.env["CONFIG"] == str(config)
        assert call.env["BASEDIR"] == str(config.parent / "base")
        assert (call.env["PROVIDER_KEY"], call.env["HOOK_WAIT"]) == ("k e y", "5")
        assert not {"NOT_EXPORTED", "HOOK", "HOOK_CHAIN"} & set(call.env)
    scripts.forget()
    config.write_text(config.read_text().replace('HOOK_CHAIN="yes"', 'HOOK_CHAIN="no"'))
    assert certbot.run(*RENEW_NOW).returncode == 0
    # It is read again at each renewal.
    assert len(scripts.calls("deploy_challenge")) == 2


def test_http_by_the_configuration(certbot: Certbot, ca: TestCA, scripts: Hooks, config: Path, domain: str) -> None:
    # Dehydrated's default.
    text = config.read_text().replace('CHALLENGETYPE="dns-01"\n', "")
    config.write_text(text)
    folder = config.parent / "base" / "acme-challenges"
    refused(
        certbot.run("certonly", "-n", *AUTHENTICATOR, FLAG, str(config), *names(domain)),
        f"its WELLKNOWN {folder} is not a directory; run: (umask 022; mkdir -p",
        "or choose dns-01 if Dehydrated was called with -t dns-01 (--preferred-challenges dns).",
    )
    folder.mkdir(parents=True)
    with Webroot(folder, ca.http_port):
        result = certbot.run("certonly", "-n", *AUTHENTICATOR, FLAG, str(config), *names(domain))
    assert result.returncode == 0, result
    [deploy] = scripts.calls("deploy_challenge")
    assert (deploy.env["CHALLENGETYPE"], deploy.env["WELLKNOWN"]) == ("http-01", str(folder))
    assert list(deploy.wellknown.values()) == [deploy.argv[3]]


def test_http_without_a_hook(
    certbot: Certbot, config: Path, web: Webroot, webroot_folder: Path, domain: str, tmp_path: Path
) -> None:
    """As most have it: Dehydrated's files, and a web server that shows them."""
    config.write_text(f"WELLKNOWN={webroot_folder}\n")
    result = certbot.run("certonly", "-n", *BOTH, FLAG, str(config), *names(domain))
    assert result.returncode == 0, result
    renewed = certbot.run(*RENEW_NOW, "-q")
    assert (renewed.returncode, renewed.stderr) == (0, "")
    assert len([path for path, _ in web.asked]) >= 2
    assert list(webroot_folder.iterdir()) == []


def test_flags_win(certbot: Certbot, scripts: Hooks, config: Path, domain: str, tmp_path: Path) -> None:
    other = shutil.copy2(scripts.dehydrated, scripts.path("other.py"))
    words = handler(other, FLAG, str(config), "--external-auth-hook-chain", "no")
    result = certbot.run("certonly", *words, *names(domain, f"*.{domain}"))
    assert result.returncode == 0, result
    assert len(scripts.calls("deploy_challenge")) == 2
    assert f"external_auth_handler = {other}" in certbot.renewal(domain)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("HOOK=/bin/true\nif\n", "cannot be read by bash"),
        ("HOOK=/bin/true\nfalse\n", "cannot be read by bash: exit code 1"),
        ("HOOK=/bin/true\necho $NEVER_SET\n", "line 2: unbound variable"),
        ("exit 0\n", "cannot be read by bash"),
        ("HOOK= CHALLENGETYPE=dns-01\n", "names no HOOK; give --external-auth-handler"),
        ("my_hook() { :; }\nHOOK=my_hook\n", "HOOK is the shell function my_hook; put it into a script"),
        ("HOOK=/nowhere/hook.sh CHALLENGETYPE=dns-01\n", "/nowhere does not exist"),
        ("HOOK=/bin/true CHALLENGETYPE=dns\n", "CHALLENGETYPE is dns; use one of http-01, dns-01, tls-alpn-01."),
        ("HOOK=/bin/true CONFIG_D=/nowhere\n", "CONFIG_D is /nowhere, which is not a directory"),
    ],
)
def test_a_configuration_that_does_not_work(
    certbot: Certbot, config: Path, domain: str, content: str, sentence: str
) -> None:
    config.write_text(content)
    refused(certbot.run("certonly", "-n", *AUTHENTICATOR, FLAG, str(config), *names(domain)), sentence)


def test_a_configuration_others_may_change(certbot: Certbot, config: Path, domain: str) -> None:
    """It is run as root."""
    words = ("certonly", "-n", *AUTHENTICATOR, FLAG, str(config), *names(domain))
    beside = config.parent / "conf.d" / "credentials.sh"
    for path in (beside, config):
        path.chmod(0o666)
        refused(certbot.run(*words), f"file {path} can be changed by every user of this machine; run: chmod o-w")
        path.chmod(0o600)
    config.unlink()
    refused(certbot.run(*words), f"{FLAG}: {config} is not an existing file")


def test_contradiction_with_another_dialect(certbot: Certbot, config: Path, domain: str) -> None:
    words = ("-n", *AUTHENTICATOR, FLAG, str(config), "--external-auth-dialect", "native")
    refused(certbot.run("certonly", *words, *names(domain)), "works only with the dialect dehydrated, not native")


def test_certbots_own_environment_stays_as_it_was(
    certbot: Certbot, scripts: Hooks, config: Path, domain: str, tmp_path: Path
) -> None:
    config.write_text(config.read_text() + "export PATH=/nowhere LANG=xx REQUESTS_CA_BUNDLE=/nowhere\n")
    config.write_text(config.read_text().replace("PATH=/nowhere ", ""))
    deploy = scripts.write("deploy.sh", f"#!/bin/sh\nenv >{tmp_path}/seen\n")
    words = ("-n", *AUTHENTICATOR, FLAG, str(config), "--deploy-hook", deploy)
    result = certbot.run("certonly", *words, *names(domain))
    assert result.returncode == 0, result
    seen = (tmp_path / "seen").read_text()
    assert "PROVIDER_KEY" not in seen
    assert "REQUESTS_CA_BUNDLE=/nowhere" not in seen
    assert {call.env["REQUESTS_CA_BUNDLE"] for call in scripts.calls()} == {"/nowhere"}


@pytest.mark.versions
def test_the_plan_moves_every_certificate(certbot: Certbot, config: Path, domain: str, tmp_path: Path) -> None:
    """Lost: keys, times and names of the certificates, by a move that says success at every line."""
    base = config.parent / "base"
    (base / "certs" / "web").mkdir(parents=True)
    (base / "certs" / "web" / "config").write_text("KEY_ALGO=secp384r1\n")
    (base / "domains.txt").write_bytes(f"{domain}\r\n{domain} b.{domain} > web\r\n".encode())
    config.write_text(config.read_text() + "KEY_ALGO=rsa\nKEYSIZE=2048\nRENEW_DAYS=10\nPRIVATE_KEY_RENEW=no\n")
    words = ["plan", "--dehydrated-config", str(config), "--config-dir", str(certbot.config_dir)]
    planned = subprocess.run([PROGRAM, *words], env=certbot.environment, capture_output=True, text=True)
    assert planned.returncode == 0, planned
    # No resolver knows the names of the test; `check` has tests of its own.
    script = re.sub(r"^certbot-external-auth check .*$", "", planned.stdout, flags=re.MULTILINE)
    moved = certbot.script(script, tmp_path).stdout
    for name, wanted in {"web": sorted([domain, f"b.{domain}"]), domain: [domain]}.items():
        assert certificates.names(certbot.live(name)) == wanted, moved
        assert certificates.is_rsa(certbot.live(name)) is (name == domain)
        assert certbot.renewal(name).startswith("renew_before_expiry = 10 days\n")
        assert "reuse_key = True" in certbot.renewal(name)
    renewed = certbot.run(*RENEW)
    assert renewed.returncode == 0, renewed
    assert "renew_before_expiry = 10 days\n" in certbot.renewal("web")
    again = subprocess.run([PROGRAM, *words], env=certbot.environment, capture_output=True, text=True)
    assert again.stdout.count("Certbot has this certificate already.") == 2


class Moving:
    """A host that has its certificate from Dehydrated, with an nginx that serves it."""

    def __init__(self, certbot: Certbot, config: Path, theirs: str, domain: str, root: Path) -> None:
        self.certbot, self.config, self.domain = certbot, config, domain
        self.folder = config.parent / "base"
        self.root, self.site = root, root / "etc" / "nginx" / "site"
        (self.folder / "acme-challenges").mkdir(parents=True)
        (self.folder / "domains.txt").write_text(f"{domain} b.{domain}\n")
        # The tests' own hook ends with an error when it is asked for what it does not know, which ends Dehydrated.
        hook = config.parent / "hook"
        hook.write_text(f'#!/bin/sh\ncase $1 in *_challenge) exec {shlex.quote(theirs)} "$@" ;; esac\n')
        hook.chmod(0o755)
        ca = f"CA={certbot.ca.directory}\nCURL_OPTS='--cacert {certbot.ca.ca_bundle}'\n"
        # Of its own accord it looks for an account's key of 4,096 bits.
        config.write_text(f'{config.read_text()}{ca}HOOK="{hook}"\nKEY_ALGO=prime256v1\nKEYSIZE=2048\n')
        self.site.parent.mkdir(parents=True)

    def dehydrated(self, *words: str) -> None:
        command = ["dehydrated", "--config", str(self.config), *words]
        environment = {**self.certbot.environment, "PATH": f"{self.certbot.environment['PATH']}:/usr/bin"}
        ended = subprocess.run(
            command,
            env=environment,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=90,
        )
        assert ended.returncode == 0, ended

    def serial(self) -> int:
        """Of the certificate that a visitor gets."""
        port = self.certbot.ca.free_port()
        listens = f"listen 127.0.0.2:{port} ssl;"
        with web.nginx(self.root, f"server {{ {listens} {self.site.read_text()} }}", port, "127.0.0.2"):
            pem = ssl.get_server_certificate(("127.0.0.2", port))
        (self.root / "served.pem").write_text(pem)
        return certificates.serial(self.root / "served.pem")


def test_the_whole_move_and_the_way_back(
    certbot: Certbot, scripts: Hooks, config: Path, domain: str, tmp_path: Path
) -> None:
    """With the real Dehydrated. Lost: that nginx goes on with the old files while every command reports success."""
    host = Moving(certbot, config, scripts.dehydrated, domain, tmp_path / "root")
    old, new = host.folder / "certs" / domain, certbot.config_dir / "live" / domain
    host.site.write_text(f'ssl_certificate "{old}/fullchain.pem";\nssl_certificate_key "{old}/privkey.pem";\n')
    host.dehydrated("--register", "--accept-terms")
    host.dehydrated("--cron")
    before = {path: path.read_bytes() for path in host.folder.rglob("*") if path.is_file()}
    plan = making.make(str(config), str(certbot.config_dir), str(host.root))
    assert plan.found == tuple(Found("nginx", "/etc/nginx/site", line, domain) for line in (1, 2))
    script = re.sub(r"^certbot-external-auth check .*$", "", report.text(plan), flags=re.MULTILINE)
    moved = certbot.script(script, tmp_path).stdout
    assert certificates.names(new / "cert.pem") == certificates.names(old / "cert.pem"), moved
    assert certificates.curve(new / "cert.pem") == certificates.curve(old / "cert.pem")
    assert host.serial() == certificates.serial(old / "cert.pem")
    host.site.write_text(host.site.read_text().replace(str(old), str(new)))
    assert host.serial() == certificates.serial(new / "cert.pem")
    # And back: everything of Dehydrated's is as it was, and it goes on.
    assert {path: path.read_bytes() for path in host.folder.rglob("*") if path.is_file()} == before
    host.site.write_text(host.site.read_text().replace(str(new), str(old)))
    host.dehydrated("--cron", "--force")
    assert host.serial() == certificates.serial(old / "cert.pem") != certificates.serial(new / "cert.pem")
    assert certbot.run("delete", "-n", "--cert-name", domain).returncode == 0
    assert not new.exists()
