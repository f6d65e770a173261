"""What a configuration says is compared with what Dehydrated itself makes of it; what hangs or is broken is refused."""

from __future__ import annotations

import logging
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from certbot_external_auth.errors import UsageError
from certbot_external_auth.handler_setup import dehydrated_config
from certbot_external_auth.handler_setup.dehydrated_config import DehydratedConfig

PROBE = '#!/bin/sh\nenv -0 >"$SEEN"\n'


def read(folder: Path, text: str) -> DehydratedConfig:
    path = folder / "config"
    path.write_text(text)
    path.chmod(0o600)
    return dehydrated_config.read(str(path))


def test_defaults_are_dehydrateds(tmp_path: Path) -> None:
    found = read(tmp_path, "")
    assert (found.hook, found.chain, found.challenge_type) == (None, False, "http-01")
    assert (found.wellknown, found.basedir) == ("/var/www/dehydrated", str(tmp_path))
    assert found.exports == {}


def test_what_it_may_use(tmp_path: Path) -> None:
    """Dehydrated sets all its options before it reads the file, and lets unset ones end the reading."""
    text = (
        'BASEDIR="$BASEDIR/base/"\nCURL_OPTS="$CURL_OPTS -4"\nHOOK=$BASEDIR/${KEY_ALGO}-$RENEW_DAYS$DOMAINS_TXT$API\n'
    )
    found = read(tmp_path, text + 'set -- a b\nfile=x out=y\nexport ALL="$CONFIG $SCRIPTDIR"\n')
    assert found.hook == f"{tmp_path}/base//secp384r1-32auto"
    assert found.basedir == f"{tmp_path}/base"
    assert found.exports == {"ALL": f"{tmp_path}/config {tmp_path}"}


def test_presets_of_dehydrated(tmp_path: Path) -> None:
    """A configuration may choose its CA by them, and ask for settings of newer versions."""
    text = "CA=$CA_LETSENCRYPT_TEST$CA_ZEROSSL$CA_BUYPASS$CA_BUYPASS_TEST$CA_LETSENCRYPT$CA_GOOGLE$CA_GOOGLE_TEST\n"
    text += "export TIMES=$VALIDATION_TIMEOUT$ORDER_TIMEOUT$ACME_PROFILE NO=$KEEP_GOING\n"
    assert read(tmp_path, text).exports == {"TIMES": "00", "NO": "no"}


def test_reading_changes_nothing_in_it(tmp_path: Path) -> None:
    """Lost once: the value of an exported variable that is called as one of the reader's own."""
    assert read(tmp_path, "export name=n\nset -a\nlast=l\n").exports == {"name": "n", "last": "l"}


def test_every_kind_of_export(tmp_path: Path) -> None:
    text = "export A='two\nlines = \"x\"' B= C=$'t\\tab ü'\ndeclare -x D=4\n"
    text += "set -a\nE=5\nset +a\nF=6\nfunction f { :; }\nexport -f f\n"
    assert read(tmp_path, text).exports == {"A": 'two\nlines = "x"', "B": "", "C": "t\tab ü", "D": "4", "E": "5"}


