"""Whatever stands in a path, a word or a value reaches the handler as it is: real processes, made-up words."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import shlex
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import configobj
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from certbot_external_auth.backends import Context, Finished
from certbot_external_auth.backends.handler.backend import HandlerBackend
from certbot_external_auth.challenges import Challenge
from certbot_external_auth.dialects import BUILT_IN, Facts, dialect
from certbot_external_auth.errors import PerformError
from certbot_external_auth.handler_setup import command_line
from certbot_external_auth.settings import Settings

# Each call is noted in a file of its own: how many words, these, the environment as it was given, and stdin.
RECORDER = r"""#!/bin/sh
number=10
for file in "$OUT"/*; do [ ! -e "$file" ] || number=$((number + 1)); done
{
    printf '%s\0' "$#" "$@"
    cat /proc/$$/environ
    printf '\0'
    cat
} >"$OUT/call$number"
"""
BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
THUMBPRINT = "9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"
SIGNS = " '\"$`\\\n\t*?!~#;&|<>(){}[]%=-äß€𝄞\u202e"

words = st.text(alphabet=SIGNS + "axHOME0", min_size=1, max_size=12)
files = words.filter(lambda name: name not in (".", "..") and len(name.encode()) < 200)
tokens = st.text(alphabet=BASE64, min_size=22, max_size=60) | st.text(alphabet="-_", min_size=22, max_size=30)


@dataclass(frozen=True)
class Seen:
    """One call, as the handler saw it."""

    words: tuple[str, ...]
    environment: dict[str, str]
    stdin: bytes


def seen(folder: Path) -> Iterator[Seen]:
    for path in sorted(folder.iterdir()):
        number, _, rest = os.fsdecode(path.read_bytes()).partition("\0")
        parts = rest.split("\0")
        given_words, (*pairs, _, stdin) = parts[: int(number)], parts[int(number) :]
        variables = {name: value for name, _, value in (pair.partition("=") for pair in pairs)}
        yield Seen(tuple(given_words), variables, os.fsencode(stdin))


def kept(argv: list[str]) -> list[str]:
    """Written into a renewal file and read from it, as Certbot does."""
    file = configobj.ConfigObj(encoding="utf-8", default_encoding="utf-8")
    file["renewalparams"] = {"external_auth_handler": command_line.keep(argv)}
    out = io.BytesIO()
    file.write(out)
    again = configobj.ConfigObj(io.BytesIO(out.getvalue()), encoding="utf-8", default_encoding="utf-8")
    return command_line.split(again["renewalparams"]["external_auth_handler"], "--external-auth-handler")


def challenge_of(token: str, kind: str) -> Challenge:
    return Challenge("c1", kind, "example.org", "dns", token, f"{token}.{THUMBPRINT}")


def beginning_with_a_dash() -> str:
    """A token of which the TXT value begins with one."""
    for number in range(10_000):
        token = base64.urlsafe_b64encode(hashlib.sha256(str(number).encode()).digest()).decode().rstrip("=")
        if challenge_of(token, "dns-01").validation.startswith("-"):
            return token
    raise AssertionError("one in 64 should")


@given(file=files, more=st.lists(words, max_size=3), token=tokens, name=st.sampled_from(sorted(BUILT_IN)))
@example(file="-rf", more=["-n", "--", "$(id)"], token="-" * 22, name="lego")
@example(file="a\nb $HOME.sh", more=["'", '"', "''' \"\"\""], token="-e_" * 8, name="dehydrated")
@example(file="%(x)s", more=["%(here)s", "%%"], token=beginning_with_a_dash(), name="uacme")
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_words_and_values_reach_the_handler(
    monkeypatch: pytest.MonkeyPatch, file: str, more: list[str], token: str, name: str
) -> None:
    """From what was typed, by way of the renewal file, through every dialect, there and back."""
    with tempfile.TemporaryDirectory() as folder:
        script, out = Path(folder) / "ho st's" / file, Path(folder) / "out"
        script.parent.mkdir()
        out.mkdir()
        script.write_text(RECORDER)
        script.chmod(0o755)
        monkeypatch.setenv("OUT", str(out))
        argv = kept(
            command_line.resolve_typed(shlex.join([str(script), *more]), "--external-auth-handler", folder, None)
        )
        assert argv[0] == str(script)
        assume(not any(os.path.isfile(os.path.join(folder, word)) for word in more))
        assert argv[1:] == more
        asked_and_got(argv, name, token, out)


def asked_and_got(argv: list[str], name: str, token: str, out: Path) -> None:
    """Publish and withdraw, and compare every call with what the dialect asks for."""
    facts = Facts(alias="example.org", names=("example.org",), config_dir="/etc/letsencrypt", cleanup_words=tuple(argv))
    kinds = [kind for kind in ("dns-01", "http-01") if kind in dialect(name).challenge_types]
    challenges = [replace(challenge_of(token, kind), id=kind) for kind in kinds]
    # The historic name: nothing is called when the tests end.
    chosen = Settings(mode="handler", dialect=name, historic=True)
    backend = HandlerBackend(Context(chosen, facts, tuple(argv)))
    backend.perform(challenges, lambda begun: None)
    finished = [Finished(challenge, "valid") for challenge in challenges]
    assert backend.cleanup(finished) == []
    calls = [*dialect(name).perform(challenges, facts), *dialect(name).cleanup(finished, facts)]
    calls = [call for call in calls if not call.optional]
    got = list(seen(out))
    assert len(got) == len(calls) >= 2 * len(challenges)
    for call, one in zip(calls, got, strict=True):
        assert one.words == (*argv[1:], *call.arguments)
        assert call.variables.items() <= one.environment.items()
        assert one.stdin == (call.document or b"")
        for challenge in call.challenges:
            told = b"\0".join([*map(os.fsencode, one.words), *map(os.fsencode, one.environment.values()), one.stdin])
            assert any(os.fsencode(value) in told for value in (challenge.validation, challenge.token))


@pytest.mark.parametrize(
    ("token", "said"), [("-" + "x" * 30, True), (beginning_with_a_dash(), True), ("x" * 30, False)]
)
def test_a_hook_that_stumbles_over_a_dash(tmp_path: Path, token: str, said: bool) -> None:
    """One challenge in 32 has such a token or value, and hooks take it for an option."""
    script = tmp_path / "hook"
    script.write_text("#!/bin/sh\ngetopts a option\necho unknown option >&2\nexit 2\n")
    script.chmod(0o755)
    backend = HandlerBackend(Context(Settings(mode="handler", dialect="lego"), Facts(), (str(script),)))
    with pytest.raises(PerformError) as caught:
        backend.perform([challenge_of(token, "dns-01")], lambda begun: None)
    assert ("begins with '-'" in str(caught.value)) is said


@pytest.mark.parametrize("behind", [(), ("--",)])
def test_a_hook_whose_options_end_does_not_stumble(tmp_path: Path, behind: tuple[str, ...]) -> None:
    """As the hooks do that take their arguments by argparse."""
    script = tmp_path / "hook"
    text = "import argparse\nparser = argparse.ArgumentParser()\n"
    text += "".join(f"parser.add_argument({name!r})\n" for name in ("operation", "name", "value"))
    script.write_text(f"#!/usr/bin/env python3\n{text}parser.parse_args()\n")
    script.chmod(0o755)
    backend = HandlerBackend(Context(Settings(mode="handler", dialect="lego"), Facts(), (str(script), *behind)))
    challenge = challenge_of(beginning_with_a_dash(), "dns-01")
    if behind:
        backend.perform([challenge], lambda begun: None)
        return
    with pytest.raises(PerformError, match="put that behind it in --external-auth-handler"):
        backend.perform([challenge], lambda begun: None)
