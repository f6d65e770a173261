"""Mutants of samples that change nothing that can be seen, judged by a person, each with the reason."""

from __future__ import annotations

REASONS: dict[tuple[str, str, str], str] = {
    (
        "console/certbot_folders.py",
        'parser.add_argument(f"--{option}", metavar="DIR", help=text)',
        'parser.add_argument(f"--{option}", help=text)',
    ): "a placeholder in a help text",
    (
        "sessions/conversation.py",
        'raise PermissionError(errno.EPERM, f"user {user} listens there")',
        'raise PermissionError(None, f"user {user} listens there")',
    ): "every caller asks only whether it is an OSError",
    (
        "backends/json_lines.py",
        "print(HINT.format(count=len(ids), id=ids[0], newline=more), file=sys.stderr, flush=True)",
        "print(HINT.format(count=len(ids), id=ids[0], newline=more), file=sys.stderr, flush=False)",
    ): "stderr is line-buffered, and the text ends with a newline",
    (
        "cli.py",
        'verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)',
        'verbs = parser.add_subparsers(dest="verb", required=True)',
    ): "a placeholder in a help text",
    (
        "sessions/finish.py",
        'metavar="NUMBER",',
        'metavar="XXNUMBERXX",',
    ): "a placeholder in a help text",
}
"""By module, the line before, and the line after."""
