"""What `certbot install` finds of a lineage's own way to be handed over, tried with a real Certbot that asks no CA."""

from __future__ import annotations

import json
import os
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from certbot_external_auth.backends.manual.renewal_reminder import Reminder
from certbot_external_auth.configuration import kept_options, reissue_flags
from certbot_external_auth.configuration.certbot_config import CertbotConfig
from certbot_external_auth.errors import DeployError, Failure, UsageError
from certbot_external_auth.plugin import _parsed
from certbot_external_auth.settings import HISTORIC_OPTIONS, OPTIONS, Kind, Option
from tests.support import lineages
from tests.support.installing import BOTH, NAME, Host

HISTORIC = "certbot-external-auth:out"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_the_kept_options_are_taken(host: Host) -> None:
    """Guards against: a deployment in a mode that only writes to the log."""
    (host.folder / "env").write_text("SECRET=xyzzy\n")
    (host.folder / "env").chmod(0o600)
    host.keeps(
        *BOTH,
        f"external_auth_handler = {host.handler}",
        "external_auth_dialect = dehydrated",
        f"external_auth_env_file = {host.folder / 'env'}",
    )
    ended = host.install()
    assert ended.returncode == 0, ended
    assert "hook deploy_cert 7 xyzzy" in "\n".join(host.called)
    assert host.deployed


@pytest.mark.versions
def test_typed_flags_win(host: Host) -> None:
    host.keeps(*BOTH, f"external_auth_handler = {host.handler}", "external_auth_dialect = dehydrated")
    # Another publisher leaves nothing of the kept one, whose conventions are not its own.
    assert host.install("--external-auth-handler", host.script("other")).returncode == 0
    assert [line.split()[:3] for line in host.called] == [["other", "deploy_cert", "1"]]
    # Anything else is added to it.
    assert host.install("--external-auth-dialect", "native").returncode == 0
    assert [line.split()[:3] for line in host.called] == [["hook", "deploy_cert", "1"]]
    assert host.install("--external-auth-timeout", "9").returncode == 0
    assert "hook deploy_cert 7" in "\n".join(host.called)


@pytest.mark.versions
def test_what_a_person_was_told_is_not_what_the_handler_does(host: Host) -> None:
    """Guards against: no deployment at the next renewal of a certificate that no server has."""
    host.keeps(*BOTH, f"external_auth_handler = {host.handler}")
    ended = host.install("--external-auth-mode", "manual")
    assert (ended.returncode, host.called, host.deployed) == (0, [], False)
    assert "counts as not deployed" in ended.stderr


@pytest.mark.parametrize("options", [(*BOTH,), ("authenticator = webroot",)])
def test_by_hand_counts_where_there_is_no_other_way(host: Host, options: Sequence[str]) -> None:
    host.keeps(*options)
    ended = host.install()
    assert ended.returncode == 0, ended
    assert host.deployed


def test_nothing_is_taken_of_a_lineage_that_is_not_ours(host: Host) -> None:
    """Certbot keeps flags of a plugin that was not chosen as well, and takes them at no renewal."""
    host.keeps("authenticator = webroot", f"external_auth_handler = {host.handler}")
    assert host.install().returncode == 0
    assert host.called == []


@pytest.mark.versions
def test_the_historic_name_has_options_of_its_own(host: Host) -> None:
    host.keeps(
        f"authenticator = {HISTORIC}",
        f"installer = {HISTORIC}",
        f"certbot_external_auth:out_handler = {host.handler}",
        "certbot_external_auth:out_dehydrated_dns = True",
    )
    # The new name has no options for it, and so does not know how.
    ended = host.install()
    assert (ended.returncode, host.called, host.deployed) == (0, [], False)
    ended = host.install(name=HISTORIC)
    assert ended.returncode == 0, ended
    assert "hook deploy_cert 7" in "\n".join(host.called)
    assert host.deployed


def test_a_program_that_is_not_there_hands_nothing_over(host: Host) -> None:
    """Guards against: lines after Certbot's own output, and an hour of waiting for an answer."""
    host.keeps(*BOTH, "external_auth_mode = json")
    ended = host.install()
    assert ended.returncode == 1
    assert "--external-auth-mode json" in ended.stderr
    assert not host.deployed


