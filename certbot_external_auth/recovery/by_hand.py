"""What a person may do instead of a recovery: lines for a shell, of which none runs after one that failed."""

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
from certbot_external_auth.dialects import Call, dialect
from certbot_external_auth.errors import NOT_CALLED
from certbot_external_auth.interfaces import Dialect, DialectAbilities
from certbot_external_auth.journal import outputs
from certbot_external_auth.journal.entry import Entry, Handler
from certbot_external_auth.processes.program import Ended
from certbot_external_auth.recovery import shell_command
from certbot_external_auth.recovery.consent import TOLD_MODES
from certbot_external_auth.recovery.context import context_of, finished, unsafe
from certbot_external_auth.recovery.reasons import Fix
from certbot_external_auth.recovery.shell_command import Kept
from certbot_external_auth.validation_certificates import tls_files

TOOL = "certbot-external-auth"


def commands(one: Entry, work_dir: str, indent: str = "") -> list[str]:
    """Text for a shell that withdraws a batch and lets the journal forget it, if all of that succeeds.

    What nobody can do by a command is a comment, and then nothing makes the journal forget.

    :param indent: blanks before every command but the first. A word with a newline goes on in the next line, which
        must stay as it is.
    """
    own = [shlex.join(["rm", "-f", *found]) for each in one.challenges if (found := _files(one, each, work_dir))]
    forget = f"rm -f {shlex.quote(journal.file_path(work_dir, one))}"
    comments = not_called(one, work_dir)
    done = [*own, *calls(one, work_dir), *([] if comments else [forget])]
    return [*comments, *([f" &&\n{indent}".join(done)] if done else [])]


def calls(one: Entry, work_dir: str) -> list[str]:
    """Lines for a shell that do what recovery would; none where nobody can be called."""
    convention = _convention(one)
    if convention is None:
        return []
    found = convention.cleanup(finished(one, work_dir), context_of(one, work_dir, {}).facts)
    left_out = {each.id for each in one.challenges if unsafe(one, each, work_dir)}
    folder = DialectAbilities.of(convention).folder
    lines = []
    for call in found:
        if left_out.isdisjoint(each.id for each in call.challenges):
            hooks = [_line(one, call, words, work_dir) for words in handlers(one.handler.words, folder)]
            lines.append(_judged(call, convention, hooks))
    return lines


def _convention(one: Entry) -> Dialect | None:
    """The dialect of its handler; None if there is no handler, or its dialect came with a package that is gone."""
    with contextlib.suppress(errors.Error):
        return dialect(one.handler.dialect) if one.handler.words else None
    return None


def not_called(one: Entry, work_dir: str) -> list[str]:
    """Comments: for what there is no command, and what is to be done instead."""
    if one.mode in TOLD_MODES:
        return []
    if _convention(one) is None:
        found, why = list(one.challenges), "there is no command for this"
    else:
        found = [each for each in one.challenges if unsafe(one, each, work_dir)]
        why = f"{shlex.join(one.handler.words)}: {NOT_CALLED}"
    if not found:
        return []
    verb = shlex.join([TOOL, "recover", "--work-dir", work_dir])
    return [
        *_comment(f"{why}. Remove by hand, where it was published:"),
        *(line for each in found for line in _comment(f"  {described(each)}")),
        *_comment("The next run, or `recover`, sees when it is gone. To delete the journal entry without that:"),
        *_comment(f"{verb} --confirm {one.id}"),
    ]


def _comment(text: str) -> list[str]:
    """Return text as comments of a shell. What a word has behind a newline is not run either."""
    return [f"# {line}" for line in text.splitlines()]


def fix(entry: Entry, work_dir: str) -> Fix:
    """Return what a person has to do about a batch that is left."""
    if entry.mode in TOLD_MODES:
        return Fix.REMOVE_AND_CONFIRM
    return Fix.REMOVE if not_called(entry, work_dir) else Fix.RECOVER


def described(challenge: Challenge) -> str:
    """What is to be removed, for a person."""
    if challenge.txt_domain is not None:
        return f'the TXT record {challenge.txt_target or challenge.txt_domain}. "{challenge.validation}"'
    if challenge.uri is not None:
        return f"the file at {challenge.uri}"
    return f"the certificate for {challenge.server_name}"


def _line(one: Entry, call: Call, words: Sequence[str], work_dir: str) -> str:
    """A call of one hook."""
    handler = one.handler
    # As recovery does where the folder is gone.
    folder = handler.folder if handler.folder is not None and os.path.isdir(handler.folder) else None
    return shell_command.line(words, call, folder, _surrounded(handler), _kept(one, call, work_dir))


def _kept(one: Entry, call: Call, work_dir: str) -> Kept | None:
    """The variable that has what the handler printed, which is not shown but read from its file."""
    name = DialectAbilities.of(dialect(one.handler.dialect)).output_variable
    if name is None or not call.variables.get(name):
        return None
    # In a file without an end there is only a part of what the entry has.
    ended = [each for each in call.challenges if _has_end(one, each, work_dir)]
    paths = [journal.output_path(work_dir, one, each) for each in ended]
    return next((Kept(name, path) for path in paths if os.path.exists(path)), None)


def _has_end(one: Entry, challenge: Challenge, work_dir: str) -> bool:
    try:
        return outputs.read(work_dir, one.id, challenge.id)[1]
    except OSError:
        return False


def _surrounded(handler: Handler) -> list[str]:
    """What reads the variables that the handler has besides, so that no value of them has to be shown."""
    options = {"--env-file": handler.env_file, "--dehydrated-config": handler.dehydrated_config}
    given = [word for option, path in options.items() if path is not None for word in (option, path)]
    return [*_tool(), "call", *given, "--"] if given else []


def _tool() -> list[str]:
    beside = os.path.join(os.path.dirname(sys.executable), TOOL)
    found = beside if os.access(beside, os.X_OK) else shutil.which(TOOL)
    return [found] if found else [sys.executable, "-m", "certbot_external_auth"]


def _judged(call: Call, convention: Dialect, lines: Sequence[str]) -> str:
    """A call that succeeds when it counts as done: as `backends.calls` judges it, with what a shell can see."""
    if call.optional or not convention.supported(call, Ended(code=1)):
        return f"{{ {'; '.join(lines)} || :; }}"
    unknown = '[ "$said" = NotImplemented ]' if not convention.supported(call, _SAYS_SO) else ""
    unknown = "[ $code = 42 ]" if not convention.supported(call, Ended(code=42)) else unknown
    if not unknown:
        return " && ".join(lines)
    # Of several hooks one that did it is enough; what all of them decline is nobody's.
    parts = [f'said=$( {line} ); code=$?; printf "%s\\n" "$said"; {_counted(unknown)}' for line in lines]
    return f'{{ done= failed=; {" ".join(parts)} [ -n "$done" ] || [ -z "$failed" ]; }}'


_SAYS_SO = Ended(code=1, stdout="NotImplemented")


def _counted(unknown: str) -> str:
    return f"if [ $code = 0 ]; then done=1; elif {unknown}; then :; else failed=1; fi;"


def _files(one: Entry, challenge: Challenge, work_dir: str) -> list[str]:
    """What the plugin itself wrote for a challenge, as far as it is there."""
    paths: list[str] = []
    if challenge.server_name is not None:
        paths += tls_files.paths(tls_files.folder(work_dir), challenge.server_name)
    if challenge.uri is not None and one.handler.wellknown is not None:
        paths.append(os.path.join(one.handler.wellknown, challenge.token))
    return [path for path in paths if os.path.lexists(path)]
