"""What was said once holds for years: every option comes back from the renewal file, and nobody needs to be there."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from tests.support import certificates
from tests.support.certbot import Certbot
from tests.support.hooks import Hooks
from tests.support.testca import TestCA
from tests.support.webroot import Webroot
from tests.support.words import RENEW, RENEW_NOW, handler, handler_for_both, names

FLAG = "--external-auth-handler"
PLUGIN = ("-n", "-a", "external-auth")


def place(scripts: Hooks, path: Path) -> Path:
    """A working handler under any name, which says where it is and with which words it was called."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ["#!/bin/sh", f'SELF="$0" exec {shlex.quote(scripts.path("counts-words.py"))} "$@"']
    path.write_text("\n".join(lines) + "\n")
    path.chmod(0o755)
    return path


@pytest.fixture(autouse=True)
def _counting(scripts: Hooks) -> None:
    """A handler that takes words of its own before the operation."""
    source = Path(scripts.native).read_text().replace("import recording\n", "import sys\n\nimport recording\n")
    source = source.replace("operation = recording.begin()", "recording.begin()\noperation = sys.argv[-1]")
    scripts.write("counts-words.py", source)


HANDLERS = [
    pytest.param("hook.sh", "./hook.sh", [], id="relative-path"),
    pytest.param("bin/on-path.sh", "on-path.sh", [], id="name-on-PATH"),
    pytest.param("bin/p.sh", "p.sh -z 'my zone' data.txt None", ["-z", "my zone", "@data.txt", "None"], id="words"),
    pytest.param("my hook.sh", "./my hook.sh", [], id="blank"),
    pytest.param("my hook.sh", "'./my hook.sh' True", ["True"], id="quoted-blank-and-word"),
    pytest.param("%(x)s.sh", "./%(x)s.sh", [], id="percent"),
    pytest.param("100%.sh", "./100%.sh '%(here)s' '$HOME'", ["%(here)s", "$HOME"], id="percent-in-word"),
    pytest.param("it's.sh", "./it's.sh", [], id="quote"),
    pytest.param('a"b.sh', './a"b.sh', [], id="double-quote"),
    pytest.param("""a'''b""\"c.sh""", """./a'''b""\"c.sh""", [], id="both-triple-quotes"),
    pytest.param("a,b#c;d.sh", "./a,b#c;d.sh", [], id="signs-of-configobj"),
    pytest.param("ümläut $HOME\n`id`.sh", "./ümläut $HOME\n`id`.sh", [], id="beyond-ascii-and-a-shells-signs"),
    pytest.param("None", "./None", [], id="None"),
    pytest.param("True", "./True", [], id="True"),
    pytest.param("-dash.sh", "./-dash.sh", [], id="dash"),
    pytest.param("hook.sh", "./hook.sh -v --verbose", ["-v", "--verbose"], id="words-with-dashes"),
    pytest.param("hook.sh", "./hook.sh '' ' '", ["", " "], id="empty-words"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "value", "arguments"), HANDLERS)
def test_handler_comes_back_as_it_was(
    certbot: Certbot, scripts: Hooks, domain: str, tmp_path: Path, file: str, value: str, arguments: list[str]
) -> None:
    """Guards against: no renewal, without a message, if the handler has an unusual name."""
    path = place(scripts, certbot.cwd / file)
    (certbot.cwd / "data.txt").write_text("")
    expected = [word.replace("@", f"{certbot.cwd}/") if word.startswith("@") else word for word in arguments]
    with_path = {"PATH": f"{certbot.cwd}/bin:{certbot.environment['PATH']}"}
    issued = certbot.run("certonly", *PLUGIN, f"{FLAG}={value}", *names(domain), env=with_path)
    assert issued.returncode == 0, issued

    kept = [line for line in certbot.renewal(domain).splitlines() if "handler" in line]
    scripts.forget()
    renewed = certbot.run(*RENEW_NOW, "-q", cwd=tmp_path)
    assert (renewed.returncode, renewed.stdout, renewed.stderr) == (0, "", "")
    calls = scripts.calls()
    assert [call.argv[-1] for call in calls if call.argv[-1] in ("perform", "cleanup")] == ["perform", "cleanup"]
    for call in calls:
        assert call.env["SELF"] == str(path)
        assert call.argv[:-1] == expected
    assert [line for line in certbot.renewal(domain).splitlines() if "handler" in line] == kept


@pytest.mark.versions
def test_renewal_from_cron(certbot: Certbot, scripts: Hooks, ca: TestCA, domain: str) -> None:
    """A renewal has no terminal, no environment and another directory; it must print nothing and renew."""
    script = f"""#!/bin/sh
export CHALLTESTSRV={ca.management} RECORD={scripts.record}
exec {shlex.quote(sys.executable)} {shlex.quote(scripts.native)} "$@"
"""
    path = scripts.write("for-cron.sh", script)
    assert certbot.run("certonly", *handler_for_both(path), *names(domain, f"*.{domain}")).returncode == 0
    before = certificates.serial(certbot.live(domain))
    scripts.forget()
    bare = {"REQUESTS_CA_BUNDLE": str(ca.ca_bundle)}
    renewed = certbot.run(*RENEW_NOW, "-q", only_env=bare, cwd=Path("/"))
    assert (renewed.returncode, renewed.stdout, renewed.stderr) == (0, "", "")
    assert certificates.serial(certbot.live(domain)) != before
    assert scripts.operations.count("perform") == 2
    assert scripts.operations.count("deploy_cert") == 1
    assert {call.cwd for call in scripts.calls()} == {"/"}
    idle = certbot.run(*RENEW, "-q", only_env=bare, cwd=Path("/"))
    assert (idle.returncode, idle.stdout, idle.stderr) == (0, "", "")