@pytest.mark.parametrize("text", ["while :; do :; done\n", "sleep 1000\n", "sleep 1000 | cat\n", "mkfifo p; cat p\n"])
def test_one_that_does_not_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(dehydrated_config, "MAX_READ_SECONDS", 0.3)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"cannot be read by bash: it had not ended after 0\.3 seconds"):
        read(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("export TOKEN=top(hidden9876\n", "line 2: syntax error"),
        ("export TOKEN='hidden9876\n", "line 2: a quotation or bracket that is never closed"),
        ("export TOKEN=hello&hidden9876\nfalse\n", "line 2: command not found"),
        ("export TOKEN=hello hidden9876&hidden9876/x\nwait $!\n", "line 2: no such file or directory"),
        ("export TOKEN=$hidden9876\n", "line 2: unbound variable"),
        ('export TOKEN="pa$HIDDEN9876"\n', "line 2: unbound variable\n"),
        ("export TOKEN=x$HIDDEN9876\n", "line 2: unbound variable\n"),
        ("export TOKEN=${hidden9876-!}${hidden9876!}\n", "line 2: bad substitution"),
        ("export TOKEN=x hidden-9876\n", "line 2: not a valid identifier"),
        ("exec 9<hidden9876\n", "line 2: no such file or directory"),
        ("set -x\nexport TOKEN=hidden9876\nfalse\n", "line 4: a command fails"),
        ("export TOKEN=hidden9876\necho $CONFIG: line 5: $TOKEN >&2\n\nfalse\n", "line 5: an error"),
        ("export TOKEN=$(cat /hidden9876)\nTOKEN=$(cat /hidden9876)\n", "line 3: a command fails"),
        ("TOKEN=hidden9876\n[ -f /nowhere ] && . /nowhere\n", "the last command fails, which also ends Dehydrated"),
    ],
)
def test_no_word_of_it_is_in_an_error(tmp_path: Path, text: str, said: str, caplog: pytest.LogCaptureFixture) -> None:
    """Bash quotes what it cannot read, and what is wrong may be a password."""
    caplog.set_level(0)
    with pytest.raises(UsageError) as caught:
        read(tmp_path, "HOOK=/bin/true\n" + text)
    assert said in str(caught.value)
    assert "hidden" not in str(caught.value) + caplog.text
    assert "9876" not in str(caught.value) + caplog.text


@pytest.mark.parametrize("used", ["$CF_TOKEN", '"$CF_TOKEN"', "${CF_TOKEN}", "/x/$CF_TOKEN/y", '"a ${CF_TOKEN%x}"'])
def test_a_variable_that_is_not_set_is_named(tmp_path: Path, used: str) -> None:
    """Lost: which one, for a configuration that can be read in a shell, and not by a timer."""
    with pytest.raises(UsageError) as caught:
        read(tmp_path, f"HOOK=/bin/true\nexport CF_KEY={used}\n")
    assert f"{tmp_path}/config: line 2: unbound variable CF_TOKEN\n" in str(caught.value)
    assert "--external-auth-env-file" in str(caught.value)


def test_the_env_file_is_used_for_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lost: renewals of a configuration that takes its secrets from the environment, which a timer does not have."""
    monkeypatch.setenv("CF_ZONE", "of the caller")
    env, config = tmp_path / "env", tmp_path / "config"
    for path in (env, config):
        path.touch(0o600)
    env.write_text("CF_TOKEN=secret\nCF_ZONE=of the env file\nBASH_ENV=/nowhere\nUNUSED=x\n")
    config.write_text('export CF_KEY="$CF_TOKEN at $CF_ZONE" CF_ZONE\n')
    found = dehydrated_config.read(str(config), env_file=str(env))
    # What the handler gets from the env file anyway is not the configuration's.
    assert found.exports == {"CF_KEY": "secret at of the env file"}


def test_an_env_file_that_others_can_change_is_not_used(tmp_path: Path) -> None:
    """Guards against: variables of another user in a bash that runs as root."""
    env, config, folder = tmp_path / "open" / "env", tmp_path / "config", tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o777)
    for path in (env, config):
        path.touch(0o600)
    config.write_text(f"touch {tmp_path}/was-read\n")
    with pytest.raises(UsageError, match="can be changed by every user"):
        dehydrated_config.read(str(config), env_file=str(env))
    assert not (tmp_path / "was-read").exists()


@pytest.mark.parametrize("file", ["config", "more/a.sh"])
def test_windows_line_ends_are_refused_with_the_fix(tmp_path: Path, file: str) -> None:
    """Lost once: what is wrong, in sentences about a folder that ends with a carriage return nobody can see."""
    (tmp_path / "more").mkdir()
    texts = {"config": f"# of a hook\nCONFIG_D={tmp_path}/more\n\nHOOK=/bin/true\n", "more/a.sh": "export A=1\n"}
    for name, text in texts.items():
        (tmp_path / name).write_text(text.replace("\n", "\r\n") if name == file else text)
        (tmp_path / name).chmod(0o600)
    with pytest.raises(UsageError) as caught:
        dehydrated_config.read(str(tmp_path / "config"))
    (problem,) = caught.value.problems
    assert (f"{tmp_path}/{file} has Windows line ends" in problem, "\r" in problem) == (True, False)
    fix = problem.partition("run: ")[2]
    subprocess.run(["sh", "-c", fix], check=True, timeout=30)
    assert dehydrated_config.read(str(tmp_path / "config")).exports == {"A": "1"}


def test_a_comment_may_end_as_on_windows(tmp_path: Path) -> None:
    """bash reads no comment, so such a configuration works in Dehydrated."""
    assert read(tmp_path, "  # a comment\r\nexport A=1\n").exports == {"A": "1"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files that are somebody else's")
def test_who_else_may_change_it_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is a program that root runs, and so are the files of its CONFIG_D."""
    config, more = tmp_path / "config", tmp_path / "more.sh"
    config.write_text(f"CONFIG_D={tmp_path}\n")
    more.write_text("export A=1\n")
    for path, uid, mode in ((config, 12345, 0o600), (more, 0, 0o660)):
        path.chmod(mode)
        os.chown(path, uid, 12345)
    for _ in range(2):
        assert dehydrated_config.read(str(config)).exports == {"A": "1"}
    assert [(record.levelno, str(config) in record.message) for record in caplog.records] == [
        (logging.WARNING, True),
        (logging.WARNING, False),
    ]
    assert "belongs to user id 12345" in caplog.text
    assert f"{more} can be changed by its group" in caplog.text


