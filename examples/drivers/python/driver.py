#!/usr/bin/env python3
"""driver.py PROGRAM VERB [CERTBOT'S ARGUMENTS...]

Starts Certbot and does what it asks for, by calling PROGRAM; see ../README.md.
"""

from __future__ import annotations

import subprocess
import sys

from certbot_external_auth.client import Challenge, Cleanup, Deployment, Request, Session, SessionError


def words(request: Request) -> list[str]:
    """What PROGRAM is called with, nothing if it cannot do it."""
    if isinstance(request, Challenge) and request.record_name:
        return ["add", request.record_name, request.validation]
    if isinstance(request, Cleanup) and request.challenge.record_name:
        return ["remove", request.challenge.record_name, request.challenge.validation]
    if isinstance(request, Deployment):
        return ["deploy", request.lineage or request.domain, request.fullchain_path or "", request.key_path]
    return []


def main() -> int:
    program, *arguments = sys.argv[1:]
    try:
        with Session(arguments) as session:
            for request in session:
                call = words(request)
                if not call:
                    request.fail("type.unknown", "this driver can do dns-01 only")
                elif ended := subprocess.run([program, *call], stdout=sys.stderr, stdin=subprocess.DEVNULL).returncode:
                    request.fail(f"exit.{ended}", f"{program} {' '.join(call)} failed")
                else:
                    request.done()
    except SessionError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
