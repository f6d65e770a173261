"""Reads a file of routes. It says what root runs, so it is trusted only if no other user can change it."""

from __future__ import annotations

from certbot_external_auth.files import regular_file
from certbot_external_auth.handler_setup import trust
from certbot_external_auth.routes import ini
from certbot_external_auth.routes.ini import Section
from certbot_external_auth.routes.problem import Kind, Problem, RoutesError

MAX_BYTES = 1_000_000


def read(path: str) -> tuple[list[Section], list[Problem], list[str]]:
    """Read a file.

    :param path: absolute.
    :returns: its sections, what is wrong with its lines, and warnings about who can change the file.
    :raises RoutesError: if it cannot be read, or everybody can change it.
    """
    try:
        data = regular_file.read(path, MAX_BYTES)
    except OSError as error:
        raise RoutesError(path, [Problem(Kind.UNREADABLE, 0, {"text": error.strerror or str(error)})]) from None
    findings = trust.check_file(path, "routes", trust.trusted_ids())
    if findings.problems:
        raise RoutesError(path, [Problem(Kind.UNTRUSTED, 0, {"text": text}) for text in findings.problems])
    try:
        sections, problems = ini.parse(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise RoutesError(path, [Problem(Kind.UNREADABLE, line, {"text": "it is not UTF-8 text"})]) from None
    return sections, problems, findings.warnings
