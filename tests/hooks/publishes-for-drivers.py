#!/usr/bin/env -S python3 -S
"""The program that the drivers in examples/drivers call: TXT records in the test server, certificates in a file.

FULL names what there is no room for.
"""

import os
import sys

from recording import manage

operation, name, *more = sys.argv[1:]
print("what a program prints is no line")
if os.environ.get("FULL", "none") in name:
    sys.exit(3)
if operation == "add":
    manage("set-txt", {"host": f"{name}.", "value": more[0]})
elif operation == "remove":
    manage("clear-txt", {"host": f"{name}."})
with open(os.environ["DONE"], "a") as file:
    print(operation, name, *more, file=file)