def test_one_that_asks_or_leaves_something_behind(tmp_path: Path) -> None:
    """There is nobody to ask, and a child in the background is not waited for."""
    with pytest.raises(UsageError, match="exit code 1"):
        read(tmp_path, "read -r answer\n")
    assert read(tmp_path, "sleep 30 & export PID=$!\n").exports["PID"].isdigit()


def test_one_that_exports_without_end(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="it exports more than"):
        read(tmp_path, "for n in {1..15}; do printf -v V$n %100000s x; export V$n; done\n")


def test_further_files(tmp_path: Path) -> None:
    """Those of CONFIG_D are read in order and with the shell's patterns, which the first one is read without."""
    folder = tmp_path / "conf d"
    folder.mkdir()
    (folder / "2.sh").write_text('export LAST="$FIRST two"; for name in *.sh; do export FOUND=$name; done\n')
    (folder / "1.sh").write_text('export FIRST=one LAST=one\ncd "$CONFIG_D"\n')
    (folder / "3.txt").write_text("export NEVER=1\n")
    for path in folder.iterdir():
        path.chmod(0o600)
    found = read(tmp_path, f'CONFIG_D="{folder}"\nexport PATTERN=$(echo {tmp_path}/con*)\n')
    expected = {"FIRST": "one", "LAST": "one two", "FOUND": "2.sh", "PATTERN": f"{tmp_path}/con*"}
    assert found.exports == expected
    (folder / "2.sh").write_text("fi\n")
    with pytest.raises(UsageError, match=r"2\.sh: line 1: syntax error"):
        read(tmp_path, f'CONFIG_D="{folder}"\n')