@pytest.mark.parametrize("mode", ["json", "manual", "handler"])
def test_a_command_of_its_own_needs_no_driver_and_no_person(host: Host, mode: str) -> None:
    """Guards against: a certificate that waits for a driver, though a command was named for it."""
    publisher = ["external_auth_handler = /missing"] if mode == "handler" else []
    host.keeps(*BOTH, f"external_auth_mode = {mode}", *publisher, f"external_auth_deploy_handler = {host.handler}")
    ended = host.install()
    assert (ended.returncode, host.called, host.deployed) == (0, ["hook deploy_cert 1  "], True), ended
    assert "counts as not deployed" not in ended.stderr
    assert '"cmd"' not in ended.stdout


def test_a_command_that_fails_is_tried_again_and_named_by_its_flag(host: Host) -> None:
    host.keeps(*BOTH, "external_auth_mode = json", f"external_auth_deploy_handler = {host.handler}")
    (host.folder / "fails").touch()
    ended = host.install()
    assert (ended.returncode, host.deployed) == (1, False)
    command = ended.stderr.split("do it now: ")[1].split("\n")[0]
    assert "--external-auth-mode" not in command
    (host.folder / "fails").unlink()
    assert host.shell(command).returncode == 0
    assert (host.called, host.deployed) == (["hook deploy_cert 1  "], True)
    Path(host.handler).chmod(0o644)
    ended = host.install()
    assert (ended.returncode, host.called) == (1, [])
    assert "is not executable; run: chmod +x" in ended.stderr


def test_a_typed_command_takes_it_from_the_kept_publisher(host: Host) -> None:
    host.keeps(*BOTH, f"external_auth_handler = {host.handler}", "external_auth_dialect = dehydrated")
    assert host.install("--external-auth-deploy-handler", host.script("other")).returncode == 0
    assert ["other", "deploy_cert", "7"] in [line.split()[:3] for line in host.called]
    assert {line.split()[0] for line in host.called} == {"other"}


def test_a_plugin_that_certbot_chose_by_itself(host: Host) -> None:
    """Certbot's own advice is `install` without -i, where it chooses after `prepare`."""
    host.keeps(*BOTH, f"external_auth_handler = {host.handler}")
    (host.folder / "work" / "external-auth" / "deployments.json").unlink()
    lineages.make(host.folder / "config", 1, "none", BOTH, first=1)
    ended = host.certbot("install", "--force-interactive", "--cert-name", NAME)
    assert ended.returncode == 0, ended
    assert [line.split()[:2] for line in host.called] == [["hook", "deploy_cert"]]
    state = json.loads((host.folder / "work" / "external-auth" / "deployments.json").read_text())
    # Else the next renewal would deploy everything that was there before the plugin.
    assert set(state["config_dirs"][str(host.folder / "config")]["lineages"]) == {NAME, lineages.name(1)}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("external_auth_cleanup_handler = /x/hook --zones a, b", "quotation marks"),
        ("external_auth_env_file = True", "renewal file {file} has the line external_auth_env_file = True"),
        ("external_auth_wellknown = False", "renewal file {file} has the line external_auth_wellknown = False"),
        ("external_auth_dehydrated_config = True", "renewal file {file} has the line external_auth_dehydrated_config"),
        ("external_auth_cleanup_handler = True", "renewal file {file} has the line external_auth_cleanup_handler"),
    ],
)
def test_values_that_certbot_makes_something_else_of(host: Host, line: str, said: str) -> None:
    """Guards against: a traceback, and a handler called "['/x/hook --zones a', 'b']"."""
    host.keeps(*BOTH, f"external_auth_handler = {host.handler}", line)
    for ended in (host.install(), host.certbot("renew", "--no-random-sleep-on-renew")):
        assert ended.returncode == 1, ended
        assert said.format(file=host.folder / "config" / "renewal" / f"{NAME}.conf") in " ".join(ended.stderr.split())
        assert not {"Traceback", "TypeError", "unexpected error"} & set(ended.stderr.split())
    assert host.called == []


