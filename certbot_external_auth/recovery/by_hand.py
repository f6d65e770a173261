"""Commands that a person can run instead of a recovery, joined so that none runs after a failure."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import sys
from collections.abc import Sequence

from certbot import errors

from certbot_external_auth import journal
from certbot_external_auth.backends.handler.call import handlers
from certbot_external_auth.challenges import Challenge
from certbot_external_auth.dialects import Call
from certbot_external_auth.errors import NOT_CALLED
from certbot_external_auth.interfaces import Dialect, DialectAbilities
from certbot_external_auth.journal import outputs
from certbot_external_auth.journal.entry import Entry, Handler
from certbot_external_auth.processes.program import Ended
from certbot_external_auth.providers.dialect import ProviderDialect, dialect_of
from certbot_external_auth.recovery import shell_command
from certbot_external_auth.recovery.consent import TOLD_MODES
from certbot_external_auth.recovery.context import context_of, finished, unsafe
from certbot_external_auth.recovery.reasons import Fix
from certbot_external_auth.recovery.shell_command import Kept
from certbot_external_auth.validation_certificates import tls_files

TOOL = "certbot-external-auth"


def commands(entry: Entry, work_dir: str, indent: str = "") -> list[str]:
    """Write commands that withdraw a batch, and delete its journal entry if all of them succeed.

    If no command can do a part of it, comments say what to do instead, and no command deletes the entry.

    :param indent: blanks before every command but the first. A word that contains a newline continues in the next line
        without them, since they would become part of it.
    """
    own = [shlex.join(["rm", "-f", *paths]) for each in entry.challenges if (paths := _files(entry, each, work_dir))]
    forget = f"rm -f {shlex.quote(journal.file_path(work_dir, entry))}"
    comments = not_called(entry, work_dir)
    steps = [*own, *calls(entry, work_dir), *([] if comments else [forget])]
    return [*comments, *([f" &&\n{indent}".join(steps)] if steps else [])]


def calls(entry: Entry, work_dir: str) -> list[str]:
    """Write the calls that a recovery would make; none if it can call no handler."""
    convention = _convention(entry)
    if convention is None:
        return []
    all_calls = convention.cleanup(finished(entry, work_dir), context_of(entry, work_dir, {}).facts)
    left_out = {each.id for each in entry.challenges if unsafe(entry, each, work_dir)}
    folder = DialectAbilities.of(convention).folder
    lines = []
    for call in all_calls:
        if left_out.isdisjoint(each.id for each in call.challenges):
            hooks = handlers(entry.handler.words, folder) if call.words is None else [call.words]
            lines.append(_judged(call, convention, [_line(entry, call, words, work_dir) for words in hooks]))
    return lines


def _convention(entry: Entry) -> Dialect | None:
    """Return the dialect of a batch; None if it has no handler, or what it needs is no longer installed."""
    with contextlib.suppress(errors.Error):
        found = dialect_of(entry.handler)
        if entry.handler.words or (isinstance(found, ProviderDialect) and found.program):
            return found
    return None


def not_called(entry: Entry, work_dir: str) -> list[str]:
    """Write comments about the challenges that no command can withdraw: why, and what to do instead."""
    if entry.mode in TOLD_MODES:
        return []
    if _convention(entry) is None:
        left_out, why = list(entry.challenges), "there is no command for this"
    else:
        left_out = [each for each in entry.challenges if unsafe(entry, each, work_dir)]
        why = f"{shlex.join(entry.handler.words)}: {NOT_CALLED}"
    if not left_out:
        return []
    verb = shlex.join([TOOL, "recover", "--work-dir", work_dir])
    return [
        *_comment(f"{why}. Remove this by hand where it was published:"),
        *(line for each in left_out for line in _comment(f"  {described(each)}")),
        *_comment("The next run, or `recover`, notices that it is gone. To delete the journal entry at once, run:"),
        *_comment(f"{verb} --confirm {entry.id}"),
    ]


def _comment(text: str) -> list[str]:
    """Return text as comments of a shell, each of its lines: a shell must not run what follows a newline."""
    return [f"# {line}" for line in text.splitlines()]


def fix(entry: Entry, work_dir: str) -> Fix:
    """Return what a person has to do about a batch that is left."""
    if entry.mode in TOLD_MODES:
        return Fix.REMOVE_AND_CONFIRM
    can_be_called = entry.handler.provider is not None or not not_called(entry, work_dir)
    return Fix.RECOVER if can_be_called else Fix.REMOVE


def described(challenge: Challenge) -> str:
    """Name what a person has to remove."""
    if challenge.txt_domain is not None:
        return f'the TXT record {challenge.txt_target or challenge.txt_domain}. "{challenge.validation}"'
    if challenge.uri is not None:
        return f"the file at {challenge.uri}"
    return f"the certificate for {challenge.server_name}"


def _line(entry: Entry, call: Call, words: Sequence[str], work_dir: str) -> str:
    """Write the call of one hook."""
    handler = entry.handler
    # A recovery does the same if the folder is gone.
    folder = handler.folder if handler.folder is not None and os.path.isdir(handler.folder) else None
    return shell_command.line(words, call, folder, _surrounded(handler), _kept(entry, call, work_dir))


def _kept(entry: Entry, call: Call, work_dir: str) -> Kept | None:
    """Return the variable for what the handler printed. The command reads it from a file, so it need not be shown."""
    name = DialectAbilities.of(dialect_of(entry.handler)).output_variable
    if name is None or not call.variables.get(name):
        return None
    # A file without an end has only a part of the output; the entry may have all of it.
    ended = [each for each in call.challenges if _has_end(entry, each, work_dir)]
    paths = [journal.output_path(work_dir, entry, each) for each in ended]
    return next((Kept(name, path) for path in paths if os.path.exists(path)), None)


def _has_end(entry: Entry, challenge: Challenge, work_dir: str) -> bool:
    try:
        return outputs.read(work_dir, entry.id, challenge.id)[1]
    except OSError:
        return False


def _surrounded(handler: Handler) -> list[str]:
    """Return the command that becomes the handler's user, and that sets the variables of the handler's files.

    So their values need not be shown.
    """
    options = {
        "--run-as": handler.run_as,
        "--env-file": handler.env_file,
        "--dehydrated-config": handler.dehydrated_config,
    }
    given = [word for option, path in options.items() if path is not None for word in (option, path)]
    return [*_tool(), "call", *given, "--"] if given else []


def _tool() -> list[str]:
    beside = os.path.join(os.path.dirname(sys.executable), TOOL)
    tool = beside if os.access(beside, os.X_OK) else shutil.which(TOOL)
    return [tool] if tool else [sys.executable, "-m", "certbot_external_auth"]


def _judged(call: Call, convention: Dialect, lines: Sequence[str]) -> str:
    """Write a call so that it succeeds if a run would count it as done, as far as a shell can tell."""
    if call.optional or not convention.supported(call, Ended(code=1)):
        return f"{{ {'; '.join(lines)} || :; }}"
    unknown = '[ "$said" = NotImplemented ]' if not convention.supported(call, _SAYS_SO) else ""
    unknown = "[ $code = 42 ]" if not convention.supported(call, Ended(code=42)) else unknown
    if not unknown:
        return " && ".join(lines)
    # It is enough that one hook succeeds. If all of them decline, there is nothing to do.
    parts = [f'said=$( {line} ); code=$?; printf "%s\\n" "$said"; {_counted(unknown)}' for line in lines]
    return f'{{ done= failed=; {" ".join(parts)} [ -n "$done" ] || [ -z "$failed" ]; }}'


_SAYS_SO = Ended(code=1, stdout="NotImplemented")


def _counted(unknown: str) -> str:
    return f"if [ $code = 0 ]; then done=1; elif {unknown}; then :; else failed=1; fi;"


def _files(entry: Entry, challenge: Challenge, work_dir: str) -> list[str]:
    """Return the paths of the files that the plugin itself wrote for a challenge and that still exist."""
    paths: list[str] = []
    if challenge.server_name is not None:
        paths += tls_files.paths(tls_files.folder(work_dir), challenge.server_name)
    if challenge.uri is not None and entry.handler.wellknown is not None:
        paths.append(os.path.join(entry.handler.wellknown, challenge.token))
    return [path for path in paths if os.path.lexists(path)]
