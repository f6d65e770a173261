"""A call as a command for a shell, so that a person can make it by hand."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from certbot_external_auth.dialects import Call
from certbot_external_auth.processes.exec_limits import MAX_STRING_BYTES


@dataclass(frozen=True)
class Kept:
    """A variable whose value the command reads from a file. :ivar path: path of the file, which is not empty."""

    name: str
    path: str


def line(
    words: Sequence[str],
    call: Call,
    folder: str | None = None,
    surrounded: Sequence[str] = (),
    kept: Kept | None = None,
) -> str:
    """Write a command that does the same as a call.

    :param words: the handler's command line.
    :param folder: the working directory.
    :param surrounded: a command that runs this one with further variables, whose values need not be shown.
    :param kept: the variable whose value is read from a file.
    """
    command = [*(call.words or words), *call.arguments]
    variables = [f"{name}={value}" for name, value in call.variables.items() if kept is None or name != kept.name]
    # As for the handler itself, a value of the shell's environment or of an env file counts more than these.
    settings = [f"{name}=${{{name}-{shlex.quote(value)}}}" for name, value in call.settings.items()]
    text = " ".join([*settings, shlex.join([*surrounded, *(["env", *variables] if call.variables else [])])]).strip()
    if kept is not None:
        text += f' {kept.name}="$printed"'
    text = f"{text} {shlex.join(command)}".strip()
    if call.document is None:
        text += " </dev/null"
    else:
        text = f"printf %s {shlex.quote(call.document.decode('utf-8', 'replace'))} | {text}"
    before = [f"cd {shlex.quote(call.folder or folder or '/')}"] if call.folder or folder else []
    before += [f"umask {call.umask:03o}"] if call.umask is not None else []
    if kept is not None:
        # Without the variable, a handler could take this for a call to publish.
        most = MAX_STRING_BYTES - len(kept.name) - 2
        before += [f"printed=$(tail -c {most} {shlex.quote(kept.path)} | tr -d '\\000')", '[ -n "$printed" ]']
    return f"({' && '.join([*before, text])})" if before else text