@pytest.mark.versions
def test_every_option_is_kept(certbot: Certbot, scripts: Hooks, web: Webroot, domain: str) -> None:
    """Guards against: a renewal that behaves in another way than the first run."""
    options = {"dialect": "dehydrated", "hook-chain": "yes", "timeout": "77", "wellknown": "./served"}
    (certbot.cwd / "served").symlink_to(web.folder)
    flags = [word for name, value in options.items() for word in (f"--external-auth-{name}", value)]
    wanted = names(domain, f"www.{domain}")
    words = ("--preferred-challenges", "http", *flags, *wanted)
    assert certbot.run("certonly", *handler(scripts.dehydrated), *words).returncode == 0
    kept = certbot.renewal(domain)
    assert "external_auth_dialect = dehydrated\n" in kept
    assert "external_auth_hook_chain = yes\n" in kept
    assert "external_auth_timeout = 77\n" in kept
    assert f"external_auth_wellknown = {certbot.cwd}/served\n" in kept
    scripts.forget()
    assert certbot.run(*RENEW_NOW, "-q", cwd=Path("/")).returncode == 0
    assert scripts.operations == ["startup_hook", "deploy_challenge", "clean_challenge", "exit_hook"]
    assert scripts.calls()[0].env["WELLKNOWN"] == f"{certbot.cwd}/served"


def test_options_of_cli_ini_hold(certbot: Certbot, scripts: Hooks, domain: str) -> None:
    """Guards against: options in cli.ini that do not apply to all certificates."""
    lines = ["authenticator = external-auth", f"external-auth-handler = {scripts.dehydrated}"]
    certbot.cli_ini.write_text("\n".join([*lines, "external-auth-dialect = dehydrated\n"]))
    assert certbot.run("certonly", "-n", *names(domain)).returncode == 0
    scripts.forget()
    assert certbot.run(*RENEW_NOW, "-q").returncode == 0
    assert scripts.operations == ["startup_hook", "deploy_challenge", "clean_challenge", "exit_hook"]


@pytest.mark.versions
def test_option_changed_at_renewal_is_kept(certbot: Certbot, scripts: Hooks, domain: str) -> None:
    """Guards against: a corrected handler path that must be typed at each renewal."""
    moved = certbot.cwd / "old" / "hook.sh"
    place(scripts, moved)
    assert certbot.run("certonly", *handler(str(moved)), *names(domain)).returncode == 0
    moved.unlink()
    assert certbot.run(*RENEW_NOW, "-q").returncode == 1
    changed = certbot.run(*RENEW_NOW, "-q", FLAG, scripts.native, "--external-auth-timeout", "17")
    assert (changed.returncode, changed.stderr) == (0, "")
    scripts.forget()
    again = certbot.run(*RENEW_NOW, "-q")
    assert (again.returncode, again.stderr) == (0, "")
    assert "perform" in scripts.operations
    assert "external_auth_timeout = 17\n" in certbot.renewal(domain)


def test_option_changed_by_reconfigure_is_kept(certbot: Certbot, scripts: Hooks, domain: str) -> None:
    """Guards against: the same with `reconfigure`, which Certbot has for it and our messages recommend."""
    assert certbot.run("certonly", *handler(scripts.native), *names(domain)).returncode == 0
    place(scripts, certbot.cwd / "hook.sh")
    before = certificates.serial(certbot.live(domain))
    scripts.forget()
    words = ("reconfigure", "-n", "--cert-name", domain, FLAG, "./hook.sh one", "--external-auth-timeout", "17")
    result = certbot.run(*words)
    assert result.returncode == 0, result
    assert certificates.serial(certbot.live(domain)) == before
    assert not scripts.calls("deploy_cert")
    kept = certbot.renewal(domain)
    assert f"external_auth_handler = {certbot.cwd}/hook.sh one\n" in kept
    assert "external_auth_timeout = 17\n" in kept
    scripts.forget()
    assert certbot.run(*RENEW_NOW, "-q", cwd=Path("/")).returncode == 0
    assert {tuple(call.argv[:-1]) for call in scripts.calls()} == {("one",)}


def test_another_dialect_leaves_nothing_of_the_old_one(certbot: Certbot, scripts: Hooks, domain: str) -> None:
    """Guards against: a dialect that cannot be left, because its own option stays in the renewal file."""
    hook = scripts.path("speaks-all.py")
    dialect = ("--external-auth-dialect", "certbot", "--external-auth-cleanup-handler", hook)
    assert certbot.run("certonly", *handler(hook, *dialect), *names(domain)).returncode == 0
    words = ("reconfigure", "-n", "--cert-name", domain, FLAG, scripts.native, "--external-auth-dialect", "native")
    changed = certbot.run(*words)
    assert changed.returncode == 0, changed
    assert "--external-auth-cleanup-handler" in changed.stderr
    scripts.forget()
    again = certbot.run(*RENEW_NOW, "-q")
    assert (again.returncode, again.stderr) == (0, "")
    assert scripts.operations[:2] == ["pre-perform", "perform"]


def test_wrong_value_in_a_renewal_file_is_said(certbot: Certbot, scripts: Hooks, domain: str) -> None:
    """Guards against: a message that does not say where the wrong value is."""
    assert certbot.run("certonly", *handler(scripts.native), *names(domain)).returncode == 0
    path = certbot.renewal_path(domain)
    path.write_text(path.read_text() + "external_auth_dialect = dehidrated\n")
    result = certbot.run(*RENEW_NOW, "-q")
    assert result.returncode == 1
    assert not result.ordered
    assert "--external-auth-dialect" in result.stderr
    assert "did you mean dehydrated" in result.stderr
