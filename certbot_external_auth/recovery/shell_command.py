"""A call as a line for a shell, so that a person can repeat it by hand."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from certbot_external_auth.dialects import Call


def line(words: Sequence[str], call: Call, folder: str | None = None, config: str | None = None) -> str:
    """What does the same as a call.

    :param words: the handler's command line.
    :param folder: the working directory.
    :param config: Dehydrated's configuration, which the line reads, so that no value of it has to be shown.
    """
    command = [*(call.words or words), *call.arguments]
    if call.variables:
        command = ["env", *(f"{name}={value}" for name, value in call.variables.items()), *command]
    if config is not None:
        command = ["bash", "-c", '. "$0" && exec "$@"', config, *command]
    text = shlex.join(command)
    if call.document is None:
        text += " </dev/null"
    else:
        text = f"printf %s {shlex.quote(call.document.decode('utf-8', 'replace'))} | {text}"
    before = [f"cd {shlex.quote(call.folder or folder or '/')}"] if call.folder or folder else []
    before += [f"umask {call.umask:03o}"] if call.umask is not None else []
    return f"({' && '.join([*before, text])})" if before else text
