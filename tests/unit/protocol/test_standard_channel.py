"""The channel takes over stdout and stdin of a process, also of one that was started without them."""

from __future__ import annotations

import subprocess
import sys

import pytest

CODE = """
import os, sys, time
from certbot_external_auth.errors import DriverError
from certbot_external_auth.protocol.channel import Channel
if sys.stdout is not None:
    print("before")
channel = Channel.standard()
print("noise of Certbot")
os.system("echo noise of a child; cat")
found = []
try:
    channel.send(b"line\\n", time.monotonic() + 20)
except DriverError:
    found.append("refused")
found.append(str(channel.receive(time.monotonic() + 20)))
found += [str(channel.ended), str(channel.terminal), str(channel.at_end())]
found += [str(number) for number in (0, 1, 2) if not os.path.exists(f"/proc/self/fd/{number}")]
found += [str(min(channel._write, channel._read or 9) > 2), str(os.get_inheritable(channel._write))]
with open(sys.argv[1], "w") as file:
    file.write(" ".join(found))
"""
NOISE = "noise of Certbot\nnoise of a child\n"


@pytest.mark.parametrize(
    ("shell", "stdout", "stderr", "found"),
    [
        ("", "before\nline\n", NOISE, "b'answer' False False True True False"),
        ("<&-", "before\nline\n", NOISE, "None True False True True False"),
        ("</dev/null", "before\nline\n", NOISE, "None True False True True False"),
        (">&-", "", NOISE, "refused b'answer' False False True True False"),
        ("2>&-", "before\nline\n", "", "b'answer' False False True True False"),
        ("<&- >&- 2>&-", "", "", "refused None True False True True False"),
    ],
)
def test_lines_alone_go_to_stdout(tmp_path: object, shell: str, stdout: str, stderr: str, found: str) -> None:
    """Guards against: a word of Certbot, or of a handler, between the lines, and an answer that a handler reads."""
    result = f"{tmp_path}/found"
    command = ["sh", "-c", f'exec "$@" {shell}', "sh", sys.executable, "-c", CODE, result]
    ended = subprocess.run(command, input="answer\n", capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout) == (0, stdout), ended
    assert sorted(ended.stderr.splitlines()) == sorted(stderr.splitlines())
    with open(result, encoding="utf-8") as file:
        assert file.read() == found


def test_a_number_that_belongs_to_another_file_by_now_is_left_alone(tmp_path: object) -> None:
    """Certbot's log may have got the number of a stdin that was missing."""
    code = (
        "import os, sys\nlog = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)\n"
        "from certbot_external_auth.protocol.channel import Channel\n"
        "channel = Channel.standard()\nos.write(log, b'%d %s' % (log, str(channel.ended).encode()))\n"
    )
    path = f"{tmp_path}/log"
    command = ["sh", "-c", 'exec "$@" <&-', "sh", sys.executable, "-c", code, path]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    with open(path, encoding="utf-8") as file:
        assert file.read() == "0 True"