def test_what_bash_env_exports_is_not_the_configurations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards against: a handler with variables that no file of the configuration has."""
    (tmp_path / "env").write_text("export FROM_BASH_ENV=x WELLKNOWN=/x\n")
    monkeypatch.setenv("BASH_ENV", str(tmp_path / "env"))
    assert read(tmp_path, "export OWN=y\n").exports == {"OWN": "y"}


def test_the_first_and_the_last_export_are_read(tmp_path: Path) -> None:
    """bash decides about the order, so a function prints the environment here."""
    assert read(tmp_path, "env() { printf 'FIRST=1\\0LAST=2\\0'; }\n").exports == {"FIRST": "1", "LAST": "2"}


def test_the_settings_without_a_secret_are_those_with_a_default() -> None:
    """Guards against: a secret in the log, since a new variable of the script counts as a setting."""
    defaults = set(re.findall(r"\b([A-Z_]+)=", dehydrated_config._SCRIPT))
    assert defaults - dehydrated_config.SETTINGS == {"CURL_OPTS"}
    assert defaults > dehydrated_config.SETTINGS


@pytest.mark.skipif(not shutil.which("dehydrated"), reason="Dehydrated is not installed")
def test_what_dehydrated_itself_gives_its_hook(tmp_path: Path) -> None:
    """The same configuration, and the hook's environment at Dehydrated's first call of it."""
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "a.sh").write_text("export TOKEN='a b' OTHER=$RENEW_DAYS\n")
    (tmp_path / "hook").write_text(PROBE)
    (tmp_path / "hook").chmod(0o755)
    text = f"CA=file:///nowhere\nCONFIG_D={tmp_path}/conf.d\nHOOK={tmp_path}/hook\nCHALLENGETYPE=dns-01\nNOT=exported\n"
    found = read(tmp_path, text + 'export KEY="$BASEDIR/key" PATH=$PATH:/x\n')
    seen = tmp_path / "seen"
    bare = {"PATH": os.environ["PATH"], "SEEN": str(seen), "HOME": str(tmp_path)}
    words = ["dehydrated", "--config", str(tmp_path / "config"), "--cron", "--domain", "a.test"]
    subprocess.run(words, env=bare, capture_output=True, stdin=subprocess.DEVNULL, timeout=60)
    theirs = dict(pair.partition("=")[::2] for pair in seen.read_text().split("\0")[:-1])
    assert {name: theirs[name] for name in ("TOKEN", "KEY")} == {name: found.exports[name] for name in ("TOKEN", "KEY")}
    assert theirs["PATH"].endswith(":/x")
    assert found.exports["PATH"].endswith(":/x")
    assert not {"NOT", "HOOK", "HOOK_CHAIN"} & (set(theirs) | set(found.exports))


def test_a_hook_without_a_slash_is_found_as_bash_finds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dehydrated starts its hook from bash, which looks on PATH; what lies beside the configuration is another one."""
    for place in ("path", "config.d"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "hook").touch(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/path:/usr/bin:/bin")
    found = read(tmp_path / "config.d", "HOOK=hook\n")
    assert dehydrated_config.hook_words(found, ()) == (f"{tmp_path}/path/hook",)
    beside = read(tmp_path / "config.d", "HOOK=./hook\n")
    assert dehydrated_config.hook_words(beside, ()) == (f"{tmp_path}/config.d/hook",)
    (tmp_path / "path" / "hook").unlink()
    with pytest.raises(UsageError, match=r"write \./hook"):
        dehydrated_config.hook_words(found, ())


def test_all_its_settings_and_those_of_a_file_beside_it(tmp_path: Path) -> None:
    """As Dehydrated reads the configuration of one certificate: after all others."""
    beside = tmp_path / "certificate"
    beside.write_text("KEY_ALGO=rsa KEYSIZE=$((KEYSIZE / 2))\n")
    beside.chmod(0o600)
    path = tmp_path / "config"
    path.write_text("CERTDIR=/certs\nRENEW_DAYS=10\n")
    path.chmod(0o600)
    alone, both = dehydrated_config.read(str(path)), dehydrated_config.read(str(path), beside=[str(beside)])
    assert {name: alone.settings[name] for name in ("CERTDIR", "RENEW_DAYS", "KEY_ALGO")} == {
        "CERTDIR": "/certs",
        "RENEW_DAYS": "10",
        "KEY_ALGO": "secp384r1",
    }
    changed = {name: both.settings[name] for name in both.settings if both.settings[name] != alone.settings[name]}
    assert changed == {"KEY_ALGO": "rsa", "KEYSIZE": "2048"}
