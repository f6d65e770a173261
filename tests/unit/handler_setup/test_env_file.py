"""Reading the env file as systemd reads it, and refusing files that cannot be used."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certbot_external_auth.handler_setup import env_file

SYSTEMDS = "/usr/lib/systemd/user-environment-generators/30-systemd-environment-d-generator"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("A=b", {"A": "b"}),
        ("A=b\n\n# c\n; d\n  E = f g  \n", {"A": "b", "E": "f g"}),
        ("A=\nB=''\n", {"A": "", "B": ""}),
        # These are what systemd 252 makes of them.
        ("A='a b' \"c d\"", {"A": "a bc d"}),
        ("A=it's", {"A": "it's"}),
        ('A=ab"c', {"A": 'ab"c'}),
        ("A=a'b'c", {"A": "a'b'c"}),
        ('A="a b" c', {"A": "a bc"}),
        ("A='a' 'b'", {"A": "ab"}),
        ('A= "x"y', {"A": "xy"}),
        ("A=a\\ b\\\n c", {"A": "a b c"}),
        ('A="a\\"b\nc\\z"', {"A": 'a"b\nc\\z'}),
        ("A=a # no comment", {"A": "a # no comment"}),
        ('A="x\\\ny"', {"A": "xy"}),
        ("A=a\\tb", {"A": "atb"}),
        ("A='it\\s'", {"A": "it\\s"}),
        ('A=\\"q\\"', {"A": '"q"'}),
        ("A=  lead trail \t ", {"A": "lead trail"}),
        ("A=a\\ ", {"A": "a "}),
        ("A='$HOME `x` \\n'", {"A": "$HOME `x` \\n"}),
        ('A="\\" \\$ \\\\ \\` \\n"', {"A": '" $ \\ ` \\n'}),
        ("A=a\\\nb", {"A": "ab"}),
        ('A="a\nb"\nC=d', {"A": "a\nb", "C": "d"}),
        ("A=b#c # d", {"A": "b#c # d"}),
        ("A=1\nA=2", {"A": "2"}),
        ("A=x=y", {"A": "x=y"}),
        ("A=b\r\nC=d\r\n", {"A": "b", "C": "d"}),
        ("A='trailing  '  ", {"A": "trailing  "}),
    ],
)
def test_read(text: str, found: dict[str, str]) -> None:
    assert env_file.parse(text) == found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("export A=b", "line 1 begins with export"),
        ("ex port=b", "line 1 is not NAME=VALUE"),
        ("\nsecret-without-a-name", "line 2 is not NAME=VALUE"),
        ("1A=secret", "line 1 is not NAME=VALUE"),
        ("A='secret", "line 1 has a quotation mark that is never closed"),
        ("A=sec\0ret", "line 1 has a NUL"),
    ],
)
def test_refused_without_showing_a_value(text: str, said: str) -> None:
    with pytest.raises(env_file.EnvFileError) as error:
        env_file.parse(text)
    assert said in str(error.value)
    assert "secret" not in str(error.value)


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_any_value_can_be_written_in_double_quotes(value: str) -> None:
    escaped = "".join(f"\\{c}" if c in '"\\`$' else c for c in value)
    assert env_file.parse(f'A="{escaped}"') == {"A": value.replace("\r\n", "\n")}


@pytest.mark.skipif(not os.path.exists(SYSTEMDS), reason="systemd is not installed")
@settings(deadline=None, max_examples=40)
@given(st.text("ab'\" \t\\#=;`", max_size=12))
def test_as_systemd_reads_it(value: str) -> None:
    """systemd's environment generator reads files of the same form. Unlike an EnvironmentFile, it expands dollar
    signs, so there are none here."""
    try:
        found = env_file.parse(f"A={value}\nZ=1\n").get("A")
    except env_file.EnvFileError:
        # An open quotation ends at the end of the file there; here it is refused.
        return
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(f"{folder}/environment.d")
        Path(folder, "environment.d", "a.conf").write_text(f"A={value}\nZ=1\n")
        answer = subprocess.run([SYSTEMDS], env={"XDG_CONFIG_HOME": folder}, capture_output=True, text=True).stdout
    theirs = [unquoted(line[2:]) for line in answer.splitlines() if line.startswith("A=")]
    # It does not show what is empty.
    assert theirs == ([found] if found else [])


def unquoted(shown: str) -> str:
    """Return a value that the generator has quoted."""
    return re.sub(
        r"\\(.)", lambda one: {"n": "\n", "t": "\t"}.get(one[1], one[1]), shown.removeprefix('"').removesuffix('"')
    )


@given(st.text())
def test_no_text_breaks_it(text: str) -> None:
    try:
        found = env_file.parse(text)
    except env_file.EnvFileError:
        return
    assert all(isinstance(value, str) for value in found.values())


@pytest.mark.parametrize(
    ("mode", "said"),
    [(0o644, "run: chmod 600"), (0o602, "run: chmod 600"), (0o640, None), (0o600, None)],
)
def test_for_nobody_else(tmp_path: Path, mode: int, said: str | None) -> None:
    path = tmp_path / "my env"
    path.write_text("A=b\n")
    path.chmod(mode)
    found = env_file.problem(str(path))
    assert (said in found) if said and found else found is said


def test_the_longest_file(tmp_path: Path) -> None:
    path = tmp_path / "longest"
    path.write_text("A=" + "x" * (env_file.MAX_FILE_BYTES - 2))
    path.chmod(0o600)
    assert len(env_file.read(str(path))["A"]) == env_file.MAX_FILE_BYTES - 2


def test_missing_folder_long_and_binary(tmp_path: Path) -> None:
    long, binary = tmp_path / "long", tmp_path / "binary"
    long.write_text("A=" + "x" * env_file.MAX_FILE_BYTES)
    binary.write_bytes(b"A=\xff")
    for path in (long, binary):
        path.chmod(0o600)
    assert "No such file" in str(env_file.problem(str(tmp_path / "none")))
    assert "not a regular file" in str(env_file.problem(str(tmp_path)))
    os.mkfifo(tmp_path / "pipe")
    assert "not a regular file" in str(env_file.problem(str(tmp_path / "pipe")))
    assert "longer than 65536 bytes" in str(env_file.problem(str(long)))
    assert "not UTF-8" in str(env_file.problem(str(binary)))
