"""What calls printed that ended well: real scripts, and the lines that an error about their names gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from certbot_external_auth.backends import Context
from certbot_external_auth.backends.handler.backend import HandlerBackend
from certbot_external_auth.backends.handler.call import HandlerCaller
from certbot_external_auth.backends.printed import MOST_CALLS, Printed, shown
from certbot_external_auth.challenges import Challenge
from certbot_external_auth.interfaces import BackendAbilities
from certbot_external_auth.settings import Settings
from tests.support.challenges import FACTS, KEY_AUTHORIZATION, TOKEN

FAILS = """#!/bin/sh
[ "$1" != post-perform ] || echo "saved nothing"
[ "$1" = perform ] || exit 0
for number in 1 2 3 4 5 6 7 8 9 10 11; do echo "$number"; done
printf '\\033[31m%s: 401, the key is %s\\n' "$domain" "$SECRET" >&2
"""


def challenges(*names: str) -> list[Challenge]:
    return [Challenge(f"c-{name}", "dns-01", name, "dns", TOKEN, KEY_AUTHORIZATION) for name in names]


def published(
    tmp_path: Path, script: str, *names: str, dialect: str = "native", historic: bool = True
) -> BackendAbilities:
    """The abilities of a backend that has published with a script."""
    hook, env = tmp_path / "hook", tmp_path / "env"
    hook.write_text(script)
    hook.chmod(0o755)
    env.touch(0o600)
    env.write_text("SECRET=hunter2hunter2\n")
    # The historic name: nothing is called when the tests end.
    settings = Settings(mode="handler", dialect=dialect, env_file=str(env), historic=historic)
    backend = HandlerBackend(Context(settings, FACTS, words=(str(hook),)))
    backend.prepare(publishing=True, deploying=False)
    backend.perform(challenges(*names), lambda begun: None)
    return BackendAbilities.of(backend)


def test_what_a_call_printed_that_ended_well_is_known_by_its_name(tmp_path: Path) -> None:
    """Lost: the one line that says why, where a hook fails and exits with 0."""
    found = published(tmp_path, FAILS, "a.example", "b.example").printed({"c-b.example"})
    assert [(one.operation, one.identifiers, one.ids) for one in found] == [
        ("perform", ("b.example",), ("c-b.example",)),
        ("post-perform", ("a.example", "b.example"), ()),
    ]
    assert found[0].lines == (*map(str, range(3, 12)), "b.example: 401, the key is ***")
    assert found[1].lines == ("saved nothing",)


def test_a_call_that_printed_nothing_is_left_out(tmp_path: Path) -> None:
    assert published(tmp_path, "#!/bin/sh\n", "a.example").printed({"c-a.example"}) == []


def test_an_optional_call_says_how_it_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lost: that the hook could not log in, which changes nothing for the run, and everything for the record."""
    monkeypatch.setattr(HandlerCaller, "_exit_later", lambda caller: None)
    fails = '#!/bin/sh\n[ "$1" != startup_hook ] || { echo "cannot log in"; exit 3; }\n'
    found = published(tmp_path, fails, "a.example", dialect="dehydrated", historic=False).printed({"c-a.example"})
    assert found == [Printed("startup_hook", (), (), ("cannot log in",), "exit code 3")]
    assert "  startup_hook (exit code 3):" in shown("The handler /hook", found)


def test_many_calls_are_counted() -> None:
    """Guards against: an error of a thousand lines."""
    calls = [Printed("perform", (f"{number}.example",), (f"c{number}",), ("401",)) for number in range(99)]
    # What a handler does for all names at once says more than one of many calls.
    batch = Printed("post-perform", tuple(f"{number}.example" for number in range(99)), (), ("saved nothing",))
    lines = shown("The handler /hook", [*calls, batch])
    assert (len(lines), lines[2], lines[-2]) == (2 + 2 * MOST_CALLS, "  | 401", "  | saved nothing")
    assert str(100 - MOST_CALLS) in lines[-1]
    assert shown("The handler /hook", []) == []


def test_another_backend_has_none() -> None:
    plain: object = object()
    assert BackendAbilities.of(plain).printed({"c1"}) == []  # type: ignore[arg-type]


@pytest.mark.parametrize("dialect", ["dehydrated", "certbot", "lego", "uacme", "acmetool"])
def test_in_every_dialect(tmp_path: Path, dialect: str) -> None:
    found = published(tmp_path, "#!/bin/sh\necho 401\n", "a.example", dialect=dialect).printed({"c-a.example"})
    assert ("a.example",) in [one.identifiers for one in found]
