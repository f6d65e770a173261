"""Commands of a host that does not use the plugin must not notice that it is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.certbot import Certbot
from tests.support.hooks import Hooks
from tests.support.words import handler, names


@pytest.mark.versions
@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["--version"], "certbot "),
        (["plugins"], "* external-auth"),
        (["plugins", "--prepare"], "* external-auth"),
        (["--help", "external-auth"], "--external-auth-handler COMMAND"),
        (["certificates"], "No certificates found"),
    ],
)
def test_output_stays_on_stdout_even_with_json_in_cli_ini(certbot: Certbot, words: list[str], shown: str) -> None:
    """Whoever puts the mode into cli.ini still wants to see his certificates."""
    certbot.cli_ini.write_text("external-auth-mode = json\n")
    result = certbot.run(*words)
    assert result.returncode == 0, result
    assert shown in result.stdout
    assert '"cmd"' not in result.stdout


@pytest.mark.versions
def test_the_historic_name_is_hidden(certbot: Certbot) -> None:
    listing = certbot.run("plugins").stdout
    assert "* external-auth" in listing
    help_text = certbot.run("--help", "certbot-external-auth:out").stdout
    assert "--certbot-external-auth:out-dehydrated-dns" in help_text


def test_a_broken_dependency_is_said_only_when_the_plugin_is_selected(
    certbot: Certbot, scripts: Hooks, tmp_path: Path
) -> None:
    """A half-finished upgrade of a library must not stop the renewal of other certificates."""
    broken = tmp_path / "broken" / "zope" / "interface"
    broken.mkdir(parents=True)
    (broken.parent / "__init__.py").write_text("")
    (broken / "__init__.py").write_text("raise ImportError('half an upgrade')\n")
    env = {"PYTHONPATH": str(tmp_path / "broken")}
    for words in (["--version"], ["plugins"], ["certificates"], ["plugins", "--prepare"]):
        other = certbot.run(*words, env=env)
        assert other.returncode == 0, other
    result = certbot.run("certonly", *handler(scripts.native), *names("broken.test"), env=env)
    assert result.returncode == 1
    assert "needs the Python library zope.interface" in result.stderr
    assert "half an upgrade" in result.stderr
    assert "Traceback" not in result.stderr
    assert not result.asked_ca


def test_an_unselected_plugin_touches_nothing(certbot: Certbot) -> None:
    """`plugins --prepare` prepares every plugin of the host."""
    certbot.run("plugins", "--prepare")
    assert not (certbot.work_dir / "external-auth").exists()


def test_arguments_that_argparse_refuses_print_no_lines(certbot: Certbot) -> None:
    """Usage errors are for a person."""
    words = ("certonly", "-n", "-a", "external-auth", "--external-auth-mode", "json", "--no-such-flag")
    result = certbot.run(*words)
    assert (result.returncode, result.stdout) == (2, "")
