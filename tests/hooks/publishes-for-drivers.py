#!/usr/bin/env python3
"""The program that the drivers in examples/drivers call: TXT records in the test server, certificates in a file.

FULL names what there is no room for.
"""

import json
import os
import sys
import urllib.request


def post(path: str, **body: str) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    opener.open(f"{os.environ['CHALLTESTSRV']}/{path}", json.dumps(body).encode(), timeout=10).read()


operation, name, *more = sys.argv[1:]
print("what a program prints is no line")
if os.environ.get("FULL", "none") in name:
    sys.exit(3)
if operation == "add":
    post("set-txt", host=f"{name}.", value=more[0])
elif operation == "remove":
    post("clear-txt", host=f"{name}.")
with open(os.environ["DONE"], "a") as file:
    print(operation, name, *more, file=file)