TEXTS = [
    (name, option)
    for name, options in (("external-auth", OPTIONS), (HISTORIC, HISTORIC_OPTIONS))
    for option in options
    if option.kept and not option.historic_switch
]


@pytest.mark.parametrize(("name", "option"), TEXTS, ids=[f"{name}-{option.name}" for name, option in TEXTS])
def test_a_comma_outside_quotation_marks(name: str, option: Option) -> None:
    """Lost once: which line is wrong, for a value that Certbot has made a list of."""
    key = f"{name}_{option.name}".replace("-", "_")
    kept = kept_options.Kept("/c/renewal/x.conf", {"authenticator": name, key: ["192.0.2.1", "192.0.2.2"]})
    if option.kind is Kind.ENDPOINTS:
        assert kept.options(name, [option]) == {option.name: "192.0.2.1,192.0.2.2"}
        return
    with pytest.raises(UsageError) as caught:
        kept.options(name, [option])
    (problem,) = caught.value.problems
    assert problem.startswith(f"/c/renewal/x.conf: {key}: ")
    assert "quotation marks" in problem
    # Certbot's own verbs read it by the type of the argument, and name the file.
    with pytest.raises(UsageError, match=rf"^{key}: [^.]*quotation marks$"):
        _parsed(option, ["192.0.2.1", "192.0.2.2"])


def test_certbot_names_file_option_and_fix(host: Host) -> None:
    host.keeps(*BOTH, "external_auth_handler = /bin/true --zones a, b")
    ended = host.certbot("renew", "--no-random-sleep-on-renew")
    said = " ".join(ended.stderr.split())
    assert f"while parsing {host.folder}/config/renewal/{NAME}.conf. The error was external_auth_handler: " in said
    assert "put the value between quotation marks. Skipping the file." in said


@pytest.mark.parametrize("value", [True, False])
@pytest.mark.parametrize(("name", "options"), [("external-auth", OPTIONS), (HISTORIC, HISTORIC_OPTIONS)])
def test_words_that_certbot_evaluates(name: str, options: Sequence[Option], value: bool) -> None:
    """Guards against the path `/True`; `None` is how Certbot says that an option is not set."""
    prefix = name.replace("-", "_")
    for option in options:
        key = f"{prefix}_{option.name.replace('-', '_')}"
        kept = kept_options.Kept("/c/renewal/x.conf", {"authenticator": name, key: str(value)})
        if option.historic_switch:
            assert kept.options(name, options) == {option.name: value}
        elif option.kept:
            with pytest.raises(UsageError, match=rf"/c/renewal/x\.conf .*{key} = {value}"):
                kept.options(name, options)
        unset = kept_options.Kept("/c/renewal/x.conf", {"authenticator": name, key: "None"})
        assert unset.options(name, options) == {}


def test_the_historic_handler_is_not_true(host: Host) -> None:
    keys = ("authenticator", "installer")
    host.keeps(*(f"{key} = {HISTORIC}" for key in keys), "certbot_external_auth:out_handler = True")
    ended = host.install(name=HISTORIC)
    assert ended.returncode == 1, ended
    assert "certbot_external_auth:out_handler = True" in " ".join(ended.stderr.split())


@pytest.mark.parametrize("fails", [False, True])
def test_a_path_that_is_not_utf_8_stands_in_the_log(host: Host, fails: bool) -> None:
    """Guards against "--- Logging error ---" and a traceback, since Certbot's log takes only UTF-8."""
    host.keeps(*BOTH)
    handler = str(Path(host.script("hook")).rename(host.folder / "hook\udcff"))
    if fails:
        (host.folder / "fails").touch()
    ended = host.install("--external-auth-handler", handler, "--external-auth-timeout", "20")
    assert ended.returncode == int(fails), ended
    assert "Logging error" not in ended.stderr
    assert "Traceback" not in ended.stderr
    log = (host.folder / "logs" / "letsencrypt.log").read_text("utf-8")
    assert "Calling " in log
    assert f"{host.folder}/hook\\xff" in log
    assert ("failed at" in log) is fails


