"""A call as a line for a shell, so that a person can repeat it by hand."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from certbot_external_auth.dialects import Call
from certbot_external_auth.processes.exec_limits import MAX_STRING_BYTES


@dataclass(frozen=True)
class Kept:
    """A variable whose value lies in a file, and is not shown. :ivar path: what is in there is not empty."""

    name: str
    path: str


def line(
    words: Sequence[str],
    call: Call,
    folder: str | None = None,
    surrounded: Sequence[str] = (),
    kept: Kept | None = None,
) -> str:
    """What does the same as a call.

    :param words: the handler's command line.
    :param folder: the working directory.
    :param surrounded: a command that takes this one, and adds variables whose values are not shown.
    """
    command = [*(call.words or words), *call.arguments]
    variables = [f"{name}={value}" for name, value in call.variables.items() if kept is None or name != kept.name]
    text = shlex.join([*surrounded, *(["env", *variables] if call.variables else [])])
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
        # Without it the handler could take this for another call.
        most = MAX_STRING_BYTES - len(kept.name) - 2
        before += [f"printed=$(tail -c {most} {shlex.quote(kept.path)} | tr -d '\\000')", '[ -n "$printed" ]']
    return f"({' && '.join([*before, text])})" if before else text
