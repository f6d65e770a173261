"""Sections of a file of routes as settings and contexts."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from certbot_external_auth.backends import Context
from certbot_external_auth.configuration import routing
from certbot_external_auth.routes.problem import Kind, RoutesError
from certbot_external_auth.routes.table import Routes
from tests.support.recording_backend import context


def written(folder: Path, text: str) -> str:
    path = folder / "routes.ini"
    path.write_text(text)
    path.chmod(0o644)
    return str(path)


def wrong(folder: Path, text: str) -> list[tuple[Kind, int]]:
    with pytest.raises(RoutesError) as caught:
        routing.read(written(folder, text))
    return [(one.kind, one.line) for one in caught.value.found]


def whole(folder: Path, **options: str) -> Context:
    return dataclasses.replace(context(folder, routes="/etc/routes.ini", **options), words=())


def one(folder: Path, text: str, **options: str) -> Context:
    """The context of the last section."""
    routes = routing.read(written(folder, text))
    run, section = whole(folder, **options), routes.sections[-1]
    return routing.context_of(routes, section, run, routing.settings_of(section, run.settings).verify_nameservers)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("dialect = legoo", [(Kind.WRONG, 3)]),
        ("jobs = many\ntimeout = -1", [(Kind.WRONG, 3), (Kind.WRONG, 4)]),
        ("verify-nameservers = ::::x", [(Kind.WRONG, 3)]),
        ("challenge = dns, http-01", [(Kind.UNKNOWN_TYPE, 3)]),
        # One with another, so the whole section is named.
        ("hook-chain = yes", [(Kind.WRONG, 1)]),
        ("cleanup-handler = /bin/true", [(Kind.WRONG, 1)]),
        # Together with what is wrong with the lines.
        ("jobs = many\nnothing", [(Kind.WRONG, 3), (Kind.NO_LINE, 4)]),
    ],
)
def test_wrong_values_have_their_lines(tmp_path: Path, text: str, found: list[tuple[Kind, int]]) -> None:
    assert wrong(tmp_path, f"[*]\nhandler = /bin/true\n{text}\n") == found


def test_a_sentence_names_the_key_and_not_a_flag(tmp_path: Path) -> None:
    with pytest.raises(RoutesError) as caught:
        routing.read(written(tmp_path, "[*]\nhandler = /bin/true\ndialect = legoo\n"))
    assert caught.value.problems[0].startswith(f"{tmp_path}/routes.ini:3: dialect: 'legoo' is not known")
    with pytest.raises(RoutesError) as caught:
        routing.read(written(tmp_path, "[*]\nhandler = /bin/true\nhook-chain = yes\n"))
    assert "hook-chain works only with the dialect dehydrated" in caught.value.problems[0]
    assert "--external-auth" not in str(caught.value)


def test_a_route_has_settings_of_its_own(tmp_path: Path) -> None:
    text = "[*]\nhandler = /bin/true x\ndialect = lego\njobs = 4\nverify = strict\nverify-nameservers = 192.0.2.1\n"
    found = one(tmp_path, text)
    settings = found.settings
    assert (settings.mode, settings.routes, settings.dialect, settings.jobs) == ("handler", None, "lego", 4)
    assert (settings.verify, [str(server) for server in settings.verify_nameservers]) == ("strict", ["192.0.2.1:53"])
    assert found.words == ("/bin/true", "x")


def test_flags_say_what_a_route_leaves_out(tmp_path: Path) -> None:
    found = one(tmp_path, "[*]\nhandler = /bin/true\njobs = 4\n", jobs="9", timeout="7", verify="strict")
    assert (found.settings.jobs, found.settings.timeout, found.settings.verify) == (4, 7.0, "strict")


def test_paths_begin_in_the_folder_of_the_file(tmp_path: Path) -> None:
    """Lost: a renewal by a timer, which starts in another folder."""
    (tmp_path / "hook").write_text("#!/bin/sh\n")
    (tmp_path / "hook").chmod(0o755)
    found = one(tmp_path, "[*]\nhandler = ./hook x\nenv-file = secrets\nwellknown = w\n")
    assert found.words == (f"{tmp_path}/hook", "x")
    assert (found.settings.env_file, found.settings.wellknown) == (f"{tmp_path}/secrets", f"{tmp_path}/w")
    assert found.facts.wellknown == f"{tmp_path}/w"


def test_a_command_line_that_cannot_be_used_has_its_line(tmp_path: Path) -> None:
    routes = routing.read(written(tmp_path, "[*]\n\nhandler = no-such-program-anywhere\n"))
    with pytest.raises(RoutesError) as caught:
        routing.context_of(routes, routes.sections[0], whole(tmp_path), ())
    assert [(problem.kind, problem.line) for problem in caught.value.found] == [(Kind.WRONG, 3)]


CARRIED = ("dns-01", "http-01")


def section_of(folder: Path, types: str) -> Routes:
    return routing.read(written(folder, f"[*]\nhandler = x\nchallenge = {types}\n"))


@pytest.mark.parametrize(
    ("types", "preferred", "found"),
    [
        ("http-01, dns-01", (), []),
        ("http-01", ("dns-01", "http-01"), []),
        ("http-01", ("dns-01",), [Kind.NOT_PREFERRED]),
        ("tls-alpn-01", (), [Kind.NOT_CARRIED]),
        ("tls-alpn-01, http-01", ("dns-01",), [Kind.NOT_CARRIED, Kind.NOT_PREFERRED]),
    ],
)
def test_types_must_be_carried_and_preferred(
    tmp_path: Path, types: str, preferred: tuple[str, ...], found: list[Kind]
) -> None:
    (section,) = section_of(tmp_path, types).sections
    problems = routing.type_problems(section, CARRIED, preferred, "the dialect lego")
    assert [problem.kind for problem in problems] == found
    assert {problem.line for problem in problems} <= {3}


def test_a_route_orders_its_types(tmp_path: Path) -> None:
    (section,) = section_of(tmp_path, "http-01, dns-01").sections
    assert routing.types_of(section, CARRIED) == ("http-01", "dns-01")
    assert routing.types_of(dataclasses.replace(section, values={}), CARRIED) == CARRIED


def test_a_type_that_must_be_named_is_named_by_a_route(tmp_path: Path) -> None:
    found = one(tmp_path, "[*]\nhandler = /bin/true\nchallenge = tls-sni-01\n")
    assert found.preferred == ("tls-sni-01",)
    assert one(tmp_path, "[*]\nhandler = /bin/true\nchallenge = dns-01\n").preferred == ()