def test_blanks_behind_the_commas_of_a_list(host: Host) -> None:
    host.keeps(
        *BOTH, f"external_auth_handler = {host.handler}", "external_auth_verify_nameservers = 192.0.2.1, 192.0.2.2"
    )
    assert host.install().returncode == 0
    found = kept_options.read(str(host.folder / "config"), NAME)
    assert found is not None
    assert found.options("external-auth", OPTIONS)["verify-nameservers"] == "192.0.2.1,192.0.2.2"


def test_no_renewal_file(tmp_path: Path) -> None:
    assert kept_options.read(str(tmp_path), "x") is None
    (tmp_path / "renewal").mkdir()
    (tmp_path / "renewal" / "x.conf").write_text("version = 1\n")
    assert kept_options.read(str(tmp_path), "x") is None
    (tmp_path / "renewal" / "x.conf").write_text("[renewalparams\n")
    with pytest.raises(UsageError, match=r"x\.conf cannot be read"):
        kept_options.read(str(tmp_path), "x")
    assert not kept_options.by_hand_only(str(tmp_path), "x")


def test_pipes_in_place_of_the_files(host: Host) -> None:
    """Guards against: a Certbot that waits for a user who can write into the configuration directory."""
    host.keeps(*BOTH, f"external_auth_handler = {host.handler}")
    stranger = host.folder / "config" / "live" / "stranger"
    stranger.mkdir()
    os.mkfifo(stranger / "cert.pem")
    assert host.install().returncode == 0
    assert host.deployed
    path = host.folder / "config" / "renewal" / "x.conf"
    os.mkfifo(path)
    with pytest.raises(UsageError, match=r"x\.conf cannot be read"):
        kept_options.read(str(host.folder / "config"), "x")


def test_who_names_the_publisher_is_told_to_name_everything() -> None:
    """A command that names the handler drops the dialect of the renewal file, so the message must name it."""

    def flags(typed: set[str], **values: str) -> str:
        config = Namespace(**{f"external_auth_{option.name.replace('-', '_')}": None for option in OPTIONS})
        for name, value in values.items():
            setattr(config, f"external_auth_{name}", value)
        typed_here = SimpleNamespace(name="COMMAND_LINE")
        config.argument_sources = {f"external_auth_{name}": typed_here for name in typed}
        words = reissue_flags.install_flags(CertbotConfig(config, "external-auth", OPTIONS))
        return " ".join(words).replace("--external-auth-", "").removeprefix("-i external-auth").strip()

    assert flags(set(), handler="/x", dialect="lego", timeout="9") == ""
    assert flags({"timeout"}, handler="/x", dialect="lego", timeout="9") == "timeout 9"
    assert flags({"handler"}, handler="/x", dialect="lego", timeout="9") == "handler /x dialect lego timeout 9"
    assert flags(set(), mode="json", ack_timeout="9", socket="/s") == "mode json ack-timeout 9"


def test_a_name_that_begins_with_a_dash_is_not_another_flag(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards against a printed command that Certbot refuses."""
    monkeypatch.setattr("sys.argv", ["/nowhere/certbot"])
    lineages.one(
        host.folder / "config", "-x", "http://127.0.0.1:1/", [*BOTH, f"external_auth_handler = {host.handler}"]
    )
    folders = [f"--{kind}-dir={host.folder / kind}" for kind in ("config", "work", "logs")]
    ended = host.shell(reissue_flags.install_command("-x", ["-n", "-i", "external-auth", *folders]))
    assert ended.returncode == 0, ended
    assert [line.split()[:2] for line in host.called] == [["hook", "deploy_cert"]]
    assert "--cert-name=-x" in str(DeployError(Failure("The handler", "deploy_cert", (), "exit code 1"), "-x"))
    assert "--cert-name=-x" in Reminder("-x", (), None).command


def test_the_command_is_fit_for_a_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["/nowhere/certbot"])
    assert reissue_flags.install_command("a b", ["--x", "$y"]) == "certbot install --cert-name 'a b' --x '$y'"
