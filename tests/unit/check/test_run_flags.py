"""`check` takes the flags of a run as they are."""

from __future__ import annotations

import argparse
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from certbot_external_auth import settings
from certbot_external_auth.check import arguments, command_line
from certbot_external_auth.errors import UsageError

ROOT = Path(__file__).resolve().parents[3]
PAGES = sorted(
    [ROOT / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("examples/**/README.md"), *ROOT.glob("examples/**/*.py")]
)
CERTBOTS_FLAGS = """
import json
from certbot._internal import cli
from certbot._internal.plugins import disco
cli.prepare_and_parse_args(disco.PluginsRegistry.find_all(), ["certonly"])
print(json.dumps([(a.option_strings, a.nargs, a.dest) for a in cli.helpful_parser.parser._actions]))
"""
OTHER_AUTHENTICATORS = re.compile("apache|nginx|standalone|manual|webroot|dns_|(certbot_)?external_auth|help|version")
RUN = """
certonly -vnq --agree-tos -m a@a.test --server https://ca.test/dir -a external-auth -i external-auth
    --external-auth-handler /bin/true --external-auth-verify strict --external-auth-jobs 4
    --external-auth-verify-settle 9 --external-auth-verify-nameservers 192.0.2.1 --cert-name theirs
    -d b.test,*.b.test --domains c.test --preferred-challenges http,dns --key-type rsa
"""
VALUES = {"--external-auth-mode": "handler", "--preferred-challenges": "dns", "--https-port": "4"}


def parse(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    arguments(parser)
    return parser.parse_args(words)


def built(*words: str) -> command_line.Setting:
    return command_line.build(parse(*words), "/nonexistent")


@pytest.mark.parametrize("option", settings.OPTIONS, ids=lambda option: option.name)
def test_every_option_of_the_plugin_is_accepted(option: settings.Option) -> None:
    given = "1" if option.kind in (settings.Kind.NUMBER, settings.Kind.SECONDS) else VALUES.get(option.name, "x")
    assert parse(f"--external-auth-{option.name}", given)


def test_every_flag_of_certbot_is_accepted() -> None:
    """Certbot itself says which flags it has, and which of them take a value."""
    said = subprocess.run([sys.executable, "-c", CERTBOTS_FLAGS], capture_output=True, check=True, text=True).stdout
    found = [one for one in json.loads(said) if not OTHER_AUTHENTICATORS.match(one[2])]
    assert len(found) > 60
    refused = []
    for names, nargs, _ in found:
        for name in names:
            words = [name] if nargs == 0 else [name, VALUES.get(name, "1")]
            try:
                parse(*words, "/bin/true")
            except SystemExit:
                refused.append(name)
    assert refused == []


def test_a_flag_that_certbot_does_not_have_is_refused() -> None:
    with pytest.raises(SystemExit):
        parse("--external-auth-dailect", "lego")
    with pytest.raises(SystemExit):
        parse("--no-such-flag")


def commands() -> Iterator[tuple[str, list[str]]]:
    """Every Certbot command line of the documents and examples in which a handler does the work."""
    for page in PAGES:
        text = re.sub(r"\\\n\s*", " ", page.read_text())
        for line in re.findall(r"^ {4,}(certbot (?:certonly|run) .*)$", text, re.MULTILINE):
            words = shlex.split(line)
            # One that names a certificate alone has no name that the check could use. It does not try dns-persist-01.
            if (
                " -d " in line
                and "dns-persist-01" not in line
                and not re.search(r"[…$]", line)
                and ("--external-auth-handler" in line or "--external-auth-dehydrated-config" in line)
            ):
                yield str(page.relative_to(ROOT)), words


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on PATH that has every handler of the examples."""
    for name in ("publish-txt", "publish-delegated", *(path.name for path in ROOT.glob("examples/*/*.??"))):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path


@pytest.mark.parametrize(("page", "words"), list(commands()))
def test_the_command_lines_of_the_examples_are_accepted(programs: Path, page: str, words: list[str]) -> None:
    """Each is given to `check` as it is, without the word `certbot`."""
    given = parse(*words[1:])
    if given.dehydrated_config is None:
        assert command_line.build(given, str(programs)).context.settings.mode == "handler", page


def test_there_are_such_command_lines() -> None:
    assert len({page for page, _ in commands()}) >= 8


def test_what_the_flags_of_a_run_mean() -> None:
    found = built(*shlex.split(RUN))
    assert (found.identifier, found.challenge_type) == ("b.test", "http-01")
    assert found.names == ("b.test", "*.b.test", "c.test")
    assert (found.context.settings.verify, found.context.settings.jobs) == ("strict", 4)
    assert (found.context.facts.alias, found.context.facts.key_algorithm) == ("theirs", "rsa")
    assert found.context.preferred == ("http-01", "dns-01")
    assert built("/bin/true", "--ip-address", "192.0.2.7").identifier == "192.0.2.7"


def test_of_preferred_types_the_first_that_the_dialect_has_is_tried() -> None:
    lego = ["/bin/true", "-d", "a.test", "--dialect", "lego"]
    assert built(*lego, "--preferred-challenges", "http,dns").challenge_type == "dns-01"


@pytest.mark.parametrize(
    ("words", "facts"),
    [
        (("/bin/true", "-d", "a.test", "--external-auth-mode", "json"), ["json", "handler"]),
        (("/bin/true", "-d", "a.test", "--external-auth-handler", "/bin/false"), ["/bin/true", "/bin/false"]),
        (("/bin/true", "-d", "a.test", "--preferred-challenges", "dns-02"), ["--preferred-challenges", "'dns-02'"]),
        (("/bin/true", "-d", "a.test", "--type", "dns-persist-01"), ["--type", "persist --look -d a.test"]),
        (("/bin/true", "-d", "a.test", "--external-auth-jobs", "0"), ["-jobs", "'0'"]),
        (("/bin/true", "-d", "a.test", "--external-auth-verify", "of"), ["-verify", "'of'"]),
    ],
)
def test_wrong_use_is_refused(words: tuple[str, ...], facts: list[str]) -> None:
    with pytest.raises(UsageError) as raised:
        built(*words)
    (problem,) = raised.value.problems
    assert [fact for fact in facts if fact not in problem] == []
