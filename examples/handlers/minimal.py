#!/usr/bin/env python3
"""The least there can be: http-01, by a file in a folder that a web server on this machine serves."""

import json
import os
import sys
from pathlib import Path

FOLDER = Path(os.environ.get("CHALLENGE_FOLDER", "/var/www/html/.well-known/acme-challenge"))


def main() -> None:
    operation = sys.argv[1]
    if operation not in ("perform", "cleanup"):
        print("NotImplemented")
        sys.exit(1)
    line = json.load(sys.stdin)
    if line["type"] != "http-01" and operation == "perform":
        sys.exit("this handler does http-01 only: --preferred-challenges http")
    path = FOLDER / line["token"]
    if operation == "perform":
        os.umask(0o022)
        path.write_text(line["key_auth"])
    else:
        path.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
